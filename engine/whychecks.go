package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"
)

// A foundCheck is a result and up to ten of the rows that it found.
type foundCheck struct {
	WhyCheck
	examples string
}

// readChecks finds the checks on the model and on what it reads, and what they found.
func (y *why) readChecks(ctx context.Context) error {
	results := map[string]foundCheck{}
	err := y.each(ctx, func(rows *sql.Rows) error {
		var c foundCheck
		err := rows.Scan(&c.Model, &c.Check, &c.Severity, &c.Status, &c.Rows, &c.Run, &c.examples)
		results[c.Model+" "+c.Check] = c
		return err
	}, "select model, check_name, severity, status, failure_count, run_id, coalesce(examples, '') from ops.check_results")
	if err != nil {
		return err
	}
	y.report.Checks = []WhyCheck{}
	add := func(m *Model, name, severity string, reads []string) {
		found, there := results[m.Name+" "+name]
		if !there {
			found.WhyCheck = WhyCheck{Model: m.Name, Check: name, Severity: severity, Status: "not run"}
		}
		found.Here = y.isHere(found, reads)
		y.report.Checks = append(y.report.Checks, found.WhyCheck)
	}
	for _, m := range slices.Backward(y.p.Models) {
		if _, part := y.spans[m.Name]; part {
			for _, check := range m.Checks {
				add(m, check.Name(), check.Severity, []string{m.Name})
			}
		}
	}
	for _, m := range y.p.Checks {
		reads := slices.DeleteFunc(y.p.needs(m), func(name string) bool { _, part := y.spans[name]; return !part })
		if len(reads) > 0 {
			add(m, "query "+m.File, m.Severity, reads)
		}
	}
	return nil
}

// isHere reports whether one of the rows that a check found is of days that have a part in the document.
func (y *why) isHere(c foundCheck, reads []string) *bool {
	var rows []string
	if c.Rows == 0 || json.Unmarshal([]byte(c.examples), &rows) != nil {
		return nil
	}
	here := false
	for _, row := range rows {
		var fields struct {
			ID   string `json:"_id"`
			Date string `json:"date"`
		}
		if json.Unmarshal([]byte(row), &fields) != nil {
			continue
		}
		here = here || fields.ID != "" && fields.ID == y.report.ID
		for _, name := range reads {
			here = here || fields.Date != "" && y.spans[name].holds(fields.Date)
		}
	}
	if !here && c.Rows > int64(len(rows)) {
		return nil
	}
	return &here
}

// holds a date like 2021-06-09.
func (s dayspan) holds(date string) bool {
	return (s.first.IsZero() || date >= s.first.Format(time.DateOnly)) && (s.last.IsZero() || date <= s.last.Format(time.DateOnly))
}
