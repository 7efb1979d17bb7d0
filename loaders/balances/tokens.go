package balances

import (
	"bytes"
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ccdexplorer/nightrunner/engine"
)

// tokenKey is an account's balance of a token.
type tokenKey struct {
	account int32
	token   string
}

// tokenState holds exact decimal texts; what is missing is zero.
type tokenState map[tokenKey]string

// tokenFile is a parsed DATE.plts.csv: address, account_index and a column per token.
type tokenFile struct {
	tokens  []string
	state   map[string]map[string]string // address → token → balance
	rejects []engine.Reject
	read    int64
}

// loadTokens folds token balances as snapshots are: few files, small ones, so one after the other.
func (l *load) loadTokens(ctx context.Context, files []source) error {
	w, err := l.compare(ctx, "raw.token_snapshots", files)
	if err != nil {
		return err
	}
	pruned, err := l.tellGone(ctx, w)
	if err != nil {
		return err
	}
	if len(w.files) == 0 && len(pruned) == 0 {
		return nil
	}
	if l.accounts.saved == 0 {
		if err := l.readAccounts(ctx); err != nil {
			return err
		}
	}
	t := &tokenFolding{load: l, work: w, builder: array.NewRecordBuilder(memory.DefaultAllocator, tokenSchema())}
	defer t.builder.Release()
	t.batch = batch{table: "raw.token_snapshots", tables: []string{"raw.token_balance_changes"}, write: func(ctx context.Context) error {
		return appendRecord(ctx, l.in, "raw.token_balance_changes", t.builder)
	}}
	if err := t.run(ctx, pruned); err != nil {
		return fmt.Errorf("load token balances: %w", err)
	}
	return nil
}

func tokenSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{field("date", date), field("account_id", id), field("token", text), field("balance", text), field("previous_balance", text)}, nil)
}

type tokenFolding struct {
	*load
	work
	builder *array.RecordBuilder
	batch   batch
}

func (t *tokenFolding) run(ctx context.Context, pruned map[time.Time]bool) error {
	parsed := map[time.Time]*tokenFile{}
	changed := map[time.Time]bool{}
	var list []source
	for _, file := range t.files {
		list = append(list, file)
	}
	sortSources(list)
	for _, file := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if one := t.accept(file); one != nil {
			parsed[file.day], changed[file.day] = one, true
		}
	}
	plan := makePlan(t.days, changed, pruned)
	t.batch.gone = plan.pruned
	var state tokenState
	at := time.Time{}
	for _, day := range plan.rewrite {
		now, err := t.stateOn(ctx, day, parsed[day])
		if err != nil {
			return err
		}
		if before := plan.before[day]; state == nil || !at.Equal(before) {
			if state, err = t.storedState(ctx, before); err != nil {
				return err
			}
		}
		t.diff(day, now, state)
		state, at = now, day
		t.batch.days = append(t.batch.days, day)
	}
	if len(t.batch.days)+len(t.batch.gone)+len(t.batch.files) == 0 {
		return nil
	}
	return t.save(ctx, &t.batch)
}

// accept reads a file; nil when it does not replace its day.
func (t *tokenFolding) accept(file source) *tokenFile {
	report := t.in.Report()
	record := engine.SourceFile{Name: file.name, Date: file.day, Bytes: file.bytes, Modified: file.modified, Status: "loaded"}
	defer func() { t.batch.files = append(t.batch.files, record) }()
	known := t.known[file.name]
	hash, content, err := t.read(file)
	if err == nil {
		record.Hash = hash
		if !t.in.Full && known.Hash == record.Hash && known.Status != "failed" && t.names[file.day] == file.name {
			report.Unchanged++
			record.Rows, record.Rejects = known.Rows, known.Rejects
			return nil
		}
	}
	report.Read++
	var parsed *tokenFile
	if err == nil {
		parsed, err = parseTokens(file, content)
	}
	if err != nil {
		t.in.Unreadable(file.name, err)
		record.Status, record.Message = "failed", err.Error()
		return nil
	}
	report.Rows += parsed.read
	record.Rows, record.Rejects = parsed.read, int64(len(parsed.rejects))
	t.batch.rejects = append(t.batch.rejects, parsed.rejects...)
	if float64(len(parsed.rejects)) > t.in.MaxRejects*float64(parsed.read) {
		t.in.TooManyRejects(file.name, record.Rejects, parsed.read)
		record.Status, record.Message = "failed", "too many rejects"
		return nil
	}
	t.batch.snapshots = append(t.batch.snapshots, snapshotRow{date: file.day, file: file.name, rows: parsed.read, columns: parsed.tokens})
	return parsed
}

