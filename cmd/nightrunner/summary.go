package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
	"github.com/ccdexplorer/nightrunner/internal/progress"
	"github.com/ccdexplorer/nightrunner/internal/wording"
)

// shownNames is how many files or examples a summary names before it counts.
const shownNames = 10

// conclude says what a run did: to people, or as lines of JSON.
func conclude(c *cli.Context, report *engine.Report) {
	warehouse := c.String("warehouse")
	if log, err := logger(c); err == nil && configurationOf(c.App).json && report.Run > 0 {
		lines := &logLines{log: log}
		summarizeTroubles(lines, report)
		lines.flush()
		log.Info("run ends", "run", report.Run, "outcome", outcome(report), "exit_code", report.ExitCode, "seconds", report.Seconds, "warehouse", warehouse)
		return
	}
	summarize(wrapWriter{c.App.ErrWriter}, report, warehouse)
}

// summarize says what a run did, in the order in which a person asks: what went wrong, what came of it, what waits.
func summarize(w io.Writer, report *engine.Report, warehouse string) {
	if report.Run == 0 {
		return
	}
	summarizeTroubles(w, report)
	if report.Idle() && report.ExitCode == engine.ExitDone && report.Command == "publish" {
		fmt.Fprintf(w, "run %d: nothing changed since the last snapshot; nothing published\n", report.Run)
		return
	}
	if report.Idle() && report.ExitCode == engine.ExitDone {
		fmt.Fprintf(w, "run %d: nothing is new; nothing loaded, built or exported (%s)\n", report.Run, progress.Duration(report.Seconds))
		return
	}
	summarizePhases(w, report)
	fmt.Fprintf(w, "run %d: %s in %s; warehouse %s\n", report.Run, outcome(report), progress.Duration(report.Seconds), warehouse)
	if report.Snapshot != nil {
		fmt.Fprintf(w, "snapshot: %s\n", report.Snapshot.Path)
	}
}

// summarizeTroubles says what went wrong, what is worth a note, and what waits.
func summarizeTroubles(w io.Writer, report *engine.Report) {
	for _, late := range report.Late {
		fmt.Fprintf(w, "warning: late: %s\n", late)
	}
	summarizeLoads(w, report)
	summarizeSteps(w, report)
	for _, note := range report.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	adviseAccept(w, report)
	summarizeChecks(w, report, "ops.check_results")
	summarizeWaiting(w, report.Waiting)
	summarizeExports(w, report.Exports)
}

func summarizeExports(w io.Writer, exports []engine.ExportReport) {
	for _, one := range exports {
		if one.Stale > 0 {
			fmt.Fprintf(w, "note: %s: %s documents are produced no longer; they stay in %s until --prune: %s\n", one.Statistic, number(one.Stale), one.Destination, firstOf(one.StaleIDs, one.Stale))
		}
		if one.Deleted > 0 {
			fmt.Fprintf(w, "note: %s: %s documents are produced no longer: deleted from %s\n", one.Statistic, number(one.Deleted), one.Destination)
		}
		if one.Restored > 0 {
			fmt.Fprintf(w, "note: %s: documents that are again what they were: %s\n", one.Statistic, number(one.Restored))
		}
		if one.Removed > 0 {
			fmt.Fprintf(w, "note: %s: documents removed that were not there before: %s\n", one.Statistic, number(one.Removed))
		}
		for _, note := range one.Notes {
			fmt.Fprintf(w, "note: %s: %s\n", one.Statistic, note)
		}
	}
}

// firstOf names the first few of so many.
func firstOf(names []string, all int64) string {
	const few = 3
	text := strings.Join(names[:min(len(names), few)], ", ")
	if all > few {
		text += ", …"
	}
	return text
}

func outcome(report *engine.Report) string {
	if report.Stopped {
		return "stopped on request"
	}
	switch report.ExitCode {
	case engine.ExitDone:
		return "done"
	case engine.ExitCheck:
		if slices.ContainsFunc(report.Exports, engine.ExportReport.Stopped) {
			return "done, but a guard stopped an export: nothing of its statistic was written"
		}
		return "done, but a check failed: its statistics were not exported"
	case engine.ExitUnreadable:
		if len(report.Late) > 0 {
			return "done, but data is late"
		}
		if !slices.ContainsFunc(report.Loads, func(l *engine.LoadReport) bool { return len(l.Unreadable) > 0 }) {
			return "failed: a destination could not be reached"
		}
		return "done, but a source could not be read"
	}
	return "failed"
}

func summarizeLoads(w io.Writer, report *engine.Report) {
	for _, load := range report.Loads {
		for _, one := range load.Unreadable {
			name := load.Source
			if one.File != name {
				name += ": " + one.File
			}
			fmt.Fprintf(w, "error: %s: %s\n", name, one.Error)
		}
		if load.Failure != "" {
			fmt.Fprintf(w, "error: %s: %s\n", load.Source, load.Failure)
		}
		for _, one := range load.TooManyRejects {
			fmt.Fprintf(w, "error: %s: %s: %s\n", load.Source, one.File, one.Error)
		}
		if load.Rejects > 0 {
			fmt.Fprintf(w, "warning: %s: %s rejected: select * from raw.rejects\n", load.Source, plural(load.Rejects, "row"))
		}
		for i, note := range load.Notes {
			if i == shownNames {
				fmt.Fprintf(w, "note: %s: and %d more\n", load.Source, len(load.Notes)-i)
				break
			}
			fmt.Fprintf(w, "note: %s: %s\n", load.Source, note)
		}
	}
}

