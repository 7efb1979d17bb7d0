package engine

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ccdexplorer/nightrunner/internal/wording"
)

// Kinds of guards.
const (
	maxChangedDays      = "max_changed_days"
	maxChangedDocuments = "max_changed_documents"
	maxDeleted          = "max_deleted"
	neverDecreases      = "never_decreases"
)

// guardKinds is the closed list of guards.
func guardKinds() map[string]bool {
	return map[string]bool{maxChangedDays: true, maxChangedDocuments: true, maxDeleted: true, neverDecreases: true}
}

// A Guard stops the export of a statistic that would change more of a destination than it allows. What a destination does
// not have yet is no change.
type Guard struct {
	Kind string
	// Limit of days or documents; Column of never_decreases.
	Limit  int64
	Column string
	Line   int
}

// Name is the guard as written.
func (g Guard) Name() string {
	if g.Kind == neverDecreases {
		return g.Kind + " " + g.Column
	}
	return fmt.Sprintf("%s %d", g.Kind, g.Limit)
}

func (m *Model) addGuard(value string) error {
	words := strings.Fields(value)
	if !guardKinds()[words[0]] {
		return WithHint(fmt.Errorf("unknown kind of guard %q", words[0]), "%s%s, %s, %s or %s", Suggest("nearest: %s; ", words[0], guardKinds()),
			maxChangedDays, maxChangedDocuments, maxDeleted, neverDecreases)
	}
	guard := Guard{Kind: words[0]}
	switch {
	case len(words) != 2 && guard.Kind == neverDecreases:
		return fmt.Errorf("%q does not read %s COLUMN", value, neverDecreases)
	case len(words) != 2:
		return fmt.Errorf("%q does not read %s N", value, guard.Kind)
	case guard.Kind == neverDecreases:
		guard.Column = strings.Trim(words[1], `"`)
	default:
		var err error
		if guard.Limit, err = strconv.ParseInt(words[1], 10, 64); err != nil || guard.Limit < 0 {
			return fmt.Errorf("%q is no number from 0 up", words[1])
		}
	}
	m.Guards = append(m.Guards, guard)
	return nil
}

// A GuardResult is a guard that more would change than it allows.
type GuardResult struct {
	Guard string `json:"guard"`
	// Found is how many days or documents would change; Allowed how many may.
	Found   int64 `json:"found"`
	Allowed int64 `json:"allowed"`
	// Examples of what would change.
	Examples []string `json:"examples,omitempty"`
	// Accepted: the export went on all the same.
	Accepted bool `json:"accepted,omitempty"`
}

func (r GuardResult) String() string {
	var text string
	switch kind, _, _ := strings.Cut(r.Guard, " "); kind {
	case maxChangedDays:
		text = fmt.Sprintf("guard %s: documents of %s would change", r.Guard, wording.Count(r.Found, "day"))
	case maxChangedDocuments:
		text = fmt.Sprintf("guard %s: %s would change", r.Guard, wording.Count(r.Found, "document"))
	case maxDeleted:
		text = fmt.Sprintf("guard %s: %s would be deleted", r.Guard, wording.Count(r.Found, "document"))
	case neverDecreases:
		text = fmt.Sprintf("guard %s: it would decrease in %s", r.Guard, wording.Count(r.Found, "document"))
	}
	if len(r.Examples) > 0 {
		text += " (" + strings.Join(r.Examples, ", ") + ")"
	}
	return text
}

// guardExamples is how many examples a result names.
const guardExamples = 3

// watch asks the guards of a model what they say to a write. Those that are not accepted stop it.
func (x *publisher) watch(ctx context.Context, m *Model, k *work) error {
	for _, guard := range m.Guards {
		result, err := x.ask(ctx, m, k, guard)
		if err != nil {
			return fmt.Errorf("%s:%d: guard %s: %w", m.File, guard.Line, guard.Name(), err)
		}
		if result.Found > result.Allowed {
			result.Guard, result.Accepted = guard.Name(), x.options.accepts(m)
			k.guards = append(k.guards, result)
		}
	}
	return nil
}

func (x *publisher) ask(ctx context.Context, m *Model, k *work, g Guard) (GuardResult, error) {
	seen := k.preview
	switch g.Kind {
	case maxDeleted:
		gone := k.publication.GoneIDs
		return GuardResult{Found: int64(len(gone)), Allowed: g.Limit, Examples: gone[:min(len(gone), guardExamples)]}, nil
	case maxChangedDocuments:
		return GuardResult{Found: seen.Changed + int64(len(k.publication.GoneIDs)), Allowed: g.Limit}, nil
	case maxChangedDays:
		days, err := x.goneDays(ctx, m, k)
		for day := range seen.Days {
			days[day] = true
		}
		result := GuardResult{Found: int64(len(days)), Allowed: g.Limit}
		if ranges := dayRanges(days); ranges != "" {
			result.Examples = []string{ranges}
		}
		return result, err
	}
	return x.decreases(ctx, m, k, g.Column)
}

