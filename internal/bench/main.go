// Command bench measures nightrunner as its users run it, as whole processes over generated chains, and prints ratios to
// something measured in the same run. It keeps its data in a folder of its own and removes it. docs/benchmarks.md says
// what was reached.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/ccdexplorer/nightrunner/internal/chain"
	"github.com/ccdexplorer/nightrunner/internal/machine"
)

type settings struct {
	binary, dir, real          string
	accounts, short, long, all int
	rounds, documents, rows    int
	exported                   int
	commits, history           int
	only                       string
}

func main() {
	var s settings
	flag.StringVar(&s.binary, "binary", "bin/nightrunner", "the program to measure")
	flag.StringVar(&s.dir, "dir", "", "where to put data; default a temporary folder")
	flag.StringVar(&s.real, "real", "../shared/data/R", "a real data set for the cold run; a generated one if it is not there")
	flag.IntVar(&s.accounts, "accounts", 20000, "accounts of the generated chains")
	flag.IntVar(&s.short, "short", 100, "days of the short history")
	flag.IntVar(&s.long, "long", 600, "days of the long history")
	flag.IntVar(&s.all, "memory-days", 100, "days of the cold run with 1 GB")
	flag.IntVar(&s.rounds, "rounds", 5, "how often each pair is measured; medians count")
	flag.IntVar(&s.documents, "documents", 2_000_000, "transactions of the dump; a quarter of them from the server")
	flag.IntVar(&s.rows, "rows", 20_000_000, "transactions, and impacted addresses, for the statistics")
	flag.IntVar(&s.exported, "exported", 5_000_000, "documents of the exports")
	flag.IntVar(&s.commits, "commits", 300, "commits of the repository that is read")
	flag.IntVar(&s.history, "history", 1900, "commits of the repository in which nothing is new")
	flag.StringVar(&s.only, "only", "cold,idle,day,memory,dump,server,statistics,export,git", "what to measure")
	flag.Parse()
	if err := s.run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func (s settings) run(ctx context.Context) error {
	dir, err := os.MkdirTemp(s.dir, "nightrunner-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, one := range []struct {
		name string
		do   func(context.Context, string) error
	}{{"cold", s.cold}, {"idle", s.idle}, {"day", s.day}, {"memory", s.memory}, {"dump", s.dump}, {"server", s.server}, {"statistics", s.statistics}, {"export", s.export}, {"git", s.git}} {
		if !strings.Contains(s.only, one.name) {
			continue
		}
		if err := one.do(ctx, filepath.Join(dir, one.name)); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
	}
	return nil
}

// outcome of a process: its own clock (from its report), the whole process, and its memory.
type outcome struct {
	inside, process time.Duration
	peak            int64
	steps           []step
	// cpu is what the process used of all cores: what a busy machine does not change.
	cpu time.Duration
}

type step struct {
	Phase, Name string
	Seconds     float64
}

type source struct{ balances, dump, node string }

func sourceIn(dir string) source {
	return source{filepath.Join(dir, "balances"), filepath.Join(dir, "dump"), filepath.Join(dir, "node")}
}

// nightrunner runs the whole job on a warehouse and reads its report.
func (s settings) nightrunner(ctx context.Context, from source, warehouse, out string, flags ...string) (outcome, error) {
	return s.process(ctx, slices.Concat([]string{"run", "--json", "--balances", from.balances, "--mongo", from.dump, "--node", from.node,
		"--warehouse", warehouse, "--export", out}, flags)...)
}

// process runs a command that prints a report, and measures it from outside.
func (s settings) process(ctx context.Context, args ...string) (outcome, error) {
	command := exec.CommandContext(ctx, s.binary, args...)
	var stdout, stderr strings.Builder
	command.Stdout, command.Stderr = &stdout, &stderr
	start := time.Now()
	if err := command.Start(); err != nil {
		return outcome{}, err
	}
	peak := watchPeak(command.Process.Pid)
	err := command.Wait()
	took := time.Since(start)
	most := peak()
	if err != nil {
		return outcome{}, fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, stderr.String())
	}
	var report struct {
		Seconds float64
		Steps   []step
	}
	if err := json.Unmarshal([]byte(stdout.String()), &report); err != nil {
		return outcome{}, fmt.Errorf("read the report: %w", err)
	}
	return outcome{time.Duration(report.Seconds * float64(time.Second)), took, most, report.Steps,
		command.ProcessState.UserTime() + command.ProcessState.SystemTime()}, nil
}

