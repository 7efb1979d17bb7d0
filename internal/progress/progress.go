// Package progress shows a run while it goes on: bars that repaint on a terminal, one log line per finished step
// elsewhere. It implements engine.Observer and knows nothing of what the steps do.
package progress

import (
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/ccdexplorer/nightrunner/engine"
)

// An Observer that is closed when the run is over.
type Observer interface {
	engine.Observer
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

// Close does nothing.
func (*Lines) Close() {}

// End logs the step at the level of its status.
func (l *Lines) End(step engine.Step) {
	attributes := []any{"name", step.Name, "status", step.Status, "rows", step.Rows}
	if step.Days > 0 {
		attributes = append(attributes, "days", step.Days)
	}
	attributes = append(attributes, "seconds", fmt.Sprintf("%.3f", step.Seconds))
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

// Bars draws one bar for the phase at work and leaves a line for every step that did something.
type Bars struct {
	container *mpb.Progress
	bar       *mpb.Bar
	phase     string
	// name is read by the goroutine that paints.
	name atomic.Value
}

// NewBars draws on a terminal.
func NewBars(out io.Writer) *Bars {
	return &Bars{container: mpb.New(mpb.WithOutput(out), mpb.WithWidth(40), mpb.WithRefreshRate(80*time.Millisecond))}
}

// Begin moves the bar of the phase, or starts that of the next.
func (b *Bars) Begin(phase, name string, position, total int) {
	b.name.Store(name)
	if phase != b.phase {
		b.finish()
		b.phase = phase
		b.bar = b.container.AddBar(int64(max(total, position)),
			mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-7s", phase))),
			mpb.AppendDecorators(decor.CountersNoUnit("%d/%d "), decor.Any(func(decor.Statistics) string { return b.name.Load().(string) })))
	}
	b.bar.SetTotal(int64(max(total, position)), false)
	b.bar.SetCurrent(int64(position - 1))
}

// Progress of a source moves the load bar: loading is few steps of very different length.
func (b *Bars) Progress(done, total int64) {
	if b.bar != nil && b.phase == engine.PhaseLoad && total > 0 {
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
	_, _ = b.container.Write([]byte(Line(step) + "\n"))
}

// Line is a step in one line for people.
func Line(step engine.Step) string {
	mark := map[string]string{engine.StatusDone: "✓", engine.StatusFailed: "✗", engine.StatusBlocked: "–", engine.StatusWarned: "!"}[step.Status]
	line := fmt.Sprintf("%s %-6s %-34s", mark, step.Phase, step.Name)
	switch {
	case step.Days > 0:
		line += fmt.Sprintf(" %9d rows %6d days", step.Rows, step.Days)
	case step.Rows > 0:
		line += fmt.Sprintf(" %9d rows %11s", step.Rows, "")
	default:
		line += fmt.Sprintf(" %26s", "")
	}
	line += fmt.Sprintf(" %8s", Duration(step.Seconds))
	if step.Message != "" {
		line += "  " + step.Message
	}
	return line
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
