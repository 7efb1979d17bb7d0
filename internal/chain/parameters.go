package chain

import "math/rand/v2"

// A ratio of two numbers up to 2^64.
type ratio struct{ numerator, denominator uint64 }

func (r ratio) write(e *encoder) {
	e.number("numerator", r.numerator)
	e.number("denominator", r.denominator)
}

// parameters of the chain: microCCD per euro and euro per energy, and an update that waits for its time. Of two updates
// the later one always takes effect later.
type parameters struct {
	microPerEuro, euroPerEnergy ratio
	waiting                     *ratio
	from                        int64 // when it takes effect, in milliseconds since the epoch
	// level is microCCD per euro as a whole number: below 2^28, so that a ratio of it fits.
	level uint64
}

func newParameters() *parameters {
	const level = 137_500_000
	return &parameters{microPerEuro: ratio{level, 1}, euroPerEnergy: ratio{1, 1_000_000}, level: level}
}

// cost of energy in microCCD.
func (p *parameters) cost(energy int) int64 {
	return int64(uint64(energy) * p.level / p.euroPerEnergy.denominator)
}

// settle makes a waiting update take effect when its time has come.
func (p *parameters) settle(now int64) {
	if p.waiting != nil && p.from <= now {
		p.microPerEuro, p.waiting = *p.waiting, nil
	}
}

// step draws the next microCCD per euro: mostly a whole number, sometimes a ratio of large ones.
func (p *parameters) step(random *rand.Rand) ratio {
	p.level = min(max(p.level*uint64(990+random.IntN(21))/1000, 50_000_000), 1<<28-1)
	if random.IntN(5) > 0 {
		return ratio{p.level, 1}
	}
	denominator := 1<<35 + random.Uint64N(1<<35)
	return ratio{p.level*denominator + random.Uint64N(denominator), denominator}
}

// set sets microCCD per euro from a time on.
func (p *parameters) set(value ratio, now, from int64) {
	p.settle(now)
	p.waiting, p.from = &value, max(now, from)
	p.settle(now)
}

// write writes what is in force at the day's last block.
func (p *parameters) write(out *file, d day) error {
	type number struct {
		Numerator   string `json:"numerator"`
		Denominator string `json:"denominator"`
	}
	p.settle(d.slot(d.last))
	return out.line(struct {
		Date          string `json:"date"`
		Height        int    `json:"block_height"`
		Hash          string `json:"block_hash"`
		MicroPerEuro  number `json:"micro_ccd_per_euro"`
		EuroPerEnergy number `json:"euro_per_energy"`
	}{
		d.date, d.last, hash(d.last),
		number{digits(p.microPerEuro.numerator), digits(p.microPerEuro.denominator)},
		number{digits(p.euroPerEnergy.numerator), digits(p.euroPerEnergy.denominator)},
	})
}
