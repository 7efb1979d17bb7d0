package chain

import "strconv"

// call is a contract update of one of the kinds that the explorer knows events of.
func (t *transactions) call() {
	sender := t.someone(2)
	t.beginAccount(heading{contents: "contract_update_issued"}, "success", sender, 2000+t.random.IntN(30_000))
	t.e.document("contract_update_issued")
	t.e.array("effects")
	switch n := t.random.IntN(20); {
	case n < 8:
		t.callToken()
	case n < 12:
		t.callPlain()
	case n < 15:
		t.registerAgent()
	case n < 17:
		t.registerAccess()
	case n < 19:
		t.callWallet()
	default:
		t.upgrade()
	}
	t.e.end()
	t.e.end()
	t.endAccount()
}

// anyContract is one of those that are called.
func (t *transactions) anyContract() *contract {
	return t.contracts.list[t.random.IntN(len(t.contracts.list))]
}

// updated is the effect of a call by the sender, or by another contract when there is one, with its events.
func (t *transactions) updated(c, caller *contract, amount uint64, method string, events ...logged) {
	e, from := &t.e, t.now.sender
	e.document(e.next())
	e.document("updated")
	e.integer("contract_version", 1)
	c.reference(e, "address")
	e.document("instigator")
	if caller != nil {
		from = caller.address
		caller.reference(e, "contract")
	} else {
		e.text("account", from)
	}
	e.end()
	e.amount("amount", amount)
	e.hex("parameter", t.bytes(t.random.IntN(20)))
	e.text("receive_name", c.name+"."+method)
	t.logAll(c, false, events)
	e.end()
	e.end()
	t.touch(c.address)
	if amount > 0 {
		t.move(from, c.address, amount)
	}
	t.now.effects++
}

// interrupted is the effect of a contract that waits for what it calls, which resumed ends.
func (t *transactions) interrupted(c *contract, events ...logged) {
	t.e.document(t.e.next())
	t.e.document("interrupted")
	c.reference(&t.e, "address")
	t.logAll(c, true, events)
	t.e.end()
	t.e.end()
	t.now.effects++
}

func (t *transactions) resumed(c *contract) {
	t.e.document(t.e.next())
	t.e.document("resumed")
	c.reference(&t.e, "address")
	t.e.truth("success", true)
	t.e.end()
	t.e.end()
	t.now.effects++
}

// transferred is CCD that a contract pays to an account.
func (t *transactions) transferred(c *contract, receiver string, amount uint64) {
	t.interrupted(c)
	t.e.document(t.e.next())
	t.e.document("transferred")
	c.reference(&t.e, "sender")
	t.e.amount("amount", amount)
	t.e.text("receiver", receiver)
	t.e.end()
	t.e.end()
	t.now.effects++
	t.move(c.address, receiver, amount)
	t.resumed(c)
}

// callToken mints or transfers CIS-2 tokens, sometimes through a second call of another contract.
func (t *transactions) callToken() {
	c := t.anyContract()
	if t.random.IntN(2) == 0 {
		t.updated(c, nil, 0, "mint", t.minted(t.receiver(), 4), t.unrecognized())
	} else {
		t.updated(c, nil, 0, "transfer", t.sent(t.now.sender, t.receiver()))
	}
	if t.random.IntN(3) == 0 {
		t.updated(t.anyContract(), c, 0, "update", t.sent(t.receiver(), t.receiver()))
	}
}

// callPlain has no event that the explorer recognizes; some CCD may go to the contract and from there to an account.
func (t *transactions) callPlain() {
	c, amount := t.anyContract(), uint64(0)
	if t.random.IntN(2) == 0 {
		amount = 1 + t.amount()
	}
	t.updated(c, nil, amount, "update", t.unrecognized())
	if amount > 0 && t.random.IntN(3) > 0 {
		t.transferred(c, t.receiver(), amount)
	}
}

// registerAgent enters one to three agents into the registry: each is minted and registered.
func (t *transactions) registerAgent() {
	var events []logged
	for range 1 + t.random.IntN(3) {
		one := t.minted(t.someone(1).address, 8)
		events = append(events, one, logged{raw: "f0" + t.digits(20), kind: agentRegistered, tokenID: one.tokenID, to: one.to})
	}
	t.updated(t.contracts.byIndex(agentRegistry), nil, 0, "register", events...)
}

// registerAccess gives access to a public key; a few keys are none.
func (t *transactions) registerAccess() {
	key := t.digits(32)
	switch t.random.IntN(40) {
	case 0:
		key += t.digits(16)
	case 1:
		key = "x"
	case 2:
		key = ""
	}
	t.updated(t.contracts.byIndex(starWallet), nil, 0, "registerAccess", logged{raw: "ff" + t.digits(12), kind: accessRegistered, key: key})
}

// callWallet uses a smart contract wallet, where public keys hold CCD and tokens.
func (t *transactions) callWallet() {
	c, key := t.contracts.list[4+7], t.digits(32)
	nonce := logged{raw: "fa" + t.digits(16), kind: walletNonce, key: key, amount: strconv.Itoa(t.random.IntN(100))}
	if t.random.IntN(2) == 0 {
		amount := 1 + t.amount()
		t.updated(c, nil, amount, "depositCcd", logged{raw: "f9" + t.digits(16), kind: walletDeposit, from: t.now.sender, key: key, amount: digits(amount)}, nonce)
		return
	}
	t.updated(c, nil, 0, "transferCis2Tokens", nonce,
		logged{raw: "f4" + t.digits(16), kind: walletTransfer, amount: "1", tokenID: t.digits(4), other: key, key: t.digits(32)})
}

// upgrade puts another module below a contract.
func (t *transactions) upgrade() {
	c, names := t.anyContract(), contractNames()
	t.updated(c, nil, 0, "upgrade")
	t.interrupted(c, t.unrecognized())
	t.e.document(t.e.next())
	t.e.document("upgraded")
	c.reference(&t.e, "address")
	t.e.text("from_module", moduleOf(c.name))
	t.e.text("to_module", moduleOf(names[t.random.IntN(len(names))]))
	t.e.end()
	t.e.end()
	t.now.effects++
	t.resumed(c)
}

func (t *transactions) unrecognized() logged {
	return logged{raw: "e0" + t.digits(4+t.random.IntN(12))}
}

func (t *transactions) minted(to string, size int) logged {
	return logged{raw: "fe" + t.digits(20), kind: tokenMinted, tokenID: t.digits(size), amount: "1", to: to}
}

// sent amounts are whole numbers up to 256 bits: some pass 2^64.
func (t *transactions) sent(from, to string) logged {
	amount := []string{"1", "1", "1", "250000", "9223372036854775808", "1180591620717411303424"}[t.random.IntN(6)]
	return logged{raw: "ff" + t.digits(28), kind: tokenSent, tokenID: t.digits(4), amount: amount, from: from, to: to}
}
