package chain

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
)

// transactions writes the transactions of a day, one at a time, and what follows from each: impacted addresses and
// logged events. Everything is drawn from the seed and the day, whatever is wanted of it.
type transactions struct {
	perDay     int
	seed       uint64
	people     *population
	projects   *projects
	contracts  *contracts
	tokens     *tokens
	parameters *parameters

	out, impacts, events *file
	// e writes the transaction, side what follows from it.
	e, side encoder
	kinds   []func(*transactions)
	late    late
	count   int64
	// rejections are why transactions fail.
	rejections []rejection

	day    day
	known  int // accounts that there are at the start of the day
	random *rand.Rand
	block  block
	now    transaction
	drawn  [96]byte
	// scratch holds the digits of what was drawn and ids in the making.
	scratch []byte
}

// block is where the transaction at work stands.
type block struct {
	height, index int
	slot          int64
	hash          string
}

// transaction is what is known of the one at work.
type transaction struct {
	raw     [32]byte
	hash    [64]byte
	heading heading
	// sender and sponsor are addresses; the sponsor pays when there is one.
	sender, sponsor string
	cost            int64
	project         string
	effects         int
	// touched are the addresses that it has to do with, of each account the last alias.
	touched []string
	moves   []move
	tokens  []tokenEvent
	logged  []logged
	// encrypted and decrypted are amounts of the sender's own.
	encrypted, decrypted uint64
}

// move is CCD that goes from one address to another, microCCD.
type move struct {
	from, to string
	amount   uint64
}

// heading is a transaction's type. Some old documents have no contents, or a null, or no type at all.
type heading struct {
	kind, contents, additional string
	nullContents, none         bool
}

func newTransactions(g *generator) *transactions {
	t := &transactions{
		perDay: g.o.TransactionsPerDay, seed: g.o.Seed + 2,
		people: g.people, projects: g.projects, contracts: g.contracts, tokens: g.tokens, parameters: g.parameters,
		out: g.files.byName["transactions"], impacts: g.files.byName["impacted_addresses"], events: g.files.byName["tokens_logged_events_v2"],
	}
	for _, one := range []struct {
		share int // of a thousand
		write func(*transactions)
	}{
		{305, (*transactions).transfer}, {230, (*transactions).registerData}, {215, (*transactions).call}, {95, (*transactions).updateToken},
		{60, (*transactions).reject}, {22, (*transactions).configureDelegation}, {20, (*transactions).transferWithSchedule},
		{14, (*transactions).configureBaker}, {8, (*transactions).metaUpdate}, {6, (*transactions).encrypt}, {5, (*transactions).initialize},
		{5, (*transactions).unknownKind}, {4, (*transactions).withoutContents}, {4, (*transactions).updateCredentials},
		{4, (*transactions).oldBaker}, {3, (*transactions).deploy},
	} {
		for range one.share {
			t.kinds = append(t.kinds, one.write)
		}
	}
	t.rejections = t.allRejections()
	return t
}

// write writes a day; known is how many accounts there are at its start, the others come during it.
func (t *transactions) write(d day, known int) {
	if t.perDay == 0 {
		return
	}
	t.day, t.known = d, known
	t.random = rand.New(rand.NewPCG(t.seed, uint64(d.number)))
	t.block = block{height: -1}
	due := t.schedule()
	rest := max(0, t.perDay-len(due))
	for i := range rest {
		offset := t.offset(i, rest)
		for len(due) > 0 && due[0].offset <= offset {
			t.do(due[0])
			due = due[1:]
		}
		t.at(offset)
		t.kinds[t.random.IntN(len(t.kinds))](t)
	}
	for _, one := range due {
		t.do(one)
	}
	t.writeRewards()
}

// offset is the block of the ith of n transactions in its day: one is in the first block, one in the last, and on a day
// whose first blocks belong to no day some are in these.
func (t *transactions) offset(i, n int) int {
	switch {
	case i == 0:
		return 0
	case i == n-1:
		return blocksPerDay - 1
	case i <= 2 && t.day.number == gapDay:
		return i
	}
	return (i*1000 + t.random.IntN(1000)) * blocksPerDay / (n * 1000)
}

// at goes to a block, never back.
func (t *transactions) at(offset int) {
	height := max(t.block.height, t.day.first+offset)
	if height != t.block.height {
		t.block = block{height: height, slot: t.day.slot(height), hash: hash(height)}
	}
}

// due is something that a day has in any case.
type due struct {
	offset int
	write  func()
}

func (t *transactions) do(one due) {
	t.at(one.offset)
	one.write()
}

func (t *transactions) schedule() []due {
	var list []due
	for i, one := range t.tokens.born(t.day) {
		list = append(list, due{150 + i, func() { t.createToken(one) }})
	}
	fresh := t.people.accounts[t.known:]
	for i, a := range fresh {
		list = append(list, due{(i + 1) * blocksPerDay / (len(fresh) + 1), func() { t.createAccount(a) }})
	}
	list = append(list, t.updates()...)
	slices.SortStableFunc(list, func(a, b due) int { return a.offset - b.offset })
	return list
}

