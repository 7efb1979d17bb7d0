package balances

import (
	"bytes"
	stdcmp "cmp"
	"compress/gzip"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
)

// desk is a warehouse and a folder of snapshots.
type desk struct {
	t         *testing.T
	dir       string
	warehouse *engine.Warehouse
	run       int64
	// loader of something else than dir.
	loader *Loader
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	w, err := engine.Open(context.Background(), filepath.Join(t.TempDir(), "w.duckdb"), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return &desk{t: t, dir: t.TempDir(), warehouse: w}
}

func (d *desk) write(name, content string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) remove(name string) {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.dir, name)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) load(options ...func(*engine.Intake)) *engine.LoadReport {
	d.t.Helper()
	d.run++
	in := d.warehouse.NewIntake("balances", d.run)
	in.MaxRejects = 1
	for _, option := range options {
		option(in)
	}
	if err := stdcmp.Or(d.loader, New(d.dir)).Load(context.Background(), in); err != nil {
		d.t.Fatal(err)
	}
	return in.Report()
}

func prune(in *engine.Intake) { in.Prune = true }

// query returns rows as texts.
func (d *desk) query(query string) []string {
	d.t.Helper()
	var list []string
	err := d.warehouse.NewIntake("balances", 0).Query(context.Background(), collect(&list), asText(query))
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

// queryFiles reads files, which a warehouse does not.
func queryFiles(t *testing.T, query string) []string {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), asText(query))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		if err := collect(&list)(rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

func asText(query string) string { return "select t::varchar from (" + query + ") as t" }

func collect(list *[]string) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		*list = append(*list, text)
		return err
	}
}

// tables are the contents of the raw tables, with addresses for ids and without run ids.
func (d *desk) tables() map[string][]string {
	return map[string][]string{
		"balances":  d.query("select * exclude account_id, address from raw.balance_changes join raw.accounts using (account_id) order by date, address"),
		"stakes":    d.query("select * exclude account_id, address from raw.stake_changes join raw.accounts using (account_id) order by date, address"),
		"snapshots": d.query("from raw.snapshots order by date"),
		"rejects":   d.query("select * exclude run_id from raw.rejects order by all"),
		"days":      d.query("select table_name, date from ops.source_days order by all"),
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func day(n int) string {
	return time.Date(2021, 6, n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

const plainHeader = "account,total_balance,locked_balance,baker_id,staked_amount,pool_status,delegation_target,is_suspended\n"

// randomSnapshot has some of ten accounts, with few different values so that many stay as they are.
func randomSnapshot(random *rand.Rand) string {
	var text strings.Builder
	header := plainHeader
	narrow := random.IntN(5) == 0
	if narrow {
		header = "nonce,account,total_balance\n"
	}
	text.WriteString(header)
	order := random.Perm(10)
	if random.IntN(2) == 0 {
		slices.Sort(order)
	}
	for _, account := range order {
		if random.IntN(5) == 0 {
			continue
		}
		total := []string{"0.0", "12.5", "1e-06", "\"1,234.000001\"", "-1"}[min(random.IntN(40)/9, 4)]
		if narrow {
			fmt.Fprintf(&text, "1,account%d,%s\n", account, total)
			continue
		}
		stake := []string{",,,,", "2.0,10.0,openForAll,,False", ",3.5,,Passive,", "0,,,,True"}[random.IntN(4)]
		fmt.Fprintf(&text, "account%d,%s,%d.0,%s\n", account, total, random.IntN(2), stake)
	}
	fmt.Fprintf(&text, "%s\n", map[bool]string{true: "1,last,5.0", false: "last,5.0,0.0,,,,,"}[narrow])
	return text.String()
}

// TestEditsGiveWhatAColdLoadGives: whatever is added, corrected, removed and pruned, in whatever order, the tables are
// those of a load of the same files into an empty warehouse.
func TestEditsGiveWhatAColdLoadGives(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 7))
			edited := newDesk(t)
			here := map[string]bool{}
			for range 5 {
				for range 1 + random.IntN(4) {
					name := day(1+random.IntN(12)) + ".csv"
					if here[name] && random.IntN(3) == 0 {
						edited.remove(name)
						delete(here, name)
						continue
					}
					edited.write(name, randomSnapshot(random))
					here[name] = true
				}
				report := edited.load(prune)
				if len(report.Unreadable) > 0 {
					t.Fatal(report.Unreadable)
				}
				cold := newDesk(t)
				cold.dir = edited.dir
				cold.load()
				for name, rows := range cold.tables() {
					same(t, name, edited.tables()[name], rows)
				}
				if t.Failed() {
					t.FailNow()
				}
			}
		})
	}
}