func parseTokens(file source, content []byte) (*tokenFile, error) {
	lines, err := newRecords(content)
	if err != nil {
		return nil, err
	}
	names, columns, err := lines.header()
	if err != nil {
		return nil, err
	}
	account, there := names["account_address"]
	if !there {
		if account, there = names["account"]; !there {
			return nil, fmt.Errorf("the header has no column account_address")
		}
	}
	f := &tokenFile{state: map[string]map[string]string{}}
	for _, name := range columns {
		if isToken(name) {
			f.tokens = append(f.tokens, name)
		}
	}
	for {
		more, err := lines.next()
		if err != nil || !more {
			return f, err
		}
		f.read++
		if lines.bad != nil {
			f.rejects = append(f.rejects, engine.Reject{File: file.name, Line: int64(lines.startLine), Date: file.day, Reason: lines.bad.Error(), Content: lines.row()})
			continue
		}
		if field, err := f.row(lines.fields, columns, account); err != nil {
			f.rejects = append(f.rejects, engine.Reject{File: file.name, Line: int64(lines.startLine), Date: file.day, Field: field, Reason: err.Error(), Content: lines.row()})
		}
	}
}

func isToken(column string) bool {
	return column != "" && column != "account" && column != "account_address" && column != "account_index" && column != "index"
}

func (f *tokenFile) row(fields [][]byte, columns []string, account int) (string, error) {
	if len(fields) != len(columns) {
		return "", fmt.Errorf("has %d columns, the header %d", len(fields), len(columns))
	}
	address := string(bytes.TrimSpace(fields[account]))
	if address == "" {
		return columns[account], errEmpty
	}
	if f.state[address] != nil {
		return columns[account], fmt.Errorf("stands twice; the first row counts")
	}
	held := map[string]string{}
	for i, name := range columns {
		if !isToken(name) {
			continue
		}
		balance, err := normalDecimal(fields[i])
		if err != nil {
			return name, err
		}
		if balance != "" {
			held[name] = balance
		}
	}
	f.state[address] = held
	return "", nil
}

// stateOn is what accounts hold at the end of a day: from the file just read, or as stored.
func (t *tokenFolding) stateOn(ctx context.Context, day time.Time, parsed *tokenFile) (tokenState, error) {
	if parsed == nil {
		return t.storedState(ctx, day)
	}
	state := tokenState{}
	addresses := make([]string, 0, len(parsed.state))
	for address := range parsed.state {
		addresses = append(addresses, address)
	}
	sort.Strings(addresses)
	for _, address := range addresses {
		account := t.accounts.add(address)
		for token, balance := range parsed.state[address] {
			state[tokenKey{account, token}] = balance
		}
	}
	return state, nil
}

// storedState is the state as of a day in the stored changes; the zero day is before all.
func (t *tokenFolding) storedState(ctx context.Context, day time.Time) (tokenState, error) {
	state := tokenState{}
	if day.IsZero() {
		return state, nil
	}
	err := t.in.QueryArrow(ctx, fmt.Sprintf(`select account_id, token, arg_max(coalesce(balance, ''), date) from raw.token_balance_changes
		where date <= date '%s' group by all`, day.Format(time.DateOnly)), func(record arrow.RecordBatch) error {
		accounts, tokens, balances := record.Column(0).(*array.Int32), record.Column(1).(*array.String), record.Column(2).(*array.String)
		for i := range accounts.Len() {
			if balance := balances.Value(i); balance != "" {
				state[tokenKey{accounts.Value(i), strings.Clone(tokens.Value(i))}] = strings.Clone(balance)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("as of %s: %w", day.Format(time.DateOnly), err)
	}
	return state, nil
}

func (t *tokenFolding) diff(day time.Time, now, was tokenState) {
	keys := map[tokenKey]bool{}
	for key := range now {
		keys[key] = true
	}
	for key := range was {
		keys[key] = true
	}
	sorted := make([]tokenKey, 0, len(keys))
	for key := range keys {
		if now[key] != was[key] {
			sorted = append(sorted, key)
		}
	}
	sort.Slice(sorted, func(i, j int) bool {
		return sorted[i].account < sorted[j].account || sorted[i].account == sorted[j].account && sorted[i].token < sorted[j].token
	})
	for _, key := range sorted {
		t.builder.Field(0).(*array.Date32Builder).Append(days32(day))
		t.builder.Field(1).(*array.Int32Builder).Append(key.account)
		t.builder.Field(2).(*array.StringBuilder).Append(key.token)
		for i, balance := range []string{now[key], was[key]} {
			if balance == "" {
				t.builder.Field(3 + i).(*array.StringBuilder).AppendNull()
			} else {
				t.builder.Field(3 + i).(*array.StringBuilder).Append(balance)
			}
		}
	}
	t.in.Report().Changed += int64(len(sorted))
}
