package chain

import "math"

// rejection is why a transaction failed: the number of its type, and what the reason says. Without that, the document
// has an empty reason.
type rejection struct {
	reason string
	number int64
	say    func(key string)
}

// reject is a transaction that failed.
func (t *transactions) reject() {
	one := t.rejections[t.random.IntN(len(t.rejections))]
	t.beginAccount(heading{contents: one.reason}, "reject", t.someone(1), 500+t.random.IntN(12_000))
	t.e.document("none")
	t.e.integer("transaction_type", one.number)
	t.e.document("reject_reason")
	if one.say != nil {
		one.say(one.reason)
	}
	t.e.end()
	t.e.end()
	t.endAccount()
}

// allRejections are the reasons; two are more frequent than the others.
func (t *transactions) allRejections() []rejection {
	list := []rejection{
		{"out_of_energy", 2, nil}, {"runtime_failure", 2, nil}, {"module_not_wf", 0, nil}, {"zero_scheduledAmount", 13, nil},
		{"baker_in_cooldown", 19, nil}, {"insufficient_balance_for_delegation_stake", 20, nil},
		{"amount_too_large", 3, t.tooLarge}, {"amount_too_large", 3, t.tooLarge},
		{"rejected_receive", 2, t.rejectedReceive}, {"rejected_receive", 2, t.rejectedReceive},
	}
	return append(append(list, t.accountRejections()...), t.otherRejections()...)
}

// accountRejections are those that say something of an account.
func (t *transactions) accountRejections() []rejection {
	sender := func(key string) { t.e.text(key, t.now.sender) }
	baker := func(key string) { t.e.integer(key, bakerOf(t.someone(2))) }
	return []rejection{
		{"already_a_baker", 19, baker},
		{"delegation_target_not_a_baker", 20, baker},
		{"not_a_delegator", 20, sender},
		{"encrypted_amount_self_transfer", 16, sender},
		{"duplicate_aggregation_key", 19, func(key string) { t.e.hex(key, t.bytes(48)) }},
		{"duplicate_cred_ids", 14, func(key string) {
			t.e.document(key)
			t.e.array("ids")
			t.e.hex(t.e.next(), t.bytes(48))
			t.e.end()
			t.e.end()
		}},
	}
}

// otherRejections are those that say something of contracts and tokens.
func (t *transactions) otherRejections() []rejection {
	e := &t.e
	return []rejection{
		{"invalid_contract_address", 2, func(key string) { (&contract{index: 1_000_000 + t.random.IntN(99)}).reference(e, key) }},
		{"invalid_receive_method", 2, func(key string) {
			one := t.anyContract()
			e.document(key)
			e.text("module_ref", moduleOf(one.name))
			e.text("receive_name", one.name+".nope")
			e.end()
		}},
		{"rejected_init", 1, func(key string) {
			e.document(key)
			e.integer("reject_reason", -7)
			e.end()
		}},
		{"non_existent_token_id", 22, func(key string) { e.text(key, "NOPE"+digits(t.random.Uint64N(9))) }},
		{"token_update_transaction_failed", 22, t.tokenFailed},
		{"lock_token_not_permitted", 22, func(key string) {
			e.document(key)
			t.lockID("lock_id", t.random.IntN(99))
			e.text("token_id", "EURR")
			e.end()
		}},
	}
}

// tooLarge has the amounts around 2^63, from where they are strings.
func (t *transactions) tooLarge(key string) {
	t.e.document(key)
	t.e.document("address")
	if t.random.IntN(4) == 0 {
		t.anyContract().reference(&t.e, "contract")
	} else {
		t.e.text("account", t.now.sender)
	}
	t.e.end()
	t.e.amount("amount", []uint64{math.MaxInt64 - 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64}[t.random.IntN(4)])
	t.e.end()
}

func (t *transactions) rejectedReceive(key string) {
	one := t.anyContract()
	t.e.document(key)
	t.e.integer("reject_reason", []int64{-2147483639, -42000001, -1}[t.random.IntN(3)])
	one.reference(&t.e, "contract_address")
	t.e.text("receive_name", one.name+".transfer")
	t.e.hex("parameter", t.bytes(10))
	t.e.end()
}

func (t *transactions) tokenFailed(key string) {
	balance := &token{decimals: 6}
	t.e.document(key)
	t.e.text("token_id", "EURR")
	t.e.text("reason_type", "tokenBalanceInsufficient")
	t.e.document("details")
	balance.amount(&t.e, "required_balance", math.MaxUint64)
	balance.amount(&t.e, "available_balance", 0)
	t.e.end()
	t.e.end()
}
