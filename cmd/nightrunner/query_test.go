package main

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
)

// emptyWarehouse is a file that commands which read can open.
func emptyWarehouse(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("create table numbers as select i from range(100) as t(i)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestStatementsThatStartWithAComment are no flags.
func TestStatementsThatStartWithAComment(t *testing.T) {
	nightrunner, warehouse := program(t), emptyWarehouse(t)
	for _, args := range [][]string{
		{"query", "-- one\nselect 1 as a", "--format", "csv"}, {"query", "--format=csv", "--one\nselect 1 as a"},
		{"query", "-o", "-", "--format", "csv", "--\nselect 1 as a -- end"}, {"shell", "-c", ".mode csv", "-c", "-- one\nselect 1 as a"},
	} {
		run := exec.Command(nightrunner, args...)
		run.Env = append(os.Environ(), "NIGHTRUNNER_WAREHOUSE="+warehouse)
		run.Dir = t.TempDir()
		run.Stderr = os.Stderr
		out, err := run.Output()
		if string(out) != "a\n1\n" || err != nil {
			t.Errorf("%q: got %q, %v", args, out, err)
		}
	}
}

// TestStoppedQueryLeavesNoFile when the machine stops it, either.
func TestStoppedQueryLeavesNoFile(t *testing.T) {
	nightrunner, warehouse, dir := program(t), emptyWarehouse(t), t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, nightrunner, "query", "--warehouse", warehouse, "--format", "csv", "-o", filepath.Join(dir, "out.csv"), "from range(100000000000)")
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	for ctx.Err() == nil {
		if begun, err := os.ReadDir(dir); err != nil || len(begun) > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := run.Wait(); err == nil {
		t.Error("it ended well")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
