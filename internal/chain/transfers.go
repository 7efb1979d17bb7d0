package chain

import "time"

// memos are CBOR texts: an ASCII one, one with an emoji, one in German.
func memos() []string {
	return []string{"667468616e6b73", "6b70617964617920f09f8e89", "674772c3bcc39f65"}
}

// note is a memo for one transfer in four, else "".
func (t *transactions) note() string {
	if t.random.IntN(4) > 0 {
		return ""
	}
	list := memos()
	return list[t.random.IntN(len(list))]
}

func (t *transactions) transfer() {
	sender, receiver, amount := t.someone(1), t.receiver(), t.amount()
	t.beginAccount(heading{contents: "account_transfer"}, "success", sender, 501+t.random.IntN(2500))
	t.e.document("account_transfer")
	t.e.amount("amount", amount)
	t.e.text("receiver", receiver)
	if memo := t.note(); memo != "" {
		t.e.text("memo", memo)
	}
	t.e.end()
	t.move(t.now.sender, receiver, amount)
	t.endAccount()
}

// Of a scheduled transfer there are up to four parts, each due thirty days after the one before.
const (
	mostParts       = 4
	daysBetweenPart = 30
)

// mostPerPart is what a part may have at most, microCCD, so that all parts that wait for their day fit into
// lockedForSchedules, however many transactions a day has.
func (t *transactions) mostPerPart() uint64 {
	const waiting = mostParts*daysBetweenPart + 2
	return max(1, lockedForSchedules/waiting/mostParts/uint64(t.perDay))
}

// transferWithSchedule releases an amount in parts.
func (t *transactions) transferWithSchedule() {
	sender, receiver := t.someone(2), t.receiver()
	t.beginAccount(heading{contents: "transferred_with_schedule"}, "success", sender, 3000+t.random.IntN(9000))
	t.e.document("transferred_with_schedule")
	t.e.text("receiver", receiver)
	t.e.array("amount")
	from, total := time.UnixMilli(t.block.slot).UTC(), uint64(0)
	for i := range 1 + t.random.IntN(mostParts) {
		part := min(1+t.amount()>>12, t.mostPerPart())
		total += part
		t.e.document(t.e.next())
		t.e.text("timestamp", from.AddDate(0, 0, daysBetweenPart*(i+1)).Format(time.RFC3339))
		t.e.amount("amount", part)
		t.e.end()
	}
	t.e.end()
	t.e.end()
	t.move(t.now.sender, receiver, total)
	t.endAccount()
}

func (t *transactions) registerData() {
	t.beginAccount(heading{contents: "data_registered"}, "success", t.someone(3), 300+t.random.IntN(4000))
	t.e.hex("data_registered", t.bytes(4+4*t.random.IntN(15)))
	t.endAccount()
}

// encrypt is one of the transactions with encrypted amounts.
func (t *transactions) encrypt() {
	sender, receiver, amount := t.someone(1), t.someone(1).address, 1+t.amount()
	energy := 4000 + t.random.IntN(30_000)
	switch t.random.IntN(3) {
	case 0:
		t.beginAccount(heading{contents: "transferred_to_encrypted"}, "success", sender, energy)
		t.e.document("transferred_to_encrypted")
		t.e.text("account", t.now.sender)
		t.e.hex("new_amount", t.bytes(32))
		t.e.amount("amount", amount)
		t.now.encrypted = amount
	case 1:
		t.beginAccount(heading{contents: "transferred_to_public"}, "success", sender, energy)
		t.e.document("transferred_to_public")
		t.removeEncrypted()
		t.e.amount("amount", amount)
		t.now.decrypted = amount
	default:
		t.beginAccount(heading{contents: "encrypted_amount_transferred"}, "success", sender, energy)
		t.e.document("encrypted_amount_transferred")
		t.removeEncrypted()
		t.e.document("added")
		t.e.text("receiver", receiver)
		t.e.integer("new_index", int64(t.random.IntN(9)))
		t.e.hex("encrypted_amount", t.bytes(32))
		t.e.end()
		t.touch(receiver)
	}
	t.e.end()
	t.endAccount()
}

func (t *transactions) removeEncrypted() {
	t.e.document("removed")
	t.e.text("account", t.now.sender)
	t.e.hex("new_amount", t.bytes(32))
	t.e.hex("input_amount", t.bytes(32))
	t.e.integer("up_to_index", int64(t.random.IntN(9)))
	t.e.end()
}

// unknownKind has a type that no version of the chain is known to have.
func (t *transactions) unknownKind() {
	kinds := []heading{
		{kind: "quantum_item_v2", contents: "entanglement_registered"},
		{kind: "lock_operation", contents: "lock_operation"},
		{kind: "lock_operation", contents: "lock_created"},
	}
	t.odd(kinds[t.random.IntN(len(kinds))])
}

// withoutContents has a null for its contents, or none, or not even a type.
func (t *transactions) withoutContents() {
	kinds := []heading{{nullContents: true}, {nullContents: true}, {}, {none: true}}
	t.odd(kinds[t.random.IntN(len(kinds))])
}

func (t *transactions) odd(h heading) {
	t.beginAccount(h, "success", t.someone(2), 300+t.random.IntN(4000))
	t.e.hex("data_registered", t.bytes(8))
	t.endAccount()
}
