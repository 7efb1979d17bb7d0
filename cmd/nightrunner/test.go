package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/engine/modeltest"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
)

func testCommand() *cli.Command {
	return &cli.Command{
		Name: "test", Usage: "run the tests of models: tests/*.txtar in the folder of SQL files",
		Description: "Each case gives tables and says which rows models must have; docs/models.md explains the files.\n" +
			"Exit codes: 0 all passed, 1 some failed, 2 wrong usage or a file that cannot be read.",
		Flags: slices.Concat(modelFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "update", Usage: "write what the models have into the files of --sql as what is wanted; read the difference before you keep it"},
			&cli.StringFlag{Name: "new", Usage: "begin a test of model `NAME` in --sql, from real rows of the snapshot cut down to a few"},
			&cli.StringFlag{Name: "day", Usage: "with --new: rows of this `DATE` and the day before; default the last day that has all"},
		}, readingFlags()),
		Before: configure, OnUsageError: usageError,
		Action: test,
	}
}

func test(c *cli.Context) error {
	if c.Args().Present() {
		return engine.WithHint(fmt.Errorf("%w: unexpected %q", engine.ErrUsage, c.Args().First()), "nightrunner test --select NAME runs some of the tests")
	}
	dir, update := c.String("sql"), c.Bool("update")
	if update && dir == "" {
		return engine.WithHint(fmt.Errorf("%w: the built-in tests cannot be rewritten", engine.ErrUsage), "name a folder: nightrunner test --sql DIR --update")
	}
	if c.IsSet("new") && dir == "" {
		return engine.WithHint(fmt.Errorf("%w: a test cannot be added to the built-in ones", engine.ErrUsage), "name a folder: nightrunner test --sql DIR --new %s", c.String("new"))
	}
	suite, err := openSuite(c)
	if err != nil {
		return err
	}
	if c.IsSet("new") {
		return newTest(c, suite)
	}
	cases, err := suite.Select(list(c, "select"))
	if err != nil {
		return err
	}
	if len(cases) == 0 {
		return engine.WithHint(fmt.Errorf("%w: no case wants rows of these models", engine.ErrUsage), "cases stand in tests/*.txtar of the folder of SQL files")
	}
	results, err := suite.RunAll(c.Context, cases)
	if err != nil {
		return err
	}
	if update {
		if err := rewrite(c.App.ErrWriter, dir, suite, results); err != nil {
			return err
		}
	}
	return tellResults(c.App.Writer, results, update)
}

func openSuite(c *cli.Context) (*modeltest.Suite, error) {
	folder, err := sqlFolder(c)
	if err != nil {
		return nil, err
	}
	where, err := collections(folder)
	if err != nil {
		return nil, err
	}
	return modeltest.Open(c.Context, folder, mongo.Tables(where))
}

// rewrite writes the files that change.
func rewrite(w io.Writer, dir string, suite *modeltest.Suite, results []modeltest.Result) error {
	texts, err := suite.Update(results)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.WriteFile(path, texts[name], 0o644); err != nil {
			return err
		}
		fmt.Fprintf(w, "rewrote %s\n", path)
	}
	return nil
}

// tellResults prints what differs; with update, only what --update did not mend.
func tellResults(w io.Writer, results []modeltest.Result, updated bool) error {
	failed := 0
	for _, r := range results {
		problems := slices.DeleteFunc(slices.Clone(r.Problems), func(p modeltest.Problem) bool { return updated && p.Message == "" })
		for _, problem := range problems {
			fmt.Fprintln(w, problem)
		}
		if len(problems) > 0 {
			failed++
		}
	}
	if failed > 0 {
		fmt.Fprintf(w, "%d of %s failed\n", failed, plural(int64(len(results)), "case"))
		return exitError{engine.ExitFailed}
	}
	fmt.Fprintln(w, plural(int64(len(results)), "case"), "passed")
	return nil
}