// summarizeSteps tells once what several steps failed of: a destination that cannot be written, say.
func summarizeSteps(w io.Writer, report *engine.Report) {
	type group struct{ phase, status, why string }
	var order []group
	names, messages := map[group][]string{}, map[group]string{}
	for _, step := range report.Steps {
		if step.Phase == engine.PhaseLoad || step.Phase == engine.PhaseCheck || step.Status != engine.StatusFailed && step.Status != engine.StatusBlocked {
			continue
		}
		key := group{step.Phase, step.Status, strings.ReplaceAll(step.Message, step.Name, "")}
		if names[key] == nil {
			order, messages[key] = append(order, key), step.Message
		}
		names[key] = append(names[key], step.Name)
	}
	for _, key := range order {
		fmt.Fprintf(w, "error: %s %s %s: %s\n", key.phase, some(names[key]), key.status, messages[key])
	}
}

// shownExamples is how many rows that a check found are shown, and exampleWidth about how much of each: a document can be
// wide. All of it is in ops.check_results.
const (
	shownExamples = 3
	exampleWidth  = 300
)

// summarizeChecks tells of checks that found rows; rest says where those are that are not shown.
func summarizeChecks(w io.Writer, report *engine.Report, rest string) {
	for _, check := range report.Checks {
		word := "warning"
		if check.Severity == engine.SeverityError {
			word = "error"
		}
		if strings.HasPrefix(check.Check, "cannot run") {
			fmt.Fprintf(w, "%s: a check on %s cannot run: %s\n", word, check.Model, strings.Join(check.Examples, ", "))
			continue
		}
		fmt.Fprintf(w, "%s: check %s on %s: %s\n", word, check.Check, check.Model, plural(check.Rows, "row"))
		for i, example := range check.Examples {
			if i == shownExamples {
				fmt.Fprintf(w, "    … %d more (%s)\n", len(check.Examples)-i, rest)
				break
			}
			fmt.Fprintf(w, "    %s\n", shorten(example, exampleWidth))
		}
	}
}

// summarizeWaiting tells once what several models wait for. Steps in between go without saying where a statistic waits too.
func summarizeWaiting(w io.Writer, waiting []engine.Waiting) {
	type group struct{ reason, days string }
	var order []group
	counts, models := map[group]int{}, map[group][]string{}
	for _, one := range waiting {
		key := group{one.Reason, one.Days}
		if _, seen := counts[key]; !seen {
			order = append(order, key)
		}
		counts[key] = one.Count
		models[key] = append(models[key], one.Model)
	}
	for _, key := range order {
		plural := "s"
		if counts[key] == 1 {
			plural = ""
		}
		fmt.Fprintf(w, "waiting for %s: %d day%s (%s): %s\n", key.reason, counts[key], plural, shorten(key.days, 80), some(statistics(models[key])))
	}
}

// statistics leaves out models of other schemas when there are some of stat.
func statistics(models []string) []string {
	var list []string
	for _, name := range models {
		if short, is := strings.CutPrefix(name, "stat."); is {
			list = append(list, short)
		}
	}
	if len(list) == 0 {
		return models
	}
	return list
}

// some names the first few.
func some(names []string) string {
	const few = 3
	if len(names) <= few+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// shorten cuts at a comma.
func shorten(text string, width int) string {
	if len(text) <= width {
		return text
	}
	cut := strings.LastIndex(text[:width], ",")
	if cut < 0 {
		return strings.ToValidUTF8(text[:width], "") + "…"
	}
	return text[:cut] + ", …"
}

// summarizePhases is the table at the end: what each phase did.
func summarizePhases(w io.Writer, report *engine.Report) {
	var rows [][]string
	for _, phase := range engine.Phases() {
		count := map[string]int{}
		var n, days int64
		seconds := 0.0
		total := 0
		for _, step := range report.Steps {
			if step.Phase == phase {
				count[step.Status]++
				total++
				n += step.Rows
				days += step.Days
				seconds += step.Seconds
			}
		}
		if total == 0 {
			continue
		}
		rows = append(rows, []string{phase, fmt.Sprint(count[engine.StatusDone] + count[engine.StatusWarned]), fmt.Sprint(count[engine.StatusFresh]),
			fmt.Sprint(count[engine.StatusFailed] + count[engine.StatusBlocked]), number(n), number(days), progress.Duration(seconds)})
	}
	right := func(name string) console.Column { return console.Column{Name: name, Right: true} }
	if len(rows) == 0 {
		return
	}
	_ = console.WriteTable(w, 0, []console.Column{{Name: "phase"}, right("done"), right("fresh"), right("failed"), right("rows"), right("days"), right("time")}, rows)
}

// number with thousands separators.
func number(n int64) string { return wording.Number(n) }
