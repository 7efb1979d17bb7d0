package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ccdexplorer/nightrunner/engine"
	sqlfiles "github.com/ccdexplorer/nightrunner/sql"
)

// meanwhile is a loader that lets something happen while a run is at work.
type meanwhile func()

func (meanwhile) Source() string { return "meanwhile" }

func (m meanwhile) Load(context.Context, *engine.Intake) error {
	m()
	return nil
}

// While a run is at work, readers get the snapshot, status says where the run is, and a second one is told.
func TestWhileARunIsAtWork(t *testing.T) {
	dir, nightrunner := t.TempDir(), program(t)
	if err := os.Mkdir(filepath.Join(dir, "facts"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "facts", "tokenomics.jsonl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(args ...string) (code int, output string) {
		command := exec.Command(nightrunner, args...)
		command.Dir = dir
		var out bytes.Buffer
		command.Stdout, command.Stderr = &out, &out
		_ = command.Run() //nolint:errcheck // its exit code says it
		return command.ProcessState.ExitCode(), out.String()
	}
	if code, output := call("run", "--node", "facts"); code != 0 {
		t.Fatal(output)
	}
	warehouse := filepath.Join(dir, "nightrunner.duckdb")
	w, err := engine.Open(t.Context(), warehouse, engine.Options{Command: "run", Publishing: engine.Publishing{Keep: 7}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	expect := func(code int, words string, args ...string) {
		t.Helper()
		if got, output := call(args...); got != code || !strings.Contains(output, words) {
			t.Errorf("%v: exit code %d, want %d and %q:\n%.1000s", args, got, code, words, output)
		}
	}
	_, err = w.Run(t.Context(), engine.RunOptions{Command: "run", SQL: sqlfiles.Files, Phases: []string{engine.PhaseLoad}, Loaders: []engine.Loader{meanwhile(func() {
		expect(0, "is at load, meanwhile", "status")
		expect(0, "snapshot of run 1", "status", "--warehouse", "nightrunner.duckdb")
		expect(0, `"running": {`, "status", "--json")
		expect(engine.ExitInUse, "run 2 (pid ", "run", "--node", "facts")
		expect(engine.ExitInUse, "run 2 (pid ", "snapshots", "rollback", "1")
		expect(0, "1", "query", "select max(run_id) from ops.runs")
		expect(engine.ExitInUse, "hint: --snapshot 1 reads what that run published", "query", "--warehouse", "nightrunner.duckdb", "select 1")
	})}})
	if err != nil {
		t.Fatal(err)
	}
}