// begin writes the fields up to the type.
func (t *transactions) begin(h heading, energy int) {
	now := &t.now
	*now = transaction{heading: h, touched: now.touched[:0], moves: now.moves[:0], tokens: now.tokens[:0], logged: now.logged[:0]}
	copy(now.raw[:], t.bytes(32))
	hex.Encode(now.hash[:], now.raw[:])
	t.e.start()
	t.e.bytes("_id", now.hash[:])
	t.e.integer("index", int64(t.block.index))
	t.e.integer("energy_cost", int64(energy))
	t.e.bytes("hash", now.hash[:])
	if !h.none {
		h.write(&t.e)
	}
}

func (h heading) write(e *encoder) {
	e.document("type")
	e.text("type", h.kind)
	if h.contents != "" {
		e.text("contents", h.contents)
	}
	if h.nullContents {
		e.null("contents")
	}
	if h.additional != "" {
		e.text("additional_data", h.additional)
	}
	e.end()
}

// beginAccount begins a transaction of an account, up to its effects. Now and then a sponsor pays, or the sender is an
// alias.
func (t *transactions) beginAccount(h heading, outcome string, sender *account, energy int) {
	if h.kind == "" {
		h.kind = "account_transaction"
	}
	t.begin(h, energy)
	now := &t.now
	now.sender, now.cost = sender.address, t.parameters.cost(energy)
	if t.random.IntN(200) == 0 {
		now.sender = sender.alias()
	}
	if sponsor := t.people.accounts[0]; t.random.IntN(25) == 0 && sponsor != sender {
		now.sponsor = sponsor.address
		t.touch(now.sponsor)
	}
	t.touch(now.sender)
	now.project = t.projects.of(now.sender, sender, t.day)
	t.e.document("account_transaction")
	if now.sponsor == "" {
		t.e.integer("cost", now.cost)
	} else {
		t.e.integer("cost", 0)
	}
	t.e.text("sender", now.sender)
	t.e.text("outcome", outcome)
	t.e.document("effects")
}

// endAccount ends it after its effects.
func (t *transactions) endAccount() {
	t.e.end()
	if t.now.sponsor != "" {
		t.e.document("sponsor")
		t.e.integer("cost", t.now.cost)
		t.e.text("sponsor", t.now.sponsor)
		t.e.end()
	}
	t.e.end()
	t.finish()
}

// finish ends a transaction and writes it, or holds it back, and what follows from it.
func (t *transactions) finish() {
	if t.now.project != "" {
		t.e.text("recognized_sender_id", t.now.project)
	}
	t.e.document("block_info")
	t.e.integer("height", int64(t.block.height))
	t.e.text("hash", t.block.hash)
	t.e.date("slot_time", t.block.slot)
	document := t.e.finish()
	if t.random.IntN(100) == 0 {
		document = t.late.exchange(document)
	}
	t.out.write(document)
	t.count++
	t.block.index++
	if t.impacts != nil {
		t.writeImpacts()
	}
	if t.events != nil {
		t.writeLogged()
	}
}

// flush writes what is held back.
func (t *transactions) flush() {
	for range t.late.held {
		t.out.write(t.late.exchange(nil))
	}
}

// late holds back the documents that the explorer was late to insert: one in a hundred. Each waits for as many others as
// there are places, so that what is held does not grow.
type late struct {
	held [64][]byte
	next int
}

// exchange holds a document and returns the one that was in its place, or nothing.
func (l *late) exchange(document []byte) []byte {
	place := &l.held[l.next]
	l.next = (l.next + 1) % len(l.held)
	before := *place
	*place = slices.Clone(document)
	return before
}

// touch adds an address that the transaction has to do with. Of two aliases the later one stands.
func (t *transactions) touch(address string) {
	for i, one := range t.now.touched {
		if canonical(one) == canonical(address) {
			t.now.touched[i] = address
			return
		}
	}
	t.now.touched = append(t.now.touched, address)
}

func (t *transactions) move(from, to string, amount uint64) {
	t.touch(from)
	t.touch(to)
	t.now.moves = append(t.now.moves, move{from, to, amount})
}

// someone is an account that was there at the start of the day; share in four are busy ones.
func (t *transactions) someone(share int) *account {
	among := t.known
	if t.random.IntN(4) < share {
		among = min(40, t.known)
	}
	return t.people.accounts[t.random.IntN(among)]
}

// receiver is an address: of an exchange, often an alias of it, or of someone.
func (t *transactions) receiver() string {
	a, usual := t.someone(1), 100
	if t.random.IntN(20) == 0 && t.known >= firstExchange+4 {
		a, usual = t.people.accounts[firstExchange+t.random.IntN(4)], 2
	}
	if t.random.IntN(usual) == 0 {
		return a.alias()
	}
	return a.address
}

// amount is microCCD of any size up to four million CCD, sometimes nothing.
func (t *transactions) amount() uint64 {
	return t.random.Uint64N(1 << (2 + t.random.IntN(41)))
}

// bytes draws n bytes, at most 96; they are good until the next draw.
func (t *transactions) bytes(n int) []byte {
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(t.drawn[i:], t.random.Uint64())
	}
	return t.drawn[:n]
}

// digits draws n bytes as hexadecimal digits.
func (t *transactions) digits(n int) string { return hex.EncodeToString(t.bytes(n)) }
