package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ccdexplorer/nightrunner/engine"
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
	// took is how long the undisturbed run took, phases what it took for each.
	took   time.Duration
	phases map[string]time.Duration
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
	command := n.command(dir)
	command.Args = append(command.Args, "--json")
	var words, report bytes.Buffer
	command.Stdout, command.Stderr = &report, &words
	if err := command.Run(); err != nil {
		n.t.Fatalf("%v\n%s", err, words.String())
	}
	if n.phases == nil {
		n.took = time.Since(start)
		n.readPhases(report.Bytes())
	}
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
	n.addSnapshot(dir, result)
	left, err := filepath.Glob(filepath.Join(dir, "out", ".*"))
	if err != nil || len(left) > 0 {
		n.t.Errorf("left behind: %v %v", left, err)
	}
	return result
}

// readPhases reads how long each phase took.
func (n *night) readPhases(text []byte) {
	n.t.Helper()
	var report engine.Report
	if err := json.Unmarshal(text, &report); err != nil {
		n.t.Fatal(err)
	}
	n.phases = map[string]time.Duration{}
	for _, step := range report.Steps {
		n.phases[step.Phase] += time.Duration(step.Seconds * float64(time.Second))
	}
}

// addSnapshot adds digests of the statistics in the current snapshot.
func (n *night) addSnapshot(dir string, result map[string]string) {
	n.t.Helper()
	for _, statistic := range []string{"account_graph", "statistics_daily_holders", "statistics_plt", "statistics_network_summary"} {
		query := fmt.Sprintf("select count(*), sum(hash(t)::hugeint) from stat.%s as t", statistic)
		output, err := exec.Command(n.program, "query", "--warehouse", filepath.Join(dir, "w.duckdb"), "--snapshot", "current", "--format", "csv", query).CombinedOutput()
		if err != nil {
			n.t.Fatalf("%s: %v\n%s", query, err, output)
		}
		result["snapshot."+statistic] = string(output)
	}
	left, err := filepath.Glob(filepath.Join(dir, "snapshots", ".*"))
	if err != nil || len(left) > 0 {
		n.t.Errorf("left behind: %v %v", left, err)
	}
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

// start starts a run; its words go to the returned buffer.
func (n *night) start(dir string) (*exec.Cmd, *bytes.Buffer) {
	n.t.Helper()
	command := n.command(dir)
	output := &bytes.Buffer{}
	command.Stderr = output
	if err := command.Start(); err != nil {
		n.t.Fatal(err)
	}
	return command, output
}

// killed starts a run and kills it at a random moment; false when it was done before.
func (n *night) killed(dir string, within time.Duration) bool {
	n.t.Helper()
	command, output := n.start(dir)
	time.Sleep(time.Duration(rand.Int64N(int64(within))))
	return n.kill(command, output)
}

func (n *night) kill(command *exec.Cmd, output *bytes.Buffer) bool {
	n.t.Helper()
	if err := command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		n.t.Fatal(err)
	}
	err := command.Wait()
	if err != nil && command.ProcessState.ExitCode() > 0 {
		n.t.Fatalf("the run failed by itself: %v\n%s", err, output.String())
	}
	return err != nil
}

// killedIn kills a run at a random moment of a phase, as its lease tells; false when it was done before.
func (n *night) killedIn(dir, phase string) bool {
	n.t.Helper()
	command, output := n.start(dir)
	waitFor(command, func() bool {
		holder, err := engine.WhoHolds(filepath.Join(dir, "w.duckdb"))
		return err == nil && holder != nil && holder.Phase == phase
	})
	time.Sleep(time.Duration(rand.Int64N(int64(n.phases[phase]))))
	return n.kill(command, output)
}

// waitFor looks every millisecond until it is so, or the process is gone.
func waitFor(command *exec.Cmd, so func() bool) {
	for !zombie(command.Process.Pid) && !so() {
		time.Sleep(time.Millisecond)
	}
}

