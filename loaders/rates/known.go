package rates

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// near is how many days away a known rate may be to tell a jump: markets move by more in more time.
const near = 30

// day counts days since 1970.
type day int32

func dayOf(t time.Time) day { return day(t.Unix() / 86400) }

func (d day) time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// date is the day as answers and rejects name it.
func (d day) date() string { return d.time().Format(time.DateOnly) }

// entry is what is known of a token's rate on a day.
type entry struct {
	day day
	// rate is USD per token; 0 where none is known.
	rate float64
	// mongo: MongoDB has a rate. asked, fetched: this source was asked, and had one. taken: in this load.
	mongo, asked, fetched, taken bool
}

// series are a token's entries, sorted.
type series []entry

// at finds or adds an entry. The pointer is good until the next call.
func (s *series) at(d day) *entry {
	place, found := slices.BinarySearchFunc(*s, d, func(e entry, d day) int { return int(e.day - d) })
	if !found {
		*s = slices.Insert(*s, place, entry{day: d})
	}
	return &(*s)[place]
}

// nearest is the rate nearest in time, of two the earlier one; 0 where none is near.
func (s series) nearest(d day) float64 {
	place, _ := slices.BinarySearchFunc(s, d, func(e entry, d day) int { return int(e.day - d) })
	before, after := day(near+1), day(near+1)
	var earlier, later float64
	for i := place - 1; i >= 0 && before > near && d-s[i].day <= near; i-- {
		if s[i].rate > 0 {
			before, earlier = d-s[i].day, s[i].rate
		}
	}
	for i := place; i < len(s) && after > near && s[i].day-d <= near; i++ {
		if s[i].rate > 0 && s[i].day != d {
			after, later = s[i].day-d, s[i].rate
		}
	}
	if before <= after {
		return earlier
	}
	return later
}

// known is what is known of rates, and what is wanted.
type known struct {
	source  string
	options Options
	// folder: all of the source's answers are read again, in the order in which they came.
	folder bool
	tokens map[string]*series
	wanted []day
	// volumes are CCD's prices as they came with volumes.
	volumes series
}

// newKnown reads what the warehouse knows of rates.
func newKnown(ctx context.Context, in *engine.Intake, source string, o Options, folder bool) (*known, error) {
	k := &known{source: source, options: o, folder: folder, tokens: map[string]*series{}}
	err := in.Query(ctx, func(rows *sql.Rows) error {
		var token string
		var date time.Time
		var rate sql.NullFloat64
		var mongo, own bool
		if err := rows.Scan(&token, &date, &rate, &mongo, &own); err != nil {
			return err
		}
		e := k.of(token).at(dayOf(date))
		e.mongo = e.mongo || mongo
		e.asked = e.asked || own
		e.fetched = e.fetched || own && rate.Valid
		if e.rate == 0 && (!own || !folder) {
			e.rate = rate.Float64
		}
		return nil
	}, `select token, date, rate, true, false from raw.exchange_rates_historical where isfinite(rate) and rate >= 0
		union all select token, date, rate, false, source = '`+source+`' from raw.fetched_rates order by token, date, 4 desc`)
	if err != nil {
		return nil, fmt.Errorf("read what is known of rates: %w", err)
	}
	return k, in.Query(ctx, func(rows *sql.Rows) error {
		var date time.Time
		err := rows.Scan(&date)
		k.wanted = append(k.wanted, dayOf(date))
		return err
	}, "select date from raw.blocks_per_day where "+in.Days()+" order by date")
}

func (k *known) of(token string) *series {
	if k.tokens[token] == nil {
		k.tokens[token] = &series{}
	}
	return k.tokens[token]
}

// missing are the wanted days of a token that nobody has a rate of and the source was not asked about, or all.
func (k *known) missing(token string) []day {
	s := k.of(token)
	var days []day
	for _, d := range k.wanted {
		place, found := slices.BinarySearchFunc(*s, d, func(e entry, d day) int { return int(e.day - d) })
		if k.options.Refresh || !found || !(*s)[place].mongo && !(*s)[place].asked {
			days = append(days, d)
		}
	}
	return days
}

// wants reports whether a rate of that day is to be taken.
func (k *known) wants(e *entry) bool {
	if _, wanted := slices.BinarySearch(k.wanted, e.day); !wanted || e.taken {
		return false
	}
	if k.options.Refresh {
		return true
	}
	// A rate that was fetched and written to MongoDB comes back from there; it is ours all the same.
	if e.mongo {
		return k.folder && e.fetched
	}
	return k.folder || !e.fetched
}

// take makes the row of a rate, if it is wanted and no jump from the nearest known one, or from around where none is near.
func (k *known) take(d *jsonlines.Document, row rate, around float64) (jsonlines.Row, bool) {
	s := k.of(row.token)
	e := s.at(row.day)
	if !k.wants(e) {
		return nil, false
	}
	reference := s.nearest(row.day)
	if reference == 0 {
		reference = around
	}
	if jumps(row.rate, reference, k.options.MaxJump) {
		d.Reject(row.day.time(), row.path, row.content, "%s: %g USD on %s, more than %g times off the rate around it, %g", row.token, row.rate, row.day.date(), k.options.MaxJump, reference)
		return nil, false
	}
	e.rate, e.taken = row.rate, true
	return k.row(row.day, row.token, row.rate, row.millis, row.fetched), true
}

// none makes the row that says that the source was asked and has no rate, if nobody has one.
func (k *known) none(d day, token string, fetched any) (jsonlines.Row, bool) {
	e := k.of(token).at(d)
	if !k.wants(e) || e.mongo || e.fetched || e.rate > 0 {
		return nil, false
	}
	return k.row(d, token, nil, nil, fetched), true
}

func (k *known) row(d day, token string, rate, millis, fetched any) jsonlines.Row {
	return jsonlines.Row{d.time(), token, k.source, rate, millis, fetched, k.options.Refresh && rate != nil}
}

// rate is a price that may become a row.
type rate struct {
	token   string
	day     day
	rate    float64
	millis  any
	fetched any
	// path and content tell where it stands in the answer.
	path    string
	content any
}

// jumps reports whether a price differs from another one by more than a factor; a factor or other price of 0 allows all.
func jumps(price, other, factor float64) bool {
	return factor > 0 && other > 0 && (price > other*factor || price < other/factor)
}
