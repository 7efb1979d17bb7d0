package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/loadtest"
)

// load loads files into a fresh warehouse, rejects allowed, and returns the rows of a query.
func load(t *testing.T, files map[string]string, query string) []string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	desk := loadtest.New(t)
	desk.Intake = func(in *engine.Intake) { in.MaxRejects = 1 }
	desk.Load(New(Options{Source: fetch.Source{Address: dir}}))
	return desk.Texts(query)
}

func TestFactsLandInTheirColumns(t *testing.T) {
	for _, c := range []struct{ file, content, query, want string }{
		{"tokenomics.jsonl", `{"date": "2021-06-09", "block_hash": "ab", "version": "v1", "info": {"total_amount": "18446744073709551615", "total_encrypted_amount": 9007199254740993, "baking_reward_account": 1, "finalization_reward_account": 2, "gas_account": 0, "protocol_version": 6}}`,
			"select t::varchar from raw.tokenomics as t", "{'date': 2021-06-09, 'block_hash': ab, 'total_amount_microccd': 18446744073709551615, 'total_encrypted_amount_microccd': 9007199254740993, 'baking_reward_account_microccd': 1, 'finalization_reward_account_microccd': 2, 'gas_account_microccd': 0, 'protocol_version': 6}"},
		{"tokenomics.jsonl", `{"date": "2021-06-09", "info": {"total_amount": 5, "total_encrypted_amount": 4, "baking_reward_account": 3, "finalization_reward_account": 2, "gas_account": 1, "protocol_version": "PROTOCOL_VERSION_8"}}`,
			"select t::varchar from raw.tokenomics as t", "{'date': 2021-06-09, 'block_hash': NULL, 'total_amount_microccd': 5, 'total_encrypted_amount_microccd': 4, 'baking_reward_account_microccd': 3, 'finalization_reward_account_microccd': 2, 'gas_account_microccd': 1, 'protocol_version': 7}"},
		{"chain_parameters.jsonl", `{"date": "2025-09-19", "block_height": 36719551, "block_hash": "ab", "micro_ccd_per_euro": {"numerator": "18446744073709551466", "denominator": "9223372036854775965"}, "euro_per_energy": {"numerator": 1, "denominator": "1000000"}}`,
			"select t::varchar from raw.chain_parameters as t", "{'date': 2025-09-19, 'block_height': 36719551, 'block_hash': ab, 'micro_ccd_per_euro_numerator': 18446744073709551466, 'micro_ccd_per_euro_denominator': 9223372036854775965, 'euro_per_energy_numerator': 1, 'euro_per_energy_denominator': 1000000}"},
		{"token_info.jsonl", `{"date": "2025-09-22", "token": "EURR", "value": "18446744073709551615", "decimals": 255, "block_hash": "ab"}`,
			"select t::varchar from raw.token_info as t", "{'date': 2025-09-22, 'token': EURR, 'total_supply': 18446744073709551615, 'decimals': 255, 'block_hash': ab, 'missing': NULL}"},
		{"token_info.jsonl", `{"date": "2025-09-22", "token": "EURR", "block_hash": "ab", "missing": "not_found"}`,
			"select t::varchar from raw.token_info as t", "{'date': 2025-09-22, 'token': EURR, 'total_supply': NULL, 'decimals': NULL, 'block_hash': ab, 'missing': not_found}"},
	} {
		if diff := cmp.Diff([]string{c.want}, load(t, map[string]string{c.file: c.content}, c.query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.file, diff)
		}
	}
}

func TestProtocolVersions(t *testing.T) {
	line := func(version string) string {
		return `{"date": "2021-06-09", "info": {"total_amount": 5, "total_encrypted_amount": 4, "baking_reward_account": 3, "finalization_reward_account": 2, "gas_account": 1, "protocol_version": ` + version + "}}\n"
	}
	got := load(t, map[string]string{"tokenomics.jsonl": line(`"x"`) + line(`-1`) + line(`1.5`) + line(`null`) + line(`"PROTOCOL_VERSION_0"`) + line(`"PROTOCOL_VERSION_"`)},
		"select concat_ws(' ', line, field, reason) from raw.rejects order by line")
	want := []string{
		`1 info.protocol_version is "x", not a whole number from 0 to 2147483647`,
		"2 info.protocol_version is -1, not a whole number from 0 to 2147483647",
		"3 info.protocol_version is 1.5, not a whole number from 0 to 2147483647",
		"4 info.protocol_version is missing, not a whole number from 0 to 2147483647",
		"5 info.protocol_version is PROTOCOL_VERSION_0, not a protocol version",
		"6 info.protocol_version is PROTOCOL_VERSION_, not a protocol version",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestFilesAreReadOnTheirOwn: a file that is refused or not there keeps no other from being read.
func TestFilesAreReadOnTheirOwn(t *testing.T) {
	got := load(t, map[string]string{"tokenomics.jsonl": "<html>", "token_info.jsonl": `{"date": "2025-09-22", "token": "EURR", "value": 1, "decimals": 6}`},
		"select concat((select count(*) from raw.tokenomics), (select count(*) from raw.chain_parameters), (select count(*) from raw.token_info))")
	if diff := cmp.Diff([]string{"001"}, got); diff != "" {
		t.Error(diff)
	}
}
