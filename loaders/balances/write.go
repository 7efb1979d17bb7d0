package balances

import (
	"context"
	"database/sql"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ccdexplorer/nightrunner/engine"
)

// changes collects change rows as Arrow columns until they are written.
type changes struct {
	balances *array.RecordBuilder
	stakes   *array.RecordBuilder
	words    *lockedWords
	rows     int64
}

func field(name string, kind arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: kind, Nullable: true}
}

var (
	date, id, amount, text, truth = arrow.FixedWidthTypes.Date32, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String, arrow.FixedWidthTypes.Boolean
)

func newChanges(words *lockedWords) *changes {
	balances := arrow.NewSchema([]arrow.Field{field("date", date), field("account_id", id), field("total_microccd", amount), field("locked_microccd", amount),
		field("previous_total_microccd", amount), field("previous_locked_microccd", amount)}, nil)
	stakes := []arrow.Field{field("date", date), field("account_id", id)}
	for _, prefix := range []string{"", "previous_"} {
		stakes = append(stakes, field(prefix+"baker_id", amount), field(prefix+"staked_microccd", amount), field(prefix+"pool_status", text),
			field(prefix+"delegation_target", text), field(prefix+"is_suspended", truth))
	}
	return &changes{balances: array.NewRecordBuilder(memory.DefaultAllocator, balances),
		stakes: array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(stakes, nil)), words: words}
}

func days32(day time.Time) arrow.Date32 { return arrow.Date32(day.Unix() / 86400) }

func (c *changes) balance(day time.Time, account int32, now, was holding) {
	b := c.balances
	b.Field(0).(*array.Date32Builder).Append(days32(day))
	b.Field(1).(*array.Int32Builder).Append(account)
	appendAmount(b.Field(2), now.total, now.present)
	appendAmount(b.Field(3), now.locked, now.present)
	appendAmount(b.Field(4), was.total, was.present)
	appendAmount(b.Field(5), was.locked, was.present)
	c.rows++
}

func (c *changes) stake(day time.Time, account int32, now, was stake) {
	b := c.stakes
	b.Field(0).(*array.Date32Builder).Append(days32(day))
	b.Field(1).(*array.Int32Builder).Append(account)
	c.appendStake(2, now)
	c.appendStake(7, was)
	c.rows++
}

func (c *changes) appendStake(at int, s stake) {
	b := c.stakes
	appendAmount(b.Field(at), s.baker-1, s.baker > 0)
	appendAmount(b.Field(at+1), s.staked, s != nothing)
	c.appendWord(b.Field(at+2), s.pool)
	c.appendWord(b.Field(at+3), s.target)
	truths := b.Field(at + 4).(*array.BooleanBuilder)
	if s.suspended == unknown {
		truths.AppendNull()
	} else {
		truths.Append(s.suspended == 1)
	}
}

func appendAmount(b array.Builder, value int64, there bool) {
	if there {
		b.(*array.Int64Builder).Append(value)
	} else {
		b.(*array.Int64Builder).AppendNull()
	}
}

func (c *changes) appendWord(b array.Builder, word uint32) {
	if word == 0 {
		b.(*array.StringBuilder).AppendNull()
	} else {
		b.(*array.StringBuilder).Append(c.words.of(word))
	}
}

func (c *changes) release() {
	c.balances.Release()
	c.stakes.Release()
}

// flush appends the collected rows to their tables.
func (c *changes) flush(ctx context.Context, in *engine.Intake) error {
	for table, builder := range map[string]*array.RecordBuilder{"raw.balance_changes": c.balances, "raw.stake_changes": c.stakes} {
		if err := appendRecord(ctx, in, table, builder); err != nil {
			return err
		}
	}
	in.Report().Changed += c.rows
	c.rows = 0
	return nil
}

func appendRecord(ctx context.Context, in *engine.Intake, table string, builder *array.RecordBuilder) error {
	record := builder.NewRecordBatch()
	defer record.Release()
	return in.AppendArrow(ctx, table, record)
}

// batch is what one transaction writes.
type batch struct {
	table string // of the snapshots
	days  []time.Time
	gone  []time.Time
	// tables hold rows by day.
	tables    []string
	snapshots []snapshotRow
	files     []engine.SourceFile
	rejects   []engine.Reject
	write     func(context.Context) error
}

