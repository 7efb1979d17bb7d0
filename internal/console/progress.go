package console

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	// quiet is how long a statement runs before its progress is shown.
	quiet = time.Second
	// redraw is how often it is drawn.
	redraw   = 200 * time.Millisecond
	barWidth = 30
	// eraseLine moves to its start and clears it.
	eraseLine = "\r\x1b[K"
)

// A meter is the line on a terminal that says how far a statement has come.
type meter struct {
	w      io.Writer
	done   chan struct{}
	gone   chan struct{}
	finish sync.Once
}

// watch draws a line until the meter is stopped. progress is DuckDB's, less than 0 when it cannot tell.
func watch(w io.Writer, progress func() float64) *meter {
	m := &meter{w: w, done: make(chan struct{}), gone: make(chan struct{})}
	go func() {
		defer close(m.gone)
		m.draw(progress)
	}()
	return m
}

func (m *meter) draw(progress func() float64) {
	start, timer := time.Now(), time.NewTimer(quiet)
	defer timer.Stop()
	for frame := 0; ; frame++ {
		select {
		case <-m.done:
			if frame > 0 {
				fmt.Fprint(m.w, eraseLine)
			}
			return
		case <-timer.C:
			fmt.Fprint(m.w, eraseLine+meterLine(progress(), time.Since(start), frame))
			timer.Reset(redraw)
		}
	}
}

// meterLine is a bar, or a wheel when nobody knows how much there is to do. It fits into 60 columns.
func meterLine(progress float64, elapsed time.Duration, frame int) string {
	seconds := fmt.Sprintf("%d s", int(elapsed.Seconds()))
	if progress < 0.005 {
		wheel := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
		return fmt.Sprintf("%c %s, Ctrl-C stops it", wheel[frame%len(wheel)], seconds)
	}
	full := min(int(progress*barWidth), barWidth)
	return fmt.Sprintf("%s%s %2.0f %%, %s, Ctrl-C stops it", strings.Repeat("█", full), strings.Repeat("░", barWidth-full), 100*min(progress, 1), seconds)
}

// stop erases the line. It may be called again, and on nil.
func (m *meter) stop() {
	if m == nil {
		return
	}
	m.finish.Do(func() {
		close(m.done)
		<-m.gone
	})
}

// A stopping writer stops the meter before anything is written: both go to the same terminal.
type stopping struct {
	io.Writer
	meter *meter
}

func (s stopping) Write(text []byte) (int, error) {
	s.meter.stop()
	return s.Writer.Write(text)
}
