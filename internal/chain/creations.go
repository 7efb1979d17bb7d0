package chain

// createAccount is the transaction that makes an account. One in eight is an initial one, made by an identity provider.
func (t *transactions) createAccount(a *account) {
	kind, contents := int64(1), "normal"
	if a.index%8 == 0 {
		kind, contents = 0, "initial"
	}
	t.begin(heading{kind: "account_creation", contents: contents}, 54_000)
	t.e.document("account_creation")
	t.e.integer("credential_type", kind)
	t.e.text("address", a.address)
	t.e.text("reg_id", a.registration())
	t.e.end()
	t.touch(a.address)
	t.finish()
}

// updateCredentials is a change of an account's credentials or of their keys.
func (t *transactions) updateCredentials() {
	sender, energy := t.someone(1), 5000+t.random.IntN(9000)
	if t.random.IntN(2) == 0 {
		t.beginAccount(heading{contents: "credential_keys_updated"}, "success", sender, energy)
		t.e.hex("credential_keys_updated", t.bytes(48))
		t.endAccount()
		return
	}
	t.beginAccount(heading{contents: "credentials_updated"}, "success", sender, energy)
	t.e.document("credentials_updated")
	t.e.array("new_cred_ids")
	t.e.hex(t.e.next(), t.bytes(48))
	t.e.end()
	t.e.array("removed_cred_ids")
	t.e.end()
	t.e.integer("new_threshold", 1)
	t.e.end()
	t.endAccount()
}

// deploy puts a module on the chain. Some are so large that their cost passes an int32.
func (t *transactions) deploy() {
	energy := 20_000 + t.random.IntN(400_000)
	if t.random.IntN(5) == 0 {
		energy = 20_000_000 + t.random.IntN(20_000_000)
	}
	t.beginAccount(heading{contents: "module_deployed"}, "success", t.someone(2), energy)
	t.e.hex("module_deployed", t.bytes(32))
	t.endAccount()
}

// initialize makes a contract of a module that is there.
func (t *transactions) initialize() {
	sender, names := t.someone(2), contractNames()
	amount := uint64(0)
	if t.random.IntN(2) == 0 {
		amount = 1 + t.amount()
	}
	one := t.contracts.initialize(names[t.random.IntN(len(names))], sender, amount)
	t.beginAccount(heading{contents: "contract_initialized"}, "success", sender, 3000+t.random.IntN(20_000))
	t.e.document("contract_initialized")
	t.e.integer("contract_version", 1)
	t.e.text("origin_ref", moduleOf(one.name))
	one.reference(&t.e, "address")
	t.e.amount("amount", amount)
	t.e.text("init_name", "init_"+one.name)
	t.e.array("events")
	t.e.end()
	t.e.text("parameter", "")
	t.e.end()
	t.touch(one.address)
	if amount > 0 {
		t.move(t.now.sender, one.address, amount)
	}
	t.endAccount()
}
