package duckstream

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
)

func open(t *testing.T) (*sql.Conn, *Conn) {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	own, err := Of(conn)
	if err != nil {
		t.Fatal(err)
	}
	return conn, own
}

func TestEach(t *testing.T) {
	_, conn := open(t)
	const query = `select i::varchar, case when i % 3 = 0 then null when i % 2 = 0 then '' else repeat('é', i % 20) end from range(5000) as t(i) order by i`
	i := 0
	err := conn.Each(t.Context(), query, func(row Row) error {
		want := sql.NullString{String: strings.Repeat("é", i%20), Valid: i%3 != 0}
		if i%2 == 0 || !want.Valid {
			want.String = ""
		}
		if row[0].String != fmt.Sprint(i) || row[1] != want {
			t.Fatalf("row %d: %v", i, row)
		}
		i++
		return nil
	})
	if err != nil || i != 5000 {
		t.Errorf("%d rows, %v", i, err)
	}
}

// TestPivot is two statements for DuckDB.
func TestPivot(t *testing.T) {
	_, conn := open(t)
	var got []string
	err := conn.Each(t.Context(), "from (pivot (values ('x', 'a'), ('y', 'b')) as v(i, s) on i using max(s)) as _(x, y) select x, y", func(row Row) error {
		got = append(got, row[0].String+row[1].String)
		return nil
	})
	if err != nil || strings.Join(got, " ") != "ab" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestErrors(t *testing.T) {
	conn, own := open(t)
	for statement, want := range map[string]string{
		"select nope":        `Binder Error: Referenced column "nope"`,
		"selec":              "Parser Error",
		" -- nothing":        "there is no statement",
		"select 1":           "column 1 is no VARCHAR",
		"select error('oh')": "Invalid Input Error: oh",
		"select case when i > 100000 then error('late') else 'a' end from range(200000) as t(i)": "Invalid Input Error: late",
	} {
		err := own.Each(t.Context(), statement, func(Row) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", statement, err)
		}
	}
	stop := errors.New("enough")
	if err := own.Each(t.Context(), "select i::varchar from range(10000000) as t(i)", func(Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	// The connection serves database/sql as before.
	if _, err := conn.ExecContext(t.Context(), "create table x as select 1 as a"); err != nil {
		t.Error(err)
	}
}

// TestReasonOfFailure is told although other threads are stopped because of it.
func TestReasonOfFailure(t *testing.T) {
	_, conn := open(t)
	for range 50 {
		err := conn.Each(t.Context(), "select (case when i = 90000 then error('late') else i end)::varchar from range(100000) as t(i)", func(Row) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "late") {
			t.Fatalf("got %v", err)
		}
	}
}

// TestCancel while DuckDB works and while rows come.
func TestCancel(t *testing.T) {
	_, conn := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	endless := "select count(*)::varchar from range(1000000000) as a, range(1000000000) as b"
	if err := conn.Each(ctx, endless, func(Row) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	err := conn.Each(ctx, "select i::varchar from range(1000000000) as t(i)", func(Row) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := conn.Each(t.Context(), "select 'a'", func(Row) error { return nil }); err != nil {
		t.Errorf("the next statement: %v", err)
	}
}

// TestMemory: 200 MB of rows pass through a connection that may use 60 MB.
func TestMemory(t *testing.T) {
	conn, own := open(t)
	if _, err := conn.ExecContext(t.Context(), "set memory_limit = '60MB'; set temp_directory = ''"); err != nil {
		t.Fatal(err)
	}
	before, bytes, most := resident(t), 0, 0
	err := own.Each(t.Context(), "select repeat('x', 1000) || i from range(200000) as t(i)", func(row Row) error {
		if bytes += len(row[0].String); bytes%(10<<20) < 1000 {
			most = max(most, resident(t))
		}
		return nil
	})
	if err != nil || bytes < 200_000_000 {
		t.Errorf("%d bytes, %v", bytes, err)
	}
	if grown := most - before; grown > 150 {
		t.Errorf("the process grew by %d MB", grown)
	}
}

// resident memory of this process in MB.
func resident(t *testing.T) int {
	t.Helper()
	content, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc here")
	}
	var all, pages int
	if _, err := fmt.Sscan(string(content), &all, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize() >> 20
}

func TestProgress(t *testing.T) {
	conn, own := open(t)
	if own.Progress() >= 0 {
		t.Error("progress of nothing")
	}
	for _, statement := range []string{"set enable_progress_bar = true", "set enable_progress_bar_print = false", "create table x as select i from range(3000000) as t(i)"} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	most := -1.0
	err := own.Each(t.Context(), "select i::varchar from x", func(Row) error {
		most = max(most, own.Progress())
		return nil
	})
	if err != nil || most <= 0 || most > 1 {
		t.Errorf("at most %f, %v", most, err)
	}
}
