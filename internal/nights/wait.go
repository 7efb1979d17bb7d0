// Package nights waits: for a day to be complete at its sources, and for the time of day at which a run begins. It knows
// nothing of what a run does.
package nights

import (
	"context"
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
	// For is how long to wait at most; Poll how long between two looks.
	For, Poll time.Duration
	Clock     Clock
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
func (w Wait) Do(ctx context.Context) (missing []string, err error) {
	start := w.Clock.Now()
	deadline := start.Add(w.For)
	day := w.Day.Format(time.DateOnly)
	told := ""
	for {
		missing = w.look(ctx)
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

// look asks every source. One that cannot be asked has not the day: it may come back.
func (w Wait) look(ctx context.Context) []string {
	var missing []string
	for _, source := range w.Sources {
		lacks, err := source.Day(ctx, w.Day)
		if err != nil {
			lacks = err.Error()
		}
		if lacks != "" {
			missing = append(missing, source.Source()+": "+lacks)
		}
	}
	return slices.Compact(missing)
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
