package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/loaders/balances"
)

// helpers says until which day snapshots were made.
type helpers struct {
	engine.Loader
	last time.Time
	err  error
}

func (h helpers) NightlyAccounts(context.Context) (time.Time, error) { return h.last, h.err }

// A folder decides by its file; without one, MongoDB's document does.
func TestSnapshotsThatAreWaitedFor(t *testing.T) {
	day := time.Date(2025, 6, 9, 0, 0, 0, 0, time.UTC)
	folder := balances.New(t.TempDir())
	for name, one := range map[string]struct {
		source snapshotSource
		want   string
		fails  bool
	}{
		"no file":                     {snapshotSource{folder, helpers{}}, "has no 2025-06-09.csv", false},
		"no file though it was made":  {snapshotSource{folder, helpers{last: day}}, "is it copied?", false},
		"no file and nobody to ask":   {snapshotSource{folder, helpers{err: errors.New("away")}}, "has no 2025-06-09.csv", false},
		"no folder, made":             {snapshotSource{nil, helpers{last: day}}, "", false},
		"no folder, a later one made": {snapshotSource{nil, helpers{last: day.AddDate(0, 0, 1)}}, "", false},
		"no folder, not made":         {snapshotSource{nil, helpers{last: day.AddDate(0, 0, -1)}}, "not made yet", false},
		"no folder, nobody to ask":    {snapshotSource{nil, helpers{err: errors.New("away")}}, "", true},
	} {
		got, err := one.source.Day(t.Context(), day)
		if (err != nil) != one.fails || !strings.Contains(got, one.want) || one.want == "" && got != "" {
			t.Errorf("%s: %q, %v; want %q", name, got, err, one.want)
		}
	}
}

func TestPanicsAreTold(t *testing.T) {
	var out strings.Builder
	config := &configuration{}
	err := panicked(&out, config, "boom")
	tell(&out, config, err)
	text := out.String()
	if exitCode(err) != engine.ExitFailed || !strings.HasPrefix(text, "panic: boom\ngoroutine ") || !strings.Contains(text, "\nerror: the program panicked: boom\nhint: ") {
		t.Errorf("exit code %d\n%s", exitCode(err), text)
	}
}

// panicking is a source that panics.
type panicking struct{}

func (panicking) Source() string                             { return "node" }
func (panicking) Load(context.Context, *engine.Intake) error { panic("boom") }

// A run that panics is told by message and metrics, and gives the warehouse back.
func TestAPanickingRunIsTold(t *testing.T) {
	dir := t.TempDir()
	told := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		told <- fmt.Sprint(string(body), err)
	}))
	defer server.Close()
	var out strings.Builder
	app := newApp(nil)
	app.ErrWriter = &out
	for _, command := range app.Commands {
		if command.Name == "run" {
			command.Action = func(c *cli.Context) error {
				return execute(c, engine.RunOptions{Command: "run", SQL: os.DirFS(t.TempDir()), Loaders: []engine.Loader{panicking{}}})
			}
		}
	}
	warehouse, prom := filepath.Join(dir, "w.duckdb"), filepath.Join(dir, "n.prom")
	err := app.RunContext(t.Context(), []string{"nightrunner", "run", "--umask", "0022", "--warehouse", warehouse, "--metrics-file", prom,
		"--notify", "generic://" + strings.TrimPrefix(server.URL, "http://") + "?disabletls=yes"})
	if !errors.Is(err, errPanic) || !strings.Contains(out.String(), "panicking.Load") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if text := <-told; !strings.Contains(text, "panicked: boom") {
		t.Error(text)
	}
	if text, err := os.ReadFile(prom); err != nil || !strings.Contains(string(text), "nightrunner_last_exit_code{warehouse=\""+warehouse+"\"} 1") {
		t.Errorf("%v\n%s", err, text)
	}
	w, err := engine.Open(t.Context(), warehouse, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// Each error that was joined has its own line and hint.
func TestErrorsAreToldOneByOne(t *testing.T) {
	var out strings.Builder
	one, two := engine.WithHint(errors.New("one"), "do this"), errors.New("two")
	tell(&out, &configuration{}, errors.Join(one, errors.Join(two, engine.ModelErrors{{File: "a.sql", Line: 3, Err: errors.New("three"), Hint: "see"}, {File: "b.sql", Err: errors.New("four")}})))
	want := "error: one\nhint: do this\nerror: two\nerror: a.sql:3: three (see)\nerror: b.sql: four\n"
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
}
