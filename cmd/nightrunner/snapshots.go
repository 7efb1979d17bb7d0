package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
	"github.com/ccdexplorer/nightrunner/internal/progress"
)

func snapshotsCommand() *cli.Command {
	sub := func(name, args, usage string, flags []cli.Flag, action cli.ActionFunc) *cli.Command {
		return &cli.Command{Name: name, ArgsUsage: args, Usage: usage, Flags: flags, Before: configure, OnUsageError: usageError, Action: action}
	}
	where := func() []cli.Flag {
		return []cli.Flag{stringFlag("warehouse", "the DuckDB `FILE` whose snapshots are meant", "nightrunner.duckdb"), snapshotsFlag(), boolFlag("json", "print it as JSON")}
	}
	return &cli.Command{
		Name: "snapshots", Usage: "list published snapshots, open or compare them, go back to one",
		Flags: where(),
		Subcommands: []*cli.Command{
			sub("list", "", "published snapshots, and files that were set aside", where(), listSnapshots),
			sub("open", "[RUN|FILE|current]", "a shell on a snapshot", append(where()[:2], &cli.StringFlag{Name: "command", Aliases: []string{"c"},
				Usage: "run these `STATEMENTS` and exit"}), openSnapshotShell),
			sub("rollback", "RUN", "make the warehouse the snapshot of a run again; what it is now is set aside",
				append(where(), boolFlag("allow-network-disk", "go ahead with a warehouse on NFS, SMB and the like")), rollback),
			sub("diff", "BEFORE [AFTER]", "rows added, removed and changed from one snapshot to another, by default the current one, per statistic",
				slices.Concat(where(), limitFlags()), diffSnapshots),
		},
		Before: configure, OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return engine.WithHint(fmt.Errorf("%w: no command snapshots %q", engine.ErrUsage, c.Args().First()), "there are list, open, rollback and diff")
			}
			return listSnapshots(c)
		},
	}
}

func snapshotsOf(c *cli.Context) (engine.Snapshots, error) {
	return engine.FindSnapshots(c.String("warehouse"), c.String("snapshots"))
}

func listSnapshots(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	snapshots, err := snapshotsOf(c)
	if err != nil {
		return err
	}
	list, err := snapshots.List()
	if err != nil {
		return err
	}
	asides, err := engine.Asides(c.String("warehouse"))
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, map[string]any{"snapshots": slices.Concat([]engine.Snapshot{}, list), "set_aside": slices.Concat([]engine.Aside{}, asides)})
	}
	printSnapshots(wrapWriter{c.App.Writer}, terminalWidth(c.App.Writer), snapshots, list, asides)
	return nil
}

func printSnapshots(w io.Writer, width int, snapshots engine.Snapshots, list []engine.Snapshot, asides []engine.Aside) {
	var rows [][]string
	var total int64
	for _, one := range list {
		current := ""
		if one.Current {
			current = "current"
		}
		total += one.Bytes
		rows = append(rows, []string{fmt.Sprint(one.Run), one.Published.Format("2006-01-02 15:04:05"), humanize.Bytes(uint64(one.Bytes)), current, one.Path})
	}
	if len(rows) == 0 {
		fmt.Fprintf(w, "no snapshot in %s\n", snapshots.Dir)
	} else {
		right := func(name string) console.Column { return console.Column{Name: name, Right: true} }
		_ = console.WriteTable(w, width, []console.Column{right("run"), {Name: "published (UTC)"}, right("size"), {Name: ""}, {Name: "file", Wrap: true}}, rows)
		plural := "s"
		if len(list) == 1 {
			plural = ""
		}
		fmt.Fprintf(w, "%d snapshot%s, %s\n", len(list), plural, humanize.Bytes(uint64(total)))
	}
	for _, one := range asides {
		fmt.Fprintf(w, "set aside: %s (%s, %s); remove it when it is not needed\n", one.Path, humanize.Bytes(uint64(one.Bytes)), one.At.Format("2006-01-02 15:04"))
	}
}

// words are the arguments of a command, flags behind them read as if they stood before.
func words(c *cli.Context, least, most int, usage string) ([]string, error) {
	args := c.Args().Slice()
	n := slices.IndexFunc(args, func(word string) bool { return strings.HasPrefix(word, "-") })
	if n < 0 {
		n = len(args)
	}
	wrong := func(what string) error {
		return engine.WithHint(fmt.Errorf("%w: %s", engine.ErrUsage, what), "nightrunner snapshots %s %s", c.Command.Name, usage)
	}
	for rest := args[n:]; len(rest) > 0; {
		name, value, joined := strings.Cut(strings.TrimLeft(rest[0], "-"), "=")
		flag := flagNamed(c.Command.Flags, name)
		if !strings.HasPrefix(rest[0], "-") || flag == "" {
			return nil, wrong(fmt.Sprintf("unexpected %q", rest[0]))
		}
		rest = rest[1:]
		if _, isBool := flagOf(c.Command.Flags, flag).(*cli.BoolFlag); isBool && !joined {
			value = "true"
		} else if !joined {
			if len(rest) == 0 {
				return nil, wrong("--" + flag + " needs a value")
			}
			value, rest = rest[0], rest[1:]
		}
		if err := c.Set(flag, value); err != nil {
			return nil, fmt.Errorf("%w: --%s: %w", engine.ErrUsage, flag, err)
		}
	}
	switch {
	case n < least:
		return nil, wrong("which snapshot?")
	case n > most:
		return nil, wrong(fmt.Sprintf("unexpected %q", args[most]))
	}
	return args[:n], nil
}

