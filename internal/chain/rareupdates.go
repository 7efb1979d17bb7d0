package chain

// rareUpdate is what else is updated on the day, if anything: its name, and what writes it.
func (t *transactions) rareUpdate() (contents string, payload func(key string)) {
	fields := func(write func(e *encoder)) func(string) {
		return func(key string) {
			t.e.document(key)
			write(&t.e)
			t.e.end()
		}
	}
	number := t.day.number
	if next := protocolVersion(number + 1); next != protocolVersion(number) {
		// The enum counts from protocol 1.
		return "protocol_update", fields(func(e *encoder) { protocolUpdate(e, digits(uint64(next+1))) })
	}
	switch number {
	case 9:
		return "foundation_account_update", func(key string) { t.e.text(key, t.people.accounts[0].address) }
	case 11:
		return "transaction_fee_distribution_update", fields(feeUpdate)
	case 13:
		return "add_identity_provider_update", fields(providerUpdate)
	case 19:
		return "level_1_update", fields(keysUpdate)
	case 21:
		return "validator_score_parameters_update", fields(func(e *encoder) { e.integer("maximum_missed_rounds", 1000) })
	case 23:
		return "pool_parameters_cpv_1_update", fields(poolUpdate)
	case 29:
		return "finalization_committee_parameters_update", fields(committeeUpdate)
	}
	return "", nil
}

func protocolUpdate(e *encoder, version string) {
	e.text("message_", "Protocol update "+version)
	e.text("specification_url", "https://example.org/P"+version+".txt")
	e.text("specificationHash", name("protocol", version))
}

func feeUpdate(e *encoder) {
	e.double("baker", 0.45)
	e.double("gas_account", 0.45)
}

func providerUpdate(e *encoder) {
	e.integer("identity", 4)
	e.document("description")
	e.text("name", "Identité Ωmega")
	e.text("url", "https://id.example")
	e.text("description", "ü")
	e.end()
	e.text("verify_key", name("verify key"))
	e.text("cdi_verify_key", name("cdi verify key"))
}

func keysUpdate(e *encoder) {
	e.document("level_1_keys_update")
	e.array("keys")
	e.text(e.next(), name("first key"))
	e.text(e.next(), name("second key"))
	e.end()
	e.integer("threshold", 2)
	e.end()
}

func committeeUpdate(e *encoder) {
	e.integer("minimum_finalizers", 40)
	e.integer("maximum_finalizers", 1000)
	e.double("finalizer_relative_stake_threshold", 0.001)
}

func poolUpdate(e *encoder) {
	e.double("passive_finalization_commission", 1)
	e.double("passive_baking_commission", 0.12)
	e.double("passive_transaction_commission", 0.12)
	e.document("commission_bounds")
	for _, one := range []struct {
		key   string
		bound float64
	}{{"finalization", 1}, {"baking", 0.1}, {"transaction", 0.1}} {
		e.document(one.key)
		e.double("min", one.bound)
		e.double("max_", one.bound)
		e.end()
	}
	e.end()
	e.integer("minimum_equity_capital", 500_000*microPerCCD)
	e.document("capital_bound")
	e.double("value", 0.1)
	e.end()
	e.document("leverage_bound")
	e.document("value")
	ratio{3, 1}.write(e)
	e.end()
	e.end()
}
