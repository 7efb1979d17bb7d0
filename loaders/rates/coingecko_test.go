package rates

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
)

// gecko has CCD's price of all days and ETH's from day 21 on; volumes of all days.
func gecko() map[string]string {
	return map[string]string{
		ccdChart:      chart(pair(19, 0, "0.009"), pair(20, 0, "0.02"), pair(22, 0, "0.012"), pair(21, 0, "0.011"), pair(21, 5, "0.5"), pair(23, 0, "1.3e-2"), pair(24, 0, "0.014"), pair(24, 2, "0.015")),
		ethChart:      chart(pair(21, 0, "4000"), pair(22, 0, "4100"), pair(23, 0, "4200.000000000001")),
		historyOf(20): history("0.01", "0.009", "1000.5"), historyOf(21): history("0.011", "0.0095", "1100"),
		historyOf(22): history("0.012", "0.01", "0"), historyOf(23): history("0.013", "0.011", "1300"),
	}
}

// TestCoinGeckoIsAskedForWhatIsMissing: what MongoDB has stands, a day's price is its first, a token that is younger than a
// day is not asked for again because of it.
func TestCoinGeckoIsAskedForWhatIsMissing(t *testing.T) {
	s, address := serve(t, gecko())
	desk := newDesk(t)
	o := options(address + "/")
	o.Key = "word"
	report := desk.Load(NewCoinGecko(o, 1))
	if len(report.Unreadable)+len(report.TooManyRejects) != 0 || report.Rejects != 0 || report.Read != 4 {
		t.Errorf("%+v", report)
	}
	if diff := cmp.Diff([]string{"volumes of 2 older days are left for further runs"}, report.Notes); diff != "" {
		t.Error(diff)
	}
	if s.header.Get("x-cg-demo-api-key") != "word" {
		t.Errorf("the key came as %v", s.header)
	}
	asked(t, s, ccdChart, ethChart, historyOf(23), historyOf(22))
	rates := []string{
		fmt.Sprintf("21 CCD CoinGecko 0.011 %d", at(21, 0)), fmt.Sprintf("22 CCD CoinGecko 0.012 %d", at(22, 0)), fmt.Sprintf("23 CCD CoinGecko 0.013 %d", at(23, 0)),
		"20 ETH CoinGecko none", fmt.Sprintf("21 ETH CoinGecko 4000.0 %d", at(21, 0)), fmt.Sprintf("22 ETH CoinGecko 4100.0 %d", at(22, 0)), fmt.Sprintf("23 ETH CoinGecko 4200.000000000001 %d", at(23, 0)),
	}
	same(t, desk, ratesQuery, rates...)
	same(t, desk, volumesQuery, "22 0.012 0.01 0.0 0.0", "23 0.013 0.011 1300.0 0.0")
	desk.Load(NewCoinGecko(o, 10))
	asked(t, s, historyOf(21), historyOf(20))
	if report := desk.Load(NewCoinGecko(o, 10)); report.Read != 0 || report.Changed != 0 {
		t.Errorf("%+v", report)
	}
	asked(t, s)
	// What was written to MongoDB comes back from there; the next day is missing.
	desk.Exec(`insert into raw.exchange_rates_historical (id, token, date, rate, source) select concat('USD/', token, '-', date), token, date, rate, source from raw.fetched_rates where rate is not null;
		insert into raw.blocks_per_day (date, height_for_first_block, height_for_last_block) values (date '2025-09-24', 1000, 1099)`)
	s.answers[historyOf(24)] = history("0.014", "0.012", "1400")
	desk.Load(NewCoinGecko(o, 10))
	asked(t, s, ccdChart, ethChart, historyOf(24))
	same(t, desk, "select concat(day(date), token) from raw.fetched_rates where day(date) = 24", "24CCD")
}

