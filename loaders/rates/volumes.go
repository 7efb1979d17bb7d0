package rates

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// listed is the day from which on CCD is traded: the first with a volume.
var listed = dayOf(time.Date(2022, 2, 10, 0, 0, 0, 0, time.UTC))

// withoutKey is how many days back CoinGecko tells of without a paid key.
const withoutKey = 365

// readVolumes reads CCD's prices as they came with volumes.
func (k *known) readVolumes(ctx context.Context, in *engine.Intake) error {
	err := in.Query(ctx, func(rows *sql.Rows) error {
		var date time.Time
		var price float64
		err := rows.Scan(&date, &price)
		e := k.volumes.at(dayOf(date))
		e.fetched = true
		if !k.folder {
			e.rate = price
		}
		return err
	}, "select date, price_usd from raw.ccd_volumes order by date")
	if err != nil {
		return fmt.Errorf("read what is known of volumes: %w", err)
	}
	return nil
}

// missingVolumes are questions for the days without a volume, newest first.
func (k *known) missingVolumes() []geckoQuestion {
	var list []geckoQuestion
	for _, d := range slices.Backward(k.wanted) {
		if d >= listed && (k.options.Refresh || !k.volumes.at(d).fetched) {
			list = append(list, geckoQuestion{day: d})
		}
	}
	return list
}

// history asks for CCD's price and volume on a day.
func (a *geckoAsking) history(ctx context.Context, d day) ([]jsonlines.Answer, error) {
	body, err := a.client.Get(ctx, a.base+"/coins/concordium/history?date="+d.time().Format("02-01-2006")+"&localization=false")
	var status *fetch.StatusError
	if errors.As(err, &status) && (status.Status == http.StatusUnauthorized || status.Status == http.StatusForbidden || status.Status == http.StatusBadRequest) &&
		dayOf(a.in.Now())-d >= withoutKey {
		a.notes = append(a.notes, fmt.Sprintf("CoinGecko tells nothing of %s with this key, nor of days before: their volumes stay missing", d.date()))
		return nil, errTooOld
	}
	if err != nil {
		return nil, err
	}
	date := d.date()
	made, err := jsonlines.NewAnswer(a.histories, date, answer{Date: date, Fetched: stamp(a.in.Now()), Answer: jsonlines.Body(body)})
	return []jsonlines.Answer{made}, err
}

// errTooOld ends a load quietly: days that are older still would not be answered either.
var errTooOld = fmt.Errorf("the day is too old: %w", fetch.ErrEnough)

const historiesFile = "coingecko_histories.jsonl"

// histories are answers about CCD's price and volume on a day.
func (k *known) histories() jsonlines.Table {
	return jsonlines.Table{File: historiesFile, Name: "raw.ccd_volumes", Keys: 1,
		Columns: []jsonlines.Column{
			{Name: "date", Kind: jsonlines.Day}, {Name: "price_usd", Kind: jsonlines.Real}, {Name: "price_eur", Kind: jsonlines.Real},
			{Name: "volume_usd", Kind: jsonlines.Real}, {Name: "volume_eur", Kind: jsonlines.Real}, {Name: "fetched_at", Kind: jsonlines.Moment},
		},
		Read: func(d *jsonlines.Document) []jsonlines.Row {
			date, fetched := d.Day("date"), d.Moment("fetched_at")
			const current, total = "answer.market_data.current_price.", "answer.market_data.total_volume."
			usd, eur := k.price(d, date, current+"usd"), k.price(d, date, current+"eur")
			row := jsonlines.Row{date, usd, eur, d.Real(total + "usd"), d.Real(total + "eur"), fetched}
			if !d.Failed() {
				k.volumes.at(dayOf(date.(time.Time))).rate = usd.(float64)
			}
			return []jsonlines.Row{row}
		}}
}

// price reads a price that is none of 0 and no jump.
func (k *known) price(d *jsonlines.Document, date any, path string) any {
	price := d.Real(path)
	if price == 0.0 {
		d.Fail(path, "is a price of 0")
	}
	if d.Failed() {
		return price
	}
	reference := k.volumes.nearest(dayOf(date.(time.Time)))
	if reference == 0 {
		reference = k.of("CCD").nearest(dayOf(date.(time.Time)))
	}
	// EUR and USD are near enough to each other to tell a jump of this kind.
	if jumps(price.(float64), reference, k.options.MaxJump) {
		d.Fail(path, "is %g, more than %g times off the price around it, %g", price, k.options.MaxJump, reference)
	}
	return price
}