// goneDays are the days of documents that are deleted.
func (x *publisher) goneDays(ctx context.Context, m *Model, k *work) (map[string]bool, error) {
	days := map[string]bool{}
	return days, x.w.each(ctx, func(rows *sql.Rows) error {
		var day string
		err := rows.Scan(&day)
		days[day] = true
		return err
	}, fmt.Sprintf("select distinct coalesce(date::varchar, '') from ops.documents where %s and id in (select id from %s where is_gone)", k.mine(m.Export), k.stale()))
}

// decreases finds documents whose value is below that of the day before them in the warehouse, or below what the destination
// has under their `_id`.
func (x *publisher) decreases(ctx context.Context, m *Model, k *work, column string) (GuardResult, error) {
	if err := x.numeric(m, column); err != nil {
		return GuardResult{}, err
	}
	found := map[string]string{}
	for _, one := range k.preview.Decreases {
		if one.Field == column {
			found[one.ID] = fmt.Sprintf("%s: %s → %s", one.ID, one.Before, one.After)
		}
	}
	judged, err := x.hasHistory(ctx, m, k)
	if err != nil {
		return GuardResult{}, err
	}
	if m.Grain == "day" && judged {
		// Only what is written is judged: what is there already was.
		err := x.w.each(ctx, func(rows *sql.Rows) error {
			var id, before, after string
			err := rows.Scan(&id, &before, &after)
			if found[id] == "" {
				found[id] = fmt.Sprintf("%s: %s after %s the day before", id, after, before)
			}
			return err
		}, fmt.Sprintf(`select _id, earlier::varchar, value::varchar from (select _id, date, %[1]s as value, lag(%[1]s) over (order by date, _id) as earlier from %[2]s)
			where value < earlier and _id in (select id from %[3]s where not is_same) order by date`, identifier(column), m.Name, k.altered()))
		if err != nil {
			return GuardResult{}, err
		}
	}
	result := GuardResult{Found: int64(len(found)) + k.preview.MoreDecreases}
	for _, text := range sortedValues(found) {
		if len(result.Examples) < guardExamples {
			result.Examples = append(result.Examples, text)
		}
	}
	return result, nil
}

// hasHistory: the destination has documents of the statistic, ours or another's. Without, a history goes out as a whole and is what it
// is; with one, a night's new day is judged.
func (x *publisher) hasHistory(ctx context.Context, m *Model, k *work) (bool, error) {
	var ours bool
	err := x.w.scalar(ctx, &ours, "select count(*) > 0 from ops.documents where "+k.mine(m.Export))
	p := k.publication
	return ours || k.foreseen.New < p.New+p.Changed+p.Same, err
}

// numeric refuses a column that is not there, or no number: texts have another order.
func (x *publisher) numeric(m *Model, column string) error {
	types := map[string]string{}
	for _, one := range x.columns[m.Name] {
		types[one.Name] = one.Type
	}
	kind, there := types[column]
	switch {
	case !there:
		return fmt.Errorf("no column %s%s", column, Suggest(" (nearest: %s)", column, types))
	case !strings.HasSuffix(kind, "INT") && !strings.HasSuffix(kind, "INTEGER") && !strings.HasPrefix(kind, "DECIMAL") && kind != "DOUBLE" && kind != "FLOAT":
		return fmt.Errorf("column %s is %s, no number", column, kind)
	}
	return nil
}

func sortedValues(m map[string]string) []string {
	var list []string
	for _, value := range m {
		list = append(list, value)
	}
	slices.Sort(list)
	return list
}

// accepts reports whether what the guards of a model say is accepted.
func (o ExportOptions) accepts(m *Model) bool {
	return slices.ContainsFunc(o.Accept, func(name string) bool { return matches(name, m) || name == m.Export })
}

// stopped is the word for a work that guards stop, "" when they do not.
func (k *work) stopped() string {
	var texts []string
	for _, one := range k.guards {
		if !one.Accepted {
			texts = append(texts, one.String())
		}
	}
	return strings.Join(texts, "; ")
}

// guard compares a statistic with what destinations hold, and holds back where a guard says so. Without guards nothing is read.
func (x *publisher) guard(ctx context.Context, m *Model, works []*work) {
	if len(m.Guards) == 0 {
		return
	}
	x.preview(ctx, m, works, PreviewOptions{Columns: m.guardedColumns()})
	x.judge(ctx, m, works)
}

// judge asks the guards about each destination that was previewed.
func (x *publisher) judge(ctx context.Context, m *Model, works []*work) {
	for _, one := range works {
		if one.failed() || one.preview == nil {
			continue
		}
		if err := x.watch(ctx, m, one); err != nil {
			one.fail(m, err)
			continue
		}
		if why := one.stopped(); why != "" {
			one.step.Status = StatusBlocked
			one.step.Message = fmt.Sprintf("%s: %s", one.to.Destination(), why)
			one.to.held[m.Name] = "its guard stopped it"
		}
	}
}

func (m *Model) guardedColumns() []string {
	var list []string
	for _, one := range m.Guards {
		if one.Kind == neverDecreases {
			list = append(list, one.Column)
		}
	}
	return list
}
