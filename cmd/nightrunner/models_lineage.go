package main

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/engine/lineage"
)

func lineageCommand() *cli.Command {
	return &cli.Command{
		Name: "lineage", Usage: "what a model comes from and what follows from it", ArgsUsage: "NAME[.COLUMN]",
		Description: "NAME is a model, a check or a raw table, with or without its schema. NAME.COLUMN follows one column.\n" +
			"Columns are followed as far as the syntax tree of the SQL says; what cannot be told is named.",
		Flags: append(sqlFlagOnly(),
			&cli.StringFlag{Name: "format", Usage: "`text`, mermaid, dot or json", Value: "text"},
			&cli.BoolFlag{Name: "columns", Usage: "from which columns each column is made"},
			boolFlag("json", "as --format json")),
		Before: configureLineage, OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			name, err := oneArgument(c, "the name of a model")
			if err != nil {
				return err
			}
			folder, err := sqlFolder(c)
			if err != nil {
				return err
			}
			format := c.String("format")
			if c.Bool("json") {
				format = "json"
			}
			if format != "text" || c.Bool("columns") {
				return writeLineage(c, folder, name, format)
			}
			text, err := lineageText(c.Context, folder, name)
			if err == nil {
				_, err = fmt.Fprint(c.App.Writer, text)
			}
			return err
		},
	}
}

// configureLineage leaves format to the command line: in the configuration file it is the exporters'.
func configureLineage(c *cli.Context) error {
	given := c.IsSet("format")
	if err := configure(c); err != nil || given {
		return err
	}
	return c.Set("format", "text")
}

// lineageText is the tree that the shell's .lineage prints too: of a model, or of one column.
func lineageText(ctx context.Context, folder fs.FS, name string) (string, error) {
	catalog, _, err := readCatalog(ctx, folder)
	if err != nil {
		return "", err
	}
	graph := lineage.New(catalog.Project)
	model, column, err := findColumn(graph, catalog, name)
	if err != nil {
		return "", err
	}
	if column != "" {
		return columnText(catalog, model, column), nil
	}
	return graph.Text(model), nil
}

// findColumn takes NAME.COLUMN apart, where NAME may have its schema; other names are those of models and tables.
func findColumn(graph *lineage.Graph, catalog *engine.Catalog, name string) (model, column string, err error) {
	model, err = graph.Find(name)
	at := strings.LastIndex(name, ".")
	if err == nil || at < 0 {
		return model, "", err
	}
	of, notFound := graph.Find(name[:at])
	if notFound != nil {
		if strings.Count(name, ".") > 1 {
			err = notFound
		}
		return "", "", err
	}
	found, there := catalog.Column(of, name[at+1:])
	if !there {
		names := map[string]bool{}
		for _, one := range catalog.Relations[of] {
			names[one.Name] = true
		}
		return "", "", engine.WithHint(fmt.Errorf("%w: %s has no column %s", engine.ErrUsage, of, name[at+1:]), "%snightrunner models show %s lists them", engine.Suggest("nearest: %s; ", name[at+1:], names), of)
	}
	return of, found.Name, nil
}

func writeLineage(c *cli.Context, folder fs.FS, name, format string) error {
	catalog, _, err := readCatalog(c.Context, folder)
	if err != nil {
		return err
	}
	graph := lineage.New(catalog.Project)
	model, column, err := findColumn(graph, catalog, name)
	if err != nil {
		return err
	}
	out := ""
	byColumn := c.Bool("columns") || column != ""
	switch {
	case format == "json":
		return writeJSON(c.App.Writer, lineageOf(graph, catalog, model, column, byColumn))
	case format == "text" && column != "":
		out = columnText(catalog, model, column)
	case format == "text":
		out = columnsText(catalog, model)
	case format == "mermaid" && byColumn:
		out = lineage.ColumnMermaid(lineage.EdgesAround(catalog, model, column))
	case format == "mermaid":
		out = graph.Mermaid(graph.Edges(model))
	case format == "dot" && byColumn:
		out = lineage.ColumnDOT(lineage.EdgesAround(catalog, model, column))
	case format == "dot":
		out = graph.DOT(graph.Edges(model))
	default:
		return fmt.Errorf("%w: --format %s is none of text, mermaid, dot and json", engine.ErrUsage, format)
	}
	_, err = fmt.Fprint(c.App.Writer, out)
	return err
}

// columnText is the tree of one column, and what cannot be told of it.
func columnText(catalog *engine.Catalog, model, column string) string {
	out := lineage.ColumnText(catalog, model, column)
	if catalog.Trees[model] == nil {
		return out
	}
	for _, one := range lineage.Columns(catalog, model) {
		if one.Name == column && one.Unknown != "" {
			out += one.Unknown + "\n"
		} else if one.Name == column && len(one.Sources) == 0 {
			out += "made of no column: a constant, or a count of rows\n"
		}
	}
	return out
}

// columnsText lists for each column those it is made of.
func columnsText(catalog *engine.Catalog, model string) string {
	var out strings.Builder
	fmt.Fprintln(&out, model)
	for _, one := range lineage.Columns(catalog, model) {
		fmt.Fprintln(&out, one.Name)
		for _, source := range one.Sources {
			fmt.Fprintf(&out, "    %s\n", source)
		}
		if one.Unknown != "" {
			fmt.Fprintf(&out, "    ? %s\n", one.Unknown)
		} else if len(one.Sources) == 0 {
			fmt.Fprintln(&out, "    no column: a constant, or a count of rows")
		}
	}
	return out.String()
}

// A lineageReport is a lineage as JSON.
type lineageReport struct {
	Name        string               `json:"name"`
	Reads       []string             `json:"reads"`
	ReadBy      []string             `json:"read_by"`
	Edges       []lineage.Edge       `json:"edges"`
	Columns     []lineage.Column     `json:"columns,omitempty"`
	ColumnEdges []lineage.ColumnEdge `json:"column_edges,omitempty"`
}

func lineageOf(graph *lineage.Graph, catalog *engine.Catalog, model, column string, byColumn bool) lineageReport {
	r := lineageReport{Name: model, Reads: orEmpty(graph.Reads(model)), ReadBy: orEmpty(graph.ReadBy(model)), Edges: graph.Edges(model)}
	if byColumn {
		for _, one := range lineage.Columns(catalog, model) {
			if column == "" || one.Name == column {
				r.Columns = append(r.Columns, one)
			}
		}
		r.ColumnEdges = lineage.EdgesAround(catalog, model, column)
	}
	return r
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
