package chain

import (
	"math"
	"math/rand/v2"
	"strconv"
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