func TestRefreshAsksForAll(t *testing.T) {
	s, address := serve(t, gecko())
	desk := newDesk(t)
	desk.Load(NewCoinGecko(options(address), -1))
	s.requests()
	o := options(address)
	o.Refresh = true
	desk.Intake = func(in *engine.Intake) {
		in.From, in.To = time.Date(2025, 9, 20, 0, 0, 0, 0, time.UTC), time.Date(2025, 9, 21, 0, 0, 0, 0, time.UTC)
	}
	s.answers[ccdChart] = chart(pair(20, 0, "0.02"), pair(21, 0, "0.03"), pair(22, 0, "0.04"))
	desk.Load(NewCoinGecko(o, -1))
	asked(t, s, ccdChart, ethChart, historyOf(21), historyOf(20))
	same(t, desk, ratesQuery, fmt.Sprintf("20 CCD CoinGecko 0.02 %d overrides", at(20, 0)), fmt.Sprintf("21 CCD CoinGecko 0.03 %d overrides", at(21, 0)),
		fmt.Sprintf("22 CCD CoinGecko 0.012 %d", at(22, 0)), fmt.Sprintf("23 CCD CoinGecko 0.013 %d", at(23, 0)),
		"20 ETH CoinGecko none", fmt.Sprintf("21 ETH CoinGecko 4000.0 %d overrides", at(21, 0)), fmt.Sprintf("22 ETH CoinGecko 4100.0 %d", at(22, 0)), fmt.Sprintf("23 ETH CoinGecko 4200.000000000001 %d", at(23, 0)))
}

// TestPricesThatAreNone: a price of 0 and a jump are rejects, the other days of the answer come in, and what was rejected is
// asked for again.
func TestPricesThatAreNone(t *testing.T) {
	answers := gecko()
	answers[ccdChart] = chart(pair(21, 0, "0"), pair(22, 0, "0.2"), pair(23, 0, "0.03"))
	answers[ethChart] = chart(pair(20, 0, "400000"), pair(21, 0, "4000"), pair(22, 0, "null"), pair(23, 0, "4200"))
	answers[historyOf(23)] = history("0.3", "0.02", "1")
	answers[historyOf(22)] = history("0", "0", "1")
	s, address := serve(t, answers)
	desk := newDesk(t)
	report := desk.Load(NewCoinGecko(options(address), -1))
	if report.Rejects != 5 || len(report.Unreadable) != 1 || !strings.Contains(report.Unreadable[0].Error, "2 answers are not what they should be") {
		t.Errorf("%+v", report)
	}
	same(t, desk, rejectsQuery,
		"2025-09-22 answer.market_data.current_price.usd is a price of 0",
		"2025-09-23 answer.market_data.current_price.usd is 0.3, more than 10 times off the price around it, 0.01",
		"CCD answer.prices CCD: 0.2 USD on 2025-09-22, more than 10 times off the rate around it, 0.01",
		"CCD answer.prices CCD: a price of 0 on 2025-09-21",
		"ETH answer.prices ETH: 400000 USD on 2025-09-20, more than 10 times off the rate around it, 4200")
	same(t, desk, "select concat_ws(' ', day(date), token, coalesce(rate::varchar, 'none')) from raw.fetched_rates order by token, date", "23 CCD 0.03", "21 ETH 4000.0", "22 ETH none", "23 ETH 4200.0")
	same(t, desk, "select content from raw.rejects where reason like '%0.2 USD%'", fmt.Sprintf("[%d, 0.2]", at(22, 0)))
	if body := desk.Texts("select content from raw.rejects where reason like '%price of 0 on%'"); len(body) != 1 || !strings.Contains(body[0], `"answer":{"prices":[[`) {
		t.Errorf("the body is %q", body)
	}
	s.requests()
	desk.Load(NewCoinGecko(options(address), -1))
	// The charts have their last day: the last volume is worth more.
	asked(t, s, historyOf(23), ccdChart, ethChart, historyOf(22))
	o := options(address)
	o.MaxJump = 0
	answers[ccdChart] = strings.Replace(answers[ccdChart], ", 0]", ", 0.01]", 1)
	desk.Load(NewCoinGecko(o, -1))
	same(t, desk, rejectsQuery, "2025-09-22 answer.market_data.current_price.usd is a price of 0")
	same(t, desk, "select concat_ws(' ', day(date), token, rate) from raw.fetched_rates where token = 'CCD' or rate > 4200 order by all", "20 ETH 400000.0", "21 CCD 0.01", "22 CCD 0.2", "23 CCD 0.03")
}

