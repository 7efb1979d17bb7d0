package console

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// A dotCommand is a command of the shell itself.
type dotCommand struct {
	name, argument, help string
	// needs says that the argument must be there.
	needs bool
	run   func(s *Session, ctx context.Context, argument string) error
}

func dotCommands() []dotCommand {
	return []dotCommand{
		{name: ".tables", argument: "[PATTERN]", help: "tables and views whose name matches; * stands for anything", run: (*Session).tables},
		{name: ".schema", argument: "[PATTERN]", help: "their columns: name, type, comment", run: (*Session).schema},
		{name: ".mode", argument: "FORMAT", help: "write rows as table, csv, json, jsonl, markdown or line", needs: true, run: (*Session).setMode},
		{name: ".maxrows", argument: "N", help: "leave out the middle of tables with more rows; 0 shows all", needs: true, run: (*Session).setMaxRows},
		{name: ".timer", argument: "on|off", help: "count of rows and time after each statement", needs: true, run: (*Session).setTimer},
		{name: ".read", argument: "FILE", help: "run the statements of a file", needs: true, run: (*Session).read},
		{name: ".help", help: "this list", run: (*Session).help},
		{name: ".quit", help: "leave, as .exit and Ctrl-D do", run: (*Session).quit},
		{name: ".exit", help: "", run: (*Session).quit},
	}
}

// dot runs a line that starts with a dot. A semicolon at its end is forgiven.
func (s *Session) dot(ctx context.Context, line string) error {
	name, argument, _ := strings.Cut(strings.TrimRight(line, "; \t"), " ")
	argument = strings.TrimSpace(argument)
	var names []string
	for _, one := range dotCommands() {
		names = append(names, one.name)
		switch {
		case one.name != name:
		case one.needs && argument == "", one.argument == "" && argument != "":
			return fmt.Errorf("usage: %s", strings.TrimSpace(one.name+" "+one.argument))
		default:
			return one.run(s, ctx, argument)
		}
	}
	return fmt.Errorf("unknown command %s: there is %s", name, strings.Join(names, ", "))
}

func (s *Session) setMode(_ context.Context, argument string) error {
	format, err := ParseFormat(argument)
	if err != nil {
		return err
	}
	s.options.Format = format
	return nil
}

func (s *Session) setMaxRows(_ context.Context, argument string) error {
	rows, err := strconv.Atoi(argument)
	if err != nil || rows < 0 {
		return fmt.Errorf(".maxrows takes a number of rows, 0 for all, not %q", argument)
	}
	s.options.MaxRows = rows
	return nil
}

func (s *Session) setTimer(_ context.Context, argument string) error {
	if argument != "on" && argument != "off" {
		return fmt.Errorf(".timer is on or off, not %q", argument)
	}
	s.options.Timer = argument == "on"
	return nil
}

// read takes the names in anew afterwards: the file may have made some.
func (s *Session) read(ctx context.Context, path string) error {
	err := s.readFile(ctx, strings.Trim(path, `'"`))
	s.words = words{}
	return err
}

func (s *Session) help(context.Context, string) error {
	var rows [][]string
	for _, one := range dotCommands() {
		if one.help != "" {
			rows = append(rows, []string{one.name + " " + one.argument, one.help})
		}
	}
	rows = append(rows, nil, []string{"SQL;", "runs at its semicolon, over as many lines as it takes"})
	return WriteTable(s.options.Out, s.shape().width, []Column{{Name: "command"}, {Name: "does", Wrap: true}}, rows)
}

func (s *Session) quit(context.Context, string) error { return errQuit }
