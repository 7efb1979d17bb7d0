// Package progress shows a run while it goes on: bars that repaint on a terminal, one log line per finished step
// elsewhere. It implements engine.Observer and knows nothing of what the steps do.
package progress

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/ccdexplorer/nightrunner/engine"
)

// An Observer that is closed when the run is over.
type Observer interface {
	engine.Observer
	// Say tells people something about the run itself. It may be called while the run goes on.
	Say(text string)
	Close()
}

// Lines logs every step that did something.
type Lines struct{ log *slog.Logger }

// NewLines logs to log.
func NewLines(log *slog.Logger) *Lines { return &Lines{log: log} }

// Begin says nothing: the step's end does.
func (*Lines) Begin(string, string, int, int) {}

// Progress says nothing.
func (*Lines) Progress(int64, int64) {}

// Say warns.
func (l *Lines) Say(text string) { l.log.Warn(text) }

// Expect logs which run begins and how long earlier ones took.
func (l *Lines) Expect(run int64, seconds float64) {
	if seconds > 0 {
		l.log.Info("run begins", "run", run, "usual_seconds", math.Round(seconds*1000)/1000)
		return
	}
	l.log.Info("run begins", "run", run)
}

// Close does nothing.
func (*Lines) Close() {}

// End logs the step at the level of its status.
func (l *Lines) End(step engine.Step) {
	attributes := []any{"name", step.Name, "status", step.Status, "rows", step.Rows}
	if step.Days > 0 {
		attributes = append(attributes, "days", step.Days)
	}
	attributes = append(attributes, "seconds", math.Round(step.Seconds*1000)/1000)
	if step.Message != "" {
		attributes = append(attributes, "message", step.Message)
	}
	switch step.Status {
	case engine.StatusFresh:
	case engine.StatusFailed, engine.StatusBlocked:
		l.log.Error(step.Phase, attributes...)
	case engine.StatusWarned:
		l.log.Warn(step.Phase, attributes...)
	default:
		l.log.Info(step.Phase, attributes...)
	}
}

// usualWidth of a terminal that does not tell its own, in columns.
const usualWidth = 80

// barWidth leaves room in usualWidth for the counts, the time and the longest names of models.
const barWidth = 20

// Bars draws one bar for the phase at work and leaves a line for every step that did something.
type Bars struct {
	out       io.Writer
	container *mpb.Progress
	bar       *mpb.Bar
	phase     string
	// name is read by the goroutine that paints.
	name atomic.Value
}

// NewBars draws on a terminal.
func NewBars(out io.Writer) *Bars {
	return &Bars{out: out, container: mpb.New(mpb.WithOutput(out), mpb.WithWidth(barWidth), mpb.WithRefreshRate(80*time.Millisecond))}
}

// Begin moves the bar of the phase, or starts that of the next.
func (b *Bars) Begin(phase, name string, position, total int) {
	b.name.Store(name)
	if phase != b.phase {
		b.finish()
		b.phase = phase
		// A bar that starts with a total is over as soon as it reaches it; this one is when the phase is.
		b.bar = b.container.AddBar(0,
			mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-7s", phase))),
			mpb.AppendDecorators(decor.CountersNoUnit("%d/%d "), decor.Elapsed(decor.ET_STYLE_GO),
				decor.Any(func(decor.Statistics) string { return " " + b.name.Load().(string) })))
	}
	b.bar.SetTotal(int64(max(total, position)), false)
	b.bar.SetCurrent(int64(position - 1))
}

// Progress of a source or a copy moves the bar of its phase: those are few steps of very different length.
func (b *Bars) Progress(done, total int64) {
	if b.bar != nil && (b.phase == engine.PhaseLoad || b.phase == engine.PhasePublish) && total > 0 {
		b.bar.SetTotal(total, false)
		b.bar.SetCurrent(done)
	}
}

