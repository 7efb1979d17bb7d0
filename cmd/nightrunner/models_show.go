package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/engine/lineage"
	"github.com/ccdexplorer/nightrunner/engine/modeltest"
	"github.com/ccdexplorer/nightrunner/internal/console"
)

func showCommand() *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "one model: what it is, its columns, what it reads, days built, SQL", ArgsUsage: "NAME",
		Description: "Days, rows and size are those of the snapshot or, without one, of the warehouse; without either they are left out.",
		Flags:       slices.Concat(sqlFlagOnly(), readingFlags(), []cli.Flag{ownerFlag(), boolFlag("json", "print it as JSON")}),
		Before:      configure, OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			name, err := oneArgument(c, "the name of a model")
			if err != nil {
				return err
			}
			folder, err := sqlFolder(c)
			if err != nil {
				return err
			}
			shown, err := showModel(c, folder, name)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return writeJSON(c.App.Writer, shown)
			}
			return shown.print(c.App.Writer, terminalWidth(c.App.Writer))
		},
	}
}

// A shownModel is all there is to say of a model.
type shownModel struct {
	modelEntry
	Lookback string        `json:"lookback,omitempty"`
	Columns  []shownColumn `json:"columns"`
	Reads    []string      `json:"reads"`
	ReadBy   []string      `json:"read_by"`
	Macros   []string      `json:"macros"`
	// Waits are what a day waits for, inherited requirements among them.
	Waits  []shownWait        `json:"requires"`
	Checks []string           `json:"checks"`
	Tests  []string           `json:"tests"`
	Facts  *engine.ModelFacts `json:"built,omitempty"`
	SQL    string             `json:"sql"`
}

type shownColumn struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Comment string `json:"comment,omitempty"`
}

type shownWait struct {
	Relation string `json:"relation"`
	Reason   string `json:"reason"`
}

func showModel(c *cli.Context, folder fs.FS, name string) (*shownModel, error) {
	catalog, tables, err := readCatalog(c.Context, folder)
	if err != nil {
		return nil, err
	}
	graph := lineage.New(catalog.Project)
	if name, err = graph.Find(name); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(catalog.Project.Checks, func(m *engine.Model) bool { return m.Name == name })
	m := catalog.Project.Model(name)
	switch {
	case at >= 0:
		m = catalog.Project.Checks[at]
	case m == nil:
		return showRaw(catalog, graph, name), nil
	}
	s := &shownModel{modelEntry: entryOf(m), Reads: orEmpty(graph.Reads(name)), ReadBy: orEmpty(graph.ReadBy(name)), Macros: orEmpty(m.Macros), SQL: m.SQL}
	if s.Owner == "" {
		s.Owner = c.String("owner")
	}
	s.describe(catalog, m)
	if s.Tests, err = testsOf(catalog, folder, tables, name); err != nil {
		return nil, err
	}
	if at < 0 {
		s.Facts, err = factsOf(c, m)
	}
	return s, err
}

// showRaw is a table that loaders fill.
func showRaw(catalog *engine.Catalog, graph *lineage.Graph, name string) *shownModel {
	s := &shownModel{modelEntry: modelEntry{Name: name, Kind: "raw table, filled by a loader"}, Reads: []string{}, ReadBy: graph.ReadBy(name)}
	for _, one := range catalog.Relations[name] {
		s.Columns = append(s.Columns, shownColumn{one.Name, strings.ToLower(one.Type), one.Comment})
	}
	return s
}

func (s *shownModel) describe(catalog *engine.Catalog, m *engine.Model) {
	switch {
	case m.Lookback == engine.AllDays:
		s.Lookback = "all days before"
	case m.Lookback > 0:
		s.Lookback = fmt.Sprintf("%d days before", m.Lookback)
	}
	for _, one := range catalog.Relations[m.Name] {
		s.Columns = append(s.Columns, shownColumn{one.Name, strings.ToLower(one.Type), one.Comment})
	}
	for _, one := range catalog.Project.Requirements(m) {
		s.Waits = append(s.Waits, shownWait{one.Relation, one.Reason})
	}
	for _, one := range m.Checks {
		name := one.Name()
		if one.Severity == engine.SeverityWarn {
			name = "warn " + name
		}
		s.Checks = append(s.Checks, name)
	}
}

