package engine

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/duckdb/duckdb-go/v2"
)

// What docs/duckdb.md says of files, processes and crashes.

// asOtherProcess is set for the process that TestTrapOtherProcesses starts: the file to open.
const asOtherProcess = "NIGHTRUNNER_TEST_OPEN"

func TestTrapOtherProcesses(t *testing.T) {
	if path := os.Getenv(asOtherProcess); path != "" {
		db := openDuck(t, path)
		equal(t, "read", ask(t, db, "select 1"), "1")
		return
	}
	path := filepath.Join(t.TempDir(), "w.duckdb")
	readOnly := path + "?access_mode=read_only"
	other := func(path string) string {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTrapOtherProcesses$")
		command.Env = append(os.Environ(), asOtherProcess+"="+path)
		output, err := command.CombinedOutput()
		switch {
		case err == nil:
			return "opened"
		case strings.Contains(string(output), "Could not set lock on file"):
			return "locked"
		}
		return string(output)
	}
	writer := openDuck(t, path)
	do(t, writer, "create table t as select 1 as x")
	equal(t, "reading while one writes", other(readOnly), "locked")
	_, err := connectDuck(readOnly)
	equal(t, "reading within the process that writes", duckError(t, "open", err).Type, duckdb.ErrorTypeConnection)
	writer.Close()
	reader := openDuck(t, readOnly)
	equal(t, "reading while one reads", other(readOnly), "opened")
	equal(t, "writing while one reads", other(path), "locked")
	equal(t, "the reader", ask(t, reader, "select x from t"), "1")
}

func TestTrapOpenFileKeepsOldContent(t *testing.T) {
	folder := t.TempDir()
	path, next := filepath.Join(folder, "w.duckdb"), filepath.Join(folder, "next.duckdb")
	for file, content := range map[string]string{path: "old", next: "new"} {
		db := openDuck(t, file)
		do(t, db, "create table t as select '"+content+"' as v")
		db.Close()
	}
	held := openDuck(t, path+"?access_mode=read_only")
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
	equal(t, "held open", ask(t, held, "select v from t"), "old")
	again := openDuck(t, path+"?access_mode=read_only")
	equal(t, "opened again beside it", ask(t, again, "select v from t"), "old")
	held.Close()
	again.Close()
	equal(t, "opened after all are closed", ask(t, openDuck(t, path+"?access_mode=read_only"), "select v from t"), "new")
}

func TestTrapPathsAreURLs(t *testing.T) {
	folder := t.TempDir()
	_, err := connectDuck(filepath.Join(folder, "what?.duckdb"))
	equal(t, "a question mark", duckError(t, "open", err).Type, duckdb.ErrorTypeInvalidInput)
	if _, err := connectDuck(filepath.Join(folder, "100%.duckdb")); err == nil {
		t.Error("a percent sign: opened")
	}
	for _, name := range []string{"a b.duckdb", "a#b.duckdb", "a%41.duckdb"} {
		openDuck(t, filepath.Join(folder, name))
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
}

// afterCrash runs statements and opens the files as a crash would leave them: with everything in the write-ahead log.
func afterCrash(t *testing.T, statements ...string) (*sql.DB, error) {
	t.Helper()
	folder := t.TempDir()
	path, crashed := filepath.Join(folder, "w.duckdb"), filepath.Join(folder, "crashed.duckdb")
	db := openDuck(t, path)
	do(t, db, "set wal_autocheckpoint = '1TB'")
	do(t, db, statements...)
	for _, suffix := range []string{"", ".wal"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(crashed+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return connectDuck(crashed)
}

func TestTrapAlterAndCrash(t *testing.T) {
	for what, statements := range map[string][]string{
		"a default that calls a function": {"create table t (a int, b text default concat('x', 'y'))", "alter table t add column c int"},
		"a dropped schema":                {"create schema s", "create table s.t (a int)", "alter table s.t add column b int", "checkpoint", "drop schema s cascade"},
	} {
		db, err := afterCrash(t, statements...)
		if err == nil {
			db.Close()
			t.Errorf("%s: the file can be opened", what)
			continue
		}
		if text := duckError(t, what, err).Msg; !strings.Contains(text, "Failure while replaying WAL file") {
			t.Errorf("%s: %s", what, text)
		}
	}
	// What EnsureTables does when a raw table's columns change.
	table := testTables()[1]
	statements := []string{"create schema raw", table.create(), "insert into raw.blocks_per_day (date) values ('2021-06-09')"}
	table.Columns = append(slices.Clone(table.Columns[:3]), RawColumn{Name: "height_for_last_block", Type: "VARCHAR"}, RawColumn{Name: "extra", Type: "DOUBLE"})
	alterations := table.alterations(map[string]string{"date": "DATE", "height_for_first_block": "BIGINT", "height_for_last_block": "BIGINT",
		"slot_time_for_first_block": "TIMESTAMP", "slot_time_for_last_block": "TIMESTAMP"})
	db, err := afterCrash(t, slices.Concat(statements, alterations, table.comments())...)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	equal(t, "row", ask(t, db, "select date from raw.blocks_per_day where extra is null"), "2021-06-09")
}

func TestTrapIndexedTableCannotBeAltered(t *testing.T) {
	db := openDuck(t, "")
	do(t, db, "create table t (a int, b int)", "create index i on t (a)")
	equal(t, "drop", complaint(t, db, "alter table t drop column b").Type, duckdb.ErrorTypeDependency)
	equal(t, "rename", complaint(t, db, "alter table t rename to u").Type, duckdb.ErrorTypeDependency)
}

func TestTrapDroppedTableKeepsItsSpace(t *testing.T) {
	folder := t.TempDir()
	path, copied := filepath.Join(folder, "w.duckdb"), filepath.Join(folder, "copy.duckdb")
	size := func(path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	db := openDuck(t, path)
	big := "create table big as select hash(range) as x from range(500000)"
	do(t, db, big, "create table small as select 1 as x", "checkpoint")
	full := size(path)
	do(t, db, "drop table big", "checkpoint")
	equal(t, "size without the table", size(path), full)
	do(t, db, big, "checkpoint")
	equal(t, "size with another", size(path), full)
	do(t, db, "drop table big", "checkpoint", "attach "+quote(copied)+" as copied", "copy from database w to copied", "detach copied")
	if size(copied) > full/4 {
		t.Errorf("a copy has %d bytes, the file %d", size(copied), full)
	}
}
