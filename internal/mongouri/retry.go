package mongouri

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

// A Retry says how often what failed is tried, and how long it waits before the second time. Pauses double.
type Retry struct {
	Attempts int
	Pause    time.Duration
}

// Patient is what a night needs: a server may restart in the meantime.
func Patient() Retry { return Retry{Attempts: 6, Pause: 250 * time.Millisecond} }

// Do tries again what failed for a reason that passes.
func (r Retry) Do(ctx context.Context, do func() error) error {
	pause := r.Pause
	for try := 1; ; try++ {
		err := do()
		if err == nil || try >= r.Attempts || !Passing(err) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause *= 2
	}
}

// Passing errors are those of the network, of elections, and cursors that the server forgot.
func Passing(err error) bool {
	if mongo.IsNetworkError(err) || mongo.IsTimeout(err) {
		return true
	}
	var labeled interface{ HasErrorLabel(string) bool }
	if errors.As(err, &labeled) && slices.ContainsFunc([]string{"RetryableReadError", "RetryableWriteError", "TransientTransactionError"}, labeled.HasErrorLabel) {
		return true
	}
	var command mongo.CommandError
	const cursorNotFound, cursorKilled, queryPlanKilled = 43, 237, 175
	return errors.As(err, &command) && slices.Contains([]int32{cursorNotFound, cursorKilled, queryPlanKilled}, command.Code)
}
