package chain

import (
	"os"
	"path/filepath"
	"strconv"
)

// Header of a snapshot, as it was in 2026.
const Header = "account,nonce,index,credential_creation_date,credential_valid_to_date,credential_count,total_balance,unlocked_balance,locked_balance," +
	"baker_id,staked_amount,restake_earnings,pool_status,pool_metadata_url,pool_transaction_commission,pool_finalization_commission," +
	"pool_baking_commission,is_suspended,delegation_target,ip_identity_credential_0\n"

// writeSnapshot writes the day's CSV and returns its size.
func (p *population) writeSnapshot(dir string) (int64, error) {
	out := make([]byte, 0, len(p.order)*140+len(Header))
	out = append(out, Header...)
	for _, a := range p.order {
		if a.row == nil {
			a.row = a.appendRow(a.row)
		}
		out = append(out, a.row...)
	}
	path := filepath.Join(dir, balances, p.day.date+".csv")
	return int64(len(out)), os.WriteFile(path, out, 0o644)
}

func (a *account) appendRow(dst []byte) []byte {
	dst = append(append(dst, a.address...), ',')
	dst = append(strconv.AppendInt(dst, int64(a.nonce), 10), ',')
	dst = append(strconv.AppendInt(dst, int64(a.index), 10), ',')
	dst = append(append(dst, a.created...), "-01,2030-01-01,1,"...)
	dst = append(appendCCD(dst, a.total), ',')
	dst = append(appendCCD(dst, a.total-a.locked), ',')
	dst = append(appendCCD(dst, a.locked), ',')
	if a.baker >= 0 {
		dst = append(strconv.AppendInt(dst, int64(a.baker), 10), ".0"...)
	}
	dst = append(dst, ',')
	if a.staked > 0 {
		dst = append(appendCCD(dst, a.staked), ",True"...)
	} else {
		dst = append(dst, ',')
	}
	dst = append(append(append(dst, ','), a.pool...), ',')
	if a.baker >= 0 {
		dst = append(dst, ",0.1,1.0,0.1,"...)
		dst = appendTruth(dst, a.suspended)
	} else {
		dst = append(dst, ",,,,"...)
	}
	dst = append(append(append(dst, ','), a.target...), ',')
	return append(strconv.AppendInt(dst, int64(a.index%4), 10), '\n')
}

func appendTruth(dst []byte, truth bool) []byte {
	if truth {
		return append(dst, "True"...)
	}
	return append(dst, "False"...)
}

// appendCCD writes microCCD as CCD the way Python prints a float ("0.0", "18.54", "1e-06"), but exactly whatever its size.
func appendCCD(dst []byte, micro int64) []byte {
	if micro > 0 && micro < 100 {
		dst = strconv.AppendInt(dst, micro/10, 10)
		if micro < 10 {
			dst = strconv.AppendInt(dst[:len(dst)-1], micro, 10)
			return append(dst, "e-06"...)
		}
		if micro%10 > 0 {
			dst = strconv.AppendInt(append(dst, '.'), micro%10, 10)
		}
		return append(dst, "e-05"...)
	}
	dst = append(strconv.AppendInt(dst, micro/microPerCCD, 10), '.')
	rest := micro % microPerCCD
	start := len(dst)
	for unit := int64(microPerCCD / 10); unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+rest/unit))
		rest %= unit
	}
	for len(dst) > start+1 && dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}
