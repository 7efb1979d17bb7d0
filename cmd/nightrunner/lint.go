package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/engine/lint"
	"github.com/ccdexplorer/nightrunner/internal/console"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
)

func lintCommand() *cli.Command {
	return &cli.Command{
		Name: "lint", Usage: "look for what breaks the rules of SQL files; reads no warehouse",
		Description: "docs/models.md lists the rules. A header line `-- lint: allow RULE why` lets a file break one.\n" +
			"Exit codes: 0 nothing found, 1 something found, 2 wrong usage.",
		Flags:  append(sqlFlagOnly(), ownerFlag(), boolFlag("json", "print what was found as JSON")),
		Before: configure, OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			folder, err := sqlFolder(c)
			if err != nil {
				return err
			}
			where, err := collections(folder)
			if err != nil {
				return err
			}
			report, err := lint.Run(c.Context, folder, lint.Options{Tables: mongo.Tables(where), Owner: c.String("owner")})
			if err != nil {
				return err
			}
			if err := tellFindings(c, report); err != nil {
				return err
			}
			if len(report.Findings) > 0 {
				return exitError{engine.ExitFailed}
			}
			return nil
		},
	}
}

func ownerFlag() cli.Flag {
	return stringFlag("owner", "`NAME` of who answers for files that name no owner", "")
}

func tellFindings(c *cli.Context, report *lint.Report) error {
	if c.Bool("json") {
		return writeJSON(c.App.Writer, report)
	}
	width := terminalWidth(c.App.Writer)
	for _, one := range report.Findings {
		place := one.File
		if one.Line > 0 {
			place = fmt.Sprintf("%s:%d", one.File, one.Line)
		}
		fmt.Fprintln(c.App.Writer, console.Wrap(fmt.Sprintf("%s: %s: %s", place, one.Rule, one.Message), width))
		if one.Fix != "" {
			fmt.Fprintln(c.App.Writer, console.Wrap("    "+one.Fix, width))
		}
	}
	allowed := ""
	if report.Allowed > 0 {
		allowed = fmt.Sprintf(", %d allowed", report.Allowed)
	}
	fmt.Fprintf(c.App.Writer, "%s%s in %s\n", plural(int64(len(report.Findings)), "finding"), allowed, plural(int64(report.Files), "file"))
	return nil
}

// writeJSON writes a value as people can read it, too.
func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