func TestChartsOfAnotherShape(t *testing.T) {
	for body, want := range map[string]string{
		"<html>":               `answer.prices stands in "<html>", not in an object`,
		"":                     `answer.prices stands in "", not in an object`,
		"null":                 `answer.prices stands in "null", not in an object`,
		`{"error": "no"}`:      "answer.prices is missing, not a list with entries",
		`{"prices": []}`:       "answer.prices is [], not a list with entries",
		`{"prices": [5]}`:      "answer.prices has 5 at 0, not a time and a price",
		`{"prices": [[1, 2]]}`: "answer.prices has [1 2] at 0, not a time in milliseconds and a price",
		chart(`["x", 2]`):      "answer.prices has [x 2] at 0, not a time in milliseconds and a price",
		chart(pair(20, 0, "2"), pair(21, 0, "-1")):    fmt.Sprintf("answer.prices has [%d -1] at 1, not a time in milliseconds and a price", at(21, 0)),
		chart(pair(20, 0, "1e400")):                   fmt.Sprintf("answer.prices has [%d 1e400] at 0, not a time in milliseconds and a price", at(20, 0)),
		chart(fmt.Sprintf("[%d, 2]", at(20, 0)/1000)): fmt.Sprintf("answer.prices has [%d 2] at 0, not a time in milliseconds and a price", at(20, 0)/1000),
	} {
		answers := gecko()
		answers[ethChart] = body
		_, address := serve(t, answers)
		desk := newDesk(t)
		report := desk.Load(NewCoinGecko(options(address), -1))
		if len(report.Unreadable) != 1 || !strings.Contains(report.Unreadable[0].Error, want) {
			t.Errorf("%s: %+v", body, report)
		}
		same(t, desk, rejectsQuery, "ETH "+want)
		same(t, desk, "select token from raw.fetched_rates group by token", "CCD")
	}
}

// TestALimitThatIsUsedUp: what came before it is there; the next run goes on.
func TestALimitThatIsUsedUp(t *testing.T) {
	answers := gecko()
	answers[historyOf(23)] = "status 429"
	s, address := serve(t, answers)
	desk := newDesk(t)
	report := desk.Load(NewCoinGecko(options(address), -1))
	if len(report.Unreadable) != 1 || !strings.Contains(report.Unreadable[0].Error, "4 of 6 questions without an answer: ") || !strings.Contains(report.Unreadable[0].Error, "429") {
		t.Errorf("%+v", report)
	}
	same(t, desk, "select token from raw.fetched_rates group by token order by token", "CCD", "ETH")
	s.requests()
	s.answers[historyOf(23)] = gecko()[historyOf(23)]
	desk.Load(NewCoinGecko(options(address), -1))
	asked(t, s, historyOf(23), historyOf(22), historyOf(21), historyOf(20))
}