type snapshotRow struct {
	date    time.Time
	file    string
	rows    int64
	columns []string
}

// save writes a batch in one transaction: the days' old rows go, the new ones come, versions and files are recorded.
func (l *load) save(ctx context.Context, b *batch) error {
	in := l.in
	return in.Transact(ctx, func() error {
		all := append(append([]time.Time{}, b.days...), b.gone...)
		if len(all) > 0 {
			if err := l.removeDays(ctx, b, all); err != nil {
				return err
			}
			if err := l.saveAccounts(ctx); err != nil {
				return err
			}
			if err := b.write(ctx); err != nil {
				return err
			}
			if err := l.saveSnapshots(ctx, b); err != nil {
				return err
			}
		}
		gone := map[time.Time]bool{}
		for _, day := range b.gone {
			gone[day] = true
		}
		for _, table := range append([]string{b.table}, b.tables...) {
			if err := in.MarkDays(ctx, table, all, func(day time.Time) bool { return !gone[day] }); err != nil {
				return err
			}
		}
		var names, replaced []string
		for _, file := range b.files {
			names = append(names, file.Name)
		}
		for _, row := range b.snapshots {
			if old := l.stored[row.date]; old != "" && old != row.file {
				replaced = append(replaced, old)
			}
		}
		if err := in.ForgetFiles(ctx, replaced...); err != nil {
			return err
		}
		if err := in.SaveRejects(ctx, names, b.rejects); err != nil {
			return err
		}
		return in.SaveFiles(ctx, b.files...)
	})
}

// removeDays removes the rows of those days that the warehouse has.
func (l *load) removeDays(ctx context.Context, b *batch, days []time.Time) error {
	var old []time.Time
	for _, day := range days {
		if l.stored[day] != "" {
			old = append(old, day)
		}
	}
	replaced := append([]time.Time{}, b.gone...)
	for _, row := range b.snapshots {
		if l.stored[row.date] != "" {
			replaced = append(replaced, row.date)
		}
	}
	remove := func(table string, days []time.Time) error {
		if len(days) == 0 {
			return nil
		}
		if err := l.in.Exec(ctx, fmt.Sprintf("delete from %s where date in (%s)", table, dayList(days))); err != nil {
			return fmt.Errorf("replace days of %s: %w", table, err)
		}
		return nil
	}
	for _, table := range b.tables {
		if err := remove(table, old); err != nil {
			return err
		}
	}
	return remove(b.table, replaced)
}

