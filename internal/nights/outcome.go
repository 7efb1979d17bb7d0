package nights

import (
	"fmt"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/wording"
)

// An Outcome is how a night went, also one that never came to open the warehouse: what metrics and notifications tell.
type Outcome struct {
	Host, Warehouse, Command, Version string
	Started                           time.Time
	// Seconds from the start to the end, waiting included.
	Seconds  float64
	ExitCode int
	// Problem is the error that ended the run as a whole, "" when none did.
	Problem string
	// Report is nil when the run could not begin, Facts and Sizes when they could not be read.
	Report *engine.Report
	Facts  *engine.Facts
	Sizes  *engine.Sizes
}

// Stopped says that someone asked the run to stop: that is neither a failure nor a success.
func (o *Outcome) Stopped() bool { return o.Report != nil && o.Report.Stopped }

// Late says what was waited for in vain, or how far sources are behind.
func (o *Outcome) Late() string {
	switch {
	case o.Report != nil && len(o.Report.Late) > 0:
		return strings.Join(o.Report.Late, "; ")
	case o.Facts != nil && o.Facts.DaysBehind == 1:
		return "yesterday is not there yet"
	case o.Facts != nil && o.Facts.DaysBehind > 1:
		return fmt.Sprintf("the last %d days are not there yet", o.Facts.DaysBehind)
	}
	return ""
}

// Problems are what went wrong, in the order in which it did.
func (o *Outcome) Problems() []string {
	var list []string
	if o.Report != nil {
		list = append(loadProblems(o.Report), stepProblems(o.Report)...)
	}
	if o.Problem != "" && !o.Stopped() {
		list = append(list, o.Problem)
	}
	return list
}

func loadProblems(r *engine.Report) []string {
	var list []string
	for _, load := range r.Loads {
		if load.Failure != "" {
			list = append(list, "load "+load.Source+": "+load.Failure)
		}
		for _, one := range append(append([]engine.FileError{}, load.Unreadable...), load.TooManyRejects...) {
			name := load.Source
			if one.File != name {
				name += ": " + one.File
			}
			list = append(list, "load "+name+": "+one.Error)
		}
	}
	return list
}

func stepProblems(r *engine.Report) []string {
	var list []string
	for _, step := range r.Steps {
		if step.Status == engine.StatusFailed && step.Phase != engine.PhaseLoad && step.Phase != engine.PhaseCheck {
			list = append(list, step.Phase+" "+step.Name+": "+step.Message)
		}
	}
	for _, check := range r.Checks {
		if check.Severity == engine.SeverityError {
			list = append(list, fmt.Sprintf("check %s on %s: %s", check.Check, check.Model, wording.Count(check.Rows, "row")))
		}
	}
	return list
}

// HeldBack are the statistics that did not go out or not with all their days, each once.
func (o *Outcome) HeldBack() []string {
	if o.Report == nil {
		return nil
	}
	var list []string
	seen := map[string]bool{}
	add := func(name string) {
		if name = strings.TrimPrefix(name, "stat."); !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	for _, step := range o.Report.Steps {
		bad := step.Status == engine.StatusFailed || step.Status == engine.StatusBlocked
		if bad && (step.Phase == engine.PhaseExport || step.Phase == engine.PhaseBuild && strings.HasPrefix(step.Name, "stat.")) {
			add(step.Name)
		}
	}
	for _, waiting := range o.Report.Waiting {
		if strings.HasPrefix(waiting.Model, "stat.") {
			add(waiting.Model)
		}
	}
	return list
}
