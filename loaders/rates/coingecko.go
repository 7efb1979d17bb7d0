package rates

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// CoinGecko loads daily rates of tokens and CCD's volume of trade.
type CoinGecko struct {
	o Options
	// Backfill is how many days of volume are asked for beside the last one; negative is all.
	backfill int
}

// NewCoinGecko loads from a folder, or from the interface at an http or https URL. Of the days without a volume the newest
// is asked about, and backfill older ones; -1 is all.
func NewCoinGecko(o Options, backfill int) *CoinGecko { return &CoinGecko{o, backfill} }

// Source is "coingecko".
func (*CoinGecko) Source() string { return "coingecko" }

// Load brings the folder's files into their tables, those that changed; or asks for what is missing.
func (c *CoinGecko) Load(ctx context.Context, in *engine.Intake) error {
	folder := !strings.Contains(c.o.Address, "://")
	k, err := newKnown(ctx, in, coinGecko, c.o, folder)
	if err != nil {
		return err
	}
	if err := k.readVolumes(ctx, in); err != nil {
		return err
	}
	charts, histories := k.charts(), k.histories()
	if folder {
		return jsonlines.Load(ctx, in, c.o.Address, charts, histories)
	}
	questions, err := c.questions(ctx, in, k)
	if err != nil {
		return err
	}
	a := &geckoAsking{in: in, base: strings.TrimSuffix(c.o.Address, "/"), client: c.o.Client(geckoKey(c.o.Source)), charts: &charts, histories: &histories}
	// One at a time: the pace allows no more, and their order is their worth.
	c.o.Parallel = 1
	err = jsonlines.Ask(ctx, in, c.o.Source, questions, a.answer)
	for _, note := range a.notes {
		in.Note("%s", note)
	}
	return err
}

// geckoKey is the header for a key; paid ones have a host and a header of their own.
func geckoKey(source fetch.Source) http.Header {
	header := http.Header{}
	if source.Key == "" {
		return header
	}
	name := "x-cg-demo-api-key"
	if parsed, err := url.Parse(source.Address); err == nil && strings.HasPrefix(parsed.Hostname(), "pro-api.") {
		name = "x-cg-pro-api-key"
	}
	header.Set(name, source.Key)
	return header
}

// geckoQuestion asks for a token's chart, or for CCD's day.
type geckoQuestion struct {
	token, id string
	missing   []day
	day       day
}

// questions are charts, those first whose last day is missing, and volumes, the newest first: a volume after every two
// charts. So what always fails in one of them keeps no other from being asked: three failures in a row end a load.
func (c *CoinGecko) questions(ctx context.Context, in *engine.Intake, k *known) ([]geckoQuestion, error) {
	charts, err := chartQuestions(ctx, in, k)
	if err != nil || len(k.wanted) == 0 {
		return nil, err
	}
	charts = rotate(charts, dayOf(in.Now()))
	slices.SortStableFunc(charts, func(one, other geckoQuestion) int { return -compareLast(one.missing, other.missing) })
	volumes, err := jsonlines.RejectedLast(ctx, in, historiesFile, k.missingVolumes(), func(q geckoQuestion) string { return q.day.date() })
	if err != nil {
		return nil, err
	}
	if c.backfill >= 0 && len(volumes) > 1+c.backfill {
		in.Note("volumes of %d older days are left for further runs", len(volumes)-1-c.backfill)
		volumes = volumes[:1+c.backfill]
	}
	// A last volume is worth more than an old rate.
	first := 0
	if len(charts) > 0 && charts[0].missing[len(charts[0].missing)-1] < k.wanted[len(k.wanted)-1] {
		first = min(1, len(volumes))
	}
	return slices.Concat(volumes[:first], weave(charts, volumes[first:])), nil
}

// rotate begins with another chart each day, but for CCD's, which is worth most: failures at one place of the list keep what
// is behind them from being asked on some days, not on all.
func rotate(charts []geckoQuestion, today day) []geckoQuestion {
	own := slices.IndexFunc(charts, func(q geckoQuestion) bool { return q.token == "CCD" })
	list := charts
	if own >= 0 {
		list = slices.Concat(charts[:own], charts[own+1:])
	}
	if len(list) > 0 {
		from := int(today) % len(list)
		list = slices.Concat(list[from:], list[:from])
	}
	if own >= 0 {
		list = slices.Insert(list, 0, charts[own])
	}
	return list
}

// weave puts a volume after every two charts.
func weave(charts, volumes []geckoQuestion) []geckoQuestion {
	var list []geckoQuestion
	for len(charts) > 0 && len(volumes) > 0 {
		two := min(2, len(charts))
		list = append(append(list, charts[:two]...), volumes[0])
		charts, volumes = charts[two:], volumes[1:]
	}
	return slices.Concat(list, charts, volumes)
}

func compareLast(one, other []day) int { return int(one[len(one)-1] - other[len(other)-1]) }

