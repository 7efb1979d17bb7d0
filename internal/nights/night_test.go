package nights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A clock that jumps to the end of every pause.
type clock struct {
	now time.Time
	// onPause is called before each jump.
	onPause func(now time.Time, d time.Duration)
}

func (c *clock) Now() time.Time { return c.now }

func (c *clock) After(d time.Duration) <-chan time.Time {
	if c.onPause != nil {
		c.onPause(c.now, d)
	}
	c.now = c.now.Add(d)
	woken := make(chan time.Time, 1)
	woken <- c.now
	return woken
}

// A source that has the day from a time on.
type source struct {
	clock *clock
	name  string
	from  time.Time
	err   error
}

func (s source) Source() string { return s.name }

func (s source) Day(context.Context, time.Time) (string, error) {
	if s.clock.now.Before(s.from) {
		return "not there yet", s.err
	}
	return "", nil
}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return t
}

type said struct{ lines []string }

func (s *said) say(text string) { s.lines = append(s.lines, text) }

func TestWait(t *testing.T) {
	for name, one := range map[string]struct {
		first, second string
		missing, said []string
		ends          string
	}{
		"there": {first: "2025-06-10 00:00:00", second: "2025-06-10 00:00:00", ends: "2025-06-10 02:00:00"},
		"comes": {first: "2025-06-10 02:30:10", second: "2025-06-10 03:00:00", ends: "2025-06-10 03:00:00", said: []string{
			"waiting until 06:00 UTC for 2025-06-09: mongo: not there yet; balances: not there yet",
			"waiting until 06:00 UTC for 2025-06-09: balances: not there yet",
			"2025-06-09 is complete after 1h0m0s",
		}},
		"late": {first: "2025-06-10 02:30:10", second: "2025-06-11 00:00:00", ends: "2025-06-10 06:00:00", missing: []string{"balances: not there yet"}, said: []string{
			"waiting until 06:00 UTC for 2025-06-09: mongo: not there yet; balances: not there yet",
			"waiting until 06:00 UTC for 2025-06-09: balances: not there yet",
			"2025-06-09 is late: after 4h0m0s still missing: balances: not there yet",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{now: at("2025-06-10 02:00:00")}
			var heard said
			missing, err := Wait{Day: Yesterday(c.now), For: 4 * time.Hour, Poll: time.Minute, LastLook: time.Minute, Clock: c, Say: heard.say,
				Sources: []Source{source{clock: c, name: "mongo", from: at(one.first)}, source{clock: c, name: "balances", from: at(one.second)}}}.Do(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(one.missing, missing); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(one.said, heard.lines); diff != "" {
				t.Error(diff)
			}
			if !c.now.Equal(at(one.ends)) {
				t.Errorf("ended at %s", c.now)
			}
		})
	}
}

func TestWaitingForASourceThatIsAway(t *testing.T) {
	c := &clock{now: at("2025-06-10 02:00:00")}
	var heard said
	missing, err := Wait{Day: Yesterday(c.now), For: time.Hour, Poll: time.Minute, LastLook: time.Minute, Clock: c, Say: heard.say,
		Sources: []Source{source{clock: c, name: "mongo", from: at("2025-06-10 02:05:00"), err: errors.New("connection refused")}}}.Do(t.Context())
	if err != nil || missing != nil || !strings.Contains(heard.lines[0], "mongo: connection refused") {
		t.Errorf("%v %v %q", missing, err, heard.lines)
	}
}

func TestWaitingIsStopped(t *testing.T) {
	stop := make(chan struct{})
	close(stop)
	c := &silent{now: at("2025-06-10 02:00:00")}
	_, err := Wait{Day: Yesterday(c.now), For: time.Hour, Poll: time.Minute, LastLook: time.Minute, Clock: c, Stop: stop, Say: func(string) {},
		Sources: []Source{source{clock: &clock{now: c.now}, name: "mongo", from: at("2025-06-11 00:00:00")}}}.Do(t.Context())
	if !errors.Is(err, engine.ErrStopped) {
		t.Error(err)
	}
}

// A stalling source hears its context, a hanging one hears nothing.
type stalling struct{ hangs bool }

func (stalling) Source() string { return "mongo" }

func (s stalling) Day(ctx context.Context, _ time.Time) (string, error) {
	if s.hangs {
		select {}
	}
	<-ctx.Done()
	return "", ctx.Err()
}

func TestStallingSourceDoesNotOutlastTheDeadline(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		there := source{clock: &clock{now: at("2025-06-10 02:00:00")}, name: "balances"}
		wait := Wait{Day: at("2025-06-09 00:00:00"), For: 200 * time.Millisecond, Poll: time.Hour, LastLook: 200 * time.Millisecond, Clock: System{}, Say: func(string) {},
			Sources: []Source{stalling{hangs}, there}}
		missing, err := wait.Do(t.Context())
		if diff := cmp.Diff([]string{"mongo: it does not answer"}, missing); diff != "" || err != nil {
			t.Error(diff, err)
		}
		stop := make(chan struct{})
		close(stop)
		wait.For, wait.Stop = time.Hour, stop
		if _, err := wait.Do(t.Context()); !errors.Is(err, engine.ErrStopped) {
			t.Error(err)
		}
	}
}

