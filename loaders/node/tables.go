package node

import (
	"math"
	"strconv"
	"strings"

	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// tokenomics is GetTokenomicsInfo, a line per day.
func tokenomics() jsonlines.Table {
	return jsonlines.Table{File: "tokenomics.jsonl", Name: "raw.tokenomics", Keys: 1,
		Columns: []jsonlines.Column{
			{Name: "date", Kind: jsonlines.Day}, {Name: "block_hash", Kind: jsonlines.Text},
			{Name: "total_amount_microccd", Kind: jsonlines.Whole}, {Name: "total_encrypted_amount_microccd", Kind: jsonlines.Whole},
			{Name: "baking_reward_account_microccd", Kind: jsonlines.Whole}, {Name: "finalization_reward_account_microccd", Kind: jsonlines.Whole},
			{Name: "gas_account_microccd", Kind: jsonlines.Whole}, {Name: "protocol_version", Kind: jsonlines.Whole},
		},
		Read: func(d *jsonlines.Document) []jsonlines.Row {
			amount := func(name string) any { return d.Whole("info."+name, math.MaxUint64) }
			return jsonlines.One(d.Day("date"), d.OptionalText("block_hash"),
				amount("total_amount"), amount("total_encrypted_amount"),
				amount("baking_reward_account"), amount("finalization_reward_account"),
				amount("gas_account"), protocol(d, "info.protocol_version"))
		}}
}

// protocol is the enum's number, also from its name.
func protocol(d *jsonlines.Document, path string) any {
	name, named := strings.CutPrefix(d.String(path), "PROTOCOL_VERSION_")
	if !named {
		return d.Whole(path, math.MaxInt32)
	}
	version, err := strconv.ParseUint(name, 10, 31)
	if err != nil || version == 0 {
		d.Fail(path, "is PROTOCOL_VERSION_%s, not a protocol version", name)
		return nil
	}
	return version - 1
}

// chainParameters is what GetBlockChainParameters says of prices, a line per day.
func chainParameters() jsonlines.Table {
	return jsonlines.Table{File: "chain_parameters.jsonl", Name: "raw.chain_parameters", Keys: 1,
		Columns: []jsonlines.Column{
			{Name: "date", Kind: jsonlines.Day}, {Name: "block_height", Kind: jsonlines.Whole}, {Name: "block_hash", Kind: jsonlines.Text},
			{Name: "micro_ccd_per_euro_numerator", Kind: jsonlines.Whole}, {Name: "micro_ccd_per_euro_denominator", Kind: jsonlines.Whole},
			{Name: "euro_per_energy_numerator", Kind: jsonlines.Whole}, {Name: "euro_per_energy_denominator", Kind: jsonlines.Whole},
		},
		Read: func(d *jsonlines.Document) []jsonlines.Row {
			return jsonlines.One(d.Day("date"), d.OptionalWhole("block_height", math.MaxInt64), d.OptionalText("block_hash"),
				d.Whole("micro_ccd_per_euro.numerator", math.MaxUint64), d.Whole("micro_ccd_per_euro.denominator", math.MaxUint64),
				d.Whole("euro_per_energy.numerator", math.MaxUint64), d.Whole("euro_per_energy.denominator", math.MaxUint64))
		}}
}

// maxDecimals of a token, as the chain bounds them.
const maxDecimals = 255

// Why a token has no supply: the words of raw.token_info's column missing.
const (
	notFound   = "not_found"
	unanswered = "unanswered"
)

// tokenInfo is GetTokenInfo, a line per day and token that the node knew. A recording also has lines for tokens that it did
// not know, {"missing": "not_found"}, and for those that it did not answer about, {"missing": "unanswered"}.
func tokenInfo() jsonlines.Table {
	return jsonlines.Table{File: "token_info.jsonl", Name: "raw.token_info", Keys: 2,
		Columns: []jsonlines.Column{
			{Name: "date", Kind: jsonlines.Day}, {Name: "token", Kind: jsonlines.Text}, {Name: "total_supply", Kind: jsonlines.Whole},
			{Name: "decimals", Kind: jsonlines.Whole}, {Name: "block_hash", Kind: jsonlines.Text}, {Name: "missing", Kind: jsonlines.Text},
		},
		Read: func(d *jsonlines.Document) []jsonlines.Row {
			day, token, hash, missing := d.Day("date"), d.Text("token"), d.OptionalText("block_hash"), d.OptionalText("missing")
			if missing == notFound || missing == unanswered {
				return jsonlines.One(day, token, nil, nil, hash, missing)
			}
			if missing != nil {
				d.Fail("missing", "is %q, neither %s nor %s", missing, notFound, unanswered)
			}
			if answered := d.OptionalText("answered_token"); answered != nil {
				d.Fail("answered_token", "is %q, not the token that was asked about", answered)
			}
			return jsonlines.One(day, token, d.Whole("value", math.MaxUint64), d.Whole("decimals", maxDecimals), hash, nil)
		}}
}
