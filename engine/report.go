package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Phases of a run, in their order.
const (
	PhaseLoad    = "load"
	PhaseBuild   = "build"
	PhaseCheck   = "check"
	PhaseExport  = "export"
	PhasePublish = "publish"
)

// Phases are all of them.
func Phases() []string { return []string{PhaseLoad, PhaseBuild, PhaseCheck, PhaseExport, PhasePublish} }

// Status of a step.
const (
	StatusDone    = "done"    // did something
	StatusFresh   = "fresh"   // had nothing to do
	StatusFailed  = "failed"  // tried and failed; nothing of it stays
	StatusBlocked = "blocked" // not tried: something it needs failed
	StatusWarned  = "warned"  // a check with severity warn found rows
)

// A Step is one line of a run's report.
type Step struct {
	Phase  string `json:"phase"`
	Name   string `json:"name"`
	Status string `json:"status"`
	// Rows read (load), written (build), found (check) or documents written (export); Days built.
	Rows    int64   `json:"rows"`
	Days    int64   `json:"days"`
	Seconds float64 `json:"seconds"`
	// PeakMemory is the most that the process took in a step of build, bytes; 0: not known.
	PeakMemory uint64 `json:"peak_memory,omitempty"`
	Message    string `json:"message,omitempty"`
}

// An Observer sees a run while it goes on. Methods are called from one goroutine at a time, Progress from any.
type Observer interface {
	// Begin announces a step; total is how many steps its phase has, 0 if unknown.
	Begin(phase, name string, position, total int)
	// Progress of the step that was begun, in its own units.
	Progress(done, total int64)
	// End reports the step. A step that had nothing to do is reported too, with StatusFresh.
	End(Step)
}

// NoObserver sees nothing.
type NoObserver struct{}

// Begin does nothing.
func (NoObserver) Begin(string, string, int, int) {}

// Progress does nothing.
func (NoObserver) Progress(int64, int64) {}

// End does nothing.
func (NoObserver) End(Step) {}

// An expecter is an observer that wants to know which run begins, and how many seconds earlier ones took; 0 when there was
// none.
type expecter interface {
	Expect(run int64, seconds float64)
}

// redacted is an observer that sees no secrets.
type redacted struct {
	Observer
	redact func(string) string
}

func (o redacted) End(step Step) {
	step.Message = o.redact(step.Message)
	o.Observer.End(step)
}