// testsOf are the cases that want rows of a model, as FILE: CASE. Files that cannot be read are for nightrunner test to tell.
func testsOf(catalog *engine.Catalog, folder fs.FS, tables []engine.RawTable, name string) ([]string, error) {
	suite, err := modeltest.Read(catalog, folder, tables)
	if errors.As(err, new(engine.ModelErrors)) {
		return []string{"tests cannot be read: nightrunner test says why"}, nil
	}
	if err != nil {
		return nil, err
	}
	list := []string{}
	for _, one := range suite.Cases {
		if slices.Contains(one.Wants(), name) {
			list = append(list, one.File+": "+one.Name)
		}
	}
	return list, nil
}

// factsOf reads what there is of a model; without anything to read, nothing is.
func factsOf(c *cli.Context, m *engine.Model) (*engine.ModelFacts, error) {
	db, err := openReading(c)
	if err != nil {
		if typed(c, "warehouse") || c.IsSet("snapshot") {
			return nil, err
		}
		fmt.Fprintf(c.App.ErrWriter, "days, rows and size are left out: %v\n", err)
		return nil, c.Err()
	}
	defer db.Close()
	fmt.Fprintln(c.App.ErrWriter, db.what(time.Now()))
	return engine.FactsOf(c.Context, db.DB, m)
}

func (s *shownModel) print(w io.Writer, width int) error {
	wrapped := wrapWriter{w}
	fmt.Fprintf(wrapped, "%s\n%s\n\n", s.Name, prose(s.Description, width))
	rows := [][]string{}
	add := func(key string, values ...string) {
		for i, value := range values {
			if i > 0 {
				key = ""
			}
			if value != "" {
				rows = append(rows, []string{key, value})
			}
		}
	}
	kind := s.Kind
	if s.Grain != "" {
		kind += ", one row per " + s.Grain
	}
	add("file", s.File)
	add("kind", kind)
	add("reads back", s.Lookback)
	add("exported as", s.Export)
	add("owner", s.Owner)
	add("built", s.built()...)
	add("reads", s.Reads...)
	add("read by", s.ReadBy...)
	var waits []string
	for _, one := range s.Waits {
		waits = append(waits, one.Relation+": "+one.Reason)
	}
	add("waits for", waits...)
	add("macros", strings.Join(s.Macros, ", "))
	add("checks", s.Checks...)
	add("tests", s.Tests...)
	err := console.WriteTable(w, width, []console.Column{{Name: "what"}, {Name: "value", Wrap: true}}, rows)
	fmt.Fprintln(w)
	columns := [][]string{}
	for _, one := range s.Columns {
		columns = append(columns, []string{one.Name, one.Type, one.Comment})
	}
	err = errors.Join(err, console.WriteTable(w, width, []console.Column{{Name: "column"}, {Name: "type"}, {Name: "comment", Wrap: true}}, columns))
	if s.SQL != "" {
		fmt.Fprintf(w, "\n%s\n", console.WrapSQL(s.SQL, width))
	}
	return err
}

// prose is a description without blank lines. For a terminal lines are joined first, lists aside: it breaks them elsewhere.
func prose(description string, width int) string {
	var list []string
	for paragraph := range strings.SplitSeq(description, "\n\n") {
		if width > 0 && !strings.Contains("\n"+paragraph, "\n-") && !strings.Contains(paragraph, "\n ") {
			paragraph = strings.ReplaceAll(paragraph, "\n", " ")
		}
		list = append(list, paragraph)
	}
	return strings.Join(list, "\n")
}

// built says what the warehouse holds.
func (s *shownModel) built() []string {
	f := s.Facts
	switch {
	case f == nil:
		return nil
	case !f.Built:
		return []string{"not yet: nightrunner build"}
	}
	line := fmt.Sprintf("by run %d, %s UTC", f.Run, f.Finished.UTC().Format("2006-01-02 15:04"))
	if !f.Current {
		line += "; the SQL has changed since: nightrunner build"
	}
	lines := []string{line}
	if s.Kind != engine.View {
		lines = append(lines, fmt.Sprintf("%s rows, %s on disk", number(f.Rows), size(f.Bytes)))
	}
	if f.DayCount > 0 {
		lines = append(lines, fmt.Sprintf("%s days: %s", number(int64(f.DayCount)), f.Days))
	}
	return lines
}

// size of a table in words.
func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}
