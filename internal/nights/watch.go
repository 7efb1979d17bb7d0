package nights

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
)

// Watch runs a night every day.
type Watch struct {
	// At is the time of day, from midnight UTC.
	At time.Duration
	// Last is when the last good run began: a night that began since the last time of day is not run again.
	Last  time.Time
	Clock Clock
	// Stop, when closed, ends the watch; a night at work is asked to stop by whoever runs it.
	Stop <-chan struct{}
	Say  func(string)
	// Night runs one night and tells itself how it went: a failed night ends nothing.
	Night func(ctx context.Context)
}

// longestSleep bounds one sleep: the machine may have slept, or its clock may have been set, in between.
const longestSleep = time.Minute

// Do runs nights until it is stopped. One whose time has passed while nobody watched is run at once.
func (w Watch) Do(ctx context.Context) error {
	last := w.Last
	for {
		due := w.before(w.Clock.Now())
		for last.Before(due) {
			select {
			case <-w.Stop:
				return nil
			default:
			}
			last = w.Clock.Now()
			w.Night(ctx)
			if err := ctx.Err(); err != nil {
				return err
			}
			due = w.before(w.Clock.Now())
		}
		next := due.Add(24 * time.Hour)
		w.Say("the next run begins at " + next.Format("2006-01-02 15:04 UTC"))
		if err := w.sleep(ctx, next); err != nil {
			if errors.Is(err, engine.ErrStopped) {
				return nil
			}
			return err
		}
	}
}

func (w Watch) sleep(ctx context.Context, until time.Time) error {
	for {
		// Without the monotonic clock, which stands still while the machine sleeps.
		left := until.Sub(w.Clock.Now().Round(0))
		if left <= 0 {
			return nil
		}
		if err := pause(ctx, w.Clock, w.Stop, min(left, longestSleep)); err != nil {
			return err
		}
	}
}

// before is the last time of day that has come.
func (w Watch) before(now time.Time) time.Time {
	due := now.UTC().Truncate(24 * time.Hour).Add(w.At)
	if due.After(now) {
		due = due.Add(-24 * time.Hour)
	}
	return due
}

// TimeOfDay reads a time of day as hours and minutes.
func TimeOfDay(text string) (time.Duration, error) {
	at, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%s is no time of day like 02:00", text)
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, nil
}
