package engine

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFacts(t *testing.T) {
	w, err := OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	err = w.exec(t.Context(), `insert into ops.runs (run_id, command, started_at, finished_at, status, exit_code) values
		(1, 'run', '2025-06-06 02:00:00', '2025-06-06 05:00:00', 'done', 0),
		(2, 'run', '2025-06-07 02:00:00', '2025-06-07 02:10:00', 'incomplete', 3),
		(3, 'run', '2025-06-08 02:00:00', '2025-06-08 02:12:00', 'done', 0),
		(4, 'build', '2025-06-08 12:00:00', '2025-06-08 12:00:01', 'done', 0),
		(5, 'run', '2025-06-09 02:00:00', null, 'killed', null),
		(6, 'run', '2025-06-09 12:00:00', '2025-06-09 12:01:00', 'stopped', 1);
		insert into ops.source_days values ('raw.blocks_per_day', '2025-06-08', 1), ('raw.blocks_per_day', '2025-06-09', 1), ('raw.snapshots', '2025-06-07', 1), ('raw.transactions', '2025-01-01', 1)`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadFacts(t.Context(), w.conn, "run", 0, time.Date(2025, 6, 10, 1, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	want := &Facts{LastGoodBegan: time.Date(2025, 6, 8, 2, 0, 0, 0, time.UTC), LastSuccess: time.Date(2025, 6, 8, 2, 12, 0, 0, time.UTC), Behind: map[string]int{"raw.blocks_per_day": 0, "raw.snapshots": 2}, DaysBehind: 2, ExpectedSeconds: 720,
		Previous: &RunStatus{Run: 5, Command: "run", Started: time.Date(2025, 6, 9, 2, 0, 0, 0, time.UTC), Status: "killed", ExitCode: -1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFactsOfAnEmptyWarehouse(t *testing.T) {
	w, err := OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	got, err := w.Facts(t.Context(), "run", 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Facts{Behind: map[string]int{}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSizes(t *testing.T) {
	dir := t.TempDir()
	warehouse, snapshots := filepath.Join(dir, "w.duckdb"), filepath.Join(dir, "snapshots")
	if err := os.Mkdir(snapshots, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, size := range map[string]int{warehouse: 100, warehouse + ".wal": 10, filepath.Join(snapshots, "1.duckdb"): 50, filepath.Join(snapshots, "2.duckdb"): 60} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("2.duckdb", filepath.Join(snapshots, "current.duckdb")); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSizes(warehouse, snapshots)
	if err != nil {
		t.Fatal(err)
	}
	if got.Warehouse != 110 || got.Snapshots != 110 || got.FreeDisk <= 0 {
		t.Errorf("%+v", got)
	}
}
