package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
	"github.com/ccdexplorer/nightrunner/internal/progress"
)

func diffCommand(stop <-chan struct{}) *cli.Command {
	return &cli.Command{
		Name: "diff", Usage: "what a change of SQL files would do to the rows: build what it affects aside, and compare",
		Description: "Nothing that exists is touched; nightrunner build then does it.\n" +
			"Exit codes: 0 the same, 6 different, 1 a model could not be built, 2 an error in SQL files or wrong usage.",
		Flags: slices.Concat(modelFlags(), []cli.Flag{
			stringFlag("from", "first `DATE` to compare", ""), stringFlag("to", "last `DATE` to compare", ""),
		}, readingFlags(), limitFlags(), talkFlags()),
		Before: configure, OnUsageError: usageError,
		Action: func(c *cli.Context) error { return diff(c, stop) },
	}
}

func diff(c *cli.Context, stop <-chan struct{}) error {
	if err := noArguments(c); err != nil {
		return err
	}
	options, err := diffOptions(c)
	if err != nil {
		return err
	}
	watch, err := observer(c)
	if err != nil {
		return err
	}
	r, err := openReading(c)
	if err != nil {
		return err
	}
	defer r.Close()
	options.Base, options.Observer = r.Path, watch
	ctx, cancel := untilStopped(c.Context, stop)
	defer cancel()
	report, err := engine.Diff(ctx, options)
	watch.Close()
	if err != nil {
		if ctx.Err() != nil {
			return engine.ErrStopped
		}
		return err
	}
	if c.Bool("json") {
		err = writeJSON(c.App.Writer, report)
	} else {
		printDiff(wrapWriter{c.App.Writer}, terminalWidth(c.App.Writer), report)
	}
	if err == nil && report.ExitCode != engine.ExitDone {
		return exitError{report.ExitCode}
	}
	return err
}

// diffOptions of the flags; From, To and Select are those of a build.
func diffOptions(c *cli.Context) (engine.DiffOptions, error) {
	run, err := runOptions(c, []string{engine.PhaseBuild})
	if err != nil {
		return engine.DiffOptions{}, err
	}
	return engine.DiffOptions{SQL: run.SQL, Tables: run.Tables, Select: run.Select, From: run.From, To: run.To,
		Aside: engine.Options{MemoryLimit: c.String("memory-limit"), Threads: c.Int("threads"), TempDirectory: c.String("temp-directory"),
			MaxTempSize: c.String("max-temp-size")}}, nil
}

