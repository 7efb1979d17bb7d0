package engine

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/duckdb/duckdb-go/v2"
	"github.com/pressly/goose/v3/database"

	"github.com/ccdexplorer/nightrunner/engine/sqltree"
)

// These tests pin what docs/duckdb.md says of DuckDB and its driver, good or bad. One that fails after an upgrade says
// that the page, and perhaps the code it names, can change.

// openDuck opens DuckDB with one connection; path "" is memory.
func openDuck(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := connectDuck(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func connectDuck(path string) (*sql.DB, error) {
	connector, err := duckdb.NewConnector(path, nil)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db, nil
}

func do(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// ask is the one value of a query, as text; "null" for null.
func ask(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	var value sql.NullString
	if err := db.QueryRowContext(t.Context(), "select ("+query+")::varchar").Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if !value.Valid {
		return "null"
	}
	return value.String
}

// complaint is DuckDB's error on a statement that must fail.
func complaint(t *testing.T, db *sql.DB, statement string) *duckdb.Error {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement)
	return duckError(t, statement, err)
}

func duckError(t *testing.T, what string, err error) *duckdb.Error {
	t.Helper()
	var duck *duckdb.Error
	if !errors.As(err, &duck) {
		t.Fatalf("%s: got %v, want an error of DuckDB", what, err)
	}
	return duck
}

func TestTrapTableNames(t *testing.T) {
	db := openDuck(t, "")
	do(t, db, "create table a (x int)", "create table b (x int)")
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for query, want := range map[string]string{
		"select * from a join b on a.x = b.x": "a b",
		"select * from a join b using (x)":    "",
		"select * from a natural join b":      "",
		"pivot a on x using count(*)":         "",
	} {
		names, err := duckdb.GetTableNames(conn, query, true)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		equal(t, "GetTableNames: "+query, strings.Join(names, " "), want)
	}
}

func TestTrapSyntaxTree(t *testing.T) {
	w, err := OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for query, want := range map[string]string{
		"select * from s.a join b using (x)":                                              "b s.a",
		"select * from a natural join b":                                                  "a b",
		"select * from (pivot a on x in (1, 2) using count(*))":                           "a",
		"with c as (select * from a) select * from c join b using (x), (select * from d)": "a b d",
		"select (select max(x) from a) from b where x in (select x from s.c)":             "a b s.c",
	} {
		found, err := w.parse(t.Context(), query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		equal(t, query, strings.Join(found.tables(), " "), want)
	}
	for _, query := range []string{"pivot a on x using count(*)", "create table a (x int)"} {
		_, err := w.parse(t.Context(), query)
		if syntax := (*sqltree.SyntaxError)(nil); !errors.As(err, &syntax) || syntax.Offset != -1 {
			t.Errorf("%s: got %v, want a refusal without a position", query, err)
		}
	}
}

func TestTrapVariablesOfASession(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.duckdb")
	first, second := openDuck(t, path), openDuck(t, path)
	do(t, first, "set variable d = 7", "create view v as select getvariable('d') as d", "create table t as select getvariable('d') as d")
	equal(t, "view, same session", ask(t, first, "select d from v"), "7")
	equal(t, "view, other session", ask(t, second, "select d from v"), "null")
	equal(t, "table, other session", ask(t, second, "select d from t"), "7")
}

func TestTrapLinesOfErrors(t *testing.T) {
	db := openDuck(t, "")
	do(t, db, "create table words as select 'x' as word", "create view casts as select\n\n\nword::int as number\nfrom words",
		"create macro number(word) as\n\n\nword::int")
	for statement, want := range map[string]int{
		"create table t as -- comment\nselect 1,\n  nothing":                             3,
		"create table t as select * from (-- comment\nselect\n  word::int from words\n)": 3,
		"select 'é',\n nothing":                                       2,
		"create table u (x int); select\n nothing":                    0, // the second of two statements
		"create table t as select 1,\nnumber(word) from words":        2, // where the macro is called
		"create table t as select\n1,\n2,\n3,\n4,\nnumber from casts": 5, // the byte offset in the view, counted here: neither text has its fault there
	} {
		equal(t, statement, errorLine(complaint(t, db, statement)), want)
	}
}

func TestTrapStarOfAView(t *testing.T) {
	db := openDuck(t, "")
	columns := func() string {
		rows, err := db.QueryContext(t.Context(), "from v")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err := errors.Join(err, rows.Err()); err != nil {
			t.Fatal(err)
		}
		return strings.Join(names, " ")
	}
	catalog := "select string_agg(column_name, ' ' order by column_index) from duckdb_columns() where table_name = 'v'"
	do(t, db, "create table t (a int, b int)", "create view v as select * from t")
	equal(t, "columns", columns(), "a b")
	do(t, db, "alter table t add column c int")
	equal(t, "catalog before the view is read", ask(t, db, catalog), "a b")
	equal(t, "columns of the altered", columns(), "a b c")
	equal(t, "catalog", ask(t, db, catalog), "a b c")
	do(t, db, "create or replace table t (z text)")
	equal(t, "columns of the replaced", columns(), "z")
}

func TestTrapCommentsAreLost(t *testing.T) {
	db := openDuck(t, "")
	do(t, db, "create view v as select 1 as one -- the first\n, /* the second */ 2 as two")
	equal(t, "text", ask(t, db, "select sql from duckdb_views() where view_name = 'v'"), "CREATE VIEW v AS SELECT 1 AS one, 2 AS two;")
	comment := "select comment from duckdb_views() where view_name = 'v'"
	do(t, db, "comment on view v is 'numbers'")
	equal(t, "comment", ask(t, db, comment), "numbers")
	do(t, db, "create or replace view v as select 3 as three")
	equal(t, "comment of the replaced", ask(t, db, comment), "null")
}

func TestTrapCTEs(t *testing.T) {
	db := openDuck(t, "")
	for query, want := range map[string]int{
		"with c as (select range as x from range(10)) select * from c":                                      0,
		"with c as (select range as x from range(10)) select * from c as a join c as b using (x)":           1,
		"with c as (select range as x from range(10)), d as (from c), e as (from d) select * from e":        0,
		"with c as not materialized (select range as x from range(10)) from c as a join c using (x)":        0,
		"with c as materialized (select range as x from range(10)) select * from c where x between 1 and 3": 1,
	} {
		equal(t, query, strings.Count(plan(t, db, query), `"CTE"`), want)
	}
}

// plan is the physical plan as JSON.
func plan(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	var key, text string
	if err := db.QueryRowContext(t.Context(), "explain (format json) "+query).Scan(&key, &text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

func TestTrapTransactions(t *testing.T) {
	db := openDuck(t, "")
	tables := "select string_agg(table_name, ' ') from duckdb_tables()"
	do(t, db, "begin", "create table t (a int)", "alter table t add column b int", "rollback")
	equal(t, "tables", ask(t, db, tables), "null")
	do(t, db, "begin", "create table u (a int)")
	equal(t, "an error", complaint(t, db, "select 'x'::int").Type, duckdb.ErrorTypeConversion)
	equal(t, "the next statement", complaint(t, db, "select 1").Type, duckdb.ErrorTypeTransaction)
	do(t, db, "rollback")
	equal(t, "a rollback of nothing", complaint(t, db, "rollback").Type, duckdb.ErrorTypeTransaction)
	equal(t, "tables", ask(t, db, tables), "null")
}

// limitMemory is what a session with 20 MB, and no disk to spill to, begins with. wideRows makes more than that.
func limitMemory() []string {
	return []string{"set memory_limit = '20MB'", "set max_temp_directory_size = '0MB'", "set threads = 1"}
}

const wideRows = "select hash(range) as hash, repeat('x', 40) || range as text from range(1000000)"

func TestTrapResultsAreNotCounted(t *testing.T) {
	db := openDuck(t, "")
	do(t, db, limitMemory()...)
	equal(t, "kept as a table", complaint(t, db, "create temp table kept as "+wideRows).Type, duckdb.ErrorTypeOutOfMemory)
	rows, err := db.QueryContext(t.Context(), wideRows)
	if err != nil {
		t.Fatalf("as a result: %v", err)
	}
	defer rows.Close()
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestTrapAggregatesAreNotCounted(t *testing.T) {
	db := openDuck(t, "")
	do(t, db, limitMemory()...)
	equal(t, "a list of 40 MB", complaint(t, db, "select list(range) from range(5000001)").Type, duckdb.ErrorTypeOutOfMemory)
	equal(t, "40 MB in a median", ask(t, db, "select median(range) from range(5000001)"), "2500000.0")
}

func TestTrapEstimateOfCSVs(t *testing.T) {
	folder := t.TempDir()
	for i := range 3 {
		text := "number,word\n" + strings.Repeat("1,x\n", 50000)
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.csv", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db := openDuck(t, "")
	do(t, db, "create table accounts as select 'x' || range as word from range(1000)")
	csv := "read_csv(" + quote(folder+"/*.csv") + ", auto_detect = false, header = true, columns = {'number': 'int', 'word': 'text'})"
	scan := planStep(t, db, "from "+csv, "READ_CSV")
	equal(t, "estimate of 150,000 rows", scan.Extra["Estimated Cardinality"], any("126"))
	// The second input of a join is the one that is hashed.
	join := "select count(*) from " + csv + " join accounts using (word)"
	equal(t, "hashed", planStep(t, db, join, "HASH_JOIN").Children[1].Name, "READ_CSV")
	do(t, db, "set disabled_optimizers = 'join_order,build_side_probe_side'")
	equal(t, "hashed as written", planStep(t, db, join, "HASH_JOIN").Children[1].Name, "SEQ_SCAN")
}

// A planNode is a step of a plan as JSON.
type planNode struct {
	Name     string         `json:"name"`
	Children []planNode     `json:"children"`
	Extra    map[string]any `json:"extra_info"`
}

func (n planNode) find(name string) *planNode {
	if n.Name == name {
		return &n
	}
	for _, child := range n.Children {
		if found := child.find(name); found != nil {
			return found
		}
	}
	return nil
}

// planStep is the first step of that name in a query's plan.
func planStep(t *testing.T, db *sql.DB, query, name string) *planNode {
	t.Helper()
	text := plan(t, db, query)
	var roots []planNode
	if err := json.Unmarshal([]byte(text), &roots); err != nil {
		t.Fatal(err)
	}
	found := planNode{Children: roots}.find(name)
	if found == nil {
		t.Fatalf("no %s in %s", name, text)
	}
	return found
}

func TestTrapExternalAccess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(file, []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	db := openDuck(t, "")
	equal(t, "before", ask(t, db, "select a from read_csv("+quote(file)+")"), "1")
	do(t, db, "set enable_external_access = false")
	equal(t, "after", complaint(t, db, "select a from read_csv("+quote(file)+")").Type, duckdb.ErrorTypePermission)
	equal(t, "and back", complaint(t, db, "set enable_external_access = true").Type, duckdb.ErrorTypeInvalidInput)
}

func TestTrapSums(t *testing.T) {
	db := openDuck(t, "")
	for values, want := range map[string]string{
		"(1e16), (1.0), (-1e16)": "0.0", "(1e16), (-1e16), (1.0)": "1.0", // the same numbers in another order
	} {
		equal(t, "sum of doubles "+values, ask(t, db, "select sum(x::double) from (values "+values+") as t(x)"), want)
	}
	equal(t, "sum of integers", ask(t, db, "select sum(x) from (values (9223372036854775807), (9223372036854775807), (1)) as t(x)"), "18446744073709551615")
	for expression, want := range map[string]string{"sum(1::bigint)": "HUGEINT", "count(*)": "BIGINT", "1 / 2": "DOUBLE", "1 // 2": "INTEGER",
		"date_trunc('month', date '2021-06-09')": "TIMESTAMP", "date '2021-06-09' + interval 1 day": "TIMESTAMP", "date '2021-06-09' + 1": "DATE"} {
		equal(t, expression, ask(t, db, "select typeof("+expression+")"), want)
	}
	equal(t, "toward zero", ask(t, db, "select -7 // 2"), "-3")
	if got := ask(t, db, "select approx_count_distinct(range % 1000) between 950 and 1050 from range(100000)"); got != "false" {
		t.Error("an approximate count of 1,000 is right within 5 %")
	}
}

func TestTrapArrow(t *testing.T) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer connector.Close()
	conn, err := connector.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	records, err := duckdb.NewArrowFromConn(conn)
	if err != nil {
		t.Fatal(err)
	}
	query := func(text string) *arrow.Schema {
		reader, err := records.QueryContext(t.Context(), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		defer reader.Release()
		return reader.Schema()
	}
	kind := query("select sum(1::bigint)").Field(0).Type.(*arrow.Decimal128Type)
	equal(t, "a HUGEINT", [2]int32{kind.Precision, kind.Scale}, [2]int32{38, 0})
	for _, statement := range limitMemory() {
		query(statement)
	}
	query(wideRows) // complete before its first batch, and not counted
	_, err = conn.(driver.QueryerContext).QueryContext(t.Context(), "create temp table kept as "+wideRows, nil)
	equal(t, "kept as a table", duckError(t, "create", err).Type, duckdb.ErrorTypeOutOfMemory)
}

func TestTrapArrowNeedsItsTag(t *testing.T) {
	list := func(flags string) string {
		command := exec.CommandContext(t.Context(), "go", "list", "-f", "{{join .CgoFiles \" \"}}", "github.com/duckdb/duckdb-go/v2")
		command.Env = append(os.Environ(), "GOFLAGS="+flags)
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("go list: %v: %s", err, output)
		}
		return string(output)
	}
	equal(t, "with the tag", strings.Contains(list("-tags=duckdb_arrow"), "arrow.go"), true)
	equal(t, "without", strings.Contains(list(""), "arrow.go"), false)
}

func TestTrapDialectsOfGoose(t *testing.T) {
	for _, dialect := range []database.Dialect{database.DialectSQLite3, database.DialectPostgres} {
		store, err := database.NewStore(dialect, "versions")
		if err != nil {
			t.Fatal(err)
		}
		err = store.CreateVersionTable(t.Context(), openDuck(t, ""))
		equal(t, string(dialect), duckError(t, string(dialect), err).Type, duckdb.ErrorTypeParser)
	}
}
