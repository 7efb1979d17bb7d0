package notify

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/nights"
)

func outcome(change func(*nights.Outcome)) *nights.Outcome {
	o := &nights.Outcome{Host: "host1", Warehouse: "/srv/w.duckdb", Command: "run", Started: time.Date(2025, 6, 10, 2, 0, 4, 0, time.UTC), Seconds: 754,
		Report: &engine.Report{Run: 812}, Facts: &engine.Facts{Previous: &engine.RunStatus{Run: 811, Started: time.Date(2025, 6, 9, 2, 0, 4, 0, time.UTC)}}}
	change(o)
	return o
}

func TestMessages(t *testing.T) {
	const whence = ", 12m34s from 2025-06-10 02:00:04 UTC, warehouse /srv/w.duckdb"
	for name, one := range map[string]struct {
		change func(*nights.Outcome)
		want   Message
	}{
		"good": {func(*nights.Outcome) {}, Message{Done, "nightrunner done on host1", "run 812, exit code 0" + whence}},
		"failed": {func(o *nights.Outcome) {
			o.ExitCode = 1
			o.Report.Steps = []engine.Step{
				{Phase: "build", Name: "mid.a", Status: engine.StatusFailed, Message: "mid/a.sql:3: Binder Error:\n  no column"},
				{Phase: "build", Name: "stat.b", Status: engine.StatusBlocked}, {Phase: "export", Name: "b", Status: engine.StatusBlocked},
				{Phase: "export", Name: "c", Status: engine.StatusFailed, Message: "disk full"}, {Phase: "export", Name: "d", Status: engine.StatusFailed, Message: "disk full"},
				{Phase: "export", Name: "e", Status: engine.StatusBlocked}, {Phase: "export", Name: "f", Status: engine.StatusBlocked},
			}
		}, Message{Failure, "nightrunner failed on host1", "build mid.a: mid/a.sql:3: Binder Error: no column\nand 2 more errors\nheld back: b, c, d and 2 more\nrun 812, exit code 1" + whence}},
		"a check": {func(o *nights.Outcome) {
			o.ExitCode = 3
			o.Report.Checks = []engine.CheckResult{{Model: "stat.a", Check: "unique date", Severity: engine.SeverityError, Rows: 2}}
		}, Message{Failure, "nightrunner failed on host1", "check unique date on stat.a: 2 rows\nrun 812, exit code 3" + whence}},
		"no warehouse": {func(o *nights.Outcome) {
			o.ExitCode, o.Report, o.Facts, o.Problem = 4, nil, nil, "the warehouse is in use: run 811"
		}, Message{Failure, "nightrunner failed on host1", "the warehouse is in use: run 811\nrun, exit code 4" + whence}},
		"late": {func(o *nights.Outcome) {
			o.ExitCode, o.Report.Late = 5, []string{"mongo: blocks_per_day has no 2025-06-09"}
			o.Report.Waiting = []engine.Waiting{{Model: "stat.a"}, {Model: "mid.x"}}
		}, Message{Late, "nightrunner done, data is late on host1", "late: mongo: blocks_per_day has no 2025-06-09\nheld back: a\nrun 812, exit code 5" + whence}},
		"behind": {func(o *nights.Outcome) { o.Facts.DaysBehind = 3 }, Message{Late, "nightrunner done, data is late on host1", "late: the last 3 days are not there yet\nrun 812, exit code 0" + whence}},
		"recovered": {func(o *nights.Outcome) { o.Facts.Previous.ExitCode = 3 },
			Message{Recovery, "nightrunner recovered on host1", "run 811 of 2025-06-09 02:00 UTC had ended with exit code 3\nrun 812, exit code 0" + whence}},
		"stopped": {func(o *nights.Outcome) { o.ExitCode, o.Report.Stopped, o.Problem = 1, true, "stopped on request" },
			Message{Done, "nightrunner stopped on host1", "run 812, exit code 1" + whence}},
	} {
		if diff := cmp.Diff(one.want, Compose(outcome(one.change))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLongErrorsAreShortened(t *testing.T) {
	m := Compose(outcome(func(o *nights.Outcome) { o.Problem, o.ExitCode = strings.Repeat("é", 5000), 1 }))
	if len([]rune(m.Body)) > 500 {
		t.Error(len(m.Body))
	}
}

func TestSend(t *testing.T) {
	got := make(chan map[string]string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var fields map[string]string
		if err != nil || json.Unmarshal(body, &fields) != nil {
			t.Errorf("%s, %v", body, err)
		}
		got <- fields
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	n, err := New([]string{"generic://" + host + "/hook?disabletls=yes&template=json"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Send(t.Context(), Message{Failure, "title", "line 1\nline 2"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"title": "title", "message": "line 1\nline 2"}, <-got); diff != "" {
		t.Error(diff)
	}
	if !n.Wants(Failure) || n.Wants(Done) {
		t.Error("the kinds are not those of the default")
	}
	server.Close()
	if err := n.Send(t.Context(), Message{Failure, "title", "text"}); err == nil {
		t.Error("nobody listens and nothing is told")
	}
}

func TestWrongNotifiers(t *testing.T) {
	if _, err := New([]string{"nothing://x"}, nil); err == nil {
		t.Error("an unknown service is taken")
	}
	if _, err := New(nil, []string{"sometimes"}); err == nil {
		t.Error("an unknown kind is taken")
	}
	n, err := New(nil, []string{Always})
	if err != nil || n.Wants(Done) {
		t.Error("no service wants a message", err)
	}
}
