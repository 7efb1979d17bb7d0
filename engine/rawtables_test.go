package engine

import (
	"context"
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// openWarehouse opens a warehouse in a folder of its own.
func openWarehouse(t *testing.T) *Warehouse {
	t.Helper()
	return reopen(t, filepath.Join(t.TempDir(), "w.duckdb"))
}

func reopen(t *testing.T, path string) *Warehouse {
	t.Helper()
	w, err := Open(context.Background(), path, Options{Threads: 2, MemoryLimit: "1GB"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// copyFile copies a file that may be open.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// run runs statements.
func run(t *testing.T, w *Warehouse, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if err := w.exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// lines are the rows of a query, with blanks between the columns and ∅ for null.
func lines(t *testing.T, w *Warehouse, query string) []string {
	t.Helper()
	list := []string{}
	err := w.each(t.Context(), func(rows *sql.Rows) error {
		columns, err := rows.Columns()
		if err != nil {
			return err
		}
		texts, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range texts {
			into[i] = &texts[i]
		}
		err = rows.Scan(into...)
		words := make([]string, len(texts))
		for i, text := range texts {
			words[i] = text.String
			if !text.Valid {
				words[i] = "∅"
			}
		}
		list = append(list, strings.Join(words, " "))
		return err
	}, "select columns(*)::varchar from ("+query+")")
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return list
}

// raw is a table with columns written as "NAME TYPE, …"; comments are the columns' names.
func raw(name, columns string) RawTable {
	table := RawTable{Name: "raw." + name, About: "about " + name, Source: "mongo", File: name}
	for one := range strings.SplitSeq(columns, ", ") {
		column, kind, _ := strings.Cut(one, " ")
		table.Columns = append(table.Columns, RawColumn{Name: column, Type: kind, About: "it's " + column})
	}
	return table
}

func ensure(t *testing.T, w *Warehouse, tables ...RawTable) {
	t.Helper()
	if err := w.EnsureTables(t.Context(), tables); err != nil {
		t.Fatal(err)
	}
}

func shape(t *testing.T, w *Warehouse, table string) []string {
	t.Helper()
	return lines(t, w, "select column_name, data_type, comment from duckdb_columns() where schema_name = 'raw' and table_name = "+quote(table)+" order by column_index")
}

// loaded says that files of a source were loaded.
func loaded(t *testing.T, w *Warehouse, names ...string) {
	t.Helper()
	for _, name := range names {
		run(t, w, "insert into ops.source_files (source, name, status, run_id) values ('mongo', "+quote(name)+", 'loaded', 1)")
	}
}

const statuses = "select name, status from ops.source_files order by name"

func TestTablesAreMadeWithComments(t *testing.T) {
	w := openWarehouse(t)
	ensure(t, w, raw("things", "id VARCHAR, n HUGEINT, at TIMESTAMP, j JSON, b BLOB"), raw("others", "order VARCHAR, select DOUBLE"))
	equal(t, "things", shape(t, w, "things"), []string{"id VARCHAR it's id", "n HUGEINT it's n", "at TIMESTAMP it's at", "j JSON it's j", "b BLOB it's b"})
	equal(t, "words of SQL", shape(t, w, "others"), []string{"order VARCHAR it's order", "select DOUBLE it's select"})
	equal(t, "about", lines(t, w, "select comment from duckdb_tables() where schema_name = 'raw' and table_name = 'things'"), []string{"about things"})
}

func TestTablesThatFitAreLeftAlone(t *testing.T) {
	w := openWarehouse(t)
	tables := []RawTable{raw("things", "id VARCHAR, n BIGINT"), raw("others", "id VARCHAR")}
	ensure(t, w, tables...)
	run(t, w, "insert into raw.things values ('a', 1)")
	loaded(t, w, "things", "others")
	for range 2 {
		ensure(t, w, tables...)
		// The order of columns is the table's own, not the mapping's.
		ensure(t, w, raw("things", "n BIGINT, id VARCHAR"), tables[1])
	}
	equal(t, "rows", lines(t, w, "from raw.things"), []string{"a 1"})
	equal(t, "files", lines(t, w, statuses), []string{"others loaded", "things loaded"})
}

func TestChangedColumnsReadTheSourceAgain(t *testing.T) {
	for what, one := range map[string]struct {
		columns     string
		shape, rows []string
	}{
		"added":         {"id VARCHAR, n BIGINT, more DATE", []string{"id VARCHAR it's id", "n BIGINT it's n", "more DATE it's more"}, []string{"a 1 ∅"}},
		"removed":       {"id VARCHAR", []string{"id VARCHAR it's id"}, []string{"a"}},
		"another type":  {"id VARCHAR, n DOUBLE", []string{"id VARCHAR it's id", "n DOUBLE it's n"}, []string{"a ∅"}},
		"another name":  {"id VARCHAR, m BIGINT", []string{"id VARCHAR it's id", "m BIGINT it's m"}, []string{"a ∅"}},
		"all of it new": {"x DATE, y DATE", []string{"x DATE it's x", "y DATE it's y"}, []string{"∅ ∅"}},
	} {
		w := openWarehouse(t)
		ensure(t, w, raw("things", "id VARCHAR, n BIGINT"), raw("others", "id VARCHAR"))
		run(t, w, "insert into raw.things values ('a', 1)")
		loaded(t, w, "things", "others")
		// A file of another source that has the same name is none of its business.
		run(t, w, "insert into ops.source_files (source, name, status, run_id) values ('node', 'things', 'loaded', 1)")
		ensure(t, w, raw("things", one.columns), raw("others", "id VARCHAR"))
		equal(t, what, shape(t, w, "things"), one.shape)
		equal(t, what, lines(t, w, "from raw.things"), one.rows)
		equal(t, what, lines(t, w, "select source, name, status from ops.source_files order by all"), []string{"mongo others loaded", "mongo things reshaped", "node things loaded"})
	}
}

func TestNewTableReadsItsSourceAgain(t *testing.T) {
	w := openWarehouse(t)
	ensure(t, w, raw("things", "id VARCHAR"))
	loaded(t, w, "things")
	renamed := raw("belongings", "id VARCHAR")
	renamed.File = "things"
	ensure(t, w, renamed)
	equal(t, "files", lines(t, w, statuses), []string{"things reshaped"})
}

func TestChangedWordsReadNothingAgain(t *testing.T) {
	w := openWarehouse(t)
	table := raw("things", "id VARCHAR")
	ensure(t, w, table)
	loaded(t, w, "things")
	table.About, table.Columns[0].About = "what there is; 'quoted'", "the key"
	ensure(t, w, table)
	equal(t, "shape", shape(t, w, "things"), []string{"id VARCHAR the key"})
	equal(t, "about", lines(t, w, "select comment from duckdb_tables() where schema_name = 'raw' and table_name = 'things'"), []string{table.About})
	equal(t, "files", lines(t, w, statuses), []string{"things loaded"})
}

func TestTableThatCannotBeMadeIsNamed(t *testing.T) {
	w := openWarehouse(t)
	ensure(t, w, raw("things", "id VARCHAR, n BIGINT"))
	run(t, w, "insert into raw.things values ('a', 1)")
	loaded(t, w, "things")
	wrong := raw("things", "id VARCHAR, n NUMBERS")
	for range 2 {
		err := w.EnsureTables(t.Context(), []RawTable{raw("others", "id VARCHAR"), wrong})
		if err == nil || !strings.Contains(err.Error(), "make raw.things: ") {
			t.Fatalf("got %v", err)
		}
		// Nothing of the wrong table was done; the next try finds the same.
		equal(t, "rows", lines(t, w, "from raw.things"), []string{"a 1"})
		equal(t, "files", lines(t, w, statuses), []string{"things loaded"})
	}
	ensure(t, w, raw("others", "id VARCHAR"), raw("things", "id VARCHAR, n DOUBLE"))
	equal(t, "shape", shape(t, w, "things"), []string{"id VARCHAR it's id", "n DOUBLE it's n"})
}

func TestAlteredTablesSurviveACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.duckdb")
	w := reopen(t, path)
	ensure(t, w, raw("things", "id VARCHAR, n BIGINT"))
	run(t, w, "insert into raw.things select range::varchar, range from range(10000)", "checkpoint")
	ensure(t, w, raw("things", "id VARCHAR, more DATE"))
	run(t, w, "set wal_autocheckpoint = '1TB'", "set checkpoint_threshold = '1TB'", "insert into raw.things values ('a', date '2021-06-09')")
	// What a crash leaves: the file and its log as they lie there now.
	copied := filepath.Join(t.TempDir(), "w.duckdb")
	copyFile(t, path, copied)
	copyFile(t, path+".wal", copied+".wal")
	again := reopen(t, copied)
	equal(t, "shape", shape(t, again, "things"), []string{"id VARCHAR it's id", "more DATE it's more"})
	equal(t, "rows", lines(t, again, "select count(*), count(more) from raw.things"), []string{"10001 1"})
	ensure(t, again, raw("things", "id VARCHAR, more DATE"))
}

func TestLiteralsKeepTexts(t *testing.T) {
	w := openWarehouse(t)
	in := w.NewIntake("mongo", 1)
	rejects := []Reject{{File: "a'b", DocumentID: "nul\x00'nul\x00", Reason: "it's \"so\"; drop table x --", Content: "\xff\xfe€"}, {File: "a'b", DocumentID: "plain", Reason: "r", Content: "x"}}
	if err := in.SaveRejects(t.Context(), []string{"a'b"}, rejects); err != nil {
		t.Fatal(err)
	}
	equal(t, "rejects", lines(t, w, "select document_id, reason, content from raw.rejects order by rowid"), []string{"nul\x00'nul\x00 it's \"so\"; drop table x -- \ufffd€", "plain r x"})
	if err := in.SaveRejects(t.Context(), []string{"a'b"}, nil); err != nil {
		t.Fatal(err)
	}
	equal(t, "forgotten", lines(t, w, "from raw.rejects"), []string{})
}
