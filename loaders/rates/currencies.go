package rates

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
	"github.com/ccdexplorer/nightrunner/internal/secret"
)

// publicAPIs are where exchange-api can be had by anybody; the word stands for both.
const (
	publicAPIs  = "exchange-api"
	publicPages = "https://DATE.currency-api.pages.dev"
	publicCDN   = "https://cdn.jsdelivr.net/npm/@fawazahmed0/currency-api"
	// placeholder in a URL is where the day goes.
	placeholder = "DATE"
)

// settled is how long after a day exchange-api is asked again when it has nothing about it.
const settled = 7

// Currencies loads daily rates of currencies.
type Currencies struct {
	o Options
	// urls are asked in their order until one answers.
	urls []string
}

// NewCurrencies loads from a folder, or from exchange-api at http or https URLs, tried in their order. DATE in a URL stands
// for the day; one without it gets it as a version, `URL@DATE`. The word exchange-api stands for the public URLs.
func NewCurrencies(o Options, addresses []string) *Currencies {
	c := &Currencies{o: o}
	for _, address := range addresses {
		switch {
		case address == publicAPIs:
			c.urls = append(c.urls, publicPages, publicCDN)
		case strings.Contains(address, "://"):
			c.urls = append(c.urls, strings.TrimSuffix(address, "/"))
		default:
			c.o.Address = address
		}
	}
	if len(c.urls) > 0 {
		c.o.Address = c.urls[0]
	}
	return c
}

// CheckAddress says whether a URL of exchange-api has a place for the day: else the day would become its host.
func CheckAddress(address string) error {
	parsed, err := url.Parse(address)
	if err != nil {
		return err
	}
	if !strings.Contains(address, placeholder) && strings.Trim(parsed.Path, "/") == "" {
		return fmt.Errorf("%s has neither %s in it nor a path: like https://%[2]s.example.org or https://example.org/package", secret.Redact(address), placeholder)
	}
	return nil
}

// Source is "currency-rates".
func (*Currencies) Source() string { return "currency-rates" }

// Load brings the folder's file into its table when it changed; or asks for the days that are missing.
func (c *Currencies) Load(ctx context.Context, in *engine.Intake) error {
	k, err := newKnown(ctx, in, exchangeAPI, c.o, len(c.urls) == 0)
	if err != nil {
		return err
	}
	tracked, err := words(ctx, in, "select distinct upper(stablecoin_tracks) from raw.plts_tags where stablecoin_tracks <> '' union select 'EUR' order by 1")
	if err != nil {
		return err
	}
	others, err := words(ctx, in, "select distinct upper(token) from raw.token_api_translations where service = 'coingecko' and token <> '' order by 1")
	if err != nil {
		return err
	}
	table := k.currencies(tracked, others)
	if len(c.urls) == 0 {
		return jsonlines.Load(ctx, in, c.o.Address, table)
	}
	days, err := jsonlines.RejectedLast(ctx, in, table.File, k.missingDays(tracked), day.date)
	if err != nil {
		return err
	}
	client := c.o.Client(c.o.Bearer())
	return jsonlines.Ask(ctx, in, c.o.Source, days, func(ctx context.Context, d day) ([]jsonlines.Answer, error) {
		date := d.date()
		body, err := firstAnswer(ctx, client, c.urls, date)
		if err != nil {
			return nil, err
		}
		made, err := jsonlines.NewAnswer(&table, date, answer{Date: date, Fetched: stamp(in.Now()), Answer: body})
		return []jsonlines.Answer{made}, err
	})
}

func words(ctx context.Context, in *engine.Intake, query string) ([]string, error) {
	var list []string
	return list, in.Query(ctx, func(rows *sql.Rows) error {
		var word string
		err := rows.Scan(&word)
		list = append(list, word)
		return err
	}, query)
}

// missingDays are the wanted days on which one of the currencies has no rate, newest first.
func (k *known) missingDays(currencies []string) []day {
	days := map[day]bool{}
	for _, currency := range currencies {
		for _, d := range k.missing(currency) {
			days[d] = true
		}
	}
	list := slices.Sorted(maps.Keys(days))
	slices.Reverse(list)
	return list
}

// firstAnswer asks one URL after the other until one has the day. null is the answer when all say that there is none.
func firstAnswer(ctx context.Context, client *fetch.Client, urls []string, date string) (json.RawMessage, error) {
	var wrong json.RawMessage
	var failure error
	answers := 0
	for _, one := range urls {
		body, err := client.Get(ctx, ratesURL(one, date))
		var status *fetch.StatusError
		switch {
		case err != nil && errors.Is(err, fetch.ErrStop):
			failure = both(failure, err)
		case errors.As(err, &status) && status.Status == http.StatusNotFound:
			answers++
		case err != nil:
			answers++
			failure = both(failure, err)
		case isUSD(body):
			return jsonlines.Body(body), nil
		case wrong == nil:
			wrong = jsonlines.Body(body)
		}
	}
	switch {
	case wrong != nil:
		return wrong, nil
	case failure == nil:
		return json.RawMessage("null"), nil
	case answers > 0:
		// One of them is there and may have other days: its neighbour's absence, which is within the error, is no reason to stop.
		return nil, errors.New(failure.Error())
	}
	return nil, failure
}

func both(one, other error) error {
	if one == nil {
		return other
	}
	return fmt.Errorf("%w; %w", one, other)
}

// ratesURL is where a URL of exchange-api has the rates of a day.
func ratesURL(address, date string) string {
	if strings.Contains(address, placeholder) {
		return strings.ReplaceAll(address, placeholder, date) + "/v1/currencies/usd.json"
	}
	return address + "@" + date + "/v1/currencies/usd.json"
}

// isUSD reports whether a body looks like rates: where it does not, the next URL is asked.
func isUSD(body []byte) bool {
	var answer struct {
		USD map[string]any `json:"usd"`
	}
	return json.Unmarshal(body, &answer) == nil && len(answer.USD) > 0
}

// currencies are answers about the rates of a day. A rate is USD per unit: one over the price. Tokens that CoinGecko is
// asked for are left to it. A tracked currency that an answer lacks will not be there later.
func (k *known) currencies(tracked, others []string) jsonlines.Table {
	return rateTable("currency_rates.jsonl", exchangeAPI, func(d *jsonlines.Document) []jsonlines.Row {
		date, fetched := d.Day("date"), d.Moment("fetched_at")
		if d.Failed() {
			return nil
		}
		on := dayOf(date.(time.Time))
		if !d.Has("answer") {
			if !d.Failed() && dayOf(fetched.(time.Time))-on > settled {
				return k.withoutRate(on, tracked, nil, fetched)
			}
			return nil
		}
		prices := d.Object("answer.usd")
		if answered := d.OptionalText("answer.date"); answered != nil && answered != d.String("date") {
			d.Fail("answer.date", "is %q, not the day that was asked for", answered)
		}
		if d.Failed() {
			return nil
		}
		rows := k.ratesOf(d, on, prices, others, fetched)
		return append(rows, k.withoutRate(on, tracked, prices, fetched)...)
	})
}

func (k *known) ratesOf(d *jsonlines.Document, on day, prices map[string]any, others []string, fetched any) []jsonlines.Row {
	var rows []jsonlines.Row
	for _, name := range slices.Sorted(maps.Keys(prices)) {
		token, path := strings.ToUpper(name), "answer.usd."+name
		if _, other := slices.BinarySearch(others, token); other || !k.wants(k.of(token).at(on)) {
			continue
		}
		price, isNumber := jsonlines.RealOf(prices[name])
		if !isNumber || price == 0 || math.IsInf(1/price, 0) {
			d.Reject(on.time(), path, prices[name], "%s: a price of %s on %s", token, jsonlines.Shown(prices[name]), d.String("date"))
			continue
		}
		if row, taken := k.take(d, rate{token, on, 1 / price, nil, fetched, path, prices[name]}, 0); taken {
			rows = append(rows, row)
		}
	}
	return rows
}

// withoutRate are the currencies that an answer does not have.
func (k *known) withoutRate(on day, currencies []string, prices map[string]any, fetched any) []jsonlines.Row {
	var rows []jsonlines.Row
	for _, currency := range currencies {
		if _, there := prices[strings.ToLower(currency)]; there {
			continue
		}
		if row, taken := k.none(on, currency, fetched); taken {
			rows = append(rows, row)
		}
	}
	return rows
}
