package progress

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/vbauerster/mpb/v8"

	"github.com/ccdexplorer/nightrunner/engine"
)

func TestLine(t *testing.T) {
	for name, test := range map[string]struct {
		step engine.Step
		want string
	}{
		"a model's days": {
			engine.Step{Phase: engine.PhaseBuild, Name: "stat.statistics_network_activity", Status: engine.StatusDone, Rows: 59, Days: 59, Seconds: 0.031},
			"✓ build  stat.statistics_network_activity          59 rows     59 days    31 ms",
		},
		"a view": {
			engine.Step{Phase: engine.PhaseBuild, Name: "stg.accounts", Status: engine.StatusDone, Seconds: 0.002},
			"✓ build  stg.accounts                                                      2 ms",
		},
		"a source, with a message that does not fit": {
			engine.Step{Phase: engine.PhaseLoad, Name: "balances", Status: engine.StatusDone, Rows: 12619750, Seconds: 31, Message: "500 read"},
			"✓ load   balances                            12619750 rows               31.0 s\n         500 read",
		},
		"a long message": {
			engine.Step{Phase: engine.PhaseCheck, Name: "checks.one", Status: engine.StatusFailed, Seconds: 0.1,
				Message: "Binder Error: a message that goes on for longer than the terminal is wide, with words\n\nLINE 1"},
			"✗ check  checks.one                                                      100 ms\n" +
				"         Binder Error: a message that goes on for longer than the terminal is\n" +
				"         wide, with words\n\n         LINE 1",
		},
		"a long name": {
			engine.Step{Phase: engine.PhaseExport, Name: "statistics_of_a_name_that_nobody_will_type", Status: engine.StatusBlocked, Rows: 1},
			"– export statistics_of_a_name_that_nobody_will_type\n" +
				"                                                    1 rows                 0 ms",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Line(test.step, 80)
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			for line := range strings.SplitSeq(got, "\n") {
				if width := text.StringWidthWithoutEscSequences(line); width > 80 {
					t.Errorf("%d columns: %s", width, line)
				}
			}
		})
	}
}

func TestLineHasRoomForMessages(t *testing.T) {
	step := engine.Step{Phase: engine.PhaseLoad, Name: "node", Status: engine.StatusDone, Rows: 1, Message: "1 read"}
	if got := Line(step, 120); strings.Contains(got, "\n") || !strings.HasSuffix(got, "0 ms  1 read") {
		t.Errorf("got\n%s", got)
	}
}

func TestDuration(t *testing.T) {
	for seconds, want := range map[float64]string{0.0124: "12 ms", 3.44: "3.4 s", 125.2: "2m5s", 7201: "2h0m1s"} {
		if got := Duration(seconds); got != want {
			t.Errorf("%f: got %s, want %s", seconds, got, want)
		}
	}
}

// TestBarsLeaveLines of steps that did something, in their order. Where bars stand between them hangs on the time.
func TestBarsLeaveLines(t *testing.T) {
	var out bytes.Buffer
	bars := &Bars{out: &out, container: mpb.New(mpb.WithOutput(&out), mpb.WithAutoRefresh())}
	done := engine.Step{Phase: engine.PhaseLoad, Name: "node", Status: engine.StatusDone, Rows: 3}
	fresh := engine.Step{Phase: engine.PhaseBuild, Name: "stg.a", Status: engine.StatusFresh}
	failed := engine.Step{Phase: engine.PhaseBuild, Name: "stg.b", Status: engine.StatusFailed, Message: "no such table"}
	bars.Begin(engine.PhaseLoad, "node", 1, 1)
	bars.Progress(1, 4)
	bars.End(done)
	bars.Begin(engine.PhaseBuild, "stg.a", 1, 2)
	bars.End(fresh)
	bars.Say("stopping")
	bars.Begin(engine.PhaseBuild, "stg.b", 2, 2)
	bars.End(failed)
	bars.Close()
	rest := out.String()
	for _, want := range []string{Line(done, usualWidth) + "\n", "\rstopping\n", Line(failed, usualWidth) + "\n"} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("no %q in %q", want, rest)
		}
		rest = after
	}
	if strings.Contains(out.String(), Line(fresh, usualWidth)) {
		t.Error("a fresh step left a line")
	}
}

// TestBarOutlivesASource: one that is read to its end is not the last one.
func TestBarOutlivesASource(t *testing.T) {
	bars := NewBars(new(bytes.Buffer))
	defer bars.Close()
	bars.Begin(engine.PhaseLoad, "mongo", 1, 2)
	bars.Progress(4, 4)
	if bars.bar.Completed() {
		t.Error("the bar of the phase is over")
	}
	bars.Begin(engine.PhaseLoad, "balances", 2, 2)
	if got := bars.bar.Current(); got != 1 {
		t.Errorf("the bar stands at %d", got)
	}
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	lines := NewLines(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})))
	lines.End(engine.Step{Phase: engine.PhaseBuild, Name: "stg.a", Status: engine.StatusFresh})
	lines.End(engine.Step{Phase: engine.PhaseBuild, Name: "stg.b", Status: engine.StatusDone, Rows: 2, Days: 1, Seconds: 0.5})
	lines.End(engine.Step{Phase: engine.PhaseCheck, Name: "checks.c", Status: engine.StatusWarned, Rows: 1})
	lines.End(engine.Step{Phase: engine.PhaseExport, Name: "d", Status: engine.StatusBlocked, Message: "stg.b failed"})
	lines.Say("stopping")
	want := `level=INFO msg=build name=stg.b status=done rows=2 days=1 seconds=0.5
level=WARN msg=check name=checks.c status=warned rows=1 seconds=0
level=ERROR msg=export name=d status=blocked rows=0 seconds=0 message="stg.b failed"
level=WARN msg=stopping
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}
