package chain

import "fmt"

const (
	// canonicalLength is how much of an address tells accounts apart: what follows tells aliases of one account apart.
	canonicalLength = 29
	firstExchange   = 20
)

// canonical is what an address of an account has in common with its aliases; others are their own.
func canonical(address string) string {
	if len(address) == accountLength {
		return address[:canonicalLength]
	}
	return address
}

// alias is another address of the account, made from the end of its own.
func (a *account) alias() string {
	tail := []byte(a.address[canonicalLength:])
	for i, j := 0, len(tail)-1; i < j; i, j = i+1, j-1 {
		tail[i], tail[j] = tail[j], tail[i]
	}
	return a.address[:canonicalLength] + string(tail)
}

// writeStable writes the documents of stable_address_info. A few accounts are unknown to it.
func writeStable(out *file, e *encoder, fresh []*account) {
	if out == nil {
		return
	}
	for _, a := range fresh {
		if a.index%997 == 500 {
			continue
		}
		e.startWithID(a.address[:canonicalLength])
		e.text("account_address", a.address)
		e.integer("account_index", int64(a.index))
		e.integer("account_threshold", 1)
		e.integer("credential_count", 1)
		e.array("credentials")
		a.credential(e)
		out.write(e.finish())
	}
}

func (a *account) credential(e *encoder) {
	var year, month int
	_, _ = fmt.Sscanf(a.created, "%d-%d", &year, &month)
	e.document(e.next())
	e.integer("ip_identity", int64(a.index%4))
	monthOf(e, "created_at", year, month)
	monthOf(e, "valid_to", year+5, month)
	e.text("cred_id", a.registration())
	attribute(e, "commitment_attributes", "First Name", name("first name", a.address))
	if a.index%20 == 0 {
		attribute(e, "policy_attributes", "Country of Residence", "DK")
	}
	e.end()
}

// registration is the id of the account's credential: 96 hexadecimal digits.
func (a *account) registration() string {
	return name("credential", a.address) + name("registration", a.address)[:32]
}

func monthOf(e *encoder, key string, year, month int) {
	e.document(key)
	e.integer("year", int64(year))
	e.integer("month", int64(month))
	e.end()
}

func attribute(e *encoder, list, key, value string) {
	e.array(list)
	e.document(e.next())
	e.text("key", key)
	e.text("value", value)
	e.end()
	e.end()
}

// A label names an account by its index, or an address that is given.
type label struct {
	index          int
	address        string
	group, meaning string
}

// labels are exchanges with one and with several accounts, and others.
func labels() []label {
	return []label{
		{index: firstExchange, group: "exchanges", meaning: "Bitfinex 1"},
		{index: firstExchange + 1, group: "exchanges", meaning: "Bitfinex 2"},
		{index: firstExchange + 2, group: "exchanges", meaning: "AscendEX cold"},
		{index: firstExchange + 3, group: "exchanges", meaning: "Gate.io 1"},
		{index: 0, group: "foundation", meaning: "Foundation treasury"},
		{index: 1, group: "genesis", meaning: "Genesis 1"},
		{index: 9, group: "partner/private", meaning: "Partner Ω"},
		{index: 10, group: "team/seed", meaning: "Team"},
		{address: "<9353,0>", group: "contracts", meaning: "CNS"},
	}
}

func writeLabels(out *file, e *encoder, p *population) {
	for _, l := range labels() {
		switch {
		case l.address != "":
			l.write(out, e)
		case l.index < len(p.accounts):
			l.address = p.accounts[l.index].address
			l.write(out, e)
		}
	}
	if firstExchange < len(p.accounts) {
		label{index: -1, address: p.accounts[firstExchange].alias(), group: "exchanges", meaning: "BITFINEX (alias entry)"}.write(out, e)
	}
}

func (l label) write(out *file, e *encoder) {
	e.startWithID(l.address)
	if len(l.address) == accountLength && l.index >= 0 {
		e.integer("account_index", int64(l.index))
	}
	e.text("label_group", l.group)
	e.text("label", l.meaning)
	out.write(e.finish())
}
