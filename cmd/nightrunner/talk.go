package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A problem is one error for people.
type problem struct{ text, hint string }

// problemsOf takes apart errors that were joined, each with its own hint, and those of SQL files.
func problemsOf(err error) []problem {
	var models engine.ModelErrors
	if errors.As(err, &models) && err.Error() == models.Error() {
		var list []problem
		for _, one := range models {
			list = append(list, problem{one.Text(), ""})
		}
		return list
	}
	prefix := ""
	for at := err; at != nil; at = errors.Unwrap(at) {
		joined, is := at.(interface{ Unwrap() []error })
		if !is || at.Error() != joinedText(joined.Unwrap()) {
			continue
		}
		prefix = strings.TrimSuffix(err.Error(), at.Error())
		var list []problem
		for _, one := range joined.Unwrap() {
			for _, p := range problemsOf(one) {
				list = append(list, problem{prefix + p.text, p.hint})
			}
		}
		return list
	}
	return []problem{{err.Error(), engine.HintOf(err)}}
}

// joinedText is what errors.Join says; an error with several %w says it otherwise.
func joinedText(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "\n")
}

// tell says what went wrong and what to do, without secrets.
func tell(w io.Writer, config *configuration, err error) {
	if !config.json {
		w = wrapWriter{w}
	}
	w = config.secrets.Writer(w)
	log := slog.New(slog.NewJSONHandler(w, nil))
	last := ""
	for _, p := range problemsOf(err) {
		switch {
		case !config.json:
			fmt.Fprintf(w, "error: %s\n", p.text)
			if p.hint != "" && p.hint != last {
				fmt.Fprintf(w, "hint: %s\n", p.hint)
			}
			last = p.hint
		case p.hint != "":
			log.Error(p.text, "hint", p.hint)
		default:
			log.Error(p.text)
		}
	}
}

// tellWarning says what went wrong beside a run.
func tellWarning(c *cli.Context, text string) { tellLine(c, "warning: "+text) }

// tellNote says what is worth a line.
func tellNote(c *cli.Context, text string) { tellLine(c, "note: "+text) }

func tellLine(c *cli.Context, line string) {
	config := configurationOf(c.App)
	if !config.json {
		fmt.Fprintln(config.secrets.Writer(wrapWriter{c.App.ErrWriter}), line)
		return
	}
	lines := &logLines{log: slog.New(slog.NewJSONHandler(config.secrets.Writer(c.App.ErrWriter), nil)), held: line}
	lines.flush()
}

// asksJSON looks for --log-format json before flags are read: what is wrong with them is told as they ask.
func asksJSON(args []string) bool {
	for i, arg := range args {
		if strings.TrimLeft(arg, "-") == "log-format=json" || i > 0 && arg == "json" && strings.TrimLeft(args[i-1], "-") == "log-format" {
			return true
		}
	}
	return os.Getenv(env("log-format")[0]) == "json"
}

// panicked makes an error of what a panic says. The stack is told at once, without secrets.
func panicked(w io.Writer, config *configuration, value any) error {
	w = config.secrets.Writer(w)
	if config.json {
		slog.New(slog.NewJSONHandler(w, nil)).Error("panic", "value", fmt.Sprint(value), "stack", string(debug.Stack()))
	} else {
		fmt.Fprintf(w, "panic: %v\n%s", value, debug.Stack())
	}
	return engine.WithHint(fmt.Errorf("%w: %v", errPanic, value), "this is a mistake in nightrunner: report it with the lines above; the next run goes on from the last step")
}

var errPanic = errors.New("the program panicked")

// typed says whether a flag stands on the command line itself: one from the environment or the configuration file does not.
func typed(c *cli.Context, flag string) bool {
	for _, word := range c.Lineage()[1].Args().Slice() {
		if name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "="); strings.HasPrefix(word, "-") && name == flag {
			return true
		}
	}
	return false
}

// logLines logs the lines of a text for people, each at the level of its first word. A line that begins with no such word
// belongs to the one before.
type logLines struct {
	log  *slog.Logger
	rest string
	held string
}

var lineStart = regexp.MustCompile(`^(error|warning|note|hint|waiting|run|snapshot)\b`)

func (l *logLines) Write(data []byte) (int, error) {
	l.rest += string(data)
	for {
		line, rest, whole := strings.Cut(l.rest, "\n")
		if !whole {
			return len(data), nil
		}
		l.rest = rest
		if l.held != "" && !lineStart.MatchString(line) {
			l.held += "\n" + line
			continue
		}
		l.flush()
		l.held = line
	}
}

// flush logs what is held back for lines that may belong to it.
func (l *logLines) flush() {
	word, rest, found := strings.Cut(l.held, ": ")
	switch {
	case l.held == "":
	case found && word == "error":
		l.log.Error(rest)
	case found && word == "warning":
		l.log.Warn(rest)
	case found && word == "note":
		l.log.Info(rest)
	default:
		l.log.Info(l.held)
	}
	l.held = ""
}