// A Report is the outcome of a run, also of one that failed.
type Report struct {
	Run      int64     `json:"run"`
	Command  string    `json:"command"`
	Started  time.Time `json:"started"`
	Seconds  float64   `json:"seconds"`
	ExitCode int       `json:"exit_code"`
	// Late says what was waited for in vain before the run.
	Late []string `json:"late,omitempty"`
	// Stopped: it was asked to stop, and did so between two steps.
	Stopped bool          `json:"stopped,omitempty"`
	Loads   []*LoadReport `json:"loads,omitempty"`
	Steps   []Step        `json:"steps"`
	// Waiting counts the days that wait for input, per model and reason.
	Waiting []Waiting `json:"waiting,omitempty"`
	// Checks that found rows.
	Checks []CheckResult `json:"checks,omitempty"`
	// Exports per destination and statistic that had something to write or has stale documents.
	Exports []ExportReport `json:"exports,omitempty"`
	// Snapshot that was published.
	Snapshot *Snapshot `json:"snapshot,omitempty"`
	// DryRun: nothing was written.
	DryRun bool     `json:"dry_run,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}

// Waiting is what days of a model wait for. Days are compact ranges ("2021-06-09 … 2021-06-11, 2021-07-01").
type Waiting struct {
	Model  string `json:"model"`
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	Days   string `json:"days"`
}

// A CheckResult is a check that found rows, or could not be run.
type CheckResult struct {
	Model    string `json:"model"`
	Check    string `json:"check"`
	Severity string `json:"severity"`
	Rows     int64  `json:"rows"`
	// Examples are at most ten rows as JSON objects.
	Examples []string `json:"examples,omitempty"`
	Error    string   `json:"error,omitempty"`
}

// An ExportReport counts the documents of one statistic at one destination.
type ExportReport struct {
	Destination string `json:"destination"`
	Statistic   string `json:"statistic"`
	New         int64  `json:"new"`
	Changed     int64  `json:"changed"`
	Same        int64  `json:"same"`
	// Stale documents are kept though nothing produces them; Deleted ones are no longer there.
	Stale   int64 `json:"stale"`
	Deleted int64 `json:"deleted,omitempty"`
	// Restored documents are what they were before a run that was undone; Removed ones were not there then.
	Restored int64 `json:"restored,omitempty"`
	Removed  int64 `json:"removed,omitempty"`
	// StaleIDs are the first of the stale documents.
	StaleIDs []string `json:"stale_ids,omitempty"`
	// Refused documents were not taken by the destination.
	Refused []Refusal `json:"refused,omitempty"`
	// Protected documents of the destination stay, because they have the field that the header names.
	Protected []string `json:"protected,omitempty"`
	// Guards that more would change than they allow. One that is not accepted stops the statistic: nothing is written.
	Guards []GuardResult `json:"guards,omitempty"`
	// Of a dry run: days of documents that would be replaced or deleted, fields that differ, and the first changes.
	ChangedDays string           `json:"changed_days,omitempty"`
	Fields      []FieldCount     `json:"fields,omitempty"`
	Changes     []DocumentChange `json:"changes,omitempty"`
	Notes       []string         `json:"notes,omitempty"`
}

// Stopped reports whether a guard stopped the statistic.
func (e ExportReport) Stopped() bool {
	return slices.ContainsFunc(e.Guards, func(g GuardResult) bool { return !g.Accepted })
}

// protect tells what stays because of a field.
func (e *ExportReport) protect(field string, o Outcome) {
	e.Protected = slices.Concat(o.Protected, o.Kept)
	if len(o.Protected) > 0 {
		e.Notes = append(e.Notes, fmt.Sprintf("not written over, because of their %s: %s", field, firstFew(o.Protected)))
	}
	if len(o.Kept) > 0 {
		e.Notes = append(e.Notes, fmt.Sprintf("produced no longer, but not deleted, because of their %s: %s", field, firstFew(o.Kept)))
	}
}

// firstFew names some of them.
func firstFew(ids []string) string {
	const few = 3
	if len(ids) <= few {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:few], ", "), len(ids)-few)
}

// Exit codes, an interface: docs/commands.md.
const (
	ExitDone       = 0
	ExitFailed     = 1
	ExitUsage      = 2
	ExitCheck      = 3
	ExitInUse      = 4
	ExitUnreadable = 5
	// ExitDifferent is of commands that compare.
	ExitDifferent = 6
)

// Idle reports whether nothing was loaded, built or exported.
func (r *Report) Idle() bool {
	for _, step := range r.Steps {
		if step.Status != StatusFresh {
			return false
		}
	}
	return true
}

// exitCode: a failure weighs more than a failed check, that more than a source that could not be read.
func (r *Report) exitCode() int {
	failed, unreadable, checks := false, len(r.Late) > 0, false
	for _, one := range r.Exports {
		checks = checks || one.Stopped()
	}
	for _, step := range r.Steps {
		failed = failed || step.Status == StatusFailed && step.Phase != PhaseCheck && step.Phase != PhaseLoad
	}
	for _, load := range r.Loads {
		failed = failed || len(load.TooManyRejects) > 0 || load.Failure != ""
		unreadable = unreadable || len(load.Unreadable) > 0
	}
	for _, check := range r.Checks {
		checks = checks || check.Severity == SeverityError
	}
	switch {
	case failed:
		return ExitFailed
	case checks:
		return ExitCheck
	case unreadable:
		return ExitUnreadable
	}
	return ExitDone
}

// redact takes secrets out of what was said.
func (r *Report) redact(redact func(string) string) {
	for i := range r.Steps {
		r.Steps[i].Message = redact(r.Steps[i].Message)
	}
	all := func(texts []string) {
		for i := range texts {
			texts[i] = redact(texts[i])
		}
	}
	all(r.Notes)
	for _, load := range r.Loads {
		load.Failure = redact(load.Failure)
		all(load.Notes)
		for _, list := range [][]FileError{load.Unreadable, load.TooManyRejects} {
			for i := range list {
				list[i].Error = redact(list[i].Error)
			}
		}
	}
}