// untilStopped is cancelled by the first Ctrl-C: what is built aside is of no use unless all of it is.
func untilStopped(parent context.Context, stop <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// diffLines is how many fields of a model are shown to people.
const diffLines = 8

// printDiff shows what changes first, then what stays, then the rest. The shell's .diff prints a report with it too.
func printDiff(w io.Writer, width int, r *engine.DiffReport) {
	fmt.Fprintf(w, "compared with %s (run %d, %s UTC)\n\n", r.Base, r.Run, r.Finished.Format("2006-01-02 15:04"))
	var same, omitted []string
	different := 0
	for _, one := range r.Models {
		why := fmt.Sprintf("%s (%s)", one.Model, strings.Join(one.Why, ", "))
		switch {
		case one.Status == engine.DiffSame:
			same = append(same, why)
		case one.Status == engine.DiffOmitted && len(one.Columns) == 0:
			omitted = append(omitted, why+": "+one.Message)
		default:
			different++
			printModelDiff(w, width, one)
		}
	}
	printList(w, "same rows as before", same)
	printList(w, "not compared", omitted)
	for _, note := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	if len(r.Needed) > 0 {
		fmt.Fprintf(w, "affected too, built but not compared: %s\n", strings.Join(r.Needed, ", "))
	}
	if len(r.Others) > 0 {
		fmt.Fprintf(w, "affected too, not built: %s\n", strings.Join(r.Others, ", "))
	}
	summarizeChecks(w, &engine.Report{Checks: r.Checks}, "--json")
	fmt.Fprintln(w, verdict(r, different))
}

func printList(w io.Writer, title string, list []string) {
	if len(list) > 0 {
		fmt.Fprintf(w, "%s:\n    %s\n\n", title, strings.Join(list, "\n    "))
	}
}

func verdict(r *engine.DiffReport, different int) string {
	took := progress.Duration(r.Seconds)
	switch {
	case r.ExitCode == engine.ExitFailed:
		return fmt.Sprintf("failed: not all could be built (%s)", took)
	case r.ExitCode == engine.ExitDifferent:
		return fmt.Sprintf("different: %d of %d affected models change (%s)", different, len(r.Models), took)
	case len(r.Models) == 0:
		return fmt.Sprintf("same: no model is affected (%s)", took)
	}
	return fmt.Sprintf("same: all rows of %d affected models are as before (%s)", len(r.Models), took)
}

func printModelDiff(w io.Writer, width int, d engine.ModelDiff) {
	why := ""
	if len(d.Why) > 0 && !slices.Equal(d.Why, []string{d.Status}) {
		why = " (" + strings.Join(d.Why, ", ") + ")"
	}
	fmt.Fprintf(w, "%s: %s%s\n", d.Model, d.Status, why)
	line := func(name, text string) {
		if text != "" {
			// What DuckDB shows of a statement stands below itself.
			fmt.Fprintf(w, "    %-8s %s\n", name, strings.ReplaceAll(strings.ReplaceAll(text, "\n", "\n             "), " \n", "\n"))
		}
	}
	line("", d.Message)
	line("columns", columnDiffs(d))
	line("rows", rowDiff(d))
	line("days", shorten(d.Days, 60))
	line("added", keys(d.AddedKeys, d.Export)+more(d.Rows, len(d.AddedKeys), true))
	line("removed", keys(d.RemovedKeys, d.Export)+more(d.Rows, len(d.RemovedKeys), false))
	line("took", cost(d.Now, d.Before))
	if len(d.Changes) > 0 {
		fmt.Fprintln(w)
		printChanges(w, width, d)
	}
	fmt.Fprintln(w)
}

func keys(list []string, statistic string) string {
	short := make([]string, len(list))
	for i, key := range list {
		short[i] = shortKey(key, statistic)
	}
	return strings.Join(short, "; ")
}

func more(rows *engine.RowDiff, shown int, added bool) string {
	if rows == nil || shown == 0 {
		return ""
	}
	n := rows.Removed
	if added {
		n = rows.Added
	}
	if n <= int64(shown) {
		return ""
	}
	return fmt.Sprintf("; and %s more", number(n-int64(shown)))
}

func columnDiffs(d engine.ModelDiff) string {
	var list []string
	for _, one := range d.Columns {
		switch one.Status {
		case "added":
			list = append(list, "+ "+one.Column+" "+one.After)
		case "removed":
			list = append(list, "- "+one.Column+" "+one.Before)
		case "retyped":
			list = append(list, one.Column+" "+one.Before+" → "+one.After)
		default:
			list = append(list, one.Column+" has another place")
		}
	}
	return strings.Join(list, ", ")
}

func rowDiff(d engine.ModelDiff) string {
	r := d.Rows
	if r == nil {
		return ""
	}
	if d.Status == engine.DiffNew {
		return number(r.After)
	}
	var parts []string
	for _, part := range []struct {
		n    int64
		what string
	}{{r.Added, "added"}, {r.Removed, "removed"}, {r.Changed, "changed"}} {
		if part.n > 0 {
			parts = append(parts, number(part.n)+" "+part.what)
		}
	}
	if len(parts) == 0 {
		parts = []string{"all the same"}
		if len(d.Columns) > 0 {
			parts = []string{"the columns that stay are all the same"}
		}
	}
	by := ""
	switch {
	case len(d.Key) > 0:
		by = ", by " + strings.Join(d.Key, ", ")
	case d.KeyFrom != "":
		by = " (" + d.KeyFrom + ")"
	}
	return fmt.Sprintf("%s → %s: %s%s", number(r.Before), number(r.After), strings.Join(parts, ", "), by)
}

func cost(now, before *engine.Cost) string {
	if now == nil {
		return ""
	}
	text := spent(*now)
	if before != nil {
		text += fmt.Sprintf("; before %s (run %d)", spent(*before), before.Run)
	}
	return text
}

func spent(c engine.Cost) string {
	text := progress.Duration(c.Seconds) + forDays(c.Days)
	if c.PeakMemory > 0 {
		text += fmt.Sprintf(", peak %d MiB", c.PeakMemory>>20)
	}
	return text
}

func forDays(days int64) string {
	switch days {
	case 0:
		return ""
	case 1:
		return " for 1 day"
	}
	return fmt.Sprintf(" for %s days", number(days))
}

func printChanges(w io.Writer, width int, d engine.ModelDiff) {
	var rows [][]string
	for i, one := range d.Changes {
		if i == diffLines && len(d.Changes) > diffLines+1 {
			rows = append(rows, []string{fmt.Sprintf("… %d more (--json)", len(d.Changes)-i)})
			break
		}
		before, after := shortPair(orNull(one.Before), orNull(one.After))
		rows = append(rows, []string{one.Field, number(one.Rows), shortKey(one.Key, d.Export), before, after, short(one.Change, 4), percent(one)})
	}
	right := func(name string) console.Column { return console.Column{Name: name, Right: true} }
	_ = console.WriteTable(w, width, []console.Column{{Name: "field"}, right("rows"), {Name: "most, at"}, {Name: "before"}, {Name: "after"}, {Name: "change"}, right("%")}, rows)
}

func orNull(text *string) string {
	if text == nil {
		return "NULL"
	}
	return *text
}

// shortKey leaves the statistic's name out of a document's _id.
func shortKey(key, statistic string) string {
	if statistic == "" {
		return key
	}
	return strings.Replace(key, "-"+statistic, "", 1)
}

// shortPair shortens both so far that they still look different.
func shortPair(before, after string) (shortBefore, shortAfter string) {
	for _, digits := range []int{7, 10} {
		if shortBefore, shortAfter = short(before, digits), short(after, digits); shortBefore != shortAfter {
			return shortBefore, shortAfter
		}
	}
	return before, after
}

// short cuts a number with a fraction to some digits; --json has all.
func short(text string, digits int) string {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || len(text) <= digits || !strings.ContainsAny(text, ".e") {
		return text
	}
	if magnitude := math.Abs(number); magnitude >= 1e6 && magnitude < 1e15 {
		return strconv.FormatFloat(number, 'f', 1, 64)
	}
	return strconv.FormatFloat(number, 'g', digits, 64)
}

// percent of what was before, with a sign.
func percent(v engine.ValueDiff) string {
	if v.Relative == nil {
		return ""
	}
	return fmt.Sprintf("%+.3g", *v.Relative*100)
}
