package chain

import (
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

const (
	// dayWithoutRate has no CCD rate, so that something waits.
	dayWithoutRate = 20
	// dayOfZeroRate has a yen that was worth nothing: a price of 0 has the rate 0.
	dayOfZeroRate = 13

	coinGecko   = "CoinGecko"
	exchangeAPI = "exchange-api"
)

// rates walk from day to day: USD for one CCD, and the others around their level.
type rates struct {
	seed uint64
	ccd  float64
	date string
	out  *file
	e    *encoder
	// ether are prices of ETH, of which MongoDB has none, as a chart has them; fetched is when it was asked for.
	ether   [][2]any
	fetched string
}

// write writes the day's documents of exchange_rates_historical.
func (r *rates) write(out *file, e *encoder, d day) {
	random := rand.New(rand.NewPCG(r.seed, uint64(d.number)))
	if d.number == 0 {
		r.ccd = 0.008
	}
	r.date, r.out, r.e = d.date, out, e
	r.ccd *= math.Exp(0.03 * random.NormFloat64())
	millis := d.start.UnixMilli()
	if d.number != dayWithoutRate {
		r.one("CCD", coinGecko, r.ccd, millis)
	}
	euro := 1.1 + 0.01*random.NormFloat64()
	r.one("EUR", exchangeAPI, euro, 0)
	r.one("GBP", exchangeAPI, 1.27+0.01*random.NormFloat64(), 0)
	yen := 0.0066 + 0.0001*random.NormFloat64()
	if d.number == dayOfZeroRate {
		yen = 0
	}
	r.one("JPY", exchangeAPI, yen, 0)
	r.one("USD", exchangeAPI, 1, 0)
	r.one("EURR", coinGecko, euro*(1+0.001*random.NormFloat64()), millis)
	r.one("USDR", coinGecko, 1+0.001*random.NormFloat64(), millis)
	r.one("BTC", coinGecko, 95_000+2000*random.NormFloat64(), millis)
}

// one writes a rate; millis is 0 where the source gives no time. A rate of 0 is the int32 of a fallback.
func (r *rates) one(token, source string, rate float64, millis int64) {
	r.e.startWithID("USD/" + token + "-" + r.date)
	r.e.text("token", token)
	if millis != 0 {
		r.e.integer("timestamp", millis)
	}
	r.e.text("date", r.date)
	if rate == 0 {
		r.e.integer("rate", 0)
	} else {
		r.e.double("rate", rate)
	}
	r.e.text("source", source)
	r.out.write(r.e.finish())
}

// recorded is an answer over HTTP as a recording has it.
type recorded struct {
	Date    string `json:"date,omitempty"`
	Token   string `json:"token,omitempty"`
	ID      string `json:"id,omitempty"`
	Fetched string `json:"fetched_at"`
	Answer  any    `json:"answer"`
}

// record writes what CoinGecko and exchange-api were asked for in the night after a day: CCD's volume, and currencies of
// which MongoDB has none.
func (r *rates) record(f *files, d day) error {
	if d.number == missingDay {
		return nil
	}
	random := rand.New(rand.NewPCG(r.seed+1, uint64(d.number)))
	r.fetched = d.start.Add(26 * time.Hour).Format(time.RFC3339)
	r.ether = append(r.ether, [2]any{d.start.UnixMilli(), 3300 + 100*random.NormFloat64()})
	volume := 1_000_000 + 100_000*random.NormFloat64()
	prices := func(usd float64) map[string]float64 { return map[string]float64{"usd": usd, "eur": usd / 1.1} }
	return errors.Join(
		f.byName["coingecko_histories"].line(recorded{Date: d.date, Fetched: r.fetched, Answer: map[string]any{"id": "concordium",
			"market_data": map[string]any{"current_price": prices(r.ccd), "total_volume": prices(volume)}}}),
		f.byName["currency_rates"].line(recorded{Date: d.date, Fetched: r.fetched, Answer: map[string]any{"date": d.date,
			"usd": map[string]float64{"usd": 1, "eur": 1 / 1.1, "chf": 0.9 + 0.01*random.NormFloat64(), "dkk": 6.8 + 0.01*random.NormFloat64()}}}),
	)
}

// writeChart writes the chart of ETH as it was asked for last.
func (r *rates) writeChart(out *file) error {
	return out.line(recorded{Token: "ETH", ID: "ethereum", Fetched: r.fetched, Answer: map[string]any{"prices": r.ether}})
}

// writeTranslations writes how CoinGecko calls the tokens.
func writeTranslations(out *file, e *encoder) {
	for i, one := range [][2]string{{"CCD", "concordium"}, {"BTC", "bitcoin"}, {"ETH", "ethereum"}, {"EURR", "stablr-euro"}, {"USDR", "stablr-usd"}} {
		e.start()
		e.objectID("_id", digest("translation", strconv.Itoa(i)))
		e.text("service", "coingecko")
		e.text("token", one[0])
		e.text("translation", one[1])
		out.write(e.finish())
	}
}