// TestDaysThatAreTooOldAreNoFailure: CoinGecko tells of a year without a paid key. The newest day's refusal is one.
func TestDaysThatAreTooOldAreNoFailure(t *testing.T) {
	answers := gecko()
	answers[historyOf(21)] = "status 401"
	s, address := serve(t, answers)
	desk := newDesk(t)
	report := desk.Load(NewCoinGecko(options(address), -1))
	want := []string{"CoinGecko tells nothing of 2025-09-21 with this key, nor of days before: their volumes stay missing"}
	if diff := cmp.Diff(want, report.Notes); diff != "" || len(report.Unreadable) != 0 {
		t.Errorf("%s%+v", diff, report)
	}
	asked(t, s, ccdChart, ethChart, historyOf(23), historyOf(22), historyOf(21))
	_, address = serve(t, map[string]string{ccdChart: "status 401"})
	if report := newDesk(t).Load(NewCoinGecko(options(address), -1)); len(report.Unreadable) != 1 || !strings.Contains(report.Unreadable[0].Error, "401 Unauthorized") {
		t.Errorf("a refused key: %+v", report)
	}
}

func TestANameThatCoinGeckoDoesNotKnow(t *testing.T) {
	answers := gecko()
	delete(answers, ethChart)
	_, address := serve(t, answers)
	desk := newDesk(t)
	report := desk.Load(NewCoinGecko(options(address), -1))
	want := []string{`CoinGecko knows no "ethereum", which token_api_translations gives for ETH: its rates stay missing`}
	if diff := cmp.Diff(want, report.Notes); diff != "" || len(report.Unreadable) != 0 || report.Rejects != 0 {
		t.Errorf("%s%+v", diff, report)
	}
}

// TestEachAnswerLandsAtOnce: a paced load that is ended goes on where it was.
func TestEachAnswerLandsAtOnce(t *testing.T) {
	stop, second := make(chan struct{}), make(chan struct{})
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked > 1 {
			close(second)
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, gecko()[r.URL.RequestURI()])
	}))
	defer server.Close()
	desk := newDesk(t)
	desk.Intake = func(in *engine.Intake) { in.Stop = stop }
	go func() { <-second; close(stop) }()
	if report := desk.Load(NewCoinGecko(options(server.URL), -1)); len(report.Unreadable) != 0 || report.Read != 1 {
		t.Errorf("%+v", report)
	}
	same(t, desk, "select token from raw.fetched_rates group by token", "CCD")
}

// TestARecordedCoinGeckoIsAsCoinGecko: night by night, and all nights at once.
func TestARecordedCoinGeckoIsAsCoinGecko(t *testing.T) {
	answers := gecko()
	answers[ccdChart] = chart(pair(21, 0, "0"), pair(22, 0, "0.011"), pair(23, 0, "0.01"))
	answers[historyOf(22)] = "<html>"
	s, address := serve(t, answers)
	online, nightly, later := newDesk(t), newDesk(t), newDesk(t)
	o := options(address)
	o.Record = filepath.Join(t.TempDir(), "http")
	equal := func(folder string, desk interface{ Texts(string) []string }, queries ...string) {
		t.Helper()
		for _, query := range queries {
			if diff := cmp.Diff(online.Texts(query), desk.Texts(query)); diff != "" {
				t.Errorf("%s: %s (-online +folder):\n%s", folder, query, diff)
			}
		}
	}
	online.Load(NewCoinGecko(o, -1))
	nightly.Load(NewCoinGecko(options(o.Record), -1))
	equal("first night", nightly, ratesQuery, volumesQuery, "select concat_ws(' ', file, field, reason) from raw.rejects order by all")
	// CoinGecko mends a day, and tells a known one anew: the first word counts.
	s.answers[ccdChart] = chart(pair(21, 0, "0.012"), pair(22, 0, "0.099"), pair(23, 0, "0.01"))
	s.answers[historyOf(22)] = gecko()[historyOf(22)]
	online.Load(NewCoinGecko(o, -1))
	if report := nightly.Load(NewCoinGecko(options(o.Record), -1)); len(report.TooManyRejects) != 0 || len(report.Unreadable) != 0 {
		t.Errorf("%+v", report)
	}
	later.Load(NewCoinGecko(options(o.Record), -1))
	equal("second night", nightly, ratesQuery, volumesQuery)
	equal("all at once", later, ratesQuery, volumesQuery)
	if got := online.Texts("select rate::varchar from raw.fetched_rates where token = 'CCD' order by date"); strings.Join(got, " ") != "0.012 0.011 0.01" {
		t.Errorf("%q", got)
	}
	// MongoDB has what was exported by the time the folder is read again: it stays ours.
	nightly.Exec("insert into raw.exchange_rates_historical (id, token, date, rate, source) select concat('USD/', token, '-', date), token, date, rate, source from raw.fetched_rates where rate is not null")
	nightly.Intake = func(in *engine.Intake) { in.Full, in.Prune = true, true }
	nightly.Load(NewCoinGecko(options(o.Record), -1))
	equal("a night after the export", nightly, ratesQuery, volumesQuery)
}

