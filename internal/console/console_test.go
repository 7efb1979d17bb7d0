package console

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/jedib0t/go-pretty/v6/text"
)

func openDB(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(32)
	if _, err := db.Exec("set global TimeZone = 'UTC'"); err != nil {
		t.Fatal(err)
	}
	return db
}

// chain has a table in three schemas, one view, comments.
func chain(t *testing.T) *sql.DB {
	t.Helper()
	db := openDB(t)
	_, err := db.Exec(`
		create schema raw; create schema stat; create schema ops;
		create table ops.runs (run_id bigint);
		create table raw.blocks as select i as height, (i * 1.5)::decimal(18,6) as reward_ccd from range(3) as t(i);
		comment on table raw.blocks is 'Blocks of the chain';
		comment on column raw.blocks.height is 'from genesis';
		create view stat.daily_blocks as select 1 as block_count;
		create table side (a integer)`)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// shared is a database that sessions of a test leave open.
type shared struct{ *sql.DB }

func (shared) Close() error { return nil }

// start makes a session; what it writes is in the buffers.
func start(t *testing.T, db *sql.DB, options Options) (session *Session, out, errs *bytes.Buffer) {
	t.Helper()
	out, errs = new(bytes.Buffer), new(bytes.Buffer)
	options.Out, options.Err = out, errs
	session, err := New(t.Context(), shared{db}, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session, out, errs
}

func runOn(t *testing.T, db *sql.DB, options Options, input string) string {
	t.Helper()
	session, out, _ := start(t, db, options)
	// The pool is small, and a test runs many of these.
	defer session.Close()
	if err := session.Run(t.Context(), strings.NewReader(input)); err != nil && !errors.As(err, new(Quit)) {
		t.Fatal(err)
	}
	return out.String()
}

const twoRows = `select * from (values (1, 'a,"b', 1.50), (null, 'c|d' || chr(10) || 'e', null)) as v(n, s, d)`

func TestFormats(t *testing.T) {
	db := openDB(t)
	for format, want := range map[Format]string{
		Table: `
┌──────┬────────┬──────┐
│    n │ s      │    d │
├──────┼────────┼──────┤
│    1 │ a,"b   │ 1.50 │
│ NULL │ c|d\ne │ NULL │
└──────┴────────┴──────┘
`,
		CSV: `
n,s,d
1,"a,""b",1.50
,"c|d
e",
`,
		JSON: `
[{"n":1,"s":"a,\"b","d":1.50},
{"n":null,"s":"c|d\ne","d":null}]
`,
		JSONL: `
{"n":1,"s":"a,\"b","d":1.50}
{"n":null,"s":"c|d\ne","d":null}
`,
		Markdown: `
| n | s | d |
| ---: | --- | ---: |
| 1 | a,"b | 1.50 |
| NULL | c\|d<br/>e | NULL |
`,
		Line: `
n = 1
s = a,"b
d = 1.50

n = NULL
s = c|d\ne
d = NULL
`,
	} {
		t.Run(string(format), func(t *testing.T) {
			if got := runOn(t, db, Options{Format: format}, twoRows); got != want[1:] {
				t.Errorf("got\n%s\nwant\n%s", got, want[1:])
			}
		})
	}
}

func TestFormatsWithoutRows(t *testing.T) {
	db := openDB(t)
	for format, want := range map[Format]string{
		CSV: "a\n", JSON: "[]\n", JSONL: "", Line: "", Markdown: "| a |\n| ---: |\n", Table: "┌───┐\n│ a │\n├───┤\n└───┘\n",
	} {
		if got := runOn(t, db, Options{Format: format}, "select 1 as a where false"); got != want {
			t.Errorf("%s: got %q, want %q", format, got, want)
		}
	}
}

func TestParseFormat(t *testing.T) {
	if _, err := ParseFormat("xml"); err == nil || !strings.Contains(err.Error(), "there is table, duckbox, csv") {
		t.Errorf("got %v", err)
	}
}

// TestCSVStreams: rows go out while there are more to come.
func TestCSVStreams(t *testing.T) {
	db := openDB(t)
	session, _, _ := start(t, db, Options{Format: CSV})
	reader, writer := io.Pipe()
	session.options.Out = writer
	go func() {
		writer.CloseWithError(session.Run(t.Context(), strings.NewReader("from range(100000)")))
	}()
	rows, err := csv.NewReader(reader).ReadAll()
	if err != nil || len(rows) != 100001 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// TestWriteErrorEndsQuery: a reader that goes away ends the statement.
func TestWriteErrorEndsQuery(t *testing.T) {
	db := openDB(t)
	session, _, _ := start(t, db, Options{Format: JSONL})
	reader, writer := io.Pipe()
	session.options.Out = writer
	reader.Close()
	if err := session.Run(t.Context(), strings.NewReader("from range(100000)")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
	session.options.Out = io.Discard
	if err := session.Exec(t.Context(), "select 1"); err != nil {
		t.Errorf("the next statement: %v", err)
	}
}

func TestTableLeavesOutRows(t *testing.T) {
	db := openDB(t)
	got := runOn(t, db, Options{Format: Duckbox}, ".maxrows 5\nfrom range(1234) as t(i);")
	want := `
┌────────┐
│      i │
│ bigint │
├────────┤
│      0 │
│      1 │
│      2 │
│      · │
│      · │
│      · │
│   1232 │
│   1233 │
└────────┘
1,234 rows (5 shown; .maxrows), 1 column
`
	if got != want[1:] {
		t.Errorf("got\n%s", got)
	}
}

func TestTableRowLimits(t *testing.T) {
	db := openDB(t)
	for _, test := range []struct{ limit, rows, lines int }{{1, 9, 1}, {2, 9, 2}, {5, 5, 5}, {5, 6, 5}, {0, 9, 9}, {6, 1, 1}} {
		session, out, _ := start(t, db, Options{Format: Duckbox, MaxRows: test.limit})
		if err := session.Exec(t.Context(), "from range("+strings.Repeat("i", 0)+string(rune('0'+test.rows))+")"); err != nil {
			t.Fatal(err)
		}
		shown := 0
		for line := range strings.Lines(out.String()) {
			if strings.ContainsAny(line, "012345678") && strings.HasPrefix(line, "│") {
				shown++
			}
		}
		if shown != test.lines {
			t.Errorf("limit %d, %d rows: %d shown", test.limit, test.rows, shown)
		}
	}
}

func TestTableFitsWidth(t *testing.T) {
	db := openDB(t)
	const query = `select 123456789 as first_number, repeat('ab ', 50) as long_text, '生命' as wide, 1 as c4, 2 as c5,
		repeat('x', 30) as c6, 3.25 as c7, repeat('y', 40) as c8, 4 as last_number`
	for width := 12; width <= 200; width++ {
		got := runOn(t, db, Options{Width: func() int { return width }}, query)
		for line := range strings.Lines(got) {
			line = strings.TrimRight(line, "\n")
			if strings.ContainsAny(line, "│┌├└") && text.StringWidthWithoutEscSequences(line) > width {
				t.Fatalf("width %d: %d columns in %s", width, text.StringWidthWithoutEscSequences(line), line)
			}
		}
		if width >= 40 && (!strings.Contains(got, "123456789") || !strings.Contains(got, "4 │\n")) {
			t.Errorf("width %d: numbers are cut or the last column is gone:\n%s", width, got)
		}
	}
	wide := runOn(t, db, Options{}, query)
	if strings.Contains(wide, "…") || !strings.Contains(wide, strings.Repeat("ab ", 50)) {
		t.Errorf("cut without a limit:\n%s", wide)
	}
}

func TestTableNamesColumnsLeftOut(t *testing.T) {
	db := openDB(t)
	got := runOn(t, db, Options{Width: func() int { return 30 }}, "select 10000 a, 20000 b, 30000 c, 40000 d, 50000 e, 60000 f")
	want := `
┌───────┬───────┬───┬───────┐
│     a │     b │ … │     f │
├───────┼───────┼───┼───────┤
│ 10000 │ 20000 │ … │ 60000 │
└───────┴───────┴───┴───────┘
columns 3 to 5 of 6 left out; format line shows all
`
	if got != want[1:] {
		t.Errorf("got\n%s", got)
	}
}

// TestTableFillsFromBothSides: a column that does not fit on one side leaves the room to the other.
func TestTableFillsFromBothSides(t *testing.T) {
	got := runOn(t, openDB(t), Options{Width: func() int { return 40 }}, "select 1 a, 2 b, 3 c, 4 d, 10000000000000000000000000 e, 5 f")
	want := `
┌───┬───┬───┬───┬───┬───┐
│ a │ b │ c │ d │ … │ f │
├───┼───┼───┼───┼───┼───┤
│ 1 │ 2 │ 3 │ 4 │ … │ 5 │
└───┴───┴───┴───┴───┴───┘
column 5 of 6 left out; format line shows all
`
	if got != want[1:] {
		t.Errorf("got\n%s", got)
	}
}

func TestControlCharactersAreEscaped(t *testing.T) {
	db := openDB(t)
	for _, format := range []Format{Table, Line, Markdown} {
		got := runOn(t, db, Options{Format: format}, "select chr(27) || '[31m' || chr(7) || chr(8238) as a")
		if !strings.Contains(got, `\x1b[31m\a\u202e`) {
			t.Errorf("%s: got %q", format, got)
		}
	}
}

func TestWriteTable(t *testing.T) {
	var out bytes.Buffer
	columns := []Column{{Name: "model"}, {Name: "rows", Right: true}, {Name: "what"}}
	rows := [][]string{{"stat.a", "12", "a long text that does not fit"}, nil, {"stat.bb", "3"}}
	if err := WriteTable(&out, 30, columns, rows); err != nil {
		t.Fatal(err)
	}
	want := `
model    rows  what
──────────────────────────────
stat.a     12  a long text th…

stat.bb     3
`
	if out.String() != want[1:] {
		t.Errorf("got\n%s", out.String())
	}
}

// TestWriteTableWraps where a column says so; names stay whole as long as there is room.
func TestWriteTableWraps(t *testing.T) {
	columns := []Column{{Name: "model"}, {Name: "what", Wrap: true}}
	rows := [][]string{{"stat.long_name_of_a_model", "a text that goes on below"}, {"stat.b", "short"}}
	for width, want := range map[int]string{
		40: `
model                      what
────────────────────────────────────────
stat.long_name_of_a_model  a text that
                           goes on below
stat.b                     short
`,
		30: `
model           what
──────────────────────────────
stat.long_nam…  a text that
                goes on below
stat.b          short
`,
	} {
		var out bytes.Buffer
		if err := WriteTable(&out, width, columns, rows); err != nil {
			t.Fatal(err)
		}
		if out.String() != want[1:] {
			t.Errorf("width %d: got\n%s", width, out.String())
		}
	}
}

func TestRunStopsAtFirstError(t *testing.T) {
	db := openDB(t)
	session, out, _ := start(t, db, Options{Format: JSONL})
	err := session.Run(t.Context(), strings.NewReader("select 1 as a;\n\nselect nope;\nselect 3 as a;"))
	if err == nil || !strings.HasPrefix(err.Error(), "statement 2, line 3: Binder Error") {
		t.Errorf("got %v", err)
	}
	if out.String() != "{\"a\":1}\n" {
		t.Errorf("got %s", out.String())
	}
}

func TestSessionKeepsState(t *testing.T) {
	got := runOn(t, openDB(t), Options{Format: JSONL}, "create temp table x as select 7 as a; set variable v = 1; begin; select a, getvariable('v') as v from x; commit")
	if got != "{\"a\":7,\"v\":1}\n" {
		t.Errorf("got %s", got)
	}
}

func TestStatementsThatNeedCasts(t *testing.T) {
	db := openDB(t)
	for _, statement := range []string{
		"select time '12:00:00' as a -- end", "with x as (select time '12:00:00' as a) select a from x order by a",
		"from (select time '12:00:00' as a)", "values (time '12:00:00')",
		"pivot (select 1 as i, time '12:00:00' as a) on i using max(a)", "describe select time '12:00:00' as a",
	} {
		if got := runOn(t, db, Options{Format: CSV}, statement); !strings.Contains(strings.ToLower(got), "time") && !strings.Contains(got, "12:00:00") {
			t.Errorf("%s: got %s", statement, got)
		}
	}
}

// TestStatementsWithoutCasts: what cannot stand inside a query goes out as the driver has it.
func TestStatementsWithoutCasts(t *testing.T) {
	db := chain(t)
	const statement = "pragma table_info('side')"
	if got := runOn(t, db, Options{Format: CSV}, statement); !strings.HasSuffix(got, "\n0,a,INTEGER,false,,false\n") {
		t.Errorf("got %s", got)
	}
	want := `{"cid":0,"name":"a","type":"INTEGER","notnull":false,"dflt_value":null,"pk":false}` + "\n"
	if got := runOn(t, db, Options{Format: JSONL}, statement); got != want {
		t.Errorf("got %s", got)
	}
}

// TestChangesAreCounted and, as in DuckDB's own shell, not shown as rows.
func TestChangesAreCounted(t *testing.T) {
	session, out, errs := start(t, openDB(t), Options{Timer: true})
	if err := session.Run(t.Context(), strings.NewReader("create temp table x (a int); insert into x values (1), (2);")); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(errs.String(), "\n"); out.Len() > 0 || !strings.HasPrefix(lines[0], "(0 rows, ") || !strings.HasPrefix(lines[1], "(2 rows, ") {
		t.Errorf("got %s and %s", out, errs)
	}
}

// TestErrorsNameLines of the statement as it was typed, also when its casts fail.
func TestErrorsNameLines(t *testing.T) {
	for statement, want := range map[string]string{
		"select 1,\n  nope": "LINE 2:   nope", "select 1,\n  'a'::int": "LINE 2:   'a'::int",
	} {
		session, _, _ := start(t, openDB(t), Options{})
		if err := session.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", statement, err)
		}
	}
}

func TestWrap(t *testing.T) {
	const message = "error: some words that are many\n\nLINE 1: select nope, nope from nowhere\n               ^"
	if got := Wrap(message, 0); got != message {
		t.Errorf("without a limit\n%s", got)
	}
	want := "error: some words\nthat are many\n\nLINE 1: select nope, nope from nowhere\n               ^"
	if got := Wrap(message, 20); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestExplainIsDrawn(t *testing.T) {
	got := runOn(t, openDB(t), Options{}, "explain select 1")
	if !strings.Contains(got, "│         PROJECTION") || strings.Contains(got, "explain_key") {
		t.Errorf("got\n%s", got)
	}
}

func TestTimer(t *testing.T) {
	session, _, errs := start(t, openDB(t), Options{})
	if err := session.Run(t.Context(), strings.NewReader(".timer on\nselect 1;\n.timer off\nselect 1;")); err != nil {
		t.Fatal(err)
	}
	if got := errs.String(); !strings.HasPrefix(got, "(1 row, ") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
}

func TestInterrupt(t *testing.T) {
	signals := make(chan os.Signal)
	session, _, _ := start(t, openDB(t), Options{Interrupts: signals})
	// One that comes before the statement has begun is dropped as an old one, so it is sent until it is heard.
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case signals <- os.Interrupt:
			case <-done:
				return
			}
		}
	}()
	err := session.Exec(t.Context(), "select count(*) from range(1000000000) as a, range(1000000000) as b")
	close(done)
	<-ended
	if !errors.Is(err, ErrInterrupted) {
		t.Errorf("got %v", err)
	}
	if err := session.Exec(t.Context(), "select 1"); err != nil {
		t.Errorf("the next statement: %v", err)
	}
}

// TestOldInterrupt: Ctrl-C between statements stops none that is typed later, and all that a script has still to do.
func TestOldInterrupt(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signals <- os.Interrupt
	session, out, _ := start(t, openDB(t), Options{Interrupts: signals})
	if err := session.typed(t.Context(), "select 1;"); err != nil || !strings.Contains(out.String(), "1") {
		t.Errorf("%v: %s", err, out)
	}
	signals <- os.Interrupt
	if err := session.Exec(t.Context(), "from range(100000000000)"); !errors.Is(err, ErrInterrupted) {
		t.Errorf("got %v", err)
	}
}

func TestCancelledContext(t *testing.T) {
	session, _, _ := start(t, openDB(t), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := session.Exec(ctx, "select 1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inner := write("inner.sql", "select 2 as a;\n.mode csv\n")
	outer := write("outer.sql", "select 1 as a;\n.read "+inner+"\nselect 3 as a")
	if got := runOn(t, openDB(t), Options{Format: JSONL}, ".read "+outer); got != "{\"a\":1}\n{\"a\":2}\na\n3\n" {
		t.Errorf("got %s", got)
	}
	for name, content := range map[string]string{"bad.sql": "select 1;\n\nselect nope;", "loop.sql": ".read " + filepath.Join(dir, "loop.sql")} {
		path := write(name, content)
		session, _, _ := start(t, openDB(t), Options{})
		if err := session.Run(t.Context(), strings.NewReader(".read "+path)); err == nil || !strings.Contains(err.Error(), path+":") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	session, _, _ := start(t, openDB(t), Options{})
	if err := session.Run(t.Context(), strings.NewReader(".read "+filepath.Join(dir, "none.sql"))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestTables(t *testing.T) {
	db := chain(t)
	want := `
name               kind   rows  comment
───────────────────────────────────────────────────
raw.blocks         table     3  Blocks of the chain

stat.daily_blocks  view

ops.runs           table     0

side               table     0
`
	if got := runOn(t, db, Options{}, ".tables"); got != want[1:] {
		t.Errorf("got\n%s", got)
	}
	for pattern, want := range map[string]string{
		"blocks": "raw.blocks", "RAW": "raw.blocks", "raw.*": "raw.blocks", "stat.%": "stat.daily_blocks", "ily": "stat.daily_blocks",
		"ops.runs": "ops.runs", "run?": "ops.runs",
	} {
		got := runOn(t, db, Options{}, ".tables "+pattern)
		if !strings.Contains(got, want) || strings.Count(got, "\n") != 3 {
			t.Errorf(".tables %s: got\n%s", pattern, got)
		}
	}
}

func TestSchema(t *testing.T) {
	want := `
-- Blocks of the chain
CREATE TABLE raw.blocks (
    height BIGINT, -- from genesis
    reward_ccd DECIMAL(18,6)
);

-- block_count INTEGER
CREATE VIEW stat.daily_blocks AS
`
	if got := runOn(t, chain(t), Options{}, ".schema *blocks"); !strings.HasPrefix(got, want[1:]) {
		t.Errorf("got\n%s", got)
	}
}

// What .schema writes runs as it stands, and is written again.
func TestSchemaRuns(t *testing.T) {
	db := openDB(t)
	made := []string{
		`create table "odd, (name" (id bigint primary key, a decimal(9, 2) default (1.50), "b,c" varchar check ("b,c" <> 'x, (y' ), d struct(e integer, f varchar[]) not null)`,
		`create view "z as" as select id as "as", 'it''s as --' as note from "odd, (name"`,
		`comment on column "odd, (name".a is 'first
line, second'`,
	}
	for _, statement := range made {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, width := range []int{0, 30} {
		got := runOn(t, db, Options{Width: func() int { return width }}, ".schema")
		again := openDB(t)
		if _, err := again.ExecContext(t.Context(), got); err != nil {
			t.Fatalf("%v of\n%s", err, got)
		}
		const tables = "select string_agg(sql, '' order by sql) from (select sql from duckdb_tables() union all select sql from duckdb_views() where not internal)"
		var one, other string
		if err := errors.Join(db.QueryRowContext(t.Context(), tables).Scan(&one), again.QueryRowContext(t.Context(), tables).Scan(&other)); err != nil || one != other {
			t.Errorf("%v: %s and %s", err, one, other)
		}
	}
}

func TestDotErrors(t *testing.T) {
	for command, want := range map[string]string{
		".tabels":       "unknown command .tabels, nearest is .tables; .help lists all",
		".t":            ".t may be .tables or .timer",
		".":             "unknown command .",
		".mode xml":     `unknown format "xml"`,
		".read":         "usage: .read FILE",
		".show me":      "usage: .show",
		".help zzz":     "no command matches zzz",
		".exit soon":    `"soon" is no exit code`,
		".once /none/x": "no such file",
		".once .":       "is a directory",
		".open x":       "unknown command .open",
		".maxrows -1":   ".maxrows takes a number",
		".timer soon":   ".timer is on or off",
		".schema zzz":   "no table or view matches zzz",
		// As in DuckDB's own shell a dot command has its line for itself.
		"select 1; .tables": "a dot command stands on a line of its own, in the shell: .tables",
	} {
		session, _, _ := start(t, chain(t), Options{})
		if err := session.Run(t.Context(), strings.NewReader(command)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", command, err)
		}
	}
}

func TestDotOnlyBetweenStatements(t *testing.T) {
	got := runOn(t, openDB(t), Options{Format: JSONL},
		"select x\n.a as a from (select {'a': 1} as x); -- one\n  .mode csv;\nselect 2 as a;\n.quit\nselect nope;")
	if got != "{\"a\":1}\na\n2\n" {
		t.Errorf("got %s", got)
	}
}

func TestHelpListsCommands(t *testing.T) {
	got := runOn(t, openDB(t), Options{}, ".help")
	for _, one := range []string{".tables [PATTERN]", ".schema", ".mode [FORMAT]", ".maxrows [N]", ".timer [on|off]", ".read FILE", ".quit"} {
		if !strings.Contains(got, one) {
			t.Errorf("%s is missing", one)
		}
	}
}

func TestAccepts(t *testing.T) {
	for line, want := range map[string]bool{
		"": true, ".tables": true, "exit": true, "QUIT;": true, "select 1;": true, "select 1": false, "select 'a;": false, "select 1; select": false,
		"/* one": false, "-- one": true, "select 1; .tables": true,
	} {
		if got := accepts([]rune(line)); got != want {
			t.Errorf("accepts(%q) is %t", line, got)
		}
	}
}

func TestSuggest(t *testing.T) {
	session, _, _ := start(t, chain(t), Options{Commands: []Command{{Name: ".lineage", Tables: true}}})
	// | is where the cursor stands.
	for text, want := range map[string]string{
		".ta":                                    ".ta -> commands: .tables",
		".mode js":                               "js -> formats: json jsonlines",
		".m js":                                  "js ->",
		".mod js":                                "js -> formats: json jsonlines",
		".timer o":                               "o -> settings: on off",
		".schema st":                             "st -> tables: stat.daily_blocks",
		".lineage --format dot st":               "st -> tables: stat.daily_blocks",
		".read testdata/complete/q":              "testdata/complete/q -> files: testdata/complete/queries/ testdata/complete/query.sql",
		"select * from raw.b":                    "raw.b -> tables: raw.blocks",
		"select * from r":                        "r -> tables: raw.blocks | functions: read_blob read_csv read_csv_auto",
		"select rew":                             "rew -> columns: reward_ccd",
		"select | from raw.blocks":               " -> columns: height reward_ccd",
		"select | from raw.blocks, side as s":    " -> columns: a height reward_ccd",
		"select s.| from raw.blocks, side as s":  " -> columns: a",
		"select s.| from side s join raw.blocks": " -> columns: a",
		"select blocks.h| from raw.blocks":       "h -> columns: height",
		"select raw.blocks.h| from raw.blocks":   "h -> columns: height",
		"select b.he":                            "he -> columns: height",
		"select HEI":                             "HEI -> columns: height",
		"select count_s":                         "count_s -> functions: count_star",
		"from side whe":                          "whe -> keywords: where",
		"select date_tru":                        "date_tru -> functions: date_trunc",
		"from stat.daily_blocks\nwhere bl":       "bl -> columns: block_count",
		"select zzz":                             "zzz ->",
		"select 'hei":                            " ->",
		"select 1 -- hei":                        " ->",
	} {
		before, after, _ := strings.Cut(text, "|")
		word, groups := session.suggest(t.Context(), before, after)
		got := word + " ->"
		for i, one := range groups {
			if i > 0 {
				got += " |"
			}
			got += " " + one.kind + ": " + strings.Join(one.values[:min(3, len(one.values))], " ")
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
