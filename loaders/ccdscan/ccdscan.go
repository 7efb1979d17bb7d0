// Package ccdscan loads what CCDScan answered about the last block of each day, from a folder of JSON Lines files as a
// recording writes them.
package ccdscan

import (
	"context"
	"math"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// A Loader reads one folder.
type Loader struct{ dir string }

// New loads from a folder.
func New(dir string) *Loader { return &Loader{dir: dir} }

// Source is "ccdscan".
func (*Loader) Source() string { return "ccdscan" }

// Load brings the folder's file into its table when it changed.
func (l *Loader) Load(ctx context.Context, in *engine.Intake) error {
	return jsonlines.Load(ctx, in, l.dir, releaseAmounts())
}

// releaseAmounts has a line per day that was asked about. Without an answer all but the question is null; an answer names
// its block, but may lack an amount. Amounts are microCCD and stay within what a document's integer holds.
func releaseAmounts() jsonlines.Table {
	return jsonlines.Table{File: "ccdscan_release_amounts.jsonl", Name: "raw.ccdscan_release_amounts", Keys: 1,
		Columns: []jsonlines.Column{
			{Name: "date", Kind: jsonlines.Day}, {Name: "block_hash", Kind: jsonlines.Text}, {Name: "block_height", Kind: jsonlines.Whole},
			{Name: "total_amount_microccd", Kind: jsonlines.Whole}, {Name: "total_amount_released_microccd", Kind: jsonlines.Whole},
		},
		Read: func(d *jsonlines.Document) jsonlines.Row {
			row := jsonlines.Row{d.Day("date"), d.Text("block_hash"), nil, nil, nil}
			if !d.Has("result") {
				return row
			}
			if answered := d.OptionalText("result.blockHash"); answered != nil && answered != row[1] {
				d.Fail("result.blockHash", "is %q, not the block that was asked about", answered)
			}
			row[2] = d.Whole("result.blockHeight", math.MaxInt64)
			row[3] = d.OptionalWhole("result.balanceStatistics.totalAmount", math.MaxInt64)
			row[4] = d.OptionalWhole("result.balanceStatistics.totalAmountReleased", math.MaxInt64)
			return row
		}}
}