// End leaves a line for a step that did something.
func (b *Bars) End(step engine.Step) {
	if step.Status == engine.StatusFresh {
		return
	}
	// The container takes lines until it is shut down, which is after the last step.
	_, _ = b.container.Write([]byte(Line(step, b.width()) + "\n"))
}

// Expect says which run begins, how long earlier ones took, and when it will be done if it takes as long.
func (b *Bars) Expect(run int64, seconds float64) {
	if seconds >= minSaid {
		b.Say(fmt.Sprintf("run %d: usually takes %s, until about %s", run, Duration(seconds), time.Now().Add(time.Duration(seconds*float64(time.Second))).UTC().Format("15:04:05 UTC")))
	}
}

// minSaid is how many seconds a run must usually take for that to be worth a line.
const minSaid = 5

// Say leaves a line above the bar. It starts at the left even when the terminal has just written ^C.
func (b *Bars) Say(text string) { _, _ = b.container.Write([]byte("\r" + text + "\n")) }

// width is asked for each line: windows change.
func (b *Bars) width() int {
	if file, ok := b.out.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return usualWidth
}

// nameWidth is the room that a name has in a line; what follows a longer one stands below it.
const nameWidth = 34

// indent is where names start.
const indent = 9

// Line is a step in one line for people. A message that does not fit stands below, broken between words.
func Line(step engine.Step, width int) string {
	mark := map[string]string{engine.StatusDone: "✓", engine.StatusFailed: "✗", engine.StatusBlocked: "–", engine.StatusWarned: "!"}[step.Status]
	line := fmt.Sprintf("%s %-6s %-*s", mark, step.Phase, nameWidth, step.Name)
	if text.StringWidthWithoutEscSequences(step.Name) > nameWidth {
		line += "\n" + strings.Repeat(" ", indent+nameWidth)
	}
	switch {
	case step.Days > 0:
		line += fmt.Sprintf(" %9d rows %6d days", step.Rows, step.Days)
	case step.Rows > 0:
		line += fmt.Sprintf(" %9d rows %11s", step.Rows, "")
	default:
		line += fmt.Sprintf(" %26s", "")
	}
	line += fmt.Sprintf(" %8s", Duration(step.Seconds))
	return line + message(step.Message, width, width-text.StringWidthWithoutEscSequences(line))
}

// message is what follows a line with some room left of width.
func message(message string, width, room int) string {
	if message == "" {
		return ""
	}
	if !strings.Contains(message, "\n") && text.StringWidthWithoutEscSequences(message)+2 <= room {
		return "  " + message
	}
	var out strings.Builder
	for line := range strings.SplitSeq(message, "\n") {
		for part := range strings.SplitSeq(text.WrapSoft(line, max(width-indent, nameWidth)), "\n") {
			out.WriteString(strings.TrimRight("\n"+strings.Repeat(" ", indent)+part, " "))
		}
	}
	return out.String()
}

// Duration for people: "12 ms", "3.4 s", "2m05s".
func Duration(seconds float64) string {
	switch {
	case seconds < 1:
		return fmt.Sprintf("%.0f ms", seconds*1000)
	case seconds < 100:
		return fmt.Sprintf("%.1f s", seconds)
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

// Age for people, in one unit: "40 s", "12 min", "3 h", "5 days".
func Age(age time.Duration) string {
	switch {
	case age < 2*time.Minute:
		return fmt.Sprintf("%d s", int(max(age, 0).Seconds()))
	case age < 2*time.Hour:
		return fmt.Sprintf("%d min", int(age.Minutes()))
	case age < 48*time.Hour:
		return fmt.Sprintf("%d h", int(age.Hours()))
	}
	return fmt.Sprintf("%d days", int(age.Hours()/24))
}

func (b *Bars) finish() {
	if b.bar != nil {
		b.bar.SetTotal(-1, true)
		b.bar = nil
	}
}

// Close ends the drawing.
func (b *Bars) Close() {
	b.finish()
	b.container.Wait()
}
