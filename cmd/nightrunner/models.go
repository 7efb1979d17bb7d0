package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
)

func modelsCommand() *cli.Command {
	return &cli.Command{
		Name: "models", Usage: "list the SQL files, show one, or draw what comes from what",
		Description: "nightrunner models lists all; nightrunner models show NAME and nightrunner models lineage NAME tell of one.",
		Flags:       listFlags(),
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "what each model is and what it exports", Flags: listFlags(), Before: configure, OnUsageError: usageError, Action: listModels},
			showCommand(), lineageCommand(),
		},
		Before: configure, OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return engine.WithHint(fmt.Errorf("%w: unexpected %q", engine.ErrUsage, c.Args().First()), "nightrunner models show %s, or lineage", c.Args().First())
			}
			return listModels(c)
		},
	}
}

func listFlags() []cli.Flag { return append(sqlFlagOnly(), boolFlag("json", "print it as JSON")) }

func listModels(c *cli.Context) error {
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
	if c.Bool("json") {
		return writeJSON(c.App.Writer, modelEntries(project))
	}
	return printModels(c.App.Writer, terminalWidth(c.App.Writer), project)
}

// A modelEntry is a model or check of a list.
type modelEntry struct {
	Name        string `json:"name"`
	File        string `json:"file"`
	Kind        string `json:"kind"`
	Grain       string `json:"grain,omitempty"`
	Export      string `json:"export,omitempty"`
	Owner       string `json:"owner,omitempty"`
	Description string `json:"description"`
}

func modelEntries(project *engine.Project) []modelEntry {
	var list []modelEntry
	for _, m := range slices.Concat(project.Models, project.Checks) {
		list = append(list, entryOf(m))
	}
	slices.SortStableFunc(list, func(a, b modelEntry) int { return layer(a.Name) - layer(b.Name) })
	return list
}

func entryOf(m *engine.Model) modelEntry {
	one := modelEntry{Name: m.Name, File: m.File, Kind: m.Materialize, Grain: m.Grain, Export: m.Export, Owner: m.Owner, Description: m.Description}
	if m.Materialize == "" {
		one.Kind = "check, " + m.Severity
	}
	return one
}

// layer is the place of a model's folder in the flow of data.
func layer(model string) int {
	schema, _, _ := strings.Cut(model, ".")
	return slices.Index([]string{"stg", "mid", "stat", "checks"}, schema)
}

// tableWidth is how wide a terminal must be for a table of models; a narrower one gets two lines each.
const tableWidth = 120

// printModels lists models and checks. The shell's .models prints with it too.
func printModels(w io.Writer, width int, project *engine.Project) error {
	var rows [][]string
	list := modelEntries(project)
	for i, m := range list {
		if i > 0 && layer(list[i-1].Name) != layer(m.Name) {
			rows = append(rows, nil)
		}
		rows = append(rows, []string{m.Name, m.Kind, exported(m), firstSentence(m.Description)})
	}
	if width > 0 && width < tableWidth {
		writeEntries(w, width, rows)
	} else if err := console.WriteTable(w, width, []console.Column{{Name: "model"}, {Name: "kind"}, {Name: "exported"}, {Name: "what", Wrap: true}}, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d models, %d checks\n", len(project.Models), len(project.Checks))
	return err
}

// writeEntries writes name and facts on one line and what it is on the next, cut where the terminal ends.
func writeEntries(w io.Writer, width int, rows [][]string) {
	for _, row := range rows {
		if row == nil {
			fmt.Fprintln(w)
			continue
		}
		facts := row[1]
		switch row[2] {
		case "":
		case "yes":
			facts += ", exported"
		default:
			facts += ", exported as " + row[2]
		}
		fmt.Fprintf(w, "%s\n    %s\n", text.Snip(row[0]+"  "+facts, width, "…"), text.Snip(row[3], width-4, "…"))
	}
}

// exported says "yes", or as what when that is not the model's own name.
func exported(m modelEntry) string {
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

// readCatalog finds out what SQL files make, without a warehouse.
func readCatalog(ctx context.Context, folder fs.FS) (*engine.Catalog, []engine.RawTable, error) {
	where, err := collections(folder)
	if err != nil {
		return nil, nil, err
	}
	tables := mongo.Tables(where)
	catalog, err := engine.ReadCatalog(ctx, folder, tables)
	return catalog, tables, err
}

// oneArgument is the word that a command takes.
func oneArgument(c *cli.Context, what string) (string, error) {
	words, err := wordsAndFlags(c)
	switch {
	case err != nil:
		return "", err
	case len(words) == 0 || words[0] == "":
		return "", engine.WithHint(fmt.Errorf("%w: %s is missing", engine.ErrUsage, what), "nightrunner models lists all")
	case len(words) > 1:
		return "", unexpected(c, words[1])
	}
	return words[0], nil
}

// wordsAndFlags are the words of a command line. Flags behind them are read too: people put them there, and the parser of
// the command line does not look.
func wordsAndFlags(c *cli.Context) ([]string, error) {
	var words []string
	rest := c.Args().Slice()
	for len(rest) > 0 {
		word := rest[0]
		name, value, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
		rest = rest[1:]
		if !strings.HasPrefix(word, "-") || word == "-" {
			words = append(words, word)
			continue
		}
		flag := flagNamed(c.Command.Flags, name)
		switch {
		case flag == "":
			return nil, unexpected(c, word)
		case joined:
		case isBool(c.Command.Flags, name):
			value = "true"
		case len(rest) == 0:
			return nil, fmt.Errorf("%w: --%s needs a value", engine.ErrUsage, name)
		default:
			value, rest = rest[0], rest[1:]
		}
		if err := c.Set(flag, value); err != nil {
			return nil, fmt.Errorf("%w: --%s: %w", engine.ErrUsage, flag, err)
		}
	}
	return words, nil
}

// flagNamed is the first name of the flag that name is one of, "" when there is none: setting another name would not be seen.
func flagNamed(flags []cli.Flag, name string) string {
	for _, one := range flags {
		if slices.Contains(one.Names(), name) {
			return one.Names()[0]
		}
	}
	return ""
}

func unexpected(c *cli.Context, word string) error {
	return engine.WithHint(fmt.Errorf("%w: unexpected %q", engine.ErrUsage, word), "%s --help lists the flags", c.Command.HelpName)
}

func isBool(flags []cli.Flag, name string) bool {
	return slices.ContainsFunc(flags, func(flag cli.Flag) bool {
		_, is := flag.(*cli.BoolFlag)
		return is && slices.Contains(flag.Names(), name)
	})
}
