package console

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// settings are what dot commands change.
type settings struct {
	format Format
	// maxRows of a Duckbox; maxWidth of all tables, 0 is the screen's.
	maxRows, maxWidth int
	headers           bool
	// null stands for missing values; nil leaves it to the format.
	null                     *string
	timer, echo, bail, pager bool
}

func settingCommands() []dotCommand {
	return []dotCommand{
		{name: ".mode", argument: "[FORMAT]", help: "write rows as " + strings.Join(Modes(), ", "), complete: modes, run: (*Session).setMode},
		{name: ".maxrows", argument: "[N]", help: "a duckbox with more rows leaves out its middle; 0 shows all", run: setNumber(".maxrows", func(s *settings) *int { return &s.maxRows })},
		{name: ".maxwidth", argument: "[N]", help: "columns of text a table may take; 0 is the screen's width", run: setNumber(".maxwidth", func(s *settings) *int { return &s.maxWidth })},
		onOff(".headers", "names of columns in csv, tabs, markdown and tables", func(s *settings) *bool { return &s.headers }),
		{name: ".nullvalue", argument: "[TEXT]", help: "what stands for a missing value; json always has null", run: (*Session).setNull},
		onOff(".timer", "count of rows and time after each statement", func(s *settings) *bool { return &s.timer }),
		onOff(".pager", "results longer than the screen go to $NIGHTRUNNER_PAGER or $PAGER", func(s *settings) *bool { return &s.pager }),
		onOff(".echo", "write each statement before it runs", func(s *settings) *bool { return &s.echo }),
		onOff(".bail", "an error ends a file, -c or a pipe", func(s *settings) *bool { return &s.bail }),
		{name: ".show", help: "what is set", run: (*Session).show},
	}
}

func modes(*Session, context.Context, string) group { return group{"formats", Modes()} }

// onOff is a command for a setting that is on or off.
func onOff(name, help string, of func(*settings) *bool) dotCommand {
	run := func(s *Session, _ context.Context, argument string) error {
		switch strings.ToLower(argument) {
		case "":
			return s.tell(name, onOrOff(*of(&s.settings)))
		case "on", "1", "true", "yes":
			*of(&s.settings) = true
		case "off", "0", "false", "no":
			*of(&s.settings) = false
		default:
			return fmt.Errorf("%s is on or off, not %q", name, argument)
		}
		return nil
	}
	complete := func(*Session, context.Context, string) group { return group{"settings", []string{"on", "off"}} }
	return dotCommand{name: name, argument: "[on|off]", help: help, complete: complete, run: run}
}

func onOrOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// setNumber is the function of a command for a setting that is a number.
func setNumber(name string, of func(*settings) *int) func(*Session, context.Context, string) error {
	return func(s *Session, _ context.Context, argument string) error {
		if argument == "" {
			return s.tell(name, fmt.Sprint(*of(&s.settings)))
		}
		n, err := strconv.Atoi(argument)
		if err != nil || n < 0 {
			return fmt.Errorf("%s takes a number, 0 for no limit, not %q", name, argument)
		}
		*of(&s.settings) = n
		return nil
	}
}

// tell answers a command that was given nothing to set.
func (s *Session) tell(name, value string) error {
	_, err := fmt.Fprintf(s.options.Err, "%s is %s\n", name, value)
	return err
}

func (s *Session) setMode(_ context.Context, argument string) error {
	if argument == "" {
		return s.tell(".mode", string(s.format))
	}
	format, err := ParseFormat(argument)
	if err != nil {
		return fmt.Errorf("unknown format %q%s: there is %s", argument, likely(argument, Modes()), strings.Join(Modes(), ", "))
	}
	s.format = format
	return nil
}

func (s *Session) setNull(_ context.Context, argument string) error {
	text := unquote(argument)
	s.null = &text
	if argument == "" {
		s.null = nil
	}
	return nil
}

func (s *Session) show(context.Context, string) error {
	null := "NULL, or nothing in csv and tabs"
	if s.null != nil {
		null = strconv.Quote(*s.null)
	}
	output := "here"
	if s.output != nil {
		output = s.output.Name()
	}
	pager := onOrOff(s.pager)
	if s.options.Pager == "" {
		pager = "off: there is none"
	} else if s.pager {
		pager += ": " + s.options.Pager
	}
	rows := [][]string{
		{".mode", string(s.format)}, {".maxrows", fmt.Sprint(s.maxRows)}, {".maxwidth", fmt.Sprint(s.maxWidth)},
		{".headers", onOrOff(s.headers)}, {".nullvalue", null}, {".timer", onOrOff(s.timer)}, {".pager", pager},
		{".echo", onOrOff(s.echo)}, {".bail", onOrOff(s.bail)}, {".output", output},
	}
	return s.list([]Column{{Name: "setting"}, {Name: "value", Wrap: true}}, rows)
}

// A Format is how rows are written.
type Format string

// The formats. A table holds the rows it shows, the others are written as rows come.
const (
	// Table has lines around all rows.
	Table Format = "table"
	// Duckbox has types below the names of columns, the first and last rows, and counts of what is left out.
	Duckbox  Format = "duckbox"
	CSV      Format = "csv"
	JSON     Format = "json"
	JSONL    Format = "jsonl"
	Markdown Format = "markdown"
	Line     Format = "line"
	// Tabs is CSV with tabs.
	Tabs Format = "tabs"
)

// Formats are all formats.
func Formats() []Format { return []Format{Table, Duckbox, CSV, JSON, JSONL, Markdown, Line, Tabs} }

// Modes are the formats by the names that the DuckDB shell has for them.
func Modes() []string {
	return []string{"duckbox", "box", "csv", "json", "jsonlines", "markdown", "line", "tabs"}
}

// ParseFormat finds a format by its name, or by the one that the DuckDB shell has for it.
func ParseFormat(name string) (Format, error) {
	switch name {
	case "box":
		return Table, nil
	case "jsonlines":
		return JSONL, nil
	case "tsv":
		return Tabs, nil
	}
	if format := Format(name); slices.Contains(Formats(), format) {
		return format, nil
	}
	var names []string
	for _, one := range Formats() {
		names = append(names, string(one))
	}
	return "", fmt.Errorf("unknown format %q%s: there is %s", name, likely(name, names), strings.Join(names, ", "))
}