func TestGoneFileKeepsItsDayUntilPruned(t *testing.T) {
	d := newDesk(t)
	for n := 1; n <= 3; n++ {
		d.write(day(n)+".csv", fmt.Sprintf("account,total_balance\na,%d.0\n", n))
	}
	d.load()
	before := d.tables()
	d.remove(day(2) + ".csv")
	for range 2 {
		report := d.load()
		same(t, "missing", report.Missing, 1)
		same(t, "tables", d.tables(), before)
	}
	d.write(day(2)+".csv", "account,total_balance\na,2.0\n")
	same(t, "missing", d.load().Missing, 0)
	same(t, "tables", d.tables(), before)
	d.remove(day(2) + ".csv")
	d.load(prune)
	same(t, "changes", d.query("select date, total_microccd, previous_total_microccd from raw.balance_changes order by date"),
		[]string{"{'date': 2021-06-01, 'total_microccd': 1000000, 'previous_total_microccd': NULL}", "{'date': 2021-06-03, 'total_microccd': 3000000, 'previous_total_microccd': 1000000}"})
}

func TestBrokenFileFailsItsDayAlone(t *testing.T) {
	good := "account,total_balance\na,1.0\nb,2.0\n"
	for name, broken := range map[string]string{
		"empty": "", "header only": "account,total_balance\n", "binary": "account,total_balance\na,\x00\n", "no text": "account,total_balance\n\xff\xfe,1\n",
		"cut off": "account,total_balance\na,1.0\nb,2", "open quote": "account,total_balance\n\"a,1.0\n", "no account": "address,total_balance\na,1\n",
		"column twice": "account,total_balance,total_balance\na,1,2\n",
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.write(day(1)+".csv", good)
			d.write(day(2)+".csv", good)
			d.load()
			before := d.tables()
			d.write(day(1)+".csv", broken)
			d.write(day(3)+".csv", good)
			report := d.load()
			if len(report.Unreadable) != 1 || report.Unreadable[0].File != day(1)+".csv" {
				t.Fatalf("unreadable: %v", report.Unreadable)
			}
			after := d.tables()
			same(t, "balances", after["balances"], before["balances"])
			same(t, "snapshots", len(after["snapshots"]), 3)
			same(t, "tried again", len(d.load().Unreadable), 1)
			d.write(day(1)+".csv", good)
			same(t, "mended", len(d.load().Unreadable), 0)
		})
	}
}

func TestRejectsNameFileAndLine(t *testing.T) {
	d := newDesk(t)
	d.write(day(1)+".csv", plainHeader+strings.Join([]string{
		"a,1.0,0.0,,,,,", "b,x,0.0,,,,,", "c,-1,0.0,,,,,", "d,0.0000001,0.0,,,,,", "a,2.0,0.0,,,,,", "e,1.0", "f,,0.0,,,,,",
		"g,1.0,0.0,1.5,,,,", "h,1.0,0.0,,,,,maybe", ",1.0,0.0,,,,,", "\"i\nj\",\"1,000.5\",0.0,,,,,", "k,9e30,0.0,,,,,", "l,1.0,0.0,,nan,,,", "m\"n,1.0,0.0,,,,,", "\"o\",\"1,000.5\",0.0, , ,,,",
	}, "\n")+"\n")
	report := d.load()
	same(t, "rejects", report.Rejects, int64(13))
	same(t, "rows", d.query("select line, field, reason from raw.rejects order by line"), []string{
		"{'line': 3, 'field': total_balance, 'reason': is no number}",
		"{'line': 4, 'field': total_balance, 'reason': is negative}",
		"{'line': 5, 'field': total_balance, 'reason': is finer than a microCCD}",
		"{'line': 6, 'field': account, 'reason': stands twice; the first row counts}",
		"{'line': 7, 'field': NULL, 'reason': 'has 2 columns, the header 8'}",
		"{'line': 8, 'field': total_balance, 'reason': is empty}",
		"{'line': 9, 'field': baker_id, 'reason': is no whole number}",
		"{'line': 10, 'field': is_suspended, 'reason': is neither true nor false}",
		"{'line': 11, 'field': account, 'reason': is empty}",
		"{'line': 12, 'field': account, 'reason': 'is no address: it holds a space, a quote or a control character'}",
		"{'line': 14, 'field': total_balance, 'reason': 'is too large: more than 2^63 microCCD'}",
		"{'line': 15, 'field': staked_amount, 'reason': is no number}",
		"{'line': 16, 'field': NULL, 'reason': 'a quote stands within a field, not around it'}",
	})
	same(t, "kept", d.query("select address, total_microccd from raw.balance_changes join raw.accounts using (account_id) order by address"),
		[]string{"{'address': a, 'total_microccd': 1000000}", "{'address': o, 'total_microccd': 1000500000}"})
	d.write(day(1)+".csv", plainHeader+"a,1.0,0.0,,,,,\nb,x,0.0,,,,,\n")
	report = d.load(func(in *engine.Intake) { in.MaxRejects = 0.1 })
	same(t, "refused", len(report.TooManyRejects), 1)
	same(t, "kept", len(d.query("from raw.balance_changes")), 2)
}