func TestProbe(t *testing.T) {
	s, address := serve(t, map[string]string{"/cdn@latest/v1/currencies/usd.json": "status 503"})
	what, _, err := NewCoinGecko(options(address), 1).Probe(t.Context())
	if what != "answers" || err != nil {
		t.Errorf("CoinGecko: %q, %v", what, err)
	}
	what, _, err = currencies(options(""), address).Probe(t.Context())
	if what != "answers" || err != nil {
		t.Errorf("exchange-api: %q, %v", what, err)
	}
	asked(t, s, "/ping", "/pages/latest/v1/currencies/usd.json")
	if _, _, err := NewCurrencies(options(""), []string{address + "/cdn"}).Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("%v", err)
	}
	if _, _, err := NewCoinGecko(options(t.TempDir()), 1).Probe(t.Context()); err == nil {
		t.Error("an empty folder: no error")
	}
}

// TestWhatAlwaysFailsKeepsNothingElseFromBeingAsked: neither answers of 500 nor rejects, however many tokens have
// them, as long as volumes are asked for between them.
func TestWhatAlwaysFailsKeepsNothingElseFromBeingAsked(t *testing.T) {
	for _, answer := range []string{"status 500", `{"prices": []}`} {
		answers := gecko()
		_, address := serve(t, answers)
		desk := newDesk(t)
		desk.Exec("delete from raw.token_api_translations where token = 'ETH'")
		for _, token := range []string{"ada", "bnb", "btc", "dot", "ltc", "sol", "trx", "xrp", "eth"} {
			desk.Exec(fmt.Sprintf("insert into raw.token_api_translations (id, service, token, translation) values ('%s', 'coingecko', '%s', '%[1]s')", token, strings.ToUpper(token)))
			answers["/coins/"+token+"/market_chart?vs_currency=usd&days=364&interval=daily&precision=full"] = answer
		}
		answers["/coins/eth/market_chart?vs_currency=usd&days=364&interval=daily&precision=full"] = answers[ethChart]
		desk.Load(NewCoinGecko(options(address), -1))
		same(t, desk, "select distinct token from raw.fetched_rates where fetched_at is not null order by all", "CCD", "ETH")
		same(t, desk, "select day(date)::varchar from raw.ccd_volumes where fetched_at is not null order by all", "20", "21", "22", "23")
	}
}

// TestEachChartIsTheFirstOnSomeDay: where there are no volumes between them, and CCD's on all days.
func TestEachChartIsTheFirstOnSomeDay(t *testing.T) {
	charts := []geckoQuestion{{token: "ADA"}, {token: "CCD"}, {token: "DOT"}, {token: "ETH"}}
	var got []string
	for today := range day(3) {
		var tokens []string
		for _, one := range rotate(charts, today) {
			tokens = append(tokens, one.token)
		}
		got = append(got, strings.Join(tokens, " "))
	}
	if diff := cmp.Diff([]string{"CCD ADA DOT ETH", "CCD DOT ETH ADA", "CCD ETH ADA DOT"}, got); diff != "" {
		t.Error(diff)
	}
	if len(rotate(nil, 5)) != 0 || len(rotate(charts[1:2], 5)) != 1 {
		t.Error("few charts")
	}
}
