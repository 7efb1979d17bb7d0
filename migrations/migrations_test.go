package migrations

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
)

// TestUpDownUp: every migration can be taken back and made again; up twice is up once.
func TestUpDownUp(t *testing.T) {
	db, err := sql.Open("duckdb", filepath.Join(t.TempDir(), "w.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tables := func() (n int) {
		t.Helper()
		if err := db.QueryRow("select count(*) from duckdb_tables() where schema_name in ('raw', 'ops')").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := Up(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	made := tables()
	if made == 0 {
		t.Fatal("no tables")
	}
	if err := Up(t.Context(), db); err != nil || tables() != made {
		t.Errorf("up again: %v, %d tables", err, tables())
	}
	files, err := files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for range files {
		if err := Down(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	if tables() != 0 {
		t.Errorf("%d tables are left", tables())
	}
	if err := Up(t.Context(), db); err != nil || tables() != made {
		t.Errorf("up after down: %v, %d tables, want %d", err, tables(), made)
	}
}
