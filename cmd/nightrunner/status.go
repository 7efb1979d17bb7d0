package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
	"github.com/ccdexplorer/nightrunner/internal/progress"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "sources, models and their days, what waits for what and why, the last runs",
		Flags:  append(readingFlags(), boolFlag("json", "print it as JSON")),
		Before: configure, OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			from, running, err := openStatus(c)
			if err != nil {
				return err
			}
			defer from.Close()
			status, err := engine.Status(c.Context, from.DB)
			if err != nil {
				return err
			}
			facts, err := engine.ReadFacts(c.Context, from.DB, "run", 0, time.Now())
			if err != nil {
				return err
			}
			bytes, err := sizes(c)
			if err != nil {
				return err
			}
			status.File, status.Snapshot, status.Running = from.Path, from.Snapshot, running
			status.Killed = engine.WhoWasKilled(c.String("warehouse"))
			if c.Bool("json") {
				encoder := json.NewEncoder(c.App.Writer)
				encoder.SetIndent("", "  ")
				return encoder.Encode(statusReport{status, facts, bytes})
			}
			if running != nil {
				fmt.Fprintln(c.App.Writer, running)
			}
			if status.Killed != nil {
				fmt.Fprintf(wrapWriter{c.App.Writer}, "%s; the next one goes on from there\n", status.Killed.Killed())
			}
			fmt.Fprintf(c.App.Writer, "%s\n", from.what(time.Now()))
			printFacts(wrapWriter{c.App.Writer}, facts, bytes)
			printStatus(wrapWriter{c.App.Writer}, terminalWidth(c.App.Writer), status)
			return nil
		},
	}
}

// statusReport is what --json prints: what the warehouse holds, and what the metrics tell.
type statusReport struct {
	*engine.StatusReport
	*engine.Facts
	*engine.Sizes
}

// printFacts says how well the warehouse is kept up to date.
func printFacts(w io.Writer, facts *engine.Facts, bytes *engine.Sizes) {
	last := "no run of everything was good yet"
	if !facts.LastSuccess.IsZero() {
		last = "last good run " + facts.LastSuccess.Format("2006-01-02 15:04 UTC")
	}
	if facts.ExpectedSeconds > 0 {
		last += ", one usually takes " + progress.Duration(facts.ExpectedSeconds)
	}
	behind := "yesterday is there"
	if len(facts.Behind) == 0 {
		behind = "no days yet"
	} else if facts.DaysBehind > 0 {
		behind = fmt.Sprintf("%s days behind yesterday", number(int64(facts.DaysBehind)))
	}
	size := func(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
	disk := size(bytes.FreeDisk) + " free"
	if bytes.Warehouse+bytes.Snapshots > 0 { // Neither is here where a snapshot from elsewhere is read.
		disk = fmt.Sprintf("warehouse %s, snapshots %s, %s", size(bytes.Warehouse), size(bytes.Snapshots), disk)
	}
	fmt.Fprintf(w, "%s; %s\n%s\n\n", last, behind, disk)
}

func printStatus(w io.Writer, width int, s *engine.StatusReport) {
	left := func(names ...string) []console.Column {
		var list []console.Column
		for _, name := range names {
			list = append(list, console.Column{Name: name, Wrap: slices.Contains([]string{"for", "which", "destination", "message"}, name)})
		}
		return list
	}
	table := func(title string, columns []console.Column, rows [][]string) {
		if len(rows) > 0 {
			fmt.Fprintf(w, "%s\n", title)
			_ = console.WriteTable(w, width, columns, rows)
			fmt.Fprintln(w)
		}
	}
	var sources, models, waiting, exports [][]string
	for _, one := range s.Sources {
		sources = append(sources, []string{one.Table, number(one.Rows), shorten(one.Days, 60)})
	}
	for _, one := range s.Models {
		if one.Materialize != engine.View {
			models = append(models, []string{one.Model, number(one.Rows), number(int64(one.DayCount)), shorten(one.Days, 60)})
		}
	}
	for _, one := range s.Waiting {
		waiting = append(waiting, []string{one.Model, number(int64(one.Count)), one.Reason, shorten(one.Days, 70)})
	}
	for _, one := range s.Exports {
		exports = append(exports, []string{one.Statistic, number(one.Documents), number(one.Stale), one.Destination})
	}
	right := func(columns []console.Column, at ...int) []console.Column {
		for _, i := range at {
			columns[i].Right = true
		}
		return columns
	}
	table("sources", right(left("table", "rows", "days"), 1), sources)
	table("models (views left out)", right(left("model", "rows", "days", "which"), 1, 2), models)
	table("waiting", right(left("model", "days", "for", "which"), 1), waiting)
	for _, one := range s.Troubles {
		fmt.Fprintf(w, "%s: %s: %s %s\n", one.Source, one.File, one.Status, one.Message)
	}
	summarizeChecks(w, &engine.Report{Checks: s.Checks}, "ops.check_results")
	table("documents", right(left("statistic", "documents", "stale", "destination"), 1, 2), exports)
	columns, runs := runTable(s.Runs)
	table("runs", columns, runs)
}

// runTable is how runs are listed, here and by the shell's .runs.
func runTable(runs []engine.RunStatus) ([]console.Column, [][]string) {
	columns := []console.Column{{Name: "run", Right: true}, {Name: "started (UTC)"}, {Name: "command"}, {Name: "took"}, {Name: "status"}, {Name: "exit"},
		{Name: "message", Wrap: true}}
	var rows [][]string
	for _, one := range runs {
		took, code := progress.Duration(one.Seconds), fmt.Sprint(one.ExitCode)
		if one.ExitCode < 0 {
			// It did not end.
			took, code = "", ""
		}
		rows = append(rows, []string{fmt.Sprint(one.Run), one.Started.Format("2006-01-02 15:04:05"), one.Command, took, one.Status, code, shorten(one.Message, 60)})
	}
	return columns, rows
}