func chartQuestions(ctx context.Context, in *engine.Intake, k *known) ([]geckoQuestion, error) {
	var list []geckoQuestion
	err := in.Query(ctx, func(rows *sql.Rows) error {
		var q geckoQuestion
		if err := rows.Scan(&q.token, &q.id); err != nil {
			return err
		}
		if q.missing = k.missing(q.token); len(q.missing) > 0 {
			list = append(list, q)
		}
		return nil
	}, "select token, min_by(translation, id) from raw.token_api_translations where service = 'coingecko' and token <> '' and translation <> '' group by token order by token")
	if err != nil {
		return nil, fmt.Errorf("read names of tokens: %w", err)
	}
	return list, nil
}

// geckoAsking is one load from CoinGecko. Questions are asked one at a time.
type geckoAsking struct {
	in                *engine.Intake
	base              string
	client            *fetch.Client
	charts, histories *jsonlines.Table
	notes             []string
}

func (a *geckoAsking) answer(ctx context.Context, q geckoQuestion) ([]jsonlines.Answer, error) {
	if q.token == "" {
		return a.history(ctx, q.day)
	}
	body, err := a.client.Get(ctx, a.base+"/coins/"+url.PathEscape(q.id)+"/market_chart?vs_currency=usd&days=364&interval=daily&precision=full")
	var status *fetch.StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		a.notes = append(a.notes, fmt.Sprintf("CoinGecko knows no %q, which token_api_translations gives for %s: its rates stay missing", q.id, q.token))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	made, err := jsonlines.NewAnswer(a.charts, q.token, answer{Token: q.token, ID: q.id, Fetched: stamp(a.in.Now()), Answer: jsonlines.Body(body)})
	return []jsonlines.Answer{made}, err
}

// charts are answers about rates of a token. A day's price is the first one of the day, which CoinGecko gives for midnight;
// its last one is of the moment in which it was asked.
func (k *known) charts() jsonlines.Table {
	return rateTable("coingecko_market_charts.jsonl", coinGecko, func(d *jsonlines.Document) []jsonlines.Row {
		token, fetched, prices := d.Text("token"), d.Moment("fetched_at"), d.List("answer.prices")
		list := pricesOf(d, prices)
		if d.Failed() || len(list) == 0 {
			return nil
		}
		var rows []jsonlines.Row
		for i, one := range list {
			if one.price == 0 {
				k.refuse(d, token.(string), one)
				continue
			}
			row, taken := k.take(d, rate{token.(string), one.day, one.price, uint64(one.millis), fetched, "answer.prices", one.content}, around(list[i:]))
			if taken {
				rows = append(rows, row)
			}
		}
		return append(rows, k.withoutPrice(token.(string), list, fetched)...)
	})
}

// refuse tells a price of 0 of a day that is wanted.
func (k *known) refuse(d *jsonlines.Document, token string, one price) {
	if k.wants(k.of(token).at(one.day)) {
		d.Reject(one.day.time(), "answer.prices", one.content, "%s: a price of 0 on %s", token, one.day.date())
	}
}

// withoutPrice are the wanted days that a chart has no price for, up to its last one: it will not have any later.
func (k *known) withoutPrice(token string, list []price, fetched any) []jsonlines.Row {
	has := map[day]bool{}
	for _, one := range list {
		has[one.day] = true
	}
	var rows []jsonlines.Row
	for _, d := range k.wanted {
		if d > list[len(list)-1].day || has[d] {
			continue
		}
		if row, taken := k.none(d, token, fetched); taken {
			rows = append(rows, row)
		}
	}
	return rows
}

// price is an entry of a chart.
type price struct {
	day     day
	millis  int64
	price   float64
	content any
}

// around is the median of the first few prices: what a chart's first price is compared with when no rate is known.
func around(list []price) float64 {
	const few = 7
	var prices []float64
	for _, one := range list {
		if one.price > 0 && len(prices) < few {
			prices = append(prices, one.price)
		}
	}
	slices.Sort(prices)
	return prices[(len(prices)-1)/2]
}

// firstDay is before any price of any token; lines whose times are before it are in other units.
var firstDay = dayOf(time.Date(2009, 1, 3, 0, 0, 0, 0, time.UTC))

// pricesOf are the first prices of each day, sorted. One entry that is no time and price spoils the answer.
func pricesOf(d *jsonlines.Document, entries []any) []price {
	var list []price
	for i, one := range entries {
		pair, _ := one.([]any)
		if len(pair) != 2 {
			d.Fail("answer.prices", "has %s at %d, not a time and a price", jsonlines.Shown(one), i)
			return nil
		}
		if pair[1] == nil {
			// A gap that CoinGecko knows of.
			continue
		}
		number, isNumber := jsonlines.RealOf(pair[1])
		word, _ := pair[0].(json.Number)
		millis, err := strconv.ParseInt(word.String(), 10, 64)
		if !isNumber || err != nil || day(millis/86_400_000) < firstDay || millis > 4102444800000 {
			d.Fail("answer.prices", "has %s at %d, not a time in milliseconds and a price", jsonlines.Shown(one), i)
			return nil
		}
		list = append(list, price{day(millis / 86_400_000), millis, number, fmt.Sprintf("[%s, %s]", word, pair[1])})
	}
	slices.SortStableFunc(list, func(a, b price) int { return int(a.millis/1000 - b.millis/1000) })
	return slices.CompactFunc(list, func(a, b price) bool { return a.day == b.day })
}
