// Package chain makes up a small Concordium chain in the formats that nightrunner reads: daily balance snapshots, a
// mongodump folder and node facts. It is for the demo, for benchmarks and for tests.
//
// Same options give the same bytes, and more days give the same first days: everything comes from the seed and the day.
package chain

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Options of a chain.
type Options struct {
	// Dir gets the folders balances, dump and node.
	Dir  string
	Seed uint64
	// Days is how many, Accounts how many there are on the first day; one in a thousand comes every day.
	Days, Accounts int
	// From is the first UTC day; zero is 2025-01-01.
	From time.Time
}

// Summary says what was made.
type Summary struct {
	Days, Accounts int
	// Bytes of all snapshots.
	Bytes int64
}

const (
	microPerCCD = 1_000_000
	// blocksPerDay is scaled down from 43,200.
	blocksPerDay = 4320
	firstHeight  = 1_000_000
	// dayWithoutRate has no CCD rate, so that something waits.
	dayWithoutRate = 20
	dayNanos       = int64(24 * time.Hour)
)

// account is what one holds. Amounts are microCCD.
type account struct {
	address string
	index   int
	total   int64
	locked  int64
	// release is what is unlocked every thirty days.
	release   int64
	staked    int64
	baker     int // -1 for none
	pool      string
	target    string // of a delegation
	suspended bool
	created   string // year and month
	nonce     int
	row       []byte // as in the snapshot; nil when it must be written again
}

type generator struct {
	o        Options
	accounts []*account // by index
	order    []*account // by address
	bakers   []*account
	day      time.Time
	random   *rand.Rand
	supply   int64
}

// Generate makes a chain.
func Generate(ctx context.Context, o Options) (Summary, error) {
	if o.From.IsZero() {
		o.From = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Days < 1 || o.Accounts < 10 {
		return Summary{}, fmt.Errorf("a chain has at least 1 day and 10 accounts, not %d and %d", o.Days, o.Accounts)
	}
	g := &generator{o: o}
	for _, dir := range []string{"balances", "dump/concordium_mainnet", "dump/concordium_utilities", "node"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, dir), 0o755); err != nil {
			return Summary{}, err
		}
	}
	var made Summary
	var facts facts
	for i := range o.Days {
		if err := ctx.Err(); err != nil {
			return made, err
		}
		g.day = o.From.AddDate(0, 0, i)
		g.random = rand.New(rand.NewPCG(o.Seed, uint64(i)))
		if i == 0 {
			g.begin()
		} else {
			g.live(i)
		}
		bytes, err := g.writeSnapshot()
		if err != nil {
			return made, err
		}
		made.Bytes += bytes
		facts.add(g, i)
	}
	made.Days, made.Accounts = o.Days, len(g.accounts)
	return made, facts.write(g)
}

// begin makes the accounts of the first day.
func (g *generator) begin() {
	for range g.o.Accounts {
		g.create(g.wealth())
	}
	for i := range min(5, len(g.accounts)) {
		g.add(g.accounts[i], int64(100+150*i)*1_000_000*microPerCCD)
	}
	for i, a := range g.accounts {
		switch {
		case i >= 5 && i%50 == 7:
			g.makeBaker(a)
		case i%40 == 11:
			g.makeDelegator(a)
		case i%90 == 13 && a.total > 0:
			a.locked = a.total / 2
			a.release = a.locked/12 + 1
		}
	}
	g.sort()
}

// wealth of a new account: many hold nothing or dust, few hold much.
func (g *generator) wealth() int64 {
	switch g.random.IntN(10) {
	case 0, 1:
		return 0
	case 2:
		return g.random.Int64N(1000)
	}
	ccd := math.Exp(7.5 + 3.2*g.random.NormFloat64())
	return int64(min(ccd, 50_000_000) * microPerCCD)
}

const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

func (g *generator) create(total int64) *account {
	var address strings.Builder
	address.WriteByte("34"[g.random.IntN(2)])
	for range 49 {
		address.WriteByte(base58[g.random.IntN(len(base58))])
	}
	a := &account{address: address.String(), index: len(g.accounts), baker: -1, created: g.day.Format("2006-01"), nonce: 1}
	g.accounts = append(g.accounts, a)
	g.add(a, total)
	return a
}

// add changes a balance, and the supply with it.
func (g *generator) add(a *account, amount int64) {
	a.total += amount
	g.supply += amount
	a.row = nil
}

func (g *generator) makeBaker(a *account) {
	g.add(a, int64(500_000+g.random.IntN(5_000_000))*microPerCCD)
	a.baker = len(g.bakers)
	a.staked = a.total / 10 * 9
	a.pool = []string{"openForAll", "openForAll", "openForAll", "closedForNew", "closedForAll"}[g.random.IntN(5)]
	g.bakers = append(g.bakers, a)
	a.row = nil
}

func (g *generator) makeDelegator(a *account) {
	a.staked = a.total / 2
	a.target = "Passive"
	if len(g.bakers) > 0 && g.random.IntN(3) > 0 {
		a.target = fmt.Sprint(g.bakers[g.random.IntN(len(g.bakers))].baker)
	}
	a.row = nil
}

// live is a day: releases, transfers, rewards, new accounts.
func (g *generator) live(day int) {
	if day%30 == 0 {
		g.releaseLocked()
	}
	for range max(1, len(g.accounts)*3/200) {
		g.transfer()
	}
	for range 1 + len(g.bakers)/100 {
		if len(g.bakers) > 0 {
			b := g.bakers[g.random.IntN(len(g.bakers))]
			b.suspended = !b.suspended && g.random.IntN(4) == 0
			b.row = nil
		}
	}
	// Inflation of about 4 % a year goes to some validators each day, a tenth of it to the foundation.
	reward := g.supply / 10_000
	g.add(g.accounts[0], reward/10)
	for _, b := range g.bakers {
		if g.random.IntN(4) == 0 {
			g.add(b, reward/int64(len(g.bakers)))
		}
	}
	for range 1 + g.o.Accounts/1000 {
		a := g.create(0)
		g.move(g.accounts[g.random.IntN(len(g.accounts)-1)], a)
	}
	g.sort()
}

func (g *generator) releaseLocked() {
	for _, a := range g.accounts {
		if a.locked > 0 {
			a.locked = max(0, a.locked-a.release)
			a.row = nil
		}
	}
}

func (g *generator) transfer() {
	from, to := g.accounts[g.random.IntN(len(g.accounts))], g.accounts[g.random.IntN(len(g.accounts))]
	g.move(from, to)
}

// move sends a part of what is neither locked nor staked, sometimes all of it.
func (g *generator) move(from, to *account) {
	free := from.total - max(from.locked, from.staked)
	part := g.random.Int64N(1000)
	if free <= 0 || from == to {
		return
	}
	amount := free / 1000 * part
	if part > 950 {
		amount = free
	}
	if amount == 0 {
		return
	}
	g.add(from, -amount)
	g.add(to, amount)
	from.nonce++
}

// sort keeps order by address; the accounts that came last are merged in.
func (g *generator) sort() {
	fresh := slices.Clone(g.accounts[len(g.order):])
	slices.SortFunc(fresh, func(a, b *account) int { return strings.Compare(a.address, b.address) })
	merged := make([]*account, 0, len(g.accounts))
	old := g.order
	for len(old) > 0 || len(fresh) > 0 {
		if len(fresh) == 0 || len(old) > 0 && old[0].address < fresh[0].address {
			merged, old = append(merged, old[0]), old[1:]
		} else {
			merged, fresh = append(merged, fresh[0]), fresh[1:]
		}
	}
	g.order = merged
}
