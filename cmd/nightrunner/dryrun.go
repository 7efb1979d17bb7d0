package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
)

// dryRunFlags are those of export --dry-run.
func dryRunFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "dry-run", Usage: "write nothing, say what would be written: exit code 6 when anything would, 3 when a guard would stop a statistic"},
		&cli.IntFlag{Name: "examples", Usage: "`N` examples of changed documents per statistic of a dry run", Value: 3, EnvVars: env("examples")},
	}
}

// dryRun says what an export would do. The warehouse is only read, so it may be open elsewhere for reading.
func dryRun(c *cli.Context, o engine.RunOptions) (err error) {
	defer func() { err = errors.Join(err, closeExporters(o.Exporters)) }()
	if o.Undo > 0 {
		return fmt.Errorf("%w: --dry-run says what an export would write, not what --undo would", engine.ErrUsage)
	}
	db, err := engine.OpenReadOnly(c.Context, c.String("warehouse"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	temp, err := os.MkdirTemp(c.String("temp-directory"), "nightrunner-export-")
	if err != nil {
		return fmt.Errorf("%w: --temp-directory: %w", engine.ErrUsage, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	conn, err := db.Conn(c.Context)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ignoreClosed(conn.Close())) }()
	report, err := engine.DryRun(c.Context, conn, o, engine.Options{MemoryLimit: c.String("memory-limit"), Threads: c.Int("threads"), TempDirectory: temp,
		MaxTempSize: c.String("max-temp-size")}, max(c.Int("examples"), 0))
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = writeJSON(c.App.Writer, report)
	} else {
		printDryRun(wrapWriter{c.App.Writer}, terminalWidth(c.App.Writer), report)
	}
	if err == nil && report.ExitCode != engine.ExitDone {
		err = exitError{report.ExitCode}
	}
	return err
}

// printDryRun shows a table per destination, then what would change.
func printDryRun(w io.Writer, width int, r *engine.Report) {
	right := func(name string) console.Column { return console.Column{Name: name, Right: true} }
	var destinations []string
	rows := map[string][][]string{}
	for _, one := range r.Exports {
		if one.New+one.Changed+one.Same+one.Stale+one.Deleted == 0 {
			continue
		}
		if rows[one.Destination] == nil {
			destinations = append(destinations, one.Destination)
		}
		rows[one.Destination] = append(rows[one.Destination], []string{one.Statistic, number(one.New), number(one.Changed), number(one.Same), number(one.Stale), number(one.Deleted)})
	}
	for _, destination := range destinations {
		fmt.Fprintf(w, "%s\n", destination)
		_ = console.WriteTable(w, width, []console.Column{{Name: "statistic"}, right("new"), right("changed"), right("same"), right("stale"), right("deleted")}, rows[destination])
		fmt.Fprintln(w)
	}
	for _, one := range r.Exports {
		printDocumentChanges(w, width, one)
	}
	for _, step := range r.Steps {
		if step.Status == engine.StatusFailed || step.Status == engine.StatusBlocked {
			fmt.Fprintf(w, "error: export %s %s: %s\n", step.Name, step.Status, step.Message)
		}
	}
	adviseAccept(w, r)
	fmt.Fprintln(w, dryVerdict(r))
}

// printDocumentChanges shows which documents of a statistic would change, and how.
func printDocumentChanges(w io.Writer, width int, one engine.ExportReport) {
	for _, note := range one.Notes {
		fmt.Fprintf(w, "note: %s: %s\n", one.Statistic, note)
	}
	for _, refused := range one.Refused[:min(len(one.Refused), shownNames)] {
		fmt.Fprintf(w, "error: %s: %s makes no document: %s\n", one.Statistic, refused.ID, refused.Reason)
	}
	if one.Changed+one.Deleted == 0 {
		return
	}
	fmt.Fprintf(w, "%s: %d changed, %d deleted", one.Statistic, one.Changed, one.Deleted)
	if one.ChangedDays != "" {
		fmt.Fprintf(w, ": %s", shorten(one.ChangedDays, shownRanges))
	}
	fmt.Fprintln(w)
	for _, change := range one.Changes {
		fmt.Fprintln(w, indented("  "+change.ID, width))
		for _, field := range change.Fields {
			fmt.Fprintln(w, indented("    "+fieldChange(field), width))
		}
		if change.More > 0 {
			fmt.Fprintf(w, "    and %d more fields\n", change.More)
		}
	}
	if more := one.Changed - int64(len(one.Changes)); more > 0 && len(one.Changes) > 0 {
		var fields []string
		for _, field := range one.Fields {
			fields = append(fields, fmt.Sprintf("%s in %s", orderName(field.Field), number(field.Documents)))
		}
		if len(fields) > 3 {
			fields = append(fields[:3], fmt.Sprintf("%d more fields", len(fields)-3))
		}
		fmt.Fprintln(w, indented(fmt.Sprintf("  and %s more documents; in all: %s", number(more), strings.Join(fields, ", ")), width))
	}
	fmt.Fprintln(w)
}

func orderName(field string) string {
	if field == "" {
		return "the document"
	}
	return field
}

// fieldChange is `count_>=1000000: 412 → 409`.
func fieldChange(f engine.FieldChange) string {
	if len(f.Before)+len(f.After) == 0 {
		return orderName(f.Field) + ": fields in another order"
	}
	return fmt.Sprintf("%s: %s → %s", f.Field, value(f.Before), value(f.After))
}

// adviseAccept says how to go on where guards stop statistics.
func adviseAccept(w io.Writer, r *engine.Report) {
	var names []string
	for _, one := range r.Exports {
		if one.Stopped() && !slices.Contains(names, one.Statistic) {
			names = append(names, one.Statistic)
		}
	}
	if len(names) > 0 {
		fmt.Fprintf(w, "hint: nightrunner export --dry-run shows what would change; --accept %s writes it all the same\n", strings.Join(names, " --accept "))
	}
}

func dryVerdict(r *engine.Report) string {
	var added, changed, deleted, statistics int64
	for _, one := range r.Exports {
		if one.Stopped() || one.New+one.Changed+one.Deleted == 0 {
			continue
		}
		added, changed, deleted, statistics = added+one.New, changed+one.Changed, deleted+one.Deleted, statistics+1
	}
	if statistics == 0 {
		return "nothing would be written"
	}
	return fmt.Sprintf("would be written: %s new and %s changed documents, %s deleted; nothing was", number(added), number(changed), number(deleted))
}