func TestTokenBalances(t *testing.T) {
	d := newDesk(t)
	d.write(day(1)+".csv", "account,total_balance\na,1.0\n")
	d.write(day(1)+".plts.csv", "account_address,account_index,EURR,USDR\na,1,\"1,000.50\",0\nb,2,1e-18,\n")
	d.write(day(2)+".plts.csv", "account_address,account_index,EURR\na,1,1000.5\n")
	d.load()
	same(t, "changes", d.query("select date, address, token, balance, previous_balance from raw.token_balance_changes join raw.accounts using (account_id) order by all"), []string{
		"{'date': 2021-06-01, 'address': a, 'token': EURR, 'balance': 1000.5, 'previous_balance': NULL}",
		"{'date': 2021-06-01, 'address': b, 'token': EURR, 'balance': 0.000000000000000001, 'previous_balance': NULL}",
		"{'date': 2021-06-02, 'address': b, 'token': EURR, 'balance': NULL, 'previous_balance': 0.000000000000000001}",
	})
}

func TestRealSnapshots(t *testing.T) {
	folder, err := filepath.Abs("../../../shared/data/R/balances")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skip("../shared/data is not here")
	}
	d := newDesk(t)
	d.dir = folder
	report := d.load()
	same(t, "rejects", report.Rejects, int64(0))
	same(t, "files", report.Read, 175)
	// Sums and counts of every day, from changes and from a plain read of the files.
	got := d.query(`select date, sum(count) over (order by date)::bigint as accounts, sum(total) over (order by date)::bigint as total from (
		select date, sum((total_microccd is not null)::int - (previous_total_microccd is not null)::int) as count,
			sum(coalesce(total_microccd, 0) - coalesce(previous_total_microccd, 0)) as total
		from raw.balance_changes group by date) order by date`)
	want := queryFiles(t, fmt.Sprintf(`select regexp_extract(filename, '(\d{4}-\d{2}-\d{2})\.csv', 1)::date as date, count(*) as accounts,
			sum((total_balance::decimal(38, 6) * 1000000)::bigint)::bigint as total
		from read_csv('%s/*.csv', union_by_name = true, filename = true, all_varchar = true, header = true, delim = ',', quote = '"', escape = '"') group by all order by date`, folder))
	same(t, "days", got, want)
}

// TestDuplicateOfAnotherFilesNewAccount: a file is parsed while the fold gives its new account an id from another file.
func TestDuplicateOfAnotherFilesNewAccount(t *testing.T) {
	a := newDictionary()
	p := &parser{accounts: a, words: &lockedWords{words: newWords()}}
	rows := strings.Builder{}
	rows.WriteString("account,total_balance\nx,1.0\n")
	for i := range 5000 {
		fmt.Fprintf(&rows, "a%d,1.0\n", i)
	}
	rows.WriteString("x,2.0\n")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 5000 {
			a.add(fmt.Sprint("a", 4999-i))
		}
		a.add("x")
	}()
	for range 20 {
		s, err := p.parse("f", []byte(rows.String()))
		if err != nil || len(s.rejects) != 1 || len(s.rows) != 5001 {
			t.Fatalf("%v, %d rejects, %d rows", err, len(s.rejects), len(s.rows))
		}
	}
	<-done
}

// TestFileOfAnotherNameForTheSameDay: the day's data is that of the file that is there, whatever was read before.
func TestFileOfAnotherNameForTheSameDay(t *testing.T) {
	d := newDesk(t)
	first := "account,total_balance\na,1.0\nb,x\n"
	d.write(day(1)+".csv", first)
	d.load(func(in *engine.Intake) { in.MaxRejects = 1 })
	path := filepath.Join(d.dir, day(1)+".csv")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(t.TempDir(), "aside.csv")
	if err := os.Rename(path, aside); err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte("account,total_balance\na,2.0\n")); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	d.write(day(1)+".csv.gz", zipped.String())
	d.load()
	same(t, "rejects of the file before", len(d.query("from raw.rejects")), 0)
	if err := os.Remove(path + ".gz"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aside, path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	d.load(func(in *engine.Intake) { in.MaxRejects = 1 })
	same(t, "balance", d.query("select total_microccd from raw.balance_changes"), []string{"{'total_microccd': 1000000}"})
}

func TestEmptyFolderRemovesNothing(t *testing.T) {
	d := newDesk(t)
	d.write(day(1)+".csv", "account,total_balance\na,1.0\n")
	d.load()
	if err := os.Remove(filepath.Join(d.dir, day(1)+".csv")); err != nil {
		t.Fatal(err)
	}
	in := d.warehouse.NewIntake("balances", 9)
	in.Prune = true
	if err := New(d.dir).Load(t.Context(), in); err == nil {
		t.Error("an empty folder was taken for all files removed")
	}
	same(t, "balances", len(d.query("from raw.balance_changes")), 1)
}