// watchPeak looks every few milliseconds at the most memory that a process has taken. What Linux tells of it after its end is
// not less than what this process takes.
func watchPeak(pid int) (peak func() int64) {
	over, most := make(chan struct{}), make(chan int64)
	go func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		seen := uint64(0)
		for {
			select {
			case <-over:
				most <- int64(seen)
				return
			case <-ticker.C:
				seen = max(seen, machine.PeakOf(pid))
			}
		}
	}()
	return func() int64 {
		close(over)
		return <-most
	}
}

// scan reads the CSVs with DuckDB, columns given and nothing stored: one statement per header.
func scan(ctx context.Context, folder string) (time.Duration, error) {
	groups, err := byHeader(folder)
	if err != nil {
		return 0, err
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "select 1"); err != nil {
		return 0, err
	}
	start := time.Now()
	for header, files := range groups {
		var columns, quoted []string
		for name := range strings.SplitSeq(header, ",") {
			kind := "VARCHAR"
			if strings.HasSuffix(name, "_balance") || name == "staked_amount" {
				kind = "DOUBLE"
			}
			columns = append(columns, fmt.Sprintf("'%s': '%s'", name, kind))
		}
		for _, file := range files {
			quoted = append(quoted, "'"+file+"'")
		}
		var rows int64
		var sum float64
		var most sql.NullString
		query := fmt.Sprintf(`select count(*), sum(total_balance), max(account) from read_csv([%s], auto_detect = false, header = true,
			delim = ',', quote = '"', escape = '"', columns = {%s})`, strings.Join(quoted, ", "), strings.Join(columns, ", "))
		if err := db.QueryRowContext(ctx, query).Scan(&rows, &sum, &most); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

func byHeader(folder string) (map[string][]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.csv"))
	if err != nil {
		return nil, err
	}
	groups := map[string][]string{}
	for _, file := range files {
		head := make([]byte, 4096)
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		n, err := f.Read(head)
		f.Close()
		if err != nil {
			return nil, err
		}
		header, _, _ := strings.Cut(string(head[:n]), "\n")
		groups[strings.TrimSpace(header)] = append(groups[strings.TrimSpace(header)], file)
	}
	if len(groups) == 0 {
		return nil, fmt.Errorf("no CSV in %s", folder)
	}
	return groups, nil
}

// cold: everything from nothing, against one explicit scan of the same CSVs.
func (s settings) cold(ctx context.Context, dir string) error {
	from, what := sourceIn(s.real), "the real set"
	if _, err := os.Stat(from.balances); err != nil {
		if _, err := chain.Generate(ctx, chain.Options{Dir: dir, Seed: 1, Days: 175, Accounts: 2500}); err != nil {
			return err
		}
		from, what = sourceIn(dir), "a generated set of 175 days, 2,500 accounts"
	}
	var scans, runs []time.Duration
	phases := map[string]float64{}
	for i := range s.rounds {
		scanned, err := scan(ctx, from.balances)
		if err != nil {
			return err
		}
		work := filepath.Join(dir, fmt.Sprint("round", i))
		if err := os.MkdirAll(work, 0o755); err != nil {
			return err
		}
		done, err := s.nightrunner(ctx, from, filepath.Join(work, "w.duckdb"), filepath.Join(work, "out"))
		if err != nil {
			return err
		}
		scans, runs = append(scans, scanned), append(runs, done.inside)
		for _, one := range done.steps {
			phases[one.Phase] += one.Seconds / float64(s.rounds)
		}
	}
	fmt.Printf("cold run of %s: %v, one explicit scan %v: %.1f x (goal 6)\n", what, median(runs), median(scans), ratio(median(runs), median(scans)))
	fmt.Printf("    load %.3f s, build %.3f s, check %.3f s, export %.3f s\n", phases["load"], phases["build"], phases["check"], phases["export"])
	return nil
}

// idle: the same again with nothing new.
func (s settings) idle(ctx context.Context, dir string) error {
	if _, err := chain.Generate(ctx, chain.Options{Dir: dir, Seed: 1, Days: s.short, Accounts: s.accounts}); err != nil {
		return err
	}
	warehouse, out := filepath.Join(dir, "w.duckdb"), filepath.Join(dir, "out")
	first, err := s.nightrunner(ctx, sourceIn(dir), warehouse, out)
	if err != nil {
		return err
	}
	var runs []time.Duration
	for range s.rounds {
		again, err := s.nightrunner(ctx, sourceIn(dir), warehouse, out)
		if err != nil {
			return err
		}
		runs = append(runs, again.process)
	}
	fmt.Printf("idle run, whole process: %v (goal 0.5 s); %.3f of the first run of %d days\n", median(runs), ratio(median(runs), first.process), s.short)
	return nil
}

// day: one more day after a long history against one more day after a short one.
func (s settings) day(ctx context.Context, dir string) error {
	took := map[int]time.Duration{}
	for _, days := range []int{s.short, s.long} {
		each, err := s.addDays(ctx, filepath.Join(dir, fmt.Sprint(days)), days)
		if err != nil {
			return err
		}
		took[days] = each
	}
	fmt.Printf("one more day after %d days: %v, after %d days: %v: %.2f x (goal 1.3)\n",
		s.long, took[s.long], s.short, took[s.short], ratio(took[s.long], took[s.short]))
	return os.RemoveAll(dir)
}

// addDays loads a history and then one day at a time; the median of these.
func (s settings) addDays(ctx context.Context, dir string, days int) (time.Duration, error) {
	made, err := chain.Generate(ctx, chain.Options{Dir: dir, Seed: 1, Days: days + s.rounds, Accounts: s.accounts})
	if err != nil {
		return 0, err
	}
	from := sourceIn(dir)
	aside := filepath.Join(dir, "aside")
	if err := os.MkdirAll(aside, 0o755); err != nil {
		return 0, err
	}
	files, err := filepath.Glob(filepath.Join(from.balances, "*.csv"))
	if err != nil {
		return 0, err
	}
	slices.Sort(files)
	late := files[len(files)-s.rounds:]
	for _, file := range late {
		if err := os.Rename(file, filepath.Join(aside, filepath.Base(file))); err != nil {
			return 0, err
		}
	}
	warehouse, out := filepath.Join(dir, "w.duckdb"), filepath.Join(dir, "out")
	first, err := s.nightrunner(ctx, from, warehouse, out)
	if err != nil {
		return 0, err
	}
	var runs []time.Duration
	phases := map[string]float64{}
	for _, file := range late {
		if err := os.Rename(filepath.Join(aside, filepath.Base(file)), file); err != nil {
			return 0, err
		}
		one, err := s.nightrunner(ctx, from, warehouse, out)
		if err != nil {
			return 0, err
		}
		runs = append(runs, one.process)
		for _, step := range one.steps {
			phases[step.Phase] += step.Seconds / float64(len(late))
		}
	}
	fmt.Printf("    history of %d days, %d accounts: first run %v; a day: load %.3f s, build %.3f s, check %.3f s, export %.3f s\n",
		made.Days, made.Accounts, first.process.Round(time.Millisecond), phases["load"], phases["build"], phases["check"], phases["export"])
	return median(runs), os.RemoveAll(from.balances)
}

// memory: a cold run with a memory limit, its peak, and its time against one scan.
func (s settings) memory(ctx context.Context, dir string) error {
	if _, err := chain.Generate(ctx, chain.Options{Dir: dir, Seed: 1, Days: s.all, Accounts: s.accounts}); err != nil {
		return err
	}
	scanned, err := scan(ctx, filepath.Join(dir, "balances"))
	if err != nil {
		return err
	}
	done, err := s.nightrunner(ctx, sourceIn(dir), filepath.Join(dir, "w.duckdb"), filepath.Join(dir, "out"), "--memory-limit", "1GB")
	if err != nil {
		return err
	}
	fmt.Printf("cold run of %d days, %d accounts with --memory-limit 1GB: peak %.2f GB (goal 1.5); %v, %.2f x one scan (%v)\n",
		s.all, s.accounts, float64(done.peak)/1e9, done.inside.Round(time.Millisecond), ratio(done.inside, scanned), scanned.Round(time.Millisecond))
	load := 0.0
	for _, one := range done.steps {
		if one.Phase == "load" && one.Name == "balances" {
			load = one.Seconds
		}
	}
	fmt.Printf("    load of the CSVs alone: %.2f x one scan\n", load/scanned.Seconds())
	return os.RemoveAll(dir)
}

func median(list []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2].Round(time.Millisecond / 10)
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }
