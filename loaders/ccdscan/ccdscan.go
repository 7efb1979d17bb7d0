// Package ccdscan loads what CCDScan answered about the last block of each day: from its GraphQL interface, or from a
// folder of JSON Lines files as a recording writes them. Both are read alike.
package ccdscan

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// settled is how long after a day CCDScan is asked again when it had no answer. It may be behind, but not that long.
const settled = 7

// A Loader reads one folder, or asks CCDScan.
type Loader struct{ source fetch.Source }

// New loads from a folder, or from a GraphQL interface at an http or https URL.
func New(source fetch.Source) *Loader { return &Loader{source} }

// Source is "ccdscan".
func (*Loader) Source() string { return "ccdscan" }

// Load brings the folder's file into its table when it changed; or asks about the days that are missing.
func (l *Loader) Load(ctx context.Context, in *engine.Intake) error {
	table := releaseAmounts()
	if !strings.Contains(l.source.Address, "://") {
		return jsonlines.Load(ctx, in, l.source.Address, table)
	}
	questions, err := jsonlines.Blocks(ctx, in, missing(l.source.Refresh, in.Now()))
	if err != nil {
		return err
	}
	if questions, err = jsonlines.RejectedLast(ctx, in, table.File, questions, asked); err != nil {
		return err
	}
	client := l.source.Client(l.source.Bearer())
	return jsonlines.Ask(ctx, in, l.source, questions, func(ctx context.Context, block jsonlines.Block) ([]jsonlines.Answer, error) {
		body, err := client.PostJSON(ctx, l.source.Address, question(block.Hash))
		if err != nil {
			return nil, err
		}
		day := asked(block)
		answer, err := jsonlines.NewAnswer(&table, day, line{day, block.Hash, result(body)})
		return []jsonlines.Answer{answer}, err
	})
}

// asked names the question about a day's last block.
func asked(block jsonlines.Block) string { return block.Day.Format(time.DateOnly) }

// missing are the days without an answer about their last block: not asked about, or some time ago without success.
func missing(refresh bool, now time.Time) string {
	return fmt.Sprintf(`(%t or not exists (from raw.ccdscan_release_amounts as known
		where known.date = days.date and lower(known.block_hash) = lower(days.hash_for_last_block)
		and (known.block_height is not null or known.date < date '%s')))`, refresh, now.AddDate(0, 0, -settled).Format(time.DateOnly))
}

// question asks for what the statistics read; the hash goes as a variable.
func question(hash string) []byte {
	text, _ := json.Marshal(map[string]any{
		"query":     "query ($hash: String!) { blockByBlockHash(blockHash: $hash) { blockHeight blockHash balanceStatistics { totalAmount totalAmountReleased } } }",
		"variables": map[string]string{"hash": hash},
	})
	return text
}

// line is a line of ccdscan_release_amounts.jsonl.
type line struct {
	Date   string          `json:"date"`
	Hash   string          `json:"block_hash"`
	Result json.RawMessage `json:"result"`
}

// result is what the answer says of the block, digit for digit; where it says nothing of it, all of the answer.
func result(body []byte) json.RawMessage {
	var answer struct {
		Data   map[string]json.RawMessage `json:"data"`
		Errors []json.RawMessage          `json:"errors"`
	}
	if err := json.Unmarshal(body, &answer); err == nil && len(answer.Errors) == 0 {
		if block, there := answer.Data["blockByBlockHash"]; there {
			return block
		}
	}
	return jsonlines.Body(body)
}

// releaseAmounts has a line per day that was asked about. Without an answer all but the question is null; an answer names
// its block, but may lack an amount. Amounts are microCCD and stay within what a document's integer holds.
func releaseAmounts() jsonlines.Table {
	return jsonlines.Table{File: "ccdscan_release_amounts.jsonl", Name: "raw.ccdscan_release_amounts", Keys: 1,
		Columns: []jsonlines.Column{
			{Name: "date", Kind: jsonlines.Day}, {Name: "block_hash", Kind: jsonlines.Text}, {Name: "block_height", Kind: jsonlines.Whole},
			{Name: "total_amount_microccd", Kind: jsonlines.Whole}, {Name: "total_amount_released_microccd", Kind: jsonlines.Whole},
		},
		Read: func(d *jsonlines.Document) []jsonlines.Row {
			row := jsonlines.Row{d.Day("date"), d.Text("block_hash"), nil, nil, nil}
			if !d.Has("result") {
				return []jsonlines.Row{row}
			}
			if answered := d.OptionalText("result.blockHash"); answered != nil && answered != row[1] {
				d.Fail("result.blockHash", "is %q, not the block that was asked about", answered)
			}
			row[2] = d.Whole("result.blockHeight", math.MaxInt64)
			row[3] = d.OptionalWhole("result.balanceStatistics.totalAmount", math.MaxInt64)
			row[4] = d.OptionalWhole("result.balanceStatistics.totalAmountReleased", math.MaxInt64)
			return []jsonlines.Row{row}
		}}
}
