package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/urfave/cli/v2"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
	documents "github.com/ccdexplorer/nightrunner/exporters"
	"github.com/ccdexplorer/nightrunner/internal/console"
	"github.com/ccdexplorer/nightrunner/internal/extjson"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
)

func whyCommand() *cli.Command {
	return &cli.Command{
		Name: "why", Usage: "where a number comes from: its SQL file, run, inputs down to files and heights, checks", ArgsUsage: "STATISTIC DAY|ID [FIELD]",
		Description: "nightrunner why statistics_daily_holders 2021-11-23 'count_>=1000000'\n" +
			"A document is named by its day or, where a day has several, by its _id. Any model will do.",
		Flags:  slices.Concat(readingFlags(), modelFlags()[:1], []cli.Flag{boolFlag("json", "print it as JSON")}),
		Before: configure, OnUsageError: usageError,
		Action: why,
	}
}

func why(c *cli.Context) error {
	words, err := wordsAndFlags(c)
	if err != nil {
		return err
	}
	if len(words) < 2 || len(words) > 3 {
		return engine.WithHint(fmt.Errorf("%w: why takes a statistic, a day or _id, and perhaps a field", engine.ErrUsage),
			"nightrunner why statistics_daily_holders 2021-11-23 'count_>=1000000'")
	}
	options, err := whyOptions(c, append(words, "")[:3])
	if err != nil {
		return err
	}
	r, err := openReading(c)
	if err != nil {
		return err
	}
	defer r.Close()
	report, err := engine.Why(c.Context, r.DB, options)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, report)
	}
	printWhy(c.App.Writer, terminalWidth(c.App.Writer), report)
	return nil
}

// whyOptions for a statistic, a day or _id, and a field or "". The shell's .why uses them too.
func whyOptions(c *cli.Context, words []string) (engine.WhyOptions, error) {
	folder, err := sqlFolder(c)
	if err != nil {
		return engine.WhyOptions{}, err
	}
	where, err := collections(folder)
	return engine.WhyOptions{Statistic: words[0], Which: words[1], Field: words[2], SQL: folder, Tables: mongo.Tables(where), Document: exportedDocument}, err
}

// exportedDocument is the first row as exporters write it.
func exportedDocument(rows arrow.RecordBatch, spread string) ([]byte, error) {
	encoder, err := documents.NewEncoder(rows.Schema(), spread)
	if err != nil {
		return nil, err
	}
	if err := encoder.Use(rows); err != nil {
		return nil, err
	}
	document, err := encoder.Append(nil, 0)
	if err != nil {
		return nil, err
	}
	return extjson.Append(nil, bsoncore.Document(document))
}

// printWhy answers from the number to its sources, then says how to look at the rows.
func printWhy(out io.Writer, width int, r *engine.WhyReport) {
	p := whyPrinter{out: out, width: width}
	p.section("document", documentOf(r))
	if r.Field != nil {
		p.section("field", r.Field.Name+" = "+string(r.Field.Value))
		p.section("", strings.TrimPrefix(r.Field.Column+": ", r.Field.Name+": ")+strings.Join(nonEmpty(r.Field.Meaning, shorten(r.Field.Type, 60)), "; "))
	}
	p.section("model", fmt.Sprintf("%s (%s), %s, version %s", r.Model.Name, r.Model.Materialize, r.Model.File, r.Model.Version))
	if r.Model.Now != "" {
		p.section("", "the SQL files are others now (version "+r.Model.Now+"): nightrunner diff shows what they would change")
	}
	if r.Built != nil {
		p.section("built by", runOf(r.Built))
	}
	p.inputs(r.Inputs)
	for i, s := range r.Sources {
		p.section(first(i, "sources"), sourceOf(s))
	}
	p.rejects(r.Rejects)
	for i, s := range r.StandIns {
		p.section(first(i, "stand-ins"), s.Relation+": "+shorten(s.Days, 60))
	}
	p.checks(r.Checks)
	for i, d := range r.Destinations {
		p.section(first(i, "exported"), destinationOf(d))
	}
	if len(r.Destinations) == 0 && r.ID != "" {
		p.section("exported", "nowhere")
	}
	fmt.Fprintln(out, "\nrows that have a part in it, to paste into nightrunner shell:")
	for _, q := range r.Queries {
		fmt.Fprintln(out, q.SQL)
	}
}

// A whyPrinter writes a name and its text, wrapped beside it.
type whyPrinter struct {
	out   io.Writer
	width int
}

// whyIndent is how far texts stand to the right of their names.
const whyIndent = 10

func (p whyPrinter) section(name, text string) {
	if text == "" {
		return
	}
	width := 0
	if p.width > whyIndent {
		width = p.width - whyIndent
	}
	indent := strings.Repeat(" ", whyIndent)
	fmt.Fprintf(p.out, "%-*s%s\n", whyIndent, name, strings.ReplaceAll(console.Wrap(text, width), "\n", "\n"+indent))
}

