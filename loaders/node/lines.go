package node

import (
	"crypto/x509"
	"strconv"
	"strings"

	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/loaders/node/nodepb"
)

// Options of the loader.
type Options struct {
	fetch.Source
	// Roots are the authorities that a node's certificate is checked against; nil is the system's.
	Roots *x509.CertPool
}

// line is what the facts about a block have in common.
type line struct {
	Date string `json:"date"`
	Hash string `json:"block_hash"`
}

// amounts of a node's answer; one that the answer lacks is left out, and missed when the line is read.
type totals struct {
	TotalAmount                  *uint64 `json:"total_amount,omitempty"`
	TotalEncryptedAmount         *uint64 `json:"total_encrypted_amount,omitempty"`
	BakingRewardAccount          *uint64 `json:"baking_reward_account,omitempty"`
	FinalizationRewardAccount    *uint64 `json:"finalization_reward_account,omitempty"`
	GasAccount                   *uint64 `json:"gas_account,omitempty"`
	FoundationTransactionRewards *uint64 `json:"foundation_transaction_rewards,omitempty"`
	NextPaydayTime               *uint64 `json:"next_payday_time,omitempty"`
	TotalStakedCapital           *uint64 `json:"total_staked_capital,omitempty"`
	ProtocolVersion              int32   `json:"protocol_version"`
}

// tokenomicsLine is a line of tokenomics.jsonl. body stands for an answer that is none.
func tokenomicsLine(head line, info *nodepb.TokenomicsInfo, body any) any {
	made := struct {
		line
		Version string `json:"version,omitempty"`
		Info    any    `json:"info"`
	}{line: head, Info: body}
	switch v := info.GetTokenomics().(type) {
	case *nodepb.TokenomicsInfo_V0_:
		made.Version = "v0"
		made.Info = totals{TotalAmount: amount(v.V0.TotalAmount), TotalEncryptedAmount: amount(v.V0.TotalEncryptedAmount),
			BakingRewardAccount: amount(v.V0.BakingRewardAccount), FinalizationRewardAccount: amount(v.V0.FinalizationRewardAccount),
			GasAccount: amount(v.V0.GasAccount), ProtocolVersion: int32(v.V0.ProtocolVersion)}
	case *nodepb.TokenomicsInfo_V1_:
		made.Version = "v1"
		made.Info = totals{TotalAmount: amount(v.V1.TotalAmount), TotalEncryptedAmount: amount(v.V1.TotalEncryptedAmount),
			BakingRewardAccount: amount(v.V1.BakingRewardAccount), FinalizationRewardAccount: amount(v.V1.FinalizationRewardAccount),
			GasAccount: amount(v.V1.GasAccount), FoundationTransactionRewards: amount(v.V1.FoundationTransactionRewards),
			NextPaydayTime: moment(v.V1.NextPaydayTime), TotalStakedCapital: amount(v.V1.TotalStakedCapital), ProtocolVersion: int32(v.V1.ProtocolVersion)}
	}
	return made
}

func amount(a *nodepb.Amount) *uint64 {
	if a == nil {
		return nil
	}
	return &a.Value
}

func moment(t *nodepb.Timestamp) *uint64 {
	if t == nil {
		return nil
	}
	return &t.Value
}

// ratio of a line, as texts.
type ratio struct {
	Numerator   string `json:"numerator"`
	Denominator string `json:"denominator"`
}

// prices are what every version of the parameters has.
type prices interface {
	GetEuroPerEnergy() *nodepb.ExchangeRate
	GetMicroCcdPerEuro() *nodepb.ExchangeRate
}

func parametersLine(head line, height int64, parameters *nodepb.ChainParameters, body any) any {
	made := struct {
		Date   string `json:"date"`
		Height int64  `json:"block_height"`
		Hash   string `json:"block_hash"`
		Euro   any    `json:"micro_ccd_per_euro"`
		Energy any    `json:"euro_per_energy"`
	}{Date: head.Date, Height: height, Hash: head.Hash, Euro: body, Energy: body}
	var found prices
	switch v := parameters.GetParameters().(type) {
	case *nodepb.ChainParameters_V0:
		found = v.V0
	case *nodepb.ChainParameters_V1:
		found = v.V1
	case *nodepb.ChainParameters_V2:
		found = v.V2
	case *nodepb.ChainParameters_V3:
		found = v.V3
	}
	if found != nil {
		made.Euro, made.Energy = ratioOf(found.GetMicroCcdPerEuro()), ratioOf(found.GetEuroPerEnergy())
	}
	return made
}

func ratioOf(rate *nodepb.ExchangeRate) any {
	if rate.GetValue() == nil {
		return nil
	}
	return ratio{strconv.FormatUint(rate.Value.Numerator, 10), strconv.FormatUint(rate.Value.Denominator, 10)}
}

// tokenLine is a line of token_info.jsonl.
type tokenLine struct {
	Date  string `json:"date"`
	Token string `json:"token"`
	// Value is the supply; a text, as it may pass what a reader's numbers hold.
	Value    *string `json:"value,omitempty"`
	Decimals *uint32 `json:"decimals,omitempty"`
	Hash     string  `json:"block_hash"`
	Missing  string  `json:"missing,omitempty"`
	// Answered is the token that the answer is about, where it is another one; Answer is what could not be decoded.
	Answered string `json:"answered_token,omitempty"`
	Answer   string `json:"answer,omitempty"`
}

// with is the line of an answer. The decimals are those of the supply.
func (t tokenLine) with(info *nodepb.TokenInfo) tokenLine {
	if supply := info.GetTokenState().GetTotalSupply(); supply != nil {
		value := strconv.FormatUint(supply.Value, 10)
		t.Value, t.Decimals = &value, &supply.Decimals
	}
	if answered := info.GetTokenId().GetValue(); !strings.EqualFold(answered, t.Token) {
		t.Answered = answered
		if answered == "" {
			t.Answered = "none"
		}
	}
	return t
}

// usable reports whether an answer tells the token's supply.
func usable(token string, info *nodepb.TokenInfo) bool {
	supply := info.GetTokenState().GetTotalSupply()
	return supply != nil && supply.Decimals <= maxDecimals && strings.EqualFold(info.GetTokenId().GetValue(), token)
}
