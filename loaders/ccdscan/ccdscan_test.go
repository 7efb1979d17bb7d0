package ccdscan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/loadtest"
)

func load(t *testing.T, lines []string, query string) []string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ccdscan_release_amounts.jsonl"), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	desk := loadtest.New(t)
	desk.Intake = func(in *engine.Intake) { in.MaxRejects = 1 }
	desk.Load(New(fetch.Source{Address: dir}))
	return desk.Texts(query)
}

func TestAnswers(t *testing.T) {
	got := load(t, []string{
		`{"date": "2025-09-15", "block_hash": "ab", "result": {"blockHeight": 36552390, "blockHash": "ab", "balanceStatistics": {"totalAmount": 14213004161171942, "totalAmountReleased": "9223372036854775807"}}}`,
		`{"date": "2025-09-16", "block_hash": "cd", "result": null}`,
		`{"date": "2025-09-17", "block_hash": "ef", "result": {"blockHeight": 5, "blockHash": "ef", "balanceStatistics": {"totalAmount": 7, "totalAmountReleased": null}}}`,
	}, "select t::varchar from raw.ccdscan_release_amounts as t order by date")
	want := []string{
		"{'date': 2025-09-15, 'block_hash': ab, 'block_height': 36552390, 'total_amount_microccd': 14213004161171942, 'total_amount_released_microccd': 9223372036854775807}",
		"{'date': 2025-09-16, 'block_hash': cd, 'block_height': NULL, 'total_amount_microccd': NULL, 'total_amount_released_microccd': NULL}",
		"{'date': 2025-09-17, 'block_hash': ef, 'block_height': 5, 'total_amount_microccd': 7, 'total_amount_released_microccd': NULL}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNoAnswerIsAReject(t *testing.T) {
	got := load(t, []string{
		`{"date": "2025-09-15", "block_hash": "ab", "result": {"blockHeight": 1, "blockHash": "cd", "balanceStatistics": {"totalAmount": 1, "totalAmountReleased": 1}}}`,
		`{"date": "2025-09-16", "block_hash": "ab", "result": {"blockHeight": 1, "blockHash": "ab", "balanceStatistics": {"totalAmount": 9223372036854775808, "totalAmountReleased": 1}}}`,
		`{"date": "2025-09-17", "block_hash": "ab", "result": "rate limit"}`,
		`{"date": "2025-09-18", "result": null}`,
		`{"date": "2025-09-19", "block_hash": "ab", "result": {}}`,
	}, "select concat_ws(' ', line, field, reason) from raw.rejects order by line")
	want := []string{
		`1 result.blockHash is "cd", not the block that was asked about`,
		"2 result.balanceStatistics.totalAmount is 9223372036854775808, not a whole number from 0 to 9223372036854775807",
		`3 result.blockHash stands in "rate limit", not in an object`,
		"4 block_hash is missing, not a text",
		"5 result.blockHeight is missing, not a whole number from 0 to 9223372036854775807",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
