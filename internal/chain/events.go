package chain

import "strconv"

// The events that the explorer recognizes.
const (
	tokenMinted      = "CIS-2.mint_event"
	tokenSent        = "CIS-2.transfer_event"
	agentRegistered  = "CIS-8004.registered"
	walletNonce      = "CIS-5.nonce_event"
	walletDeposit    = "CIS-5.deposit_ccd_event"
	walletTransfer   = "CIS-5.transfer_cis2_tokens_event"
	accessRegistered = "five_stars_register_access_event" // of impacted addresses only
)

// logged is an event that a contract logged, and what the explorer makes of it. kind is "" for an unrecognized one.
type logged struct {
	contract      *contract
	effect, index int
	interrupted   bool
	raw, kind     string
	// tokenID, amount, from and to are of tokens and CCD; key and other are public keys, that which gets and that which gives.
	tokenID, amount, from, to, key, other string
}

// logAll writes the events of an effect and keeps them.
func (t *transactions) logAll(c *contract, interrupted bool, events []logged) {
	t.e.array("events")
	for i, one := range events {
		one.contract, one.effect, one.index, one.interrupted = c, t.now.effects, i, interrupted
		t.e.text(t.e.next(), one.raw)
		t.now.logged = append(t.now.logged, one)
	}
	t.e.end()
}

// standard is the part of the kind that names a standard, or "".
func (l *logged) standard() string {
	switch l.kind {
	case tokenMinted, tokenSent:
		return "CIS-2"
	case agentRegistered:
		return "CIS-8004"
	case walletNonce, walletDeposit, walletTransfer:
		return "CIS-5"
	}
	return ""
}

// token is the address of a CIS-2 token, or "".
func (l *logged) token() string {
	if l.kind == tokenMinted || l.kind == tokenSent {
		return l.contract.address + "-" + l.tokenID
	}
	return ""
}

// id is what stands first in a document of something that follows from the transaction.
func (t *transactions) id(parts ...string) []byte {
	t.scratch = append(t.scratch[:0], t.now.hash[:]...)
	for _, part := range parts {
		t.scratch = append(append(t.scratch, '-'), part...)
	}
	return t.scratch
}

// writeLogged writes the documents of tokens_logged_events_v2.
func (t *transactions) writeLogged() {
	for i := range t.now.logged {
		t.writeEvent(&t.now.logged[i])
	}
}

func (t *transactions) writeEvent(l *logged) {
	e, effect := &t.side, "updated"
	if l.interrupted {
		effect = "interrupted"
	}
	height := strconv.Itoa(t.block.height)
	id := t.id("contract_updated", strconv.Itoa(l.effect), effect, strconv.Itoa(l.index))
	e.startWithID(height + "-" + string(id))
	e.document("event_info")
	e.text("contract", l.contract.address)
	e.text("logged_event", l.raw)
	e.integer("effect_index", int64(l.effect))
	e.integer("event_index", int64(l.index))
	if standard := l.standard(); standard != "" {
		e.text("standard", standard)
		e.text("event_type", l.kind)
	}
	if token := l.token(); token != "" {
		e.text("token_address", token)
	}
	e.end()
	e.document("tx_info")
	e.text("date", t.day.date)
	e.bytes("tx_hash", t.now.hash[:])
	e.integer("tx_index", int64(t.block.index-1))
	e.integer("block_height", int64(t.block.height))
	e.end()
	l.recognize(e)
	t.events.write(e.finish())
}

// recognize writes what the event says.
func (l *logged) recognize(e *encoder) {
	if l.standard() == "" {
		return
	}
	e.document("recognized_event")
	switch l.kind {
	case tokenMinted:
		l.fields(e, 254, "token_id", l.tokenID, "token_amount", l.amount, "to_address", l.to)
	case tokenSent:
		l.fields(e, 255, "token_id", l.tokenID, "token_amount", l.amount, "from_address", l.from, "to_address", l.to)
	case agentRegistered:
		l.fields(e, 240, "agent_token_id", l.tokenID, "owner", l.to, "agent_uri", "https://agent.example/é.json")
		e.null("external_reference")
		e.null("metadata_hash")
	case walletNonce:
		l.fields(e, 250, "nonce", l.amount, "sponsoree", l.key)
	case walletDeposit:
		l.fields(e, 249, "ccd_amount", l.amount, "from_address", l.from, "to_public_key_ed25519", l.key)
	case walletTransfer:
		l.fields(e, 244, "token_amount", l.amount, "token_id", l.tokenID, "cis2_token_contract_address", "<515,0>",
			"from_public_key_ed25519", l.other, "to_public_key_ed25519", l.key)
	}
	e.end()
	l.canonicals(e)
}

func (l *logged) fields(e *encoder, tag int64, fields ...string) {
	e.integer("tag", tag)
	for i := 0; i < len(fields); i += 2 {
		e.text(fields[i], fields[i+1])
	}
}

func (l *logged) canonicals(e *encoder) {
	switch l.kind {
	case tokenMinted:
		e.text("to_address_canonical", canonical(l.to))
	case tokenSent:
		e.text("to_address_canonical", canonical(l.to))
		e.text("from_address_canonical", canonical(l.from))
	case walletDeposit:
		e.text("from_address_canonical", canonical(l.from))
		e.text("to_address_canonical", l.key)
	case walletTransfer:
		e.text("to_address_canonical", l.key)
		e.text("from_address_canonical", l.other)
	}
}
