package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ccdexplorer/nightrunner/internal/chain"
	"github.com/ccdexplorer/nightrunner/internal/mongotest"
)

// program is this test binary under the program's name: testscript.Main makes it run main then.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "nightrunner")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// night is one chain and the flags that run everything on it.
type night struct {
	t       *testing.T
	program string
	flags   []string
	// took is how long the last run took that came to its end.
	took time.Duration
}

func newNight(t *testing.T, mongo func(dump string) string) *night {
	t.Helper()
	dir := t.TempDir()
	if _, err := chain.Generate(t.Context(), chain.Options{Dir: dir, Seed: 3, Days: 10, Accounts: 200, TransactionsPerDay: 150}); err != nil {
		t.Fatal(err)
	}
	return &night{t: t, program: program(t), flags: []string{"run", "--balances", filepath.Join(dir, "balances"), "--mongo", mongo(filepath.Join(dir, "dump")),
		"--node", filepath.Join(dir, "node"), "--ccdscan", filepath.Join(dir, "http")}}
}

func (n *night) command(dir string) *exec.Cmd {
	return exec.Command(n.program, append(n.flags, "--warehouse", filepath.Join(dir, "w.duckdb"), "--export", filepath.Join(dir, "out"))...)
}

// finish runs to the end and returns the files that came out and a digest of the raw tables, ids of addresses aside.
func (n *night) finish(dir string) map[string]string {
	n.t.Helper()
	start := time.Now()
	if output, err := n.command(dir).CombinedOutput(); err != nil {
		n.t.Fatalf("%v\n%s", err, output)
	}
	n.took = time.Since(start)
	result := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "out", "*"))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			n.t.Fatal(err)
		}
		result[filepath.Base(path)] = string(data)
	}
	for _, table := range []string{"transactions", "impacted_addresses", "tokens_logged_events_v2", "balance_changes", "stake_changes", "snapshots", "blocks_per_day", "accounts"} {
		query := fmt.Sprintf("select count(*), sum(hash(t)::hugeint) from (select * exclude (%s) from raw.%s) as t", exclude(table), table)
		if exclude(table) == "" {
			query = strings.Replace(query, " exclude ()", "", 1)
		}
		output, err := exec.Command(n.program, "query", "--warehouse", filepath.Join(dir, "w.duckdb"), "--format", "csv", query).Output()
		if err != nil {
			n.t.Fatalf("%s: %v", query, err)
		}
		result["raw."+table] = string(output)
	}
	left, err := filepath.Glob(filepath.Join(dir, "out", ".*"))
	if err != nil || len(left) > 0 {
		n.t.Errorf("left behind: %v %v", left, err)
	}
	return result
}

// exclude are columns that hold ids of addresses: which address gets which depends on the order of documents.
func exclude(table string) string {
	switch table {
	case "transactions":
		return "sender_id, sponsor_id, receiver_id, created_account_id"
	case "impacted_addresses":
		return "address_id, canonical_address_id"
	case "tokens_logged_events_v2":
		return "token_address_id"
	}
	return ""
}

// killed starts a run and kills it at a random moment; false when it was done before.
func (n *night) killed(dir string, within time.Duration) bool {
	n.t.Helper()
	command := n.command(dir)
	var output bytes.Buffer
	command.Stderr = &output
	if err := command.Start(); err != nil {
		n.t.Fatal(err)
	}
	time.Sleep(time.Duration(rand.Int64N(int64(within))))
	if err := command.Process.Kill(); err != nil {
		n.t.Fatal(err)
	}
	err := command.Wait()
	if err != nil && command.ProcessState.ExitCode() > 0 {
		n.t.Fatalf("the run failed by itself: %v\n%s", err, output.String())
	}
	return err != nil
}

// killAndCompare kills runs at random moments, each time goes on, and compares with an undisturbed run.
func (n *night) killAndCompare(rounds int) {
	n.t.Helper()
	want := n.finish(n.t.TempDir())
	took := n.took
	killed := 0
	for range rounds {
		dir := n.t.TempDir()
		// A run that came to its end leaves the next one nothing to do.
		for range 3 {
			if !n.killed(dir, took) {
				break
			}
			killed++
		}
		got := n.finish(dir)
		for name := range want {
			if got[name] != want[name] {
				n.t.Errorf("%s differs after runs that were killed:\n%.600s\nwant\n%.600s", name, got[name], want[name])
			}
		}
	}
	if killed == 0 {
		n.t.Error("no run was killed")
	}
	n.t.Logf("%d runs killed within %v", killed, took)
}

func TestKilledRunsLoseNothing(t *testing.T) {
	newNight(t, func(dump string) string { return dump }).killAndCompare(2)
}

func TestKilledLoadsFromAServerLoseNothing(t *testing.T) {
	n := newNight(t, func(dump string) string {
		server := mongotest.Start(t)
		mongotest.Restore(t, server.URI, dump)
		return server.URI
	})
	n.killAndCompare(1)
}
