package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/zeebo/xxh3"
)

// A day counts from 1970-01-01, UTC.
type day int32

// withoutDay is noDay as a day: 0001-01-01.
const withoutDay day = -719162

func (d day) String() string { return d.time().Format(time.DateOnly) }

func (d day) time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// builtDay is a day of a model: a hash of what it was built from, and of its rows.
type builtDay struct {
	inputs, version uint64
	rows            int64
}

type builtModel struct {
	fingerprint     string
	version, inputs uint64
}

// A ledger is what ops.* says of raw tables and models, in memory while models are built: which days are stale is found
// out without a query. Whoever writes to ops.* tells the ledger when that is committed.
type ledger struct {
	w *Warehouse
	p *Project

	sourceDays map[string]map[day]uint64
	tables     map[string]uint64
	modelDays  map[string]map[day]builtDay
	models     map[string]builtModel
	waiting    map[string]map[day]string
	// dates are the days that relations have rows of, as far as they were asked for.
	dates map[string]map[day]bool
}

func readLedger(ctx context.Context, w *Warehouse, p *Project) (*ledger, error) {
	l := &ledger{w: w, p: p, sourceDays: map[string]map[day]uint64{}, tables: map[string]uint64{}, modelDays: map[string]map[day]builtDay{},
		models: map[string]builtModel{}, waiting: map[string]map[day]string{}, dates: map[string]map[day]bool{}}
	for _, read := range []struct {
		query string
		row   func(columns []arrow.Array, i int)
	}{
		{"select table_name, date, version from ops.source_days", func(c []arrow.Array, i int) {
			put(l.sourceDays, textAt(c[0], i), dayAt(c[1], i), c[2].(*array.Uint64).Value(i))
		}},
		{"select table_name, version from ops.source_tables", func(c []arrow.Array, i int) { l.tables[textAt(c[0], i)] = c[1].(*array.Uint64).Value(i) }},
		{"select model, date, inputs, version, row_count from ops.model_days", func(c []arrow.Array, i int) {
			put(l.modelDays, textAt(c[0], i), dayAt(c[1], i), builtDay{c[2].(*array.Uint64).Value(i), c[3].(*array.Uint64).Value(i), c[4].(*array.Int64).Value(i)})
		}},
		{"select model, fingerprint, coalesce(version, 0), coalesce(inputs, 0) from ops.models", func(c []arrow.Array, i int) {
			l.models[textAt(c[0], i)] = builtModel{textAt(c[1], i), c[2].(*array.Uint64).Value(i), c[3].(*array.Uint64).Value(i)}
		}},
		{"select model, date, reason from ops.waiting", func(c []arrow.Array, i int) {
			put(l.waiting, textAt(c[0], i), dayAt(c[1], i), textAt(c[2], i))
		}},
	} {
		if err := l.eachRow(ctx, read.query, read.row); err != nil {
			return nil, fmt.Errorf("read what was built: %s: %w", read.query, err)
		}
	}
	return l, nil
}

func (l *ledger) eachRow(ctx context.Context, query string, row func(columns []arrow.Array, i int)) error {
	reader, err := l.w.arrowQuery(ctx, query)
	if err != nil {
		return err
	}
	defer reader.Release()
	for reader.Next() {
		record := reader.RecordBatch()
		for i := range int(record.NumRows()) {
			row(record.Columns(), i)
		}
	}
	return reader.Err()
}

func textAt(column arrow.Array, i int) string {
	return strings.Clone(column.(*array.String).Value(i))
}

func dayAt(column arrow.Array, i int) day { return day(column.(*array.Date32).Value(i)) }

func put[V any](all map[string]map[day]V, name string, d day, value V) {
	if all[name] == nil {
		all[name] = map[day]V{}
	}
	all[name][d] = value
}

// mix is a hash of a name and numbers.
func mix(name string, numbers ...uint64) uint64 {
	buffer := append(make([]byte, 0, 64), name...)
	for _, n := range numbers {
		buffer = binary.LittleEndian.AppendUint64(buffer, n)
	}
	return xxh3.Hash(buffer)
}

// datesOf are the days that a relation has rows of. Models that a day waits for are built before it is asked.
func (l *ledger) datesOf(ctx context.Context, relation string) (map[day]bool, error) {
	if known, there := l.dates[relation]; there {
		return known, nil
	}
	dates := map[day]bool{}
	if m := l.p.byName[relation]; m != nil && m.ByDay() {
		for d, built := range l.modelDays[relation] {
			if built.rows > 0 {
				dates[d] = true
			}
		}
	} else if err := l.eachRow(ctx, "select distinct date::date from "+relation+" where date is not null", func(c []arrow.Array, i int) { dates[dayAt(c[0], i)] = true }); err != nil {
		return nil, fmt.Errorf("days of %s: %w", relation, err)
	}
	l.dates[relation] = dates
	return dates, nil
}

