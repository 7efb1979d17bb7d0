package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
)

func modelsCommand() *cli.Command {
	return &cli.Command{
		Name: "models", Usage: "list the SQL files: what each model is and what it exports",
		Flags:  sqlFlagOnly(),
		Before: configure, OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			folder, err := sqlFolder(c)
			if err != nil {
				return err
			}
			project, err := engine.ReadProject(folder)
			if err != nil {
				return err
			}
			var rows [][]string
			for _, m := range project.Models {
				first, _, _ := strings.Cut(m.Description, "\n")
				rows = append(rows, []string{m.Name, m.Materialize, m.Export, first})
			}
			for _, m := range project.Checks {
				first, _, _ := strings.Cut(m.Description, "\n")
				rows = append(rows, []string{m.Name, m.Severity, "", first})
			}
			_ = console.WriteTable(c.App.Writer, 0, []console.Column{{Name: "model"}, {Name: "kind"}, {Name: "statistic"}, {Name: "what"}}, rows)
			fmt.Fprintf(c.App.Writer, "%d models, %d checks\n", len(project.Models), len(project.Checks))
			return nil
		},
	}
}
