package chain

// bakerOf is the baker id of an account: its index, as on the chain.
func bakerOf(a *account) int64 { return int64(a.index) }

// stake is microCCD: half a million CCD and more.
func (t *transactions) stake() uint64 {
	return 500_000*microPerCCD + t.random.Uint64N(1<<(30+t.random.IntN(20)))
}

// configureBaker has one to four events of a validator.
func (t *transactions) configureBaker() {
	sender := t.someone(2)
	t.beginAccount(heading{contents: "baker_configured"}, "success", sender, 4000+t.random.IntN(9000))
	t.e.document("baker_configured")
	t.e.array("events")
	kind := t.random.IntN(13)
	for i := range 1 + t.random.IntN(3) {
		t.e.document(t.e.next())
		t.bakerEvent((kind+i)%13, sender)
		t.e.end()
	}
	t.e.end()
	t.e.end()
	t.endAccount()
}

func (t *transactions) bakerEvent(kind int, sender *account) {
	e, id := &t.e, bakerOf(sender)
	of := func(event, key string, write func()) {
		e.document(event)
		e.integer("baker_id", id)
		if write != nil {
			write()
		} else {
			e.double(key, 0.1)
		}
		e.end()
	}
	switch kind {
	case 0:
		e.document("baker_added")
		t.bakerKeys("keys_event", sender)
		e.amount("stake", t.stake())
		e.truth("restake_earnings", true)
		e.end()
	case 1:
		t.bakerKeys("baker_keys_updated", sender)
	case 2:
		e.integer("baker_removed", id)
	case 3:
		e.integer("baker_suspended", id)
	case 4:
		e.integer("baker_resumed", id)
	case 5:
		of("baker_restake_earnings_updated", "", func() { e.truth("restake_earnings", t.random.IntN(2) == 0) })
	case 6:
		of("baker_set_baking_reward_commission", "baking_reward_commission", nil)
	case 7:
		of("baker_set_finalization_reward_commission", "finalization_reward_commission", nil)
	case 8:
		of("baker_set_transaction_fee_commission", "transaction_fee_commission", nil)
	case 9:
		of("baker_set_metadata_url", "", func() { e.text("url", "https://pool.example/ö.json") })
	case 10:
		of("baker_set_open_status", "", func() { e.integer("open_status", int64(t.random.IntN(3))) })
	case 11:
		of("baker_stake_increased", "", func() { e.amount("new_stake", t.stake()) })
	default:
		of("baker_stake_decreased", "", func() { e.amount("new_stake", t.stake()) })
	}
}

func (t *transactions) bakerKeys(key string, sender *account) {
	t.e.document(key)
	t.e.integer("baker_id", bakerOf(sender))
	t.e.text("account", t.now.sender)
	t.e.hex("sign_key", t.bytes(32))
	t.e.hex("election_key", t.bytes(32))
	t.e.hex("aggregation_key", t.bytes(96))
	t.e.end()
}

// oldBaker is a transaction of the first protocols' bakers.
func (t *transactions) oldBaker() {
	sender, energy := t.someone(1), 4000+t.random.IntN(9000)
	switch t.random.IntN(5) {
	case 0:
		t.beginAccount(heading{contents: "baker_added"}, "success", sender, energy)
		t.bakerEvent(0, sender)
	case 1:
		t.beginAccount(heading{contents: "baker_removed"}, "success", sender, energy)
		t.bakerEvent(2, sender)
	case 2:
		t.beginAccount(heading{contents: "baker_keys_updated"}, "success", sender, energy)
		t.bakerEvent(1, sender)
	case 3:
		t.beginAccount(heading{contents: "baker_restake_earnings_updated"}, "success", sender, energy)
		t.bakerEvent(5, sender)
	default:
		t.beginAccount(heading{contents: "baker_stake_updated"}, "success", sender, energy)
		t.e.document("baker_stake_updated")
		t.e.document("update")
		t.e.integer("baker_id", bakerOf(sender))
		t.e.amount("new_stake", t.stake())
		t.e.truth("increased", true)
		t.e.end()
		t.e.end()
	}
	t.endAccount()
}

// configureDelegation has one to three events of a delegator.
func (t *transactions) configureDelegation() {
	sender := t.someone(1)
	t.beginAccount(heading{contents: "delegation_configured"}, "success", sender, 500+t.random.IntN(6000))
	t.e.document("delegation_configured")
	t.e.array("events")
	kind := t.random.IntN(6)
	for i := range 1 + t.random.IntN(3) {
		t.e.document(t.e.next())
		t.delegationEvent((kind+i)%6, sender)
		t.e.end()
	}
	t.e.end()
	t.e.end()
	t.endAccount()
}

func (t *transactions) delegationEvent(kind int, sender *account) {
	e, id := &t.e, int64(sender.index)
	of := func(event string, write func()) {
		e.document(event)
		e.integer("delegator_id", id)
		write()
		e.end()
	}
	switch kind {
	case 0:
		e.integer("delegation_added", id)
	case 1:
		of("delegation_set_delegation_target", func() {
			e.document("delegation_target")
			if t.random.IntN(2) == 0 {
				e.truth("passive_delegation", true)
			} else {
				e.integer("baker", bakerOf(t.someone(2)))
			}
			e.end()
		})
	case 2:
		of("delegation_stake_increased", func() { e.amount("new_stake", t.amount()) })
	case 3:
		of("delegation_stake_decreased", func() { e.amount("new_stake", t.amount()) })
	case 4:
		of("delegation_set_restake_earnings", func() { e.truth("restake_earnings", true) })
	default:
		e.integer("delegation_removed", id)
	}
}