func documentOf(r *engine.WhyReport) string {
	if r.Document != nil {
		return string(r.Document)
	}
	return fmt.Sprintf("%s of them on %s; name one by its _id: %s", number(r.Rows), r.First, strings.Join(r.Examples, ", "))
}

func runOf(r *engine.WhyRun) string {
	return fmt.Sprintf("run %d (%s, nightrunner %s), %s UTC, %s", r.Run, r.Command, r.Program, r.Started.Format("2006-01-02 15:04:05"), r.Status)
}

// nonEmpty are those texts that say something.
func nonEmpty(texts ...string) []string {
	var list []string
	for _, one := range texts {
		if one != "" {
			list = append(list, one)
		}
	}
	return list
}

func first(i int, name string) string {
	if i == 0 {
		return name
	}
	return ""
}

func (p whyPrinter) inputs(inputs []engine.WhyInput) {
	var rows [][]string
	for _, in := range inputs {
		count, run := "", ""
		if in.Rows != nil {
			count = number(*in.Rows)
		}
		if in.Run > 0 {
			run = fmt.Sprint(in.Run)
		}
		rows = append(rows, []string{strings.Repeat(" ", in.Depth) + in.Name, in.Kind, daysOfInput(in), count, run, in.Version[:min(8, len(in.Version))]})
	}
	if len(rows) == 0 {
		return
	}
	fmt.Fprintln(p.out)
	right := func(name string) console.Column { return console.Column{Name: name, Right: true} }
	_ = console.WriteTable(p.out, p.width, []console.Column{{Name: "made of"}, {Name: "kind"}, {Name: "days"}, right("rows"), right("run"), {Name: "version"}}, rows)
	fmt.Fprintln(p.out)
}

func daysOfInput(in engine.WhyInput) string {
	switch {
	case in.To == "":
		return "all rows"
	case in.From == "":
		return "≤ " + in.To
	case in.From == in.To:
		return in.To
	}
	return in.From + " … " + in.To
}

func sourceOf(s engine.WhySource) string {
	parts := []string{strings.Join(nonEmpty(s.Source, s.Name), " ")}
	if s.FirstHeight+s.LastHeight > 0 {
		parts = append(parts, fmt.Sprintf("heights %d … %d of %s in all", s.FirstHeight, s.LastHeight, plural(s.Rows, "row")))
	} else {
		parts = append(parts, plural(s.Rows, "row"))
	}
	if s.Bytes > 0 {
		parts = append(parts, number(s.Bytes)+" bytes")
	}
	if s.Hash != "" {
		parts = append(parts, "hash "+s.Hash)
	}
	if s.Run > 0 {
		parts = append(parts, fmt.Sprintf("%s by run %d", s.Status, s.Run))
	}
	if s.Earlier > 0 {
		parts = append(parts, fmt.Sprintf("and files of earlier days: %s", number(s.Earlier)))
	}
	return strings.Join(parts, ", ")
}

func (p whyPrinter) rejects(rejects []engine.WhyReject) {
	if len(rejects) == 0 {
		p.section("rejects", "none")
	}
	for i, r := range rejects {
		if i == shownNames {
			p.section("", fmt.Sprintf("and %d more: select * from raw.rejects", len(rejects)-i))
			return
		}
		place := r.File
		if r.Line > 0 {
			place += fmt.Sprintf(":%d", r.Line)
		}
		p.section(first(i, "rejects"), strings.Join(nonEmpty(r.Source+" "+place, r.DocumentID, r.Reason), ": "))
	}
}

// checks counts those that passed and names the others.
func (p whyPrinter) checks(checks []engine.WhyCheck) {
	passed := 0
	var others []string
	for _, c := range checks {
		switch c.Status {
		case "passed":
			passed++
		case "failed":
			others = append(others, fmt.Sprintf("%s: %s on %s: %s%s", c.Severity, c.Check, c.Model, plural(c.Rows, "row"), hereOrNot(c.Here)))
		default:
			others = append(others, fmt.Sprintf("%s: %s on %s", c.Status, c.Check, c.Model))
		}
	}
	summary := fmt.Sprintf("%d of %d passed", passed, len(checks))
	if len(checks) == 0 {
		summary = "none"
	}
	p.section("checks", summary)
	for _, one := range others {
		p.section("", one)
	}
}

func hereOrNot(here *bool) string {
	switch {
	case here == nil:
		return ""
	case *here:
		return ", also on days that have a part in it"
	}
	return ", none on days that have a part in it"
}

func destinationOf(d engine.WhyDestination) string {
	text := fmt.Sprintf("%s since run %d, %s UTC", d.Destination, d.Run, d.Since.Format("2006-01-02 15:04:05"))
	if !d.Same {
		text += "; it holds another version than the model now"
	}
	return text
}
