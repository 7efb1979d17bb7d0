package chain

// A tokenEvent is a transfer, a mint or a burn of a token, or something else that its module says.
type tokenEvent struct {
	token *token
	kind  string // transfer_event, mint_event, burn_event, module_event
	// from and to are "" where there is nobody: a mint has no from, a burn no to.
	from, to string
	amount   uint64
	memo     string
	module   string
	// named events say inside, too, which token they are of; locked ones go into a lock.
	named, locked bool
}

// createToken makes a token. An initial supply is minted to its governor.
func (t *transactions) createToken(one *token) {
	t.tokens.enter(one)
	t.begin(heading{kind: "token_creation", contents: "create_plt"}, 0)
	e := &t.e
	e.document("token_creation")
	e.document("create_plt")
	e.text("token_id", one.id)
	e.text("token_module", name("token module"))
	e.integer("decimals", int64(one.decimals))
	one.parameters(e)
	e.end()
	t.touch(one.governor.address)
	if one.initial > 0 {
		t.now.tokens = append(t.now.tokens, tokenEvent{token: one, kind: "mint_event", to: one.governor.address, amount: one.mint(one.initial), named: true})
	}
	t.writeTokenEvents(true)
	e.end()
	t.finish()
}

// updateToken is an operation of a token's holder or governor. Before there is a token it is a transfer of CCD.
func (t *transactions) updateToken() {
	one := t.tokens.living(t.random.IntN(len(t.tokens.list) * 4))
	if one == nil {
		t.transfer()
		return
	}
	sender, h := t.someone(1), heading{contents: "token_update_effect"}
	first := t.random.IntN(100)
	switch {
	case first < 76:
		h.additional = "transfer"
	case first < 86:
		h.additional, sender = "mint", one.governor
	case first < 94:
		h.additional, sender = "burn", one.governor
	case first < 98:
		h.additional, sender = moduleOperations()[t.random.IntN(len(moduleOperations()))].name, one.governor
	}
	t.beginAccount(h, "success", sender, 600+t.random.IntN(9000))
	t.e.document("token_update_effect")
	if h.additional != "" {
		t.operate(one, h.additional)
	}
	t.writeTokenEvents(true)
	t.e.end()
	t.endAccount()
}

// moduleOperation is an operation of a token's module: as the transaction names it, and as its event does.
type moduleOperation struct{ name, event string }

func moduleOperations() []moduleOperation {
	return []moduleOperation{{"add allow list", "addAllowList"}, {"remove allow list", "removeAllowList"}, {"add deny list", "addDenyList"}, {"pause", "pause"}, {"unpause", "unpause"}}
}

// operate adds the events of an operation; a transfer may follow it in the same transaction.
func (t *transactions) operate(one *token, operation string) {
	switch operation {
	case "mint":
		t.mint(one)
	case "burn":
		t.burn(one)
	case "transfer":
		t.send(one, t.now.sender)
	default:
		for _, o := range moduleOperations() {
			if o.name == operation {
				t.event(tokenEvent{token: one, kind: "module_event", module: o.event})
			}
		}
	}
	if t.random.IntN(5) == 0 {
		t.send(one, t.someone(1).address)
	}
}

// event adds an event: three in four name the token inside.
func (t *transactions) event(one tokenEvent) {
	one.named = one.named || t.random.IntN(4) > 0
	for _, address := range []string{one.from, one.to} {
		if address != "" {
			t.touch(address)
		}
	}
	t.now.tokens = append(t.now.tokens, one)
}

func (t *transactions) mint(one *token) {
	amount := one.mint(1 + t.random.Uint64N(one.supply/20+1000*min(one.unit(), 1_000_000)))
	t.event(tokenEvent{token: one, kind: "mint_event", to: one.governor.address, amount: amount})
}

func (t *transactions) burn(one *token) {
	amount := one.burn(t.random.Uint64N(one.supply/30 + 1))
	t.event(tokenEvent{token: one, kind: "burn_event", from: one.governor.address, amount: amount})
}

// send is a transfer of up to a fiftieth of the supply, of the token with the many decimals up to all of it.
func (t *transactions) send(one *token, from string) {
	most := one.supply / 50
	if one.decimals == 18 {
		most = one.supply
	}
	t.event(tokenEvent{token: one, kind: "transfer_event", from: from, to: t.receiver(), amount: t.random.Uint64N(max(most, 1)), memo: t.note()})
}

// writeTokenEvents writes the events of a transaction; top tells whether each names its token on the outside.
func (t *transactions) writeTokenEvents(top bool) {
	t.e.array("events")
	for i := range t.now.tokens {
		one := &t.now.tokens[i]
		t.e.document(t.e.next())
		if top {
			t.e.text("token_id", one.token.id)
		}
		one.write(&t.e, one.kind)
		t.e.end()
	}
	t.e.end()
}

func (one *tokenEvent) write(e *encoder, key string) {
	account := func(key, address string) {
		e.document(key)
		e.text("account", address)
		e.end()
	}
	e.document(key)
	switch one.kind {
	case "module_event":
		e.text("type", one.module)
		e.text("details", name(one.token.id, one.module)[:24])
	case "transfer_event":
		account("from_", one.from)
		account("to", one.to)
		one.token.amount(e, "amount", one.amount)
		if one.memo != "" {
			e.text("memo", one.memo)
		}
		if one.locked {
			writeLockID(e, "to_lock", 12)
		}
	default:
		account("target", one.from+one.to)
		one.token.amount(e, "amount", one.amount)
	}
	if one.named {
		e.text("token_id", one.token.id)
	}
	e.end()
}

// metaUpdate works with locks: it makes or ends one, puts tokens into it, or mints.
func (t *transactions) metaUpdate() {
	one, kind := t.tokens.living(t.random.IntN(len(t.tokens.list))), t.random.IntN(10)
	if one == nil {
		kind = 9
	}
	t.beginAccount(heading{contents: "meta_update_effect"}, "success", t.someone(2), 1000+t.random.IntN(9000))
	t.e.document("meta_update_effect")
	switch {
	case kind < 5:
		t.event(tokenEvent{token: one, kind: "transfer_event", from: t.now.sender, to: t.someone(1).address, amount: t.random.Uint64N(one.supply/100 + 1), locked: true, named: true, memo: t.note()})
		t.writeTokenEvents(false)
	case kind < 6:
		t.event(tokenEvent{token: one, kind: "mint_event", to: one.governor.address, amount: one.mint(t.random.Uint64N(10_000)), named: true})
		t.writeTokenEvents(false)
	default:
		t.writeLock(kind)
	}
	t.e.end()
	t.endAccount()
}

func (t *transactions) writeLock(kind int) {
	t.e.array("events")
	switch kind {
	case 6, 7:
		t.e.document(t.e.next())
		t.e.document("lock_create_event")
		t.lockID("lock_id", t.random.IntN(500))
		t.e.hex("lock_config", t.bytes(32))
		t.e.end()
		t.e.end()
	case 8:
		t.e.document(t.e.next())
		t.e.document("lock_destroy_event")
		t.lockID("lock_id", t.random.IntN(500))
		t.e.end()
		t.e.end()
	}
	t.e.end()
}

func (t *transactions) lockID(key string, sequence int) { writeLockID(&t.e, key, sequence) }

func writeLockID(e *encoder, key string, sequence int) {
	e.document(key)
	e.integer("account_index", 21)
	e.integer("sequence_number", int64(sequence))
	e.integer("creation_order", 0)
	e.end()
}
