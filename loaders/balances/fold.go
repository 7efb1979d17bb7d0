package balances

import (
	"time"
)

// fold turns snapshots, in the order of their days, into changes: a row per account whose balance or stake differs from
// the snapshot before.
type fold struct {
	accounts *dictionary
	// state is what every account held at the end of day.
	state   []holding
	day     time.Time
	present int
	// seen is the number of the snapshot in which an account stood last.
	seen  []uint32
	epoch uint32
	out   *changes
}

// resolve gives the new accounts of a snapshot their ids.
func (f *fold) resolve(s *snapshot) []int32 {
	ids := make([]int32, len(s.fresh))
	for i, address := range s.fresh {
		ids[i] = f.accounts.add(address)
	}
	order := make([]int32, len(s.rows))
	for i := range s.rows {
		if account := s.rows[i].account; account < 0 {
			s.rows[i].account = ids[^account]
		}
		order[i] = s.rows[i].account
	}
	return order
}

// apply writes the changes from the state to the snapshot of a day; the snapshot is the state then.
func (f *fold) apply(day time.Time, rows []row) {
	f.grow(len(f.accounts.addresses))
	f.epoch++
	kept := 0
	for i := range rows {
		id := rows[i].account
		f.seen[id] = f.epoch
		if f.state[id].present {
			kept++
		}
		f.change(day, id, rows[i].holding)
	}
	if kept < f.present {
		f.close(day)
	}
	f.present = len(rows)
	f.day = day
}

// close writes the end of the accounts that are gone.
func (f *fold) close(day time.Time) {
	for id := range f.state {
		if f.state[id].present && f.seen[id] != f.epoch {
			f.change(day, int32(id), holding{stake: nothing})
		}
	}
}

func (f *fold) change(day time.Time, id int32, now holding) {
	was := f.state[id]
	if now == was {
		return
	}
	if now.present != was.present || now.total != was.total || now.locked != was.locked {
		f.out.balance(day, id, now, was)
	}
	if now.stake != was.stake {
		f.out.stake(day, id, now.stake, was.stake)
	}
	f.state[id] = now
}

// grow makes room for accounts; new ones hold nothing.
func (f *fold) grow(accounts int) {
	for len(f.state) < accounts {
		f.state = append(f.state, holding{stake: nothing})
	}
	for len(f.seen) < accounts {
		f.seen = append(f.seen, 0)
	}
}

// restart takes the state from elsewhere: as of a day in the warehouse.
func (f *fold) restart(day time.Time, state []holding) {
	f.state, f.day, f.present = state, day, 0
	for i := range state {
		if state[i].present {
			f.present++
		}
	}
	f.grow(len(f.accounts.addresses))
}

// rowsOf is a state as a snapshot.
func rowsOf(state []holding) []row {
	var rows []row
	for id := range state {
		if state[id].present {
			rows = append(rows, row{account: int32(id), holding: state[id]})
		}
	}
	return rows
}

// plan is what a load has to rewrite.
type plan struct {
	// days are all snapshots there will be, in order; rewrite those whose changes differ from what is stored.
	days    []time.Time
	rewrite []time.Time
	pruned  []time.Time
	// before is the snapshot before each day.
	before map[time.Time]time.Time
}

// makePlan: a day is rewritten when its snapshot is new or changed, or when the snapshot before it is another one now.
func makePlan(stored []time.Time, changed, pruned map[time.Time]bool) plan {
	p := plan{before: map[time.Time]time.Time{}}
	last, storedLast := time.Time{}, time.Time{}
	isStored := map[time.Time]bool{}
	all := append([]time.Time{}, stored...)
	for _, day := range stored {
		isStored[day] = true
	}
	for day := range changed {
		if !isStored[day] {
			all = append(all, day)
		}
	}
	sortDays(all)
	for _, day := range all {
		if pruned[day] {
			p.pruned = append(p.pruned, day)
			storedLast = day
			continue
		}
		p.days = append(p.days, day)
		p.before[day] = last
		if changed[day] || changed[last] || !storedLast.Equal(last) {
			p.rewrite = append(p.rewrite, day)
		}
		last = day
		if isStored[day] {
			storedLast = day
		}
	}
	return p
}
