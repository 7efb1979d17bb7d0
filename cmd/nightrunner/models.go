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
			if err := noArguments(c); err != nil {
				return err
			}
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
				rows = append(rows, []string{m.Name, m.Materialize, exported(m), firstSentence(m.Description)})
			}
			for _, m := range project.Checks {
				rows = append(rows, []string{m.Name, m.Severity, "", firstSentence(m.Description)})
			}
			_ = console.WriteTable(c.App.Writer, terminalWidth(c.App.Writer),
				[]console.Column{{Name: "model"}, {Name: "kind"}, {Name: "exported"}, {Name: "what", Wrap: true}}, rows)
			fmt.Fprintf(c.App.Writer, "%d models, %d checks\n", len(project.Models), len(project.Checks))
			return nil
		},
	}
}

// exported says "yes", or as what when that is not the model's own name.
func exported(m *engine.Model) string {
	if _, name, _ := strings.Cut(m.Name, "."); m.Export == name {
		return "yes"
	}
	return m.Export
}

func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if first, _, more := strings.Cut(text, ". "); more {
		return first + "."
	}
	return text
}
