package rates

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func usd(day string) string { return "/pages/2025-09-" + day + "/v1/currencies/usd.json" }
func cdn(day string) string { return "/cdn@2025-09-" + day + "/v1/currencies/usd.json" }

func usdRates(day, rates string) string {
	return `{"date": "2025-09-` + day + `", "usd": ` + rates + "}"
}

func currencies(o Options, address string) *Currencies {
	return NewCurrencies(o, []string{address + "/pages/DATE/", address + "/cdn"})
}

// TestCurrenciesOfMissingDays: days on which a currency that a token follows, or the euro, has no rate. What MongoDB has
// stands, even 0; what CoinGecko is asked for is left to it.
func TestCurrenciesOfMissingDays(t *testing.T) {
	s, address := serve(t, map[string]string{
		usd("21"): usdRates("21", `{"eur": 0.8, "gbp": 0.5, "dkk": 8, "ccd": 100, "usd": 1, "btt": 1e6}`),
		usd("22"): usdRates("22", `{"eur": 0.8}`),
		usd("23"): "status 500",
		cdn("23"): usdRates("23", `{"eur": 0.78125, "gbp": 0.5}`),
	})
	desk := newDesk(t)
	o := options("")
	o.Parallel = 1
	report := desk.Load(currencies(o, address))
	if len(report.Unreadable) != 0 || report.Rejects != 0 || report.Read != 3 {
		t.Errorf("%+v", report)
	}
	asked(t, s, usd("23"), usd("23"), usd("23"), usd("23"), cdn("23"), usd("22"), usd("21"))
	same(t, desk, ratesQuery, "21 BTT exchange-api 1e-06", "21 DKK exchange-api 0.125", "21 EUR exchange-api 1.25", "22 EUR exchange-api 1.25", "23 EUR exchange-api 1.28",
		"21 GBP exchange-api 2.0", "22 GBP exchange-api none", "23 GBP exchange-api 2.0", "21 USD exchange-api 1.0")
	if report := desk.Load(currencies(o, address)); report.Read != 0 || report.Changed != 0 {
		t.Errorf("again: %+v", report)
	}
	asked(t, s)
}

// TestADayThatIsNotThere: neither URL has it. Soon after the day it may come, long after it will not.
func TestADayThatIsNotThere(t *testing.T) {
	s, address := serve(t, map[string]string{})
	desk := newDesk(t)
	desk.Exec("update raw.blocks_per_day set date = current_date - 2 where day(date) = 23; delete from raw.blocks_per_day where day(date) = 21 and month(date) = 9")
	o := options("")
	o.Parallel = 1
	if report := desk.Load(currencies(o, address)); len(report.Unreadable) != 0 || report.Rejects != 0 {
		t.Errorf("%+v", report)
	}
	same(t, desk, "select concat_ws(' ', day(date), token, coalesce(rate::varchar, 'none')) from raw.fetched_rates order by token", "22 EUR none", "22 GBP none")
	first := s.requests()
	desk.Load(currencies(o, address))
	if second := s.requests(); len(first) != 4 || len(second) != 2 || strings.Contains(second[0], "2025-09") {
		t.Errorf("asked %q, then %q", first, second)
	}
}

func TestWhatIsNoRate(t *testing.T) {
	s, address := serve(t, map[string]string{
		usd("21"): usdRates("21", `{"eur": 0, "gbp": "0.5", "dkk": 8, "jpy": -150, "xxx": 1e-320}`),
		usd("22"): "<html>", cdn("22"): usdRates("22", `{"eur": 8.1, "gbp": 0.5, "dkk": 80.1, "jpy": 150}`),
		usd("23"): usdRates("24", `{"eur": 0.8}`),
	})
	desk := newDesk(t)
	o := options("")
	o.Parallel = 1
	// The oldest day comes last, so what it is compared with is the day after.
	report := desk.Load(currencies(o, address))
	if report.Rejects != 7 || len(report.Unreadable) != 1 {
		t.Errorf("%+v", report)
	}
	same(t, desk, rejectsQuery,
		"2025-09-21 answer.usd.dkk DKK: 0.125 USD on 2025-09-21, more than 10 times off the rate around it, 0.012484394506866418",
		"2025-09-21 answer.usd.eur EUR: a price of 0 on 2025-09-21",
		`2025-09-21 answer.usd.gbp GBP: a price of "0.5" on 2025-09-21`,
		"2025-09-21 answer.usd.jpy JPY: a price of -150 on 2025-09-21",
		"2025-09-21 answer.usd.xxx XXX: a price of 1e-320 on 2025-09-21",
		"2025-09-22 answer.usd.eur EUR: 0.1234567901234568 USD on 2025-09-22, more than 10 times off the rate around it, 1.25",
		`2025-09-23 answer.date is "2025-09-24", not the day that was asked for`)
	same(t, desk, ratesQuery, "22 DKK exchange-api 0.012484394506866418", "22 GBP exchange-api 2.0", "22 JPY exchange-api 0.006666666666666667")
	s.requests()
	desk.Load(currencies(o, address))
	if n := len(s.requests()); n != 4 {
		t.Errorf("asked %d times", n)
	}
}