func flagOf(flags []cli.Flag, name string) cli.Flag {
	return flags[slices.IndexFunc(flags, func(one cli.Flag) bool { return one.Names()[0] == name })]
}

// openSnapshotShell is nightrunner shell --snapshot NAME, in fewer words.
func openSnapshotShell(c *cli.Context) error {
	names, err := words(c, 0, 1, "[RUN|FILE|current]")
	if err != nil {
		return err
	}
	args := []string{"nightrunner", "shell", "--snapshot", append(names, "current")[0], "--warehouse", c.String("warehouse"), "--snapshots", c.String("snapshots")}
	if c.IsSet("command") {
		args = append(args, "--command", c.String("command"))
	}
	app := newApp(nil)
	app.Reader, app.Writer, app.ErrWriter = c.App.Reader, c.App.Writer, c.App.ErrWriter
	return app.RunContext(c.Context, args)
}

func rollback(c *cli.Context) error {
	names, err := words(c, 1, 1, "RUN")
	if err != nil {
		return err
	}
	run, err := strconv.ParseInt(names[0], 10, 64)
	if err != nil {
		return engine.WithHint(fmt.Errorf("%w: %q is no run", engine.ErrUsage, names[0]), "nightrunner snapshots list shows the runs that have one")
	}
	options, err := warehouseOptions(c, false)
	if err != nil {
		return err
	}
	report, err := engine.Rollback(c.Context, c.String("warehouse"), run, options)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, report)
	}
	w := wrapWriter{c.App.ErrWriter}
	for _, note := range report.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	fmt.Fprintf(w, "run %d: %s is the snapshot of run %d again, and readers get that one\n", report.Run, c.String("warehouse"), report.To)
	if report.Aside != "" {
		fmt.Fprintf(w, "what it was is %s: remove it when you do not need it\n", report.Aside)
	}
	fmt.Fprintln(w, "the next export compares every document with what its destination holds")
	return nil
}

func diffSnapshots(c *cli.Context) error {
	names, err := words(c, 1, 2, "BEFORE [AFTER]")
	if err != nil {
		return err
	}
	snapshots, err := snapshotsOf(c)
	if err != nil {
		return err
	}
	var files [2]*reading
	for i, name := range append(names, "current")[:2] {
		if files[i], err = openSnapshot(c.Context, snapshots, name); err != nil {
			return err
		}
		if err := files[i].Close(); err != nil {
			return err
		}
	}
	if same, err := sameFile(files[0].Path, files[1].Path); err != nil || same {
		return errors.Join(err, engine.WithHint(fmt.Errorf("%w: both are %s", engine.ErrUsage, files[0].Path), "nightrunner snapshots list shows what there is"))
	}
	options, err := warehouseOptions(c, false)
	if err != nil {
		return err
	}
	report, err := engine.CompareSnapshots(c.Context, files[0].Path, files[1].Path, options)
	if err != nil {
		return err
	}
	report.Run, report.Finished = files[0].Run, files[0].At
	if c.Bool("json") {
		err = writeJSON(c.App.Writer, report)
	} else {
		printSnapshotDiff(wrapWriter{c.App.Writer}, terminalWidth(c.App.Writer), files, report)
	}
	if err == nil && report.ExitCode != engine.ExitDone {
		return exitError{report.ExitCode}
	}
	return err
}

func sameFile(a, b string) (bool, error) {
	first, err := filepath.EvalSymlinks(a)
	if err != nil {
		return false, err
	}
	second, err := filepath.EvalSymlinks(b)
	return first == second, err
}

func printSnapshotDiff(w io.Writer, width int, files [2]*reading, r *engine.DiffReport) {
	for i, name := range []string{"before", "after"} {
		fmt.Fprintf(w, "%-6s  %s (run %d, %s UTC)\n", name, files[i].Path, files[i].Run, files[i].At.Format("2006-01-02 15:04"))
	}
	fmt.Fprintln(w)
	different := 0
	for _, one := range r.Models {
		if one.Status != engine.DiffSame {
			different++
			printModelDiff(w, width, one)
		}
	}
	fmt.Fprintf(w, "%d of %d statistics differ (%s)\n", different, len(r.Models), progress.Duration(r.Seconds))
}