// saveSnapshots writes the rows of raw.snapshots or raw.token_snapshots.
func (l *load) saveSnapshots(ctx context.Context, b *batch) error {
	list := "column_names"
	if b.table == "raw.token_snapshots" {
		list = "tokens"
	}
	schema := arrow.NewSchema([]arrow.Field{field("date", date), field("file", text), field("row_count", amount), field(list, arrow.ListOf(text))}, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	for _, row := range b.snapshots {
		builder.Field(0).(*array.Date32Builder).Append(days32(row.date))
		builder.Field(1).(*array.StringBuilder).Append(row.file)
		builder.Field(2).(*array.Int64Builder).Append(row.rows)
		names := builder.Field(3).(*array.ListBuilder)
		names.Append(true)
		for _, name := range row.columns {
			names.ValueBuilder().(*array.StringBuilder).Append(name)
		}
	}
	return appendRecord(ctx, l.in, b.table, builder)
}

// saveAccounts appends the accounts that the warehouse has not yet.
func (l *load) saveAccounts(ctx context.Context) error {
	d := l.accounts
	if d.saved == len(d.addresses) {
		return nil
	}
	schema := arrow.NewSchema([]arrow.Field{field("account_id", id), field("address", text)}, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	for i := d.saved; i < len(d.addresses); i++ {
		builder.Field(0).(*array.Int32Builder).Append(int32(i))
		builder.Field(1).(*array.StringBuilder).Append(d.addresses[i])
	}
	if err := appendRecord(ctx, l.in, "raw.accounts", builder); err != nil {
		return err
	}
	d.saved = len(d.addresses)
	return nil
}

// readAccounts fills the dictionary from the warehouse.
func (l *load) readAccounts(ctx context.Context) error {
	err := l.in.QueryArrow(ctx, "select address from raw.accounts order by account_id", func(record arrow.RecordBatch) error {
		column := record.Column(0).(*array.String)
		for i := range column.Len() {
			l.accounts.add(strings.Clone(column.Value(i)))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read raw.accounts: %w", err)
	}
	l.accounts.saved = len(l.accounts.addresses)
	return nil
}

// stateAt reads what every account held at the end of a day from the stored changes; the zero day is before all.
func (l *load) stateAt(ctx context.Context, day time.Time) ([]holding, error) {
	state := make([]holding, len(l.accounts.addresses))
	for i := range state {
		state[i] = holding{stake: nothing}
	}
	if day.IsZero() {
		return state, nil
	}
	until := day.Format(time.DateOnly)
	err := l.in.QueryArrow(ctx, fmt.Sprintf(`select account_id, arg_max(coalesce(total_microccd, -1), date), arg_max(coalesce(locked_microccd, -1), date)
		from raw.balance_changes where date <= date '%s' group by account_id`, until), func(record arrow.RecordBatch) error {
		accounts, totals, locked := record.Column(0).(*array.Int32), record.Column(1).(*array.Int64), record.Column(2).(*array.Int64)
		for i := range accounts.Len() {
			if totals.Value(i) >= 0 {
				one := &state[accounts.Value(i)]
				one.present, one.total, one.locked = true, totals.Value(i), locked.Value(i)
			}
		}
		return nil
	})
	if err == nil {
		err = l.readStakes(ctx, until, state)
	}
	if err != nil {
		return nil, fmt.Errorf("read balances as of %s: %w", until, err)
	}
	return state, nil
}

func (l *load) readStakes(ctx context.Context, until string, state []holding) error {
	return l.in.QueryArrow(ctx, fmt.Sprintf(`select account_id, last.baker_id, last.staked_microccd, last.pool_status, last.delegation_target, last.is_suspended
		from (select account_id, arg_max(struct_pack(baker_id, staked_microccd, pool_status, delegation_target, is_suspended), date) as last
			from raw.stake_changes where date <= date '%s' group by account_id)`, until), func(record arrow.RecordBatch) error {
		accounts, bakers, staked := record.Column(0).(*array.Int32), record.Column(1).(*array.Int64), record.Column(2).(*array.Int64)
		pools, targets, suspended := record.Column(3).(*array.String), record.Column(4).(*array.String), record.Column(5).(*array.Boolean)
		l.words.mu.Lock()
		defer l.words.mu.Unlock()
		for i := range accounts.Len() {
			s := nothing
			if bakers.IsValid(i) {
				s.baker = bakers.Value(i) + 1
			}
			if staked.IsValid(i) {
				s.staked = staked.Value(i)
			}
			if pools.IsValid(i) {
				s.pool = l.words.id([]byte(pools.Value(i)))
			}
			if targets.IsValid(i) {
				s.target = l.words.id([]byte(targets.Value(i)))
			}
			if suspended.IsValid(i) {
				s.suspended = 0
				if suspended.Value(i) {
					s.suspended = 1
				}
			}
			state[accounts.Value(i)].stake = s
		}
		return nil
	})
}

// storedDays are the snapshots in the warehouse, in order.
func (l *load) storedDays(ctx context.Context, table string) ([]time.Time, map[time.Time]string, error) {
	var days []time.Time
	files := map[time.Time]string{}
	l.stored = map[time.Time]string{}
	err := l.in.Query(ctx, func(rows *sql.Rows) error {
		var day time.Time
		var file string
		err := rows.Scan(&day, &file)
		days = append(days, day.UTC())
		files[day.UTC()] = file
		l.stored[day.UTC()] = file
		return err
	}, "select date, file from "+table+" order by date")
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", table, err)
	}
	return days, files, nil
}

func dayList(days []time.Time) string {
	list := make([]string, len(days))
	for i, day := range days {
		list[i] = "date '" + day.Format(time.DateOnly) + "'"
	}
	return strings.Join(list, ", ")
}

func sortDays(days []time.Time) {
	sort.Slice(days, func(i, j int) bool { return days[i].Before(days[j]) })
}
