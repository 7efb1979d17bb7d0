package chain

import (
	"fmt"
	"strconv"
)

// writeFacts writes what a node and CCDScan say about the day's last block. They are asked about days that
// blocks_per_day has; only the tokenomics come with the snapshots.
func (g *generator) writeFacts(d day) error {
	total := g.writeTokenomics(g.files.byName["tokenomics"], d)
	if d.number == missingDay {
		return nil
	}
	if err := g.tokens.writeInfo(g.files.byName["token_info"], d); err != nil {
		return err
	}
	if err := g.parameters.write(g.files.byName["chain_parameters"], d); err != nil {
		return err
	}
	return g.writeRelease(g.files.byName["ccdscan_release_amounts"], d, total)
}

// writeTokenomics returns the total amount, microCCD.
func (g *generator) writeTokenomics(out *file, d day) int64 {
	encrypted, rewards := int64(4_000_000)*microPerCCD-int64(d.number)*1234567, [3]int64{999_999, 250_001, int64(d.number) * 1017}
	total := g.people.supply + encrypted + rewards[0] + rewards[1] + rewards[2]
	out.write(fmt.Appendf(nil, `{"date": "%s", "block_hash": "%s", "version": "v1", "info": {"total_amount": "%d", "total_encrypted_amount": %d, `+
		`"baking_reward_account": %d, "finalization_reward_account": %d, "gas_account": %d, "protocol_version": %d}}`+"\n",
		d.date, hash(d.last), total, encrypted, rewards[0], rewards[1], rewards[2], protocolVersion(d.number)))
	return total
}

// protocolVersion as the node's enum counts: a new one every 25 days, twice.
func protocolVersion(day int) int { return 6 + min(day/25, 2) }

// release is one answer of CCDScan.
type release struct {
	Date   string         `json:"date"`
	Hash   string         `json:"block_hash"`
	Result *releaseResult `json:"result"`
}

type releaseResult struct {
	Height     int               `json:"blockHeight"`
	Hash       string            `json:"blockHash"`
	Statistics releaseStatistics `json:"balanceStatistics"`
}

type releaseStatistics struct {
	Total    int64  `json:"totalAmount"`
	Released *int64 `json:"totalAmountReleased"`
}

// writeRelease leaves two days in thirty without an answer: once there is no block, once no released amount.
func (g *generator) writeRelease(out *file, d day, total int64) error {
	if out == nil {
		return nil
	}
	answer := release{Date: d.date, Hash: hash(d.last)}
	if d.number%30 != 10 {
		answer.Result = &releaseResult{Height: d.last, Hash: answer.Hash, Statistics: releaseStatistics{Total: total}}
		if d.number%30 != 13 {
			released := total - g.people.locked()
			answer.Result.Statistics.Released = &released
		}
	}
	return out.line(answer)
}

func digits(number uint64) string { return strconv.FormatUint(number, 10) }
