package metrics

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/nights"
)

func TestMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "night.prom")
	o := &nights.Outcome{Warehouse: "/srv/w.duckdb", Version: "v1", Started: time.Unix(1000, 0), Seconds: 60, ExitCode: 3,
		Facts: &engine.Facts{LastSuccess: time.Unix(500, 0), Behind: map[string]int{"raw.snapshots": 2}, DaysBehind: 2, ExpectedSeconds: 42},
		Sizes: &engine.Sizes{Warehouse: 1, Snapshots: 2, FreeDisk: 3},
		Report: &engine.Report{Run: 7,
			Steps: []engine.Step{{Phase: "build", Name: "stat.a", Status: engine.StatusDone, Rows: 5, Seconds: 1.5}, {Phase: "build", Name: "stat.b", Status: engine.StatusDone, Seconds: 2},
				{Phase: "build", Name: "stat.c", Status: engine.StatusFresh}},
			Loads: []*engine.LoadReport{{Source: "mongo", Rows: 10, Rejects: 1}}, Waiting: []engine.Waiting{{Count: 3}, {Count: 4}},
			Checks:  []engine.CheckResult{{Severity: engine.SeverityError}, {Severity: engine.SeverityWarn}},
			Exports: []engine.ExportReport{{Destination: "files:/out", New: 1, Same: 2}, {Destination: "files:/out", New: 10}}}}
	if err := Write(path, o); err != nil {
		t.Fatal(err)
	}
	text := read(t, path)
	for _, want := range []string{
		`nightrunner_last_run_timestamp_seconds{warehouse="/srv/w.duckdb"} 1060`, `nightrunner_last_exit_code{warehouse="/srv/w.duckdb"} 3`,
		`nightrunner_last_success_timestamp_seconds{warehouse="/srv/w.duckdb"} 500`, `nightrunner_days_behind{warehouse="/srv/w.duckdb"} 2`,
		`nightrunner_phase_seconds{phase="build",warehouse="/srv/w.duckdb"} 3.5`, `nightrunner_step_rows{phase="build",step="stat.a",warehouse="/srv/w.duckdb"} 5`,
		`nightrunner_phase_steps{phase="build",status="fresh",warehouse="/srv/w.duckdb"} 1`, `nightrunner_waiting_days{warehouse="/srv/w.duckdb"} 7`,
		`nightrunner_documents{destination="files:/out",outcome="new",warehouse="/srv/w.duckdb"} 11`, `nightrunner_source_rejects{source="mongo",warehouse="/srv/w.duckdb"} 1`,
		`nightrunner_failed_checks{severity="error",warehouse="/srv/w.duckdb"} 1`, `nightrunner_expected_run_seconds{warehouse="/srv/w.duckdb"} 42`,
		`nightrunner_table_days_behind{table="raw.snapshots",warehouse="/srv/w.duckdb"} 2`, `nightrunner_free_disk_bytes{warehouse="/srv/w.duckdb"} 3`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	// Days are what a person counts here.
	problems = slices.DeleteFunc(problems, func(p promlint.Problem) bool { return strings.Contains(p.Text, `instead of "days"`) })
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

// A run that cannot open the warehouse keeps what is known of the last good one.
func TestMetricsOfARunThatCouldNotBegin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "night.prom")
	good := &nights.Outcome{Warehouse: "w", Started: time.Unix(1000, 0), Facts: &engine.Facts{LastSuccess: time.Unix(1001, 0)}}
	bad := &nights.Outcome{Warehouse: "w", Started: time.Unix(2000, 0), ExitCode: 4}
	// Made anew, and gone back: the warehouse knows nothing, or less.
	anew := &nights.Outcome{Warehouse: "w", Started: time.Unix(3000, 0), ExitCode: 4, Facts: &engine.Facts{}}
	back := &nights.Outcome{Warehouse: "w", Started: time.Unix(4000, 0), ExitCode: 4, Facts: &engine.Facts{LastSuccess: time.Unix(900, 0)}}
	for _, o := range []*nights.Outcome{good, bad, bad, anew, back} {
		if err := Write(path, o); err != nil {
			t.Fatal(err)
		}
	}
	text := read(t, path)
	if !strings.Contains(text, `nightrunner_last_success_timestamp_seconds{warehouse="w"} 1001`) || !strings.Contains(text, `nightrunner_last_exit_code{warehouse="w"} 4`) {
		t.Error(text)
	}
	// A success of the future, by a clock that was wrong, does not stay.
	if err := Write(path, &nights.Outcome{Warehouse: "w", Started: time.Unix(950, 0), Facts: &engine.Facts{LastSuccess: time.Unix(900, 0)}}); err != nil {
		t.Fatal(err)
	}
	if text := read(t, path); !strings.Contains(text, `nightrunner_last_success_timestamp_seconds{warehouse="w"} 900`) {
		t.Error(text)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Error("left behind:", entries, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