// zombie: a process that ended and was not waited for.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(stat, []byte(") Z "))
}

// compare runs to the end and compares with an undisturbed run.
func (n *night) compare(dir, after string, want map[string]string) {
	n.t.Helper()
	got := n.finish(dir)
	for name := range want {
		if got[name] != want[name] {
			n.t.Errorf("%s differs after %s:\n%.600s\nwant\n%.600s", name, after, got[name], want[name])
		}
	}
}

// killAndCompare kills runs at random moments, each time goes on, and compares with an undisturbed run.
func (n *night) killAndCompare(want map[string]string) {
	n.t.Helper()
	killed := 0
	for range soak(n.t, 1) {
		dir := n.t.TempDir()
		// A run that came to its end leaves the next one nothing to do.
		for range 3 {
			if !n.killed(dir, n.took) {
				break
			}
			killed++
		}
		n.compare(dir, "runs that were killed", want)
	}
	n.t.Logf("%d runs killed within %v", killed, n.took)
}

// soak is how many rounds a test makes: few, or as many as NIGHTRUNNER_SOAK says (make soak).
func soak(t *testing.T, few int) int {
	t.Helper()
	text := os.Getenv("NIGHTRUNNER_SOAK")
	if text == "" {
		return few
	}
	rounds, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("NIGHTRUNNER_SOAK=%s is no number", text)
	}
	return rounds
}

func TestDisturbedRunsLoseNothing(t *testing.T) {
	n := newNight(t, func(dump string) string { return dump })
	want := n.finish(t.TempDir())
	for name, disturb := range map[string]func(*night, map[string]string){"killed": (*night).killAndCompare, "killed in each phase": (*night).killInEachPhase,
		"full disk": (*night).fillTheDisk, "little memory": (*night).limitMemory} {
		t.Run(name, func(t *testing.T) {
			one := *n
			one.t = t
			disturb(&one, want)
		})
	}
}

func TestDisturbedLoadsFromAServerLoseNothing(t *testing.T) {
	n := newNight(t, func(dump string) string {
		server := mongotest.Start(t)
		mongotest.Restore(t, server.URI, dump)
		return server.URI
	})
	n.killAndCompare(n.finish(t.TempDir()))
}

// killInEachPhase kills one warehouse's runs in one phase after the other, as far as they come.
func (n *night) killInEachPhase(want map[string]string) {
	n.t.Helper()
	for range soak(n.t, 1) {
		dir := n.t.TempDir()
		killed := ""
		for _, phase := range engine.Phases() {
			if n.killedIn(dir, phase) {
				killed += " " + phase
				n.statusTells(dir)
			}
		}
		if killed == "" {
			n.t.Error("no run was killed")
		}
		n.compare(dir, "kills in"+killed, want)
		n.t.Log("killed in" + killed)
	}
}

// statusTells that the run is gone, before another one begins.
func (n *night) statusTells(dir string) {
	n.t.Helper()
	output, err := exec.Command(n.program, "status", "--warehouse", filepath.Join(dir, "w.duckdb")).CombinedOutput()
	if err != nil || !strings.Contains(string(output), "was killed") || strings.Contains(string(output), " is at ") {
		n.t.Errorf("%v\n%s", err, output)
	}
}

// fillTheDisk: a run on a full disk ends with an error that says so. With room, the next run makes good for it.
func (n *night) fillTheDisk(want map[string]string) {
	n.t.Helper()
	for range soak(n.t, 1) {
		dir := n.t.TempDir()
		size := 3<<20 + rand.Int64N(45<<20)
		mount := func(flags uintptr, bytes int64) error {
			return unix.Mount("none", dir, "tmpfs", flags, fmt.Sprintf("size=%d", bytes))
		}
		if err := mount(0, size); err != nil {
			n.t.Skipf("no small disk can be mounted here (%v)", err)
		}
		n.t.Cleanup(func() {
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				n.t.Error(err)
			}
		})
		output, err := n.command(dir).CombinedOutput()
		n.t.Logf("%d MB: %v", size>>20, err)
		if err != nil && !saysFull(string(output)) {
			n.t.Errorf("the disk is full, and the run does not say so:\n%s", output)
		}
		if err := mount(unix.MS_REMOUNT, 1<<30); err != nil {
			n.t.Fatal(err)
		}
		n.compare(dir, "a full disk", want)
	}
}

