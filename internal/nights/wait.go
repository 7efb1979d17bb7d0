// Package nights waits: for a day to be complete at its sources, and for the time of day at which a run begins. It knows
// nothing of what a run does.
package nights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A Clock tells the time and wakes up. Tests have their own.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

// System is the machine's clock.
type System struct{}

// Now is the time.
func (System) Now() time.Time { return time.Now() }

// After wakes up.
func (System) After(d time.Duration) <-chan time.Time { return time.After(d) }

// A Source can tell whether it has a day.
type Source interface {
	// Source is its word in flags and logs.
	Source() string
	// Day says in words what the source does not have of a UTC day yet, "" when it has all. An error says that it could not
	// be asked.
	Day(ctx context.Context, day time.Time) (missing string, err error)
}

// Wait waits until sources have a day.
type Wait struct {
	Sources []Source
	// Day is a UTC day, at midnight.
	Day time.Time
	// For is how long to wait at most; Poll how long between two looks, and how long one waits for answers. Sources that do not
	// answer are given up at the deadline, LastLook after it at the latest, by the machine's clock.
	For, Poll, LastLook time.Duration
	Clock               Clock
	// Stop, when closed, ends the waiting with engine.ErrStopped.
	Stop <-chan struct{}
	// Say tells people what is waited for, once for as long as that stays the same.
	Say func(string)
}

// Yesterday is the last UTC day that is over.
func Yesterday(now time.Time) time.Time {
	return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
}

// Do waits. What it returns is still missing after the deadline, nothing when the day is complete.
func (w Wait) Do(ctx context.Context) ([]string, error) {
	start := w.Clock.Now()
	deadline := start.Add(w.For)
	day := w.Day.Format(time.DateOnly)
	told := ""
	answers := make([]chan string, len(w.Sources))
	asking, giveUp := context.WithTimeout(ctx, w.For+w.LastLook)
	defer func() {
		giveUp()
		leave(answers)
	}()
	for {
		missing, err := w.look(asking, answers, max(w.LastLook, min(w.Poll, deadline.Sub(w.Clock.Now()))))
		if err = errors.Join(ctx.Err(), err); err != nil {
			return missing, err
		}
		now := w.Clock.Now()
		if len(missing) == 0 {
			if told != "" {
				w.Say(fmt.Sprintf("%s is complete after %s", day, now.Sub(start).Round(time.Second)))
			}
			return nil, nil
		}
		if !now.Before(deadline) {
			w.Say(fmt.Sprintf("%s is late: after %s still missing: %s", day, w.For, strings.Join(missing, "; ")))
			return missing, nil
		}
		if text := strings.Join(missing, "; "); text != told {
			told = text
			w.Say(fmt.Sprintf("waiting until %s for %s: %s", deadline.UTC().Format("15:04 UTC"), day, text))
		}
		if err := pause(ctx, w.Clock, w.Stop, min(w.Poll, deadline.Sub(now))); err != nil {
			return missing, err
		}
	}
}

// look asks all sources at once, and waits so long for their answers. One that has not answered is not asked again. One that cannot
// be asked has not the day: it may come back.
func (w Wait) look(ctx context.Context, answers []chan string, long time.Duration) ([]string, error) {
	for i, source := range w.Sources {
		if answers[i] == nil {
			answers[i] = make(chan string, 1)
			go w.ask(ctx, source, answers[i])
		}
	}
	var missing []string
	over := make(chan struct{})
	timer := time.AfterFunc(long, func() { close(over) })
	defer timer.Stop()
	for i, source := range w.Sources {
		lacks, heard, err := hear(ctx, w.Stop, answers[i], over)
		switch {
		case err != nil:
			return missing, err
		case heard:
			answers[i] = nil
		default:
			lacks = noAnswer
		}
		if lacks != "" {
			missing = append(missing, source.Source()+": "+lacks)
		}
	}
	return slices.Compact(missing), nil
}

const noAnswer = "it does not answer"

func (w Wait) ask(ctx context.Context, source Source, answer chan<- string) {
	lacks, err := source.Day(ctx, w.Day)
	switch {
	case err != nil && ctx.Err() != nil:
		lacks = noAnswer
	case err != nil:
		lacks = err.Error()
	}
	answer <- lacks
}

// leave gives sources that were given up a moment to end.
func leave(answers []chan string) {
	over := time.After(time.Second)
	for _, answer := range answers {
		if answer == nil {
			continue
		}
		select {
		case <-answer:
		case <-over:
			return
		}
	}
}

// hear waits for an answer until it is over. A source that hangs in the system, on a mount that is away, hears no context.
func hear(ctx context.Context, stop <-chan struct{}, answer <-chan string, over <-chan struct{}) (lacks string, heard bool, err error) {
	select {
	case lacks = <-answer:
		return lacks, true, nil
	default:
	}
	select {
	case lacks = <-answer:
		return lacks, true, nil
	case <-stop:
		return "", false, engine.ErrStopped
	case <-ctx.Done():
	case <-over:
	}
	return "", false, nil
}

func pause(ctx context.Context, clock Clock, stop <-chan struct{}, d time.Duration) error {
	select {
	case <-stop:
		return engine.ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	case <-clock.After(d):
		return nil
	}
}