// silent never wakes up.
type silent struct{ now time.Time }

func (c *silent) Now() time.Time                     { return c.now }
func (*silent) After(time.Duration) <-chan time.Time { return nil }

// watchUntil watches until a time and returns when nights began.
func watchUntil(t *testing.T, c *clock, last time.Time, end string, took time.Duration) []string {
	t.Helper()
	stop := make(chan struct{})
	stopped := false
	var nights []string
	stopAtEnd := func(now time.Time) {
		if !now.Before(at(end)) && !stopped {
			stopped = true
			close(stop)
		}
	}
	jump := c.onPause
	c.onPause = func(now time.Time, d time.Duration) {
		if jump != nil {
			jump(now, d)
		}
		stopAtEnd(now)
	}
	err := Watch{At: 2 * time.Hour, Last: last, Clock: c, Stop: stop, Say: func(string) {}, Night: func(context.Context) {
		nights = append(nights, c.now.Format("2006-01-02 15:04"))
		c.now = c.now.Add(took)
		stopAtEnd(c.now)
	}}.Do(t.Context())
	if err != nil {
		t.Error(err)
	}
	return nights
}

func TestWatch(t *testing.T) {
	for name, one := range map[string]struct {
		last, from string
		took       time.Duration
		want       []string
	}{
		"a new warehouse":   {from: "2025-06-10 12:34:56", took: time.Hour, want: []string{"2025-06-10 12:34", "2025-06-11 02:00", "2025-06-12 02:00"}},
		"done today":        {last: "2025-06-10 02:00:05", from: "2025-06-10 12:34:56", took: time.Hour, want: []string{"2025-06-11 02:00", "2025-06-12 02:00"}},
		"missed":            {last: "2025-06-09 02:00:05", from: "2025-06-10 12:34:56", took: time.Hour, want: []string{"2025-06-10 12:34", "2025-06-11 02:00", "2025-06-12 02:00"}},
		"before the time":   {last: "2025-06-09 02:00:05", from: "2025-06-10 01:00:00", took: time.Hour, want: []string{"2025-06-10 02:00", "2025-06-11 02:00", "2025-06-12 02:00"}},
		"longer than a day": {last: "2025-06-09 02:00:05", from: "2025-06-10 02:00:00", took: 25 * time.Hour, want: []string{"2025-06-10 02:00", "2025-06-11 03:00", "2025-06-12 04:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			last := time.Time{}
			if one.last != "" {
				last = at(one.last)
			}
			got := watchUntil(t, &clock{now: at(one.from)}, last, "2025-06-12 12:00:00", one.took)
			if diff := cmp.Diff(one.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A machine that sleeps over the time runs when it wakes up.
func TestWatchAfterTheMachineSlept(t *testing.T) {
	c := &clock{now: at("2025-06-10 03:00:00")}
	c.onPause = func(now time.Time, _ time.Duration) {
		if now.Equal(at("2025-06-10 23:00:00")) {
			c.now = at("2025-06-11 09:30:00")
		}
	}
	got := watchUntil(t, c, at("2025-06-10 02:00:00"), "2025-06-11 12:00:00", time.Hour)
	if want := []string{"2025-06-11 09:31"}; !slices.Equal(got, want) {
		t.Errorf("nights began at %v, not %v", got, want)
	}
}

func TestTimeOfDay(t *testing.T) {
	if got, err := TimeOfDay("02:30"); err != nil || got != 150*time.Minute {
		t.Error(got, err)
	}
	for _, wrong := range []string{"", "2", "25:00", "02:00:00", "2am"} {
		if got, err := TimeOfDay(wrong); err == nil {
			t.Error(fmt.Sprint(wrong, " is read as ", got))
		}
	}
}
