package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
	"github.com/ccdexplorer/nightrunner/internal/scaffold"
	sqlfiles "github.com/ccdexplorer/nightrunner/sql"
)

func initCommand() *cli.Command {
	return &cli.Command{
		Name: "init", Usage: "copy the SQL files into a team's own folder, or tell what has changed since", ArgsUsage: "DIR",
		Description: "A new or empty folder gets the SQL files, a README, a configuration and an example for CI.\n" +
			"A folder that has them is compared with what is shipped now: nothing is written without --update or --merge.\n" +
			"Exit codes: 0 done, nothing to do; 6 shipped files have changed and are not taken over; 1 conflicts between marks were written.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "upgrade", Usage: "only tell or take over changes: a folder without shipped files is an error"},
			&cli.BoolFlag{Name: "update", Usage: "take over shipped files that have not been changed in the folder"},
			&cli.BoolFlag{Name: "merge", Usage: "as --update, and merge files that both have changed; conflicts are written between marks"},
			&cli.BoolFlag{Name: "brief", Usage: "leave out the differences"},
			boolFlag("json", "print what has changed as JSON"),
		},
		Before: configure, OnUsageError: usageError,
		Action: initFolder,
	}
}

func initFolder(c *cli.Context) error {
	dir, err := oneArgument(c, "the folder")
	if err != nil {
		return engine.WithHint(err, "nightrunner init DIR")
	}
	shipped, err := scaffold.Shipped(sqlfiles.Files)
	if err != nil {
		return err
	}
	folder, err := scaffold.Open(dir, shipped, version)
	switch {
	case errors.Is(err, scaffold.ErrOther):
		return engine.WithHint(fmt.Errorf("%w: %w", engine.ErrUsage, err), "nothing was written; name a folder that is new or empty")
	case errors.Is(err, scaffold.ErrDamaged):
		return damaged(err)
	case err != nil:
		return err
	case folder.New && c.Bool("upgrade"):
		return engine.WithHint(fmt.Errorf("%w: %s has no shipped files", engine.ErrUsage, dir), "nightrunner init %s copies them", dir)
	case folder.New:
		return fillFolder(c, folder, len(shipped))
	}
	return upgradeFolder(c, folder)
}

func damaged(err error) error {
	return engine.WithHint(err, "restore .nightrunner from version control")
}

func fillFolder(c *cli.Context, folder *scaffold.Folder, count int) error {
	if err := folder.Write(); err != nil {
		return err
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, initReport{Dir: folder.Dir, Version: version, Written: count, Files: []scaffold.Change{}})
	}
	_, err := fmt.Fprintf(c.App.Writer, "wrote %d files to %s\n\nnext:\n  cd %s\n  ./check.sh            rules, tests of models, a run on a made-up chain\n"+
		"  nightrunner models    what there is\nREADME.md says more. Keep the folder in version control, .nightrunner with it.\n", count, folder.Dir, folder.Dir)
	return err
}

// An initReport is what init says as JSON.
type initReport struct {
	Dir     string            `json:"dir"`
	Version string            `json:"version"`
	Was     string            `json:"was,omitempty"`
	Written int               `json:"written,omitempty"`
	Files   []scaffold.Change `json:"files"`
}

func upgradeFolder(c *cli.Context, folder *scaffold.Folder) error {
	changes, err := folder.Changes()
	if errors.Is(err, scaffold.ErrDamaged) {
		return damaged(err)
	}
	if err != nil {
		return err
	}
	if c.Bool("update") || c.Bool("merge") {
		if err := folder.Apply(changes, c.Bool("merge")); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		if changes == nil {
			changes = []scaffold.Change{}
		}
		err = writeJSON(c.App.Writer, initReport{Dir: folder.Dir, Version: version, Was: folder.Was, Files: changes})
	} else {
		printUpgrade(c.App.Writer, folder, changes, c.Bool("brief"))
	}
	if code := upgradeCode(changes); err == nil && code != engine.ExitDone {
		return exitError{code}
	}
	return err
}

// upgradeCode: conflicts in files need a hand, and what is not taken over waits.
func upgradeCode(changes []scaffold.Change) int {
	code := engine.ExitDone
	for _, one := range changes {
		switch {
		case one.State == scaffold.Unsettled, one.Done && one.Conflicts > 0:
			return engine.ExitFailed
		case !one.Done && one.State != scaffold.Kept && one.State != scaffold.Deleted:
			code = engine.ExitDifferent
		}
	}
	return code
}

// stateWords say what became of a file, before and after it was taken over.
func stateWords(one scaffold.Change) string {
	words := map[string][2]string{
		scaffold.Updated:   {"shipped otherwise now", "updated"},
		scaffold.Added:     {"new", "added"},
		scaffold.Both:      {"shipped otherwise now, and changed here", "merged"},
		scaffold.Gone:      {"shipped no more", "removed"},
		scaffold.Kept:      {"shipped no more, changed here: yours now", "shipped no more, changed here: yours now"},
		scaffold.Deleted:   {"shipped otherwise now, removed here: stays removed", "removed here: stays removed"},
		scaffold.Unsettled: {"a conflict in it is not settled: <<<<<<< … >>>>>>>", ""},
	}[one.State]
	switch {
	case !one.Done && one.Conflicts > 0:
		return words[0] + ", " + plural(int64(one.Conflicts), "conflict")
	case !one.Done:
		return words[0]
	case one.Conflicts > 0:
		return words[1] + ", " + plural(int64(one.Conflicts), "conflict") + " between marks; .nightrunner/before has what it was"
	case one.State == scaffold.Both:
		return words[1] + "; .nightrunner/before has what it was"
	}
	return words[1]
}

func printUpgrade(w io.Writer, folder *scaffold.Folder, changes []scaffold.Change, brief bool) {
	if len(changes) == 0 {
		fmt.Fprintf(w, "%s has all that is shipped now\n", folder.Dir)
		return
	}
	var rows [][]string
	for _, one := range changes {
		rows = append(rows, []string{one.Path, stateWords(one)})
	}
	fmt.Fprintf(w, "shipped to %s: %s; now: %s\n\n", folder.Dir, folder.Was, version)
	_ = console.WriteTable(w, terminalWidth(w), []console.Column{{Name: "file"}, {Name: "what", Wrap: true}}, rows)
	for _, one := range changes {
		if !brief && !one.Done && one.Shipped+one.Yours != "" {
			fmt.Fprintf(w, "\n%s%s", one.Shipped, one.Yours)
		}
	}
	waits := func(state string) bool {
		return slices.ContainsFunc(changes, func(one scaffold.Change) bool { return one.State == state && !one.Done })
	}
	if waits(scaffold.Updated) || waits(scaffold.Added) || waits(scaffold.Gone) {
		fmt.Fprintf(w, "\nnightrunner init %s --update takes over what is not changed here\n", folder.Dir)
	}
	if waits(scaffold.Both) {
		fmt.Fprintf(w, "\nnightrunner init %s --merge also merges what both have changed\n", folder.Dir)
	}
}
