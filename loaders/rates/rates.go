// Package rates loads what tokens and currencies were worth on a day, and CCD's volume of trade: from CoinGecko and from
// exchange-api over HTTP, or from a folder of JSON Lines files as a recording writes them. Both are read alike.
//
// Only what is missing comes in: a rate that MongoDB has stands. What cannot be a price is a reject, and so is a price that
// differs from its neighbours by more than a factor.
package rates

import (
	"time"

	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// Where rates come from, as documents say it.
const (
	coinGecko   = "CoinGecko"
	exchangeAPI = "exchange-api"
)

// Options of both loaders.
type Options struct {
	fetch.Source
	// MaxJump is the factor by which a rate may differ from the nearest known one; 0 takes all.
	MaxJump float64
}

// rateTable is a table of answers that have rates of one source.
func rateTable(file, source string, read func(*jsonlines.Document) []jsonlines.Row) jsonlines.Table {
	return jsonlines.Table{File: file, Name: "raw.fetched_rates", Keys: 3, Own: "source = '" + source + "'", Read: read,
		Columns: []jsonlines.Column{
			{Name: "date", Kind: jsonlines.Day}, {Name: "token", Kind: jsonlines.Text}, {Name: "source", Kind: jsonlines.Text},
			{Name: "rate", Kind: jsonlines.Real}, {Name: "timestamp_ms", Kind: jsonlines.Whole},
			{Name: "fetched_at", Kind: jsonlines.Moment}, {Name: "overrides", Kind: jsonlines.Flag},
		}}
}

// answer is what lines of both sources have in common.
type answer struct {
	Date    string `json:"date,omitempty"`
	Token   string `json:"token,omitempty"`
	ID      string `json:"id,omitempty"`
	Fetched string `json:"fetched_at"`
	Answer  any    `json:"answer"`
}

func stamp(now time.Time) string { return now.UTC().Format(time.RFC3339) }