// wanted are the days that have everything a model requires, in order, and missing what the other days wait for.
func (l *ledger) wanted(ctx context.Context, m *Model) (wanted []day, missing map[day]string, err error) {
	requirements := l.p.Requirements(m)
	if len(requirements) == 0 {
		return l.inputDays(m), nil, nil
	}
	counts, reasons := map[day]int{}, map[day][]string{}
	for _, r := range requirements {
		dates, err := l.datesOf(ctx, r.Relation)
		if err != nil {
			return nil, nil, err
		}
		for d := range dates {
			counts[d]++
		}
	}
	for _, r := range requirements {
		dates := l.dates[r.Relation]
		for d, n := range counts {
			if n < len(requirements) && !dates[d] {
				reasons[d] = append(reasons[d], r.Reason)
			}
		}
	}
	missing = map[day]string{}
	for d, n := range counts {
		if n == len(requirements) {
			wanted = append(wanted, d)
			continue
		}
		slices.Sort(reasons[d])
		missing[d] = strings.Join(reasons[d], ", ")
	}
	slices.Sort(wanted)
	return wanted, missing, nil
}

// inputDays are the days of what a model reads by day.
func (l *ledger) inputDays(m *Model) []day {
	in, days := l.p.inputs(m), map[day]bool{}
	for _, name := range in.days {
		for d := range l.sourceDays[name] {
			days[d] = true
		}
	}
	for _, name := range in.models {
		for d := range l.modelDays[name] {
			days[d] = true
		}
	}
	delete(days, withoutDay)
	return slices.Sorted(maps.Keys(days))
}

// inputs are hashes of what each wanted day is built from, by day.
func (l *ledger) inputs(m *Model, wanted []day) map[day]uint64 {
	in := l.p.inputs(m)
	sums := map[day]uint64{}
	for _, name := range in.days {
		for d, version := range l.sourceDays[name] {
			sums[d] += mix(name, version)
		}
	}
	for _, name := range in.models {
		for d, built := range l.modelDays[name] {
			sums[d] += mix(name, built.version)
		}
	}
	days := slices.Sorted(maps.Keys(sums))
	// before[i] is the sum of the days before the i-th.
	before := make([]uint64, len(days)+1)
	for i, d := range days {
		before[i+1] = before[i] + sums[d]
	}
	whole := l.wholeVersion(slices.Concat(in.tables, in.wholes))
	result := make(map[day]uint64, len(wanted))
	for _, d := range wanted {
		first := 0
		if m.Lookback != AllDays && m.Materialize != State {
			first, _ = slices.BinarySearch(days, d-day(m.Lookback))
		}
		end, _ := slices.BinarySearch(days, d+1)
		result[d] = mix(m.Fingerprint, whole, before[end]-before[first])
	}
	return result
}

// wholeVersion is a hash of tables and models as wholes.
func (l *ledger) wholeVersion(names []string) uint64 {
	sum := uint64(0)
	for _, name := range names {
		version := l.tables[name]
		if built, is := l.models[name]; is {
			version = built.version
		}
		sum += mix(name, version)
	}
	return sum
}

// everything is a hash of all that a model rebuilt as a whole reads.
func (l *ledger) everything(m *Model, wanted []day) uint64 {
	in := l.p.inputs(m)
	numbers := []uint64{l.wholeVersion(slices.Concat(in.tables, in.days, in.wholes, in.models))}
	for _, d := range wanted {
		numbers = append(numbers, uint64(d))
	}
	return mix("", numbers...)
}

// version of a model by day, with days that are about to be committed.
func (l *ledger) version(model string, fresh map[day]builtDay, gone []day) uint64 {
	sum, count := uint64(0), uint64(0)
	add := func(d day, built builtDay) { sum, count = sum+mix("", uint64(d), built.version), count+1 }
	for d, built := range l.modelDays[model] {
		if _, replaced := fresh[d]; !replaced && !slices.Contains(gone, d) {
			add(d, built)
		}
	}
	for d, built := range fresh {
		add(d, built)
	}
	return mix("", sum, count)
}

// built takes what was committed.
func (l *ledger) built(model string, fresh map[day]builtDay, gone []day, now builtModel) {
	for d, one := range fresh {
		put(l.modelDays, model, d, one)
	}
	for _, d := range gone {
		delete(l.modelDays[model], d)
	}
	l.models[model] = now
}

// wait records what the days of a model wait for, where that is something else than before.
func (l *ledger) wait(ctx context.Context, m *Model, missing map[day]string) error {
	before := l.waiting[m.Name]
	var over []day
	for d, reason := range before {
		if missing[d] != reason {
			over = append(over, d)
		}
	}
	var rows []string
	for _, d := range slices.Sorted(maps.Keys(missing)) {
		if before[d] != missing[d] {
			rows = append(rows, fmt.Sprintf("(%s, date '%s', %s)", quote(m.Name), d, quote(missing[d])))
		}
	}
	var statements []string
	if len(over) > 0 {
		statements = append(statements, fmt.Sprintf("delete from ops.waiting where model = %s and date in (%s)", quote(m.Name), listed(over)))
	}
	if len(rows) > 0 {
		statements = append(statements, "insert into ops.waiting values "+strings.Join(rows, ", "))
	}
	if len(statements) == 0 {
		return nil
	}
	l.waiting[m.Name] = missing
	return l.w.exec(ctx, strings.Join(statements, "; "))
}
