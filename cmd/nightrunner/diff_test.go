package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/chain"
	sqlfiles "github.com/ccdexplorer/nightrunner/sql"
)

// diffEdits change models of every kind: a statistic, a macro of many, a state model, a step that others sum
// up, columns, rows that go, what is kept how, a file that comes and one that goes.
func diffEdits() [][3]string {
	return [][3]string{
		{"stat/statistics_daily_holders.sql", "account_count as value", "account_count + 1 as value"},
		{"macros/units.sql", "microccd::double / 1000000", "microccd::double / 1000001"},
		{"mid/cost_bases.sql", "then moves.rate", "then moves.rate * 2"},
		{"mid/stake_deltas.sql", "from stg.stake_changes", "from (from stg.stake_changes where date <> date '2025-01-04')"},
		{"stat/statistics_transaction_fees.sql", "select * from final", "select * exclude (type), 1 as extra from final where date <> date '2025-01-03'"},
		{"stat/statistics_network_summary.sql", "-- materialize: incremental", "-- materialize: table"},
		{"stat/statistics_microccd.sql", "-- grain: day", "-- grain: day\n-- version: 2"},
	}
}

// TestDiffSaysWhatABuildDoes: a diff, then a build of the same SQL files; what really changed is what the diff said.
func TestDiffSaysWhatABuildDoes(t *testing.T) {
	dir := t.TempDir()
	w, folder := diffWarehouse(t, dir, "--export", filepath.Join(dir, "out")), editedSQL(t, dir)
	before := filepath.Join(dir, "before.duckdb")
	copyFile(t, w, before)
	// The SQL files that built it change nothing, whatever their headers say of exports.
	if output, err := exec.Command(program(t), "diff", "--warehouse", w).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	all := diffJSON(t, w, folder)
	some := diffJSON(t, w, folder, "--from", "2025-01-05", "--to", "2025-01-07")
	if !sameBytes(t, w, before) {
		t.Fatal("the warehouse was written to")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".nightrunner-diff-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if output, err := exec.Command(program(t), "build", "--warehouse", w, "--sql", folder).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	pair := attachBoth(t, before, w)
	compareReport(t, pair, all, "true", 12)
	compareReport(t, pair, some, "date between date '2025-01-05' and date '2025-01-07'", 10)
	for _, one := range all.Models {
		if one.Model == "stat.statistics_microccd" && one.Status != engine.DiffSame {
			t.Errorf("%s: only its version changed, but it is %s", one.Model, one.Status)
		}
	}
}

// compareReport compares with what really changed; at least that many models must have changed.
func compareReport(t *testing.T, pair *sql.DB, r *engine.DiffReport, scope string, least int) {
	t.Helper()
	said := map[string]engine.ModelDiff{}
	for _, one := range r.Models {
		said[one.Model] = one
		if one.Status == engine.DiffFailed {
			t.Errorf("%s: %s", one.Model, one.Message)
		}
	}
	changed := 0
	for _, name := range storedModels(t, pair) {
		one, affected := said[name]
		if affected && (one.Status == engine.DiffOmitted || one.Status == engine.DiffNew) {
			continue
		}
		went, came, err := actualChanges(t.Context(), pair, name, scope)
		if err != nil {
			t.Fatal(err)
		}
		var rows engine.RowDiff
		if one.Rows != nil {
			rows = *one.Rows
		}
		if len(one.Columns) > 0 {
			changed++
			continue
		}
		if went != rows.Removed+rows.Changed || came != rows.Added+rows.Changed {
			t.Errorf("%s (%s): %d rows went and %d came, the diff said %+v", name, scope, went, came, rows)
		}
		if went+came > 0 {
			changed++
		}
	}
	if changed < least {
		t.Errorf("%s: %d models changed: the edits do not test enough", scope, changed)
	}
}

func actualChanges(ctx context.Context, pair *sql.DB, model, scope string) (went, came int64, err error) {
	count := func(from, less string, into *int64) error {
		return pair.QueryRowContext(ctx, fmt.Sprintf("select count(*) from (select * from %s.%s where %s except all select * from %s.%[2]s where %[3]s)", from, model, scope, less)).Scan(into)
	}
	err = errors.Join(count("before", "now", &went), count("now", "before", &came))
	return went, came, err
}

// storedModels are the tables with days that both sides have.
func storedModels(t *testing.T, pair *sql.DB) []string {
	t.Helper()
	var all string
	err := pair.QueryRow(`select string_agg(distinct model, ' ' order by model) from now.ops.model_days
		where model in (select model from before.ops.models where materialize <> 'view')`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(all)
}

func attachBoth(t *testing.T, before, now string) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(fmt.Sprintf("attach '%s' as before (read_only); attach '%s' as now (read_only)", before, now)); err != nil {
		t.Fatal(err)
	}
	return db
}

func diffWarehouse(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	if _, err := chain.Generate(t.Context(), chain.Options{Dir: dir, Seed: 5, Days: 9, Accounts: 150, TransactionsPerDay: 80}); err != nil {
		t.Fatal(err)
	}
	w := filepath.Join(dir, "w.duckdb")
	output, err := exec.Command(program(t), append([]string{"run", "--balances", filepath.Join(dir, "balances"), "--mongo", filepath.Join(dir, "dump"),
		"--node", filepath.Join(dir, "node"), "--ccdscan", filepath.Join(dir, "http"), "--warehouse", w}, flags...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return w
}

func editedSQL(t *testing.T, dir string) string {
	t.Helper()
	folder := filepath.Join(dir, "sql")
	if err := os.CopyFS(folder, sqlfiles.Files); err != nil {
		t.Fatal(err)
	}
	for _, one := range diffEdits() {
		path := filepath.Join(folder, one[0])
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, after, found := strings.Cut(string(text), one[1])
		if !found {
			t.Fatalf("%s holds no %q", one[0], one[1])
		}
		writeFile(t, path, before+one[2]+after)
	}
	writeFile(t, filepath.Join(folder, "stat", "statistics_fresh.sql"),
		"-- grain: day\n-- export: statistics_fresh\n--\n-- New.\n\nselect concat(date, '-fresh') as _id, date, 1 as one from raw.snapshots")
	if err := os.Remove(filepath.Join(folder, "stat", "statistics_agent_registry.sql")); err != nil {
		t.Fatal(err)
	}
	return folder
}

func diffJSON(t *testing.T, w, folder string, flags ...string) *engine.DiffReport {
	t.Helper()
	command := exec.Command(program(t), slices.Concat([]string{"diff", "--json", "--warehouse", w, "--sql", folder}, flags)...)
	var talk strings.Builder
	command.Stderr = &talk
	output, err := command.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != engine.ExitDifferent {
		t.Fatalf("diff: %v\n%s%s", err, &talk, output)
	}
	var report engine.DiffReport
	if err := json.Unmarshal(output, &report); err != nil {
		t.Fatal(err)
	}
	return &report
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, string(data))
}

func sameBytes(t *testing.T, a, b string) bool {
	t.Helper()
	one, errOne := os.ReadFile(a)
	other, errOther := os.ReadFile(b)
	if err := errors.Join(errOne, errOther); err != nil {
		t.Fatal(err)
	}
	return string(one) == string(other)
}
