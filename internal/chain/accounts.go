package chain

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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

// population is everybody on a day.
type population struct {
	seed     uint64
	start    int        // how many there are on the first day
	accounts []*account // by index
	order    []*account // by address
	bakers   []*account
	day      day
	random   *rand.Rand
	supply   int64
}

// turn makes it the next day, whose number is the number of days before.
func (p *population) turn(d day) {
	p.day = d
	p.random = rand.New(rand.NewPCG(p.seed, uint64(d.number)))
	if d.number == 0 {
		p.begin()
		return
	}
	p.live(d.number)
}

// locked is what all accounts have locked, microCCD.
func (p *population) locked() int64 {
	var total int64
	for _, a := range p.accounts {
		total += a.locked
	}
	return total
}

// lockedForSchedules is locked from the first day on and never released, microCCD: room for what transactions schedule.
const lockedForSchedules = 50_000_000 * microPerCCD

// begin makes the accounts of the first day.
func (p *population) begin() {
	for range p.start {
		p.create(p.wealth())
	}
	for i := range min(5, len(p.accounts)) {
		p.add(p.accounts[i], int64(100+150*i)*1_000_000*microPerCCD)
	}
	p.accounts[1].locked = lockedForSchedules
	for i, a := range p.accounts {
		switch {
		case i >= 5 && i%50 == 7:
			p.makeBaker(a)
		case i%40 == 11:
			p.makeDelegator(a)
		case i%90 == 13 && a.total > 0:
			a.locked = a.total / 2
			a.release = a.locked/12 + 1
		}
	}
	p.sort()
}

// wealth of a new account: many hold nothing or dust, few hold much.
func (p *population) wealth() int64 {
	switch p.random.IntN(10) {
	case 0, 1:
		return 0
	case 2:
		return p.random.Int64N(1000)
	}
	ccd := math.Exp(7.5 + 3.2*p.random.NormFloat64())
	return int64(min(ccd, 50_000_000) * microPerCCD)
}

const (
	accountLength = 50
	base58        = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
)

func (p *population) create(total int64) *account {
	var address strings.Builder
	address.WriteByte("34"[p.random.IntN(2)])
	for range accountLength - 1 {
		address.WriteByte(base58[p.random.IntN(len(base58))])
	}
	a := &account{address: address.String(), index: len(p.accounts), baker: -1, created: p.day.date[:7], nonce: 1}
	p.accounts = append(p.accounts, a)
	p.add(a, total)
	return a
}

// add changes a balance, and the supply with it.
func (p *population) add(a *account, amount int64) {
	a.total += amount
	p.supply += amount
	a.row = nil
}

func (p *population) makeBaker(a *account) {
	p.add(a, int64(500_000+p.random.IntN(5_000_000))*microPerCCD)
	a.baker = len(p.bakers)
	a.staked = a.total / 10 * 9
	a.pool = []string{"openForAll", "openForAll", "openForAll", "closedForNew", "closedForAll"}[p.random.IntN(5)]
	p.bakers = append(p.bakers, a)
	a.row = nil
}

func (p *population) makeDelegator(a *account) {
	a.staked = a.total / 2
	a.target = "Passive"
	if len(p.bakers) > 0 && p.random.IntN(3) > 0 {
		a.target = fmt.Sprint(p.bakers[p.random.IntN(len(p.bakers))].baker)
	}
	a.row = nil
}

// live is a day: releases, transfers, rewards, new accounts.
func (p *population) live(day int) {
	if day%30 == 0 {
		p.releaseLocked()
	}
	for range max(1, len(p.accounts)*3/200) {
		p.transfer()
	}
	for range 1 + len(p.bakers)/100 {
		if len(p.bakers) > 0 {
			b := p.bakers[p.random.IntN(len(p.bakers))]
			b.suspended = !b.suspended && p.random.IntN(4) == 0
			b.row = nil
		}
	}
	// Inflation of about 4 % a year goes to some validators each day, a tenth of it to the foundation.
	reward := p.supply / 10_000
	p.add(p.accounts[0], reward/10)
	for _, b := range p.bakers {
		if p.random.IntN(4) == 0 {
			p.add(b, reward/int64(len(p.bakers)))
		}
	}
	for range 1 + p.start/1000 {
		a := p.create(0)
		p.move(p.accounts[p.random.IntN(len(p.accounts)-1)], a)
	}
	p.sort()
}

func (p *population) releaseLocked() {
	for _, a := range p.accounts {
		if a.locked > 0 {
			a.locked = max(0, a.locked-a.release)
			a.row = nil
		}
	}
}

func (p *population) transfer() {
	from, to := p.accounts[p.random.IntN(len(p.accounts))], p.accounts[p.random.IntN(len(p.accounts))]
	p.move(from, to)
}

// move sends a part of what is neither locked nor staked, sometimes all of it.
func (p *population) move(from, to *account) {
	free := from.total - max(from.locked, from.staked)
	part := p.random.Int64N(1000)
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
	p.add(from, -amount)
	p.add(to, amount)
	from.nonce++
}

// sort keeps order by address; the accounts that came last are merged in.
func (p *population) sort() {
	fresh := slices.Clone(p.accounts[len(p.order):])
	slices.SortFunc(fresh, func(a, b *account) int { return strings.Compare(a.address, b.address) })
	merged := make([]*account, 0, len(p.accounts))
	old := p.order
	for len(old) > 0 || len(fresh) > 0 {
		if len(fresh) == 0 || len(old) > 0 && old[0].address < fresh[0].address {
			merged, old = append(merged, old[0]), old[1:]
		} else {
			merged, fresh = append(merged, fresh[0]), fresh[1:]
		}
	}
	p.order = merged
}
