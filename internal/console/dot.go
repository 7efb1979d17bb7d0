package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ccdexplorer/nightrunner/internal/nearest"
)

// A Command is a dot command from outside: Run gets its words and where to write. Width is that of the screen, 0 for no
// limit.
type Command struct {
	// Name with its dot, Argument and Help as .help shows them.
	Name, Argument, Help string
	// Tables says that names of tables complete its words.
	Tables bool
	Run    func(ctx context.Context, arguments []string, to Output) error
}

// A dotCommand is a command of the shell.
type dotCommand struct {
	name, argument, help string
	// complete offers what a word of the argument could become; nil offers nothing.
	complete func(s *Session, ctx context.Context, word string) group
	run      func(s *Session, ctx context.Context, argument string) error
}

// needs: an argument in brackets may be left out.
func (c dotCommand) needs() bool { return c.argument != "" && !strings.HasPrefix(c.argument, "[") }

func (s *Session) dotCommands() []dotCommand {
	list := []dotCommand{
		{name: ".tables", argument: "[PATTERN]", help: "tables and views whose name matches; * stands for anything", complete: relationNames, run: (*Session).tables},
		{name: ".schema", argument: "[PATTERN]", help: "the statements that make them, with comments", complete: relationNames, run: (*Session).schema},
	}
	for _, one := range s.options.Commands {
		list = append(list, one.own())
	}
	list = append(list, settingCommands()...)
	list = append(list,
		dotCommand{name: ".read", argument: "FILE", help: "run the statements of a file", complete: fileNames, run: (*Session).read},
		dotCommand{name: ".once", argument: "FILE", help: "write the next result to a file", complete: fileNames, run: (*Session).setOnce},
		dotCommand{name: ".output", argument: "[FILE]", help: "write all results to a file; here again without one", complete: fileNames, run: (*Session).setOutput},
		dotCommand{name: ".print", argument: "[TEXT]", help: "write a text", run: (*Session).print})
	if s.options.Open != nil {
		list = append(list, dotCommand{name: ".open", argument: "[FILE]", help: "open another one; without a name the same anew, as it is now", complete: fileNames, run: (*Session).open})
	}
	return append(list,
		dotCommand{name: ".help", argument: "[PATTERN]", help: "this list", run: (*Session).help},
		dotCommand{name: ".quit", help: "leave, as Ctrl-D does", run: (*Session).quit},
		dotCommand{name: ".exit", argument: "[CODE]", help: "leave with this exit code", run: (*Session).quit})
}

// dot runs a line that starts with a dot. A semicolon at its end is forgiven.
func (s *Session) dot(ctx context.Context, line string) error {
	name, argument, _ := strings.Cut(strings.TrimRight(line, "; \t"), " ")
	argument = strings.TrimSpace(argument)
	command, err := s.find(name)
	if err != nil {
		return err
	}
	if command.needs() && argument == "" || command.argument == "" && argument != "" {
		return fmt.Errorf("usage: %s", strings.TrimSpace(command.name+" "+command.argument))
	}
	return command.run(s, ctx, argument)
}

// find takes a command's whole name or the start of only one.
func (s *Session) find(name string) (dotCommand, error) {
	var names, starts []string
	var found dotCommand
	for _, one := range s.dotCommands() {
		if one.name == name {
			return one, nil
		}
		names = append(names, one.name)
		if len(name) > 1 && strings.HasPrefix(one.name, name) {
			starts, found = append(starts, one.name), one
		}
	}
	switch len(starts) {
	case 0:
		return found, fmt.Errorf("unknown command %s%s; .help lists all", name, likely(name, names))
	case 1:
		return found, nil
	}
	return found, fmt.Errorf("%s may be %s", name, strings.Join(starts, " or "))
}

// likely is what somebody may have meant, for an error, or "".
func likely(word string, candidates []string) string {
	if near := nearest.To(word, candidates); near != "" {
		return ", nearest is " + near
	}
	return ""
}

// own makes the command one of the shell's. It can be interrupted like a statement.
func (c Command) own() dotCommand {
	command := dotCommand{name: c.Name, argument: c.Argument, help: c.Help}
	if c.Tables {
		command.complete = relationNames
	}
	command.run = func(s *Session, ctx context.Context, argument string) error {
		arguments, err := splitWords(argument)
		if err != nil {
			return err
		}
		return s.interruptibly(ctx, func(ctx context.Context) error {
			return s.emit(func(to Output) error { return c.Run(ctx, arguments, to) })
		})
	}
	return command
}

// read takes the names in anew afterwards: the file may have made some.
func (s *Session) read(ctx context.Context, path string) error {
	err := s.readFile(ctx, unquote(path))
	s.names = names{}
	return err
}

func (s *Session) print(_ context.Context, text string) error {
	return s.emit(func(to Output) error {
		_, err := fmt.Fprintln(to, unquote(text))
		return err
	})
}

// open keeps what is open when the other one cannot be opened.
func (s *Session) open(ctx context.Context, name string) error {
	db, title, err := s.options.Open(ctx, unquote(name))
	if err != nil {
		return err
	}
	before := *s
	if err := s.connect(ctx, db); err != nil {
		_ = db.Close()
		return err
	}
	fmt.Fprintln(s.options.Err, title)
	return errors.Join(before.conn.Close(), before.own.Close())
}

func (s *Session) help(_ context.Context, pattern string) error {
	var rows [][]string
	for _, one := range s.dotCommands() {
		if strings.Contains(one.name+" "+one.help, pattern) {
			rows = append(rows, []string{strings.TrimSpace(one.name + " " + one.argument), one.help})
		}
	}
	if len(rows) == 0 {
		return fmt.Errorf("no command matches %s", pattern)
	}
	if pattern == "" {
		rows = append(rows, nil, []string{"SQL;", "runs at its semicolon, over as many lines as it takes"})
	}
	return s.list([]Column{{Name: "command"}, {Name: "does", Wrap: true}}, rows)
}

func (s *Session) quit(_ context.Context, argument string) error {
	code, err := strconv.Atoi(argument)
	if argument != "" && (err != nil || code < 0 || code > 255) {
		return fmt.Errorf("%q is no exit code", argument)
	}
	if argument == "" && (s.failed || s.failedBefore) {
		// Of what went wrong before, a script's caller is told all the same.
		code = 1
	}
	return Quit{code}
}

// unquote takes off a pair of quotes around all of it.
func unquote(argument string) string {
	if n := len(argument); n > 1 && (argument[0] == '\'' || argument[0] == '"') && argument[n-1] == argument[0] {
		return argument[1 : n-1]
	}
	return argument
}

// splitWords of a line: blanks part them, single and double quotes hold them together.
func splitWords(line string) ([]string, error) {
	var list []string
	var quote rune
	begun := false
	var word strings.Builder
	for _, r := range line {
		switch {
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote == r && r != 0:
			quote = 0
		case quote == 0 && slices.Contains([]rune{' ', '\t'}, r):
			if begun {
				list = append(list, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c is not closed", quote)
	}
	if begun {
		list = append(list, word.String())
	}
	return list, nil
}
