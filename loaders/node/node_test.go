package node

import (
	"strings"
	"testing"
)

const line = `{"date": "2021-06-09", "block_hash": "ab", "version": "v1", "info": {"total_amount": "18446744073709551615", "total_encrypted_amount": 9007199254740993, "baking_reward_account": 1, "finalization_reward_account": 2, "gas_account": 0, "protocol_version": 6}}`

func TestAmountsAreExact(t *testing.T) {
	got := parse([]byte(line + "\n\n" + strings.Replace(line, `"protocol_version": 6`, `"protocol_version": "PROTOCOL_VERSION_8"`, 1) + "\n"))
	if len(got.rows) != 1 || len(got.rejects) != 0 || len(got.notes) != 1 {
		t.Fatalf("%+v", got)
	}
	one := got.rows[0]
	if one.amounts[0].String() != "18446744073709551615" || one.amounts[1].String() != "9007199254740993" || one.protocol != 7 {
		t.Errorf("%+v", one)
	}
}

func TestBadLinesAreRejects(t *testing.T) {
	for change, want := range map[string]string{
		`"2021-06-09"`: "date", `9007199254740993`: "info.total_encrypted_amount", `"protocol_version": 6`: "info.protocol_version",
	} {
		for _, bad := range []string{`"x"`, `-1`, `1.5`, `null`} {
			replacement := bad
			if strings.HasPrefix(change, `"protocol`) {
				replacement = `"protocol_version": ` + bad
			}
			got := parse([]byte(strings.Replace(line, change, replacement, 1)))
			if len(got.rejects) != 1 || got.rejects[0].Line != 1 || got.rejects[0].Field != want && got.rejects[0].Field != "" {
				t.Errorf("%s for %s: %+v", bad, change, got)
			}
		}
	}
	if got := parse([]byte("<html>\n" + line)); len(got.rejects) != 1 || len(got.rows) != 1 {
		t.Errorf("%+v", got)
	}
}
