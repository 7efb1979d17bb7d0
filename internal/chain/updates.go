package chain

const (
	// rateUpdates is how many updates of microCCD per euro a day has at most: every two hours, each up to fifteen minutes late.
	rateUpdates    = 11
	blocksPerHour  = blocksPerDay / 24
	updateDistance = 2 * blocksPerHour
	// dayOfCheaperEnergy is the day in thirty on which the price of energy changes.
	dayOfCheaperEnergy = 14
)

// updates are the day's chain updates.
func (t *transactions) updates() []due {
	var list []due
	many := min(rateUpdates, 1+t.perDay/20)
	for i := 1; i <= many; i++ {
		last := i == many
		list = append(list, due{i*updateDistance + t.random.IntN(blocksPerHour/4), func() { t.updateRate(i, last) }})
	}
	if t.day.number%30 == dayOfCheaperEnergy {
		list = append(list, due{12*blocksPerHour - 1, t.updateEnergy})
	}
	if contents, write := t.rareUpdate(); contents != "" {
		list = append(list, due{8*blocksPerHour - 1, func() { t.update(contents, t.day.start.UnixMilli()+dayMillis, write) }})
	}
	return list
}

// update writes a chain update that takes effect at a time (milliseconds since the epoch), or at once when that is 0.
func (t *transactions) update(contents string, effective int64, payload func(key string)) {
	t.begin(heading{kind: "update", contents: contents}, 0)
	t.e.document("update")
	if effective > 0 {
		t.e.integer("effective_time", effective/1000)
	}
	t.e.document("payload")
	payload(contents)
	t.e.end()
	t.e.end()
	t.finish()
}

// updateRate sets microCCD per euro. Some updates wait for minutes, the last one of every third day until after midnight,
// and some have a time that has passed.
func (t *transactions) updateRate(i int, last bool) {
	effective := int64(0)
	switch {
	case last && t.day.number%3 == 1:
		effective = t.day.start.UnixMilli() + dayMillis + 600_000
	case i%4 == 1:
		effective = t.block.slot/1000*1000 + 60_000 + t.random.Int64N(300)*1000
	case i%4 == 2:
		effective = t.block.slot/1000*1000 - 30_000
	}
	value := t.parameters.step(t.random)
	t.parameters.set(value, t.block.slot, effective)
	t.update("micro_ccd_per_euro_update", effective, t.ratio(value))
}

// updateEnergy makes energy cheaper and dearer by turns.
func (t *transactions) updateEnergy() {
	value := ratio{1, 900_000}
	if t.parameters.euroPerEnergy == value {
		value.denominator = 1_000_000
	}
	t.parameters.euroPerEnergy = value
	t.update("euro_per_energy_update", 0, t.ratio(value))
}

func (t *transactions) ratio(value ratio) func(string) {
	return func(key string) {
		t.e.document(key)
		value.write(&t.e)
		t.e.end()
	}
}