// TestBothURLsSayNonsense: that is a reject, the first one's body.
func TestBothURLsSayNonsense(t *testing.T) {
	_, address := serve(t, map[string]string{usd("23"): "<html>first", cdn("23"): `{"usd": {}}`, usd("22"): "status 503", usd("21"): usdRates("21", `{"eur": 1, "gbp": 1}`)})
	desk := newDesk(t)
	report := desk.Load(currencies(options(""), address))
	if len(report.Unreadable) != 2 || !strings.Contains(report.Unreadable[0].Error, "503") || !strings.Contains(report.Unreadable[1].Error, "<html>first") {
		t.Errorf("%+v", report)
	}
	same(t, desk, rejectsQuery, `2025-09-23 answer.usd stands in "<html>first", not in an object`)
}

func TestARecordedExchangeAPIIsAsTheServer(t *testing.T) {
	_, address := serve(t, map[string]string{
		usd("21"): usdRates("21", `{"eur": 0, "gbp": 0.5, "dkk": 8}`),
		usd("23"): "<html>",
	})
	online, folder := newDesk(t), newDesk(t)
	o := options("")
	o.Record = filepath.Join(t.TempDir(), "http")
	online.Load(currencies(o, address))
	if report := folder.Load(NewCurrencies(options(""), []string{o.Record})); len(report.TooManyRejects) != 0 || len(report.Unreadable) != 0 {
		t.Errorf("%+v", report)
	}
	for _, query := range []string{ratesQuery, "select concat_ws(' ', file, date, field, reason) from raw.rejects order by all"} {
		if diff := cmp.Diff(online.Texts(query), folder.Texts(query)); diff != "" {
			t.Errorf("%s (-online +folder):\n%s", query, diff)
		}
	}
	if rows := folder.Texts(ratesQuery); len(rows) != 4 {
		t.Errorf("%q", rows)
	}
}

func TestTheWordForPublicURLs(t *testing.T) {
	c := NewCurrencies(Options{}, []string{"exchange-api", "https://mirror.example/v/"})
	if diff := cmp.Diff([]string{publicPages, publicCDN, "https://mirror.example/v"}, c.urls); diff != "" {
		t.Error(diff)
	}
}

// TestNonsenseOnSomeDaysEndsNotEveryLoad: neither of rates nor of volumes, of which few are asked for at a time.
func TestNonsenseOnSomeDaysEndsNotEveryLoad(t *testing.T) {
	_, address := serve(t, map[string]string{
		cdn("21"): "<html>", cdn("22"): "<html>", cdn("23"): "<html>", cdn("20"): usdRates("20", `{"eur": 0.8, "gbp": 0.5}`),
		historyOf(23): "{}", historyOf(22): "{}", historyOf(21): "{}", historyOf(20): history("0.01", "0.009", "1000.5"),
	})
	desk := newDesk(t)
	desk.Exec("delete from raw.exchange_rates_historical; delete from raw.token_api_translations")
	o := options("")
	o.Parallel = 1
	for range 3 {
		desk.Load(currencies(o, address))
		desk.Load(NewCoinGecko(options(address), 1))
	}
	same(t, desk, ratesQuery, "20 EUR exchange-api 1.25", "20 GBP exchange-api 2.0")
	same(t, desk, volumesQuery, "20 0.01 0.009 1000.5 0.0")
}

// TestOneOfTwoServersIsThere: it is asked about all days, whether or not it has one of them.
func TestOneOfTwoServersIsThere(t *testing.T) {
	for _, newest := range []string{"status 500", "status 404"} {
		s, address := serve(t, map[string]string{cdn("23"): newest, cdn("22"): usdRates("22", `{"eur": 0.8, "gbp": 0.5}`), cdn("21"): usdRates("21", `{"eur": 0.8, "gbp": 0.5}`)})
		o := options("")
		o.Parallel = 1
		desk := newDesk(t)
		report := desk.Load(NewCurrencies(o, []string{"http://127.0.0.1:1/DATE", address + "/cdn"}))
		if len(report.Unreadable) != 1 || !strings.Contains(report.Unreadable[0].Error, "connection refused") || strings.Contains(report.Unreadable[0].Error, "\n") {
			t.Errorf("%s: %+v", newest, report.Unreadable)
		}
		if all := s.requests(); !slices.Contains(all, cdn("21")) || !slices.Contains(all, cdn("22")) {
			t.Errorf("%s: asked for %v", newest, all)
		}
	}
}