func saysFull(output string) bool {
	return slices.ContainsFunc([]string{"No space left", "no space left", "not enough disk", "max_temp_directory_size"}, func(words string) bool {
		return strings.Contains(output, words)
	})
}

// limitMemory: a run with little memory ends with an error, or by the system's hand. With enough, the next run makes good
// for it.
func (n *night) limitMemory(want map[string]string) {
	n.t.Helper()
	for i := range soak(n.t, 2) {
		dir := n.t.TempDir()
		command, how := n.command(dir), "--memory-limit"
		if i%2 == 0 {
			command.Args = append(command.Args, how, fmt.Sprintf("%dMB", 20+rand.IntN(60)), "--max-temp-size", "0KB")
		} else {
			how = "ulimit"
			limitAddresses(n.t, command, 600_000+rand.IntN(1_000_000))
		}
		_, err := command.CombinedOutput()
		n.t.Logf("%s: %v", how, err)
		n.compare(dir, "little memory ("+how+")", want)
	}
}

// A run whose models fit into memory only on the disk, or day by day, comes to the same end as one with memory for all.
func TestSpillingRunsLoseNothing(t *testing.T) {
	n := newNight(t, func(dump string) string { return dump })
	own := t.TempDir()
	folder := filepath.Join(own, "sql")
	if output, err := exec.Command(n.program, "init", own).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for name, text := range map[string]string{
		// A sort goes to the disk, a list that grows cannot.
		"mid/sorted.sql":        "-- materialize: table\n--\n-- Numbers in no order.\nselect number, row_number() over (order by hash(number)) as position from range(2000000) as numbers (number)",
		"stat/out_of_order.sql": "-- export: out_of_order\n--\n-- How far numbers are from their place.\nselect 'all' as _id, sum(abs(number - position))::bigint as distance from mid.sorted",
		"stat/lists.sql": "-- materialize: incremental\n-- grain: day\n-- export: lists\n--\n-- Lists.\nselect concat(date, '-lists') as _id, date, list_sum(list(number + day(date)))::bigint as total\n" +
			"from raw.blocks_per_day cross join range(800000) as numbers (number)\nwhere date between from_date() and to_date()\ngroup by date",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n.flags = append(n.flags, "--sql", folder)
	want := n.finish(t.TempDir())
	if want["lists.jsonl"] == "" || want["out_of_order.jsonl"] == "" {
		t.Fatal("the hungry statistics are not there")
	}
	dir := t.TempDir()
	command := n.command(dir)
	command.Args = append(command.Args, "--memory-limit", "64MB", "--threads", "2")
	var output bytes.Buffer
	command.Stderr = &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	spilled := false
	waitFor(command, func() bool {
		files, err := os.ReadDir(filepath.Join(dir, "w.duckdb.tmp"))
		spilled = spilled || err == nil && len(files) > 0
		return false
	})
	if err := command.Wait(); err != nil || !spilled || !strings.Contains(output.String(), "note: stat.lists: memory did not suffice at once") {
		t.Errorf("%v, spilled %v\n%s", err, spilled, output.String())
	}
	n.compare(dir, "spilling and retrying", want)
}

// limitAddresses lets the system refuse what does not fit into the address space.
func limitAddresses(t *testing.T, command *exec.Cmd, kilobytes int) {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell to limit memory with")
	}
	command.Args = slices.Concat([]string{"sh", "-c", fmt.Sprintf("ulimit -v %d; exec \"$@\"", kilobytes), "sh", command.Path}, command.Args[1:])
	command.Path = shell
}
