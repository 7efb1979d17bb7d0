package chain

import (
	"math/rand/v2"
	"slices"
	"strconv"
)

// writeImpacts writes the documents of impacted_addresses that follow from the transaction.
func (t *transactions) writeImpacts() {
	for _, address := range t.now.touched {
		t.writeImpact(address)
	}
	for i := range t.now.logged {
		t.writeTokenImpacts(&t.now.logged[i], t.now.logged[:i])
	}
}

func (t *transactions) writeImpact(address string) {
	e := &t.side
	e.start()
	e.bytes("_id", t.id(canonical(address)))
	e.bytes("tx_hash", t.now.hash[:])
	e.text("impacted_address", address)
	e.text("impacted_address_canonical", canonical(address))
	if t.now.heading.contents != "" {
		e.text("effect_type", t.now.heading.contents)
	}
	inFlow := t.flows(address)
	if inFlow || len(address) == accountLength {
		t.movement(address)
	}
	e.integer("block_height", int64(t.block.height))
	e.truth("included_in_flow", inFlow)
	if t.now.raw[31] != 0 {
		e.text("date", t.day.date) // one in 256 was written before there were dates
	}
	if len(t.now.tokens) > 0 {
		e.text("plt_token_id", t.now.tokens[0].token.id)
	}
	t.impacts.write(e.finish())
}

// flows tells whether CCD or tokens went from or to an address.
func (t *transactions) flows(address string) bool {
	id := canonical(address)
	return slices.ContainsFunc(t.now.moves, func(m move) bool { return canonical(m.from) == id || canonical(m.to) == id }) ||
		slices.ContainsFunc(t.now.tokens, func(one tokenEvent) bool { return canonical(one.from) == id || canonical(one.to) == id }) ||
		t.now.encrypted+t.now.decrypted > 0 && canonical(t.now.sender) == id
}

// movement is what the transaction did to the balance of an address.
func (t *transactions) movement(address string) {
	e, id := &t.side, canonical(address)
	isSender := canonical(t.now.sender) == id
	e.document("balance_movement")
	if isSender && t.now.sponsor == "" {
		e.integer("transaction_fee", t.now.cost)
	}
	if t.now.sponsor != "" && canonical(t.now.sponsor) == id {
		e.integer("sponsored_transaction_fee", t.now.cost)
	}
	if isSender && t.now.encrypted > 0 {
		e.amount("amount_encrypted", t.now.encrypted)
	}
	if isSender && t.now.decrypted > 0 {
		e.amount("amount_decrypted", t.now.decrypted)
	}
	t.transfers("transfer_out", id, func(m move) (string, string) { return m.from, m.to })
	t.transfers("transfer_in", id, func(m move) (string, string) { return m.to, m.from })
	t.tokenMoves("plt_transfer_out", id, func(one *tokenEvent) string { return one.from })
	t.tokenMoves("plt_transfer_in", id, func(one *tokenEvent) string { return one.to })
	e.end()
}

// transfers lists the CCD that went one way; ends tells the address' own end of a move from the other one.
func (t *transactions) transfers(key, id string, ends func(move) (own, other string)) {
	e, any := &t.side, false
	for _, one := range t.now.moves {
		own, other := ends(one)
		if canonical(own) != id {
			continue
		}
		if !any {
			e.array(key)
			any = true
		}
		e.document(e.next())
		e.amount("amount", one.amount)
		e.text("counterparty", canonical(other))
		e.end()
	}
	if any {
		e.end()
	}
}

func (t *transactions) tokenMoves(key, id string, own func(*tokenEvent) string) {
	e, any := &t.side, false
	for i := range t.now.tokens {
		one := &t.now.tokens[i]
		if canonical(own(one)) != id {
			continue
		}
		if !any {
			e.array(key)
			any = true
		}
		e.document(e.next())
		one.write(e, "event")
		e.text("token_id", one.token.id)
		e.end()
	}
	if any {
		e.end()
	}
}

// writeTokenImpacts writes the addresses of a recognized event, each once for its kind: before are the events that were
// written already.
func (t *transactions) writeTokenImpacts(l *logged, before []logged) {
	for i, address := range l.addresses() {
		again := func(one logged) bool { return one.kind == l.kind && slices.Contains(one.addresses(), address) }
		if slices.Contains(l.addresses()[:i], address) || slices.ContainsFunc(before, again) {
			continue
		}
		e := &t.side
		e.start()
		e.bytes("_id", t.id(address, l.kind))
		e.bytes("tx_hash", t.now.hash[:])
		e.text("impacted_address", address)
		e.text("impacted_address_canonical", canonical(address))
		e.text("event_type", l.kind)
		if token := l.token(); token != "" {
			e.text("token_address", token)
		}
		e.text("contract", l.contract.address)
		e.integer("block_height", int64(t.block.height))
		e.text("date", t.day.date)
		t.impacts.write(e.finish())
	}
}

// addresses are those that the explorer takes from the event.
func (l *logged) addresses() []string {
	switch l.kind {
	case tokenMinted:
		return []string{l.to}
	case tokenSent:
		return []string{l.from, l.to}
	case walletNonce, accessRegistered:
		return []string{l.key}
	case walletDeposit:
		return []string{l.from, l.key}
	case walletTransfer:
		return []string{l.other, l.key}
	}
	return nil
}

// writeRewards writes the rewards of the day's payday: of all validators and of an account of an exchange.
func (t *transactions) writeRewards() {
	if t.impacts == nil {
		return
	}
	random := rand.New(rand.NewPCG(t.seed+1, uint64(t.day.number)))
	rewarded := t.people.bakers
	if len(t.people.accounts) > firstExchange {
		rewarded = append(slices.Clone(rewarded), t.people.accounts[firstExchange])
	}
	height := t.day.first + paydayBlock
	for _, a := range rewarded {
		e, id := &t.side, canonical(a.address)
		e.startWithID(strconv.Itoa(height) + "-" + id)
		e.text("impacted_address", a.address)
		e.text("impacted_address_canonical", id)
		e.text("effect_type", "Account Reward")
		e.document("balance_movement")
		e.integer("baker_reward", random.Int64N(400_000_000))
		e.integer("finalization_reward", random.Int64N(100_000_000))
		e.integer("transaction_fee_reward", random.Int64N(1_000_000))
		e.end()
		e.integer("block_height", int64(height))
		e.text("date", t.day.date)
		t.impacts.write(e.finish())
	}
}
