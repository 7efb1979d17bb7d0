package engine

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	near "github.com/ccdexplorer/nightrunner/internal/nearest"
)

// How a model is kept.
const (
	View        = "view"
	Table       = "table"
	Incremental = "incremental"
	State       = "state"
)

// AllDays as a Lookback: the rows of a day read all days before it.
const AllDays = -1

// A Model is one SQL file: a name, a SELECT and how it is kept. docs/models.md explains the keys.
type Model struct {
	// Name is schema.name; File is the path below the SQL folder.
	Name, File string
	// SQL is the whole file, comments included, so that DuckDB's line numbers are the file's.
	SQL         string
	Description string

	Materialize string
	Grain       string
	Lookback    int
	Requires    []Requirement
	Matches     []Match
	Depends     []string
	Optional    []string // what it reads without waiting for what that requires
	Export      string
	Spread      string
	// Layout is the only layout of destinations in which it is exported, "" for all. Collection, Database and Protect say
	// where documents go, as in Statistic.
	Layout, Collection, Database, Protect string

	Checks  []Check
	Guards  []Guard
	Columns []ColumnComment
	// StateColumns are a state model's columns as in create table: it reads itself, so its SQL cannot tell them.
	StateColumns   string
	Owner, Version string
	Severity       string // of a file in sql/checks
	Allowed        []Allowed

	// Reads are the tables and models its SQL names, Macros the macros it calls; both direct, found by resolve.
	Reads  []string
	Macros []string
	// Fingerprint is a hash of its SQL without comments and layout, its keys, its macros and the fingerprints of what it
	// reads: what it holds is rebuilt when this changes.
	Fingerprint string

	keyLines map[string]int
	tree     string
}

// A Requirement makes a day wait until Relation has a row with its date.
type Requirement struct {
	Relation string
	// Reason says what is waited for, in words for status.
	Reason string
}

// A Match says that of a table without days, a day reads only the rows whose Column stands in Relation on that day.
type Match struct{ Table, Column, Relation string }

// A ColumnComment is what a column is, with its unit.
type ColumnComment struct {
	Name, Text string
	// Line of the header.
	Line int
}

// An Allowed is a rule of lint that a file breaks on purpose, and why.
type Allowed struct {
	Rule, Reason string
	Line         int
}

// Line is that of the first header line with this key, 0 if there is none.
func (m *Model) Line(key string) int { return m.keyLines[key] }

// Daily reports whether the rows belong to days, in column date.
func (m *Model) Daily() bool { return m.Grain == "day" || strings.HasPrefix(m.Grain, "day,") }

// Stored reports whether the model is a table of its own.
func (m *Model) Stored() bool { return m.Materialize != View }

// ByDay reports whether the model is built day by day.
func (m *Model) ByDay() bool { return m.Materialize == Incremental || m.Materialize == State }

var (
	headerLine   = regexp.MustCompile(`^--\s*([A-Za-z_]+):\s*(.*?)\s*$`)
	relationName = regexp.MustCompile(`^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$`)
	plainName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

var defaultKind = map[string]string{"stg": View, "mid": View, "stat": Table}

// parseModel reads the header of a file. All its errors are returned, not only the first.
func parseModel(file, name, text string) (*Model, ModelErrors) {
	m := &Model{Name: name, File: file, SQL: strings.TrimRight(text, "; \t\r\n"), keyLines: map[string]int{}}
	schema, _, _ := strings.Cut(name, ".")
	m.Materialize = defaultKind[schema]
	var errs ModelErrors
	fail := func(line int, err error) {
		problem := &ModelError{File: file, Line: line, Err: err, Hint: HintOf(err)}
		errs = append(errs, problem)
	}
	// An editor's byte order mark is no part of the first key.
	lines := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")
	end := headerEnd(lines)
	m.readHeader(lines[:end], fail)
	for _, err := range m.validate(schema) {
		fail(m.keyLines[err.key], err.err)
	}
	if strings.TrimSpace(strings.Join(lines[end:], "")) == "" {
		fail(len(lines), errors.New("no SQL below the header"))
	}
	return m, errs
}

// readHeader sets what the keys say. Prose begins after an empty comment line, or with the first line that is no key.
func (m *Model) readHeader(lines []string, fail func(line int, err error)) {
	var description []string
	begun, prose, ended := false, false, false
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		body := strings.TrimSpace(strings.TrimPrefix(line, "--"))
		if body == "" {
			ended = ended || begun
			description = append(description, "")
			continue
		}
		begun = true
		match := headerLine.FindStringSubmatch(line)
		if !prose && !ended && match != nil {
			if err := m.set(match[1], match[2], i+1); err != nil {
				fail(i+1, err)
			}
			continue
		}
		prose = true
		description = append(description, body)
		if match != nil && !ended && headerKeys()[match[1]] != nil {
			fail(i+1, WithHint(fmt.Errorf("key %q stands below prose", match[1]), "keys first, then an empty comment line, then prose"))
		}
	}
	m.Description = strings.TrimSpace(strings.Join(description, "\n"))
}

// headerEnd is the number of leading comment lines, with empty lines above them.
func headerEnd(lines []string) int {
	begun := false
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" && !begun {
			continue
		}
		if !strings.HasPrefix(line, "--") {
			return i
		}
		begun = true
	}
	return len(lines)
}

// headerKeys is the closed list of keys and what each does with its value.
func headerKeys() map[string]func(m *Model, value string) error {
	return map[string]func(*Model, string) error{
		"materialize": func(m *Model, v string) error {
			return oneOf(v, &m.Materialize, View, Table, Incremental, State)
		},
		"grain":    func(m *Model, v string) error { m.Grain = v; return nil },
		"lookback": (*Model).setLookback,
		"requires": (*Model).addRequirement,
		"match":    (*Model).addMatch,
		"depends": func(m *Model, v string) error {
			m.Depends = append(m.Depends, v)
			return relation(v)
		},
		"optional": func(m *Model, v string) error {
			m.Optional = append(m.Optional, v)
			return relation(v)
		},
		"export":     func(m *Model, v string) error { m.Export = v; return plain(v) },
		"spread":     func(m *Model, v string) error { m.Spread = v; return plain(v) },
		"layout":     func(m *Model, v string) error { return oneOf(v, &m.Layout, LayoutCollections, LayoutSingle) },
		"collection": func(m *Model, v string) error { m.Collection = v; return plain(v) },
		"database":   func(m *Model, v string) error { return oneOf(v, &m.Database, DatabaseUtilities) },
		"protect":    func(m *Model, v string) error { m.Protect = v; return plain(v) },
		"check":      (*Model).addCheck,
		"guard":      (*Model).addGuard,
		"column":     (*Model).addColumn,
		"columns":    func(m *Model, v string) error { m.StateColumns = v; return nil },
		"owner":      func(m *Model, v string) error { m.Owner = v; return nil },
		"version":    func(m *Model, v string) error { m.Version = v; return nil },
		"severity":   func(m *Model, v string) error { return oneOf(v, &m.Severity, SeverityError, SeverityWarn) },
		"lint":       (*Model).addAllowed,
	}
}

// repeatable keys may stand more than once.
func repeatable(key string) bool {
	switch key {
	case "requires", "match", "depends", "optional", "check", "guard", "column", "lint":
		return true
	}
	return false
}

func (m *Model) set(key, value string, line int) error {
	keys := headerKeys()
	set, known := keys[key]
	if !known {
		return WithHint(fmt.Errorf("unknown key %q", key), "%sprose starts after an empty comment line", Suggest("nearest key: %s; ", key, keys))
	}
	if first, twice := m.keyLines[key]; twice && !repeatable(key) {
		return fmt.Errorf("key %q stands twice, first on line %d", key, first)
	}
	if _, there := m.keyLines[key]; !there {
		m.keyLines[key] = line
	}
	if value == "" {
		return fmt.Errorf("key %q has no value", key)
	}
	if err := set(m, value); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	m.keepLine(key, line)
	return nil
}

// keepLine gives the entry that a repeatable key has just made its line.
func (m *Model) keepLine(key string, line int) {
	switch key {
	case "check":
		m.Checks[len(m.Checks)-1].Line = line
	case "guard":
		m.Guards[len(m.Guards)-1].Line = line
	case "column":
		m.Columns[len(m.Columns)-1].Line = line
	case "lint":
		m.Allowed[len(m.Allowed)-1].Line = line
	}
}

func (m *Model) setLookback(value string) error {
	if value == "all" {
		m.Lookback = AllDays
		return nil
	}
	days, err := strconv.Atoi(value)
	if err != nil || days < 0 {
		return fmt.Errorf("%q is neither a number of days nor all", value)
	}
	m.Lookback = days
	return nil
}

func (m *Model) addRequirement(value string) error {
	name, reason, _ := strings.Cut(value, " ")
	reason = strings.TrimSpace(reason)
	if reason == "" {
		reason = "a row in " + name
	}
	m.Requires = append(m.Requires, Requirement{Relation: name, Reason: reason})
	return relation(name)
}

func (m *Model) addMatch(value string) error {
	words := strings.Fields(value)
	if len(words) != 5 || words[1] != "on" || words[3] != "in" {
		return fmt.Errorf("%q does not read TABLE on COLUMN in RELATION", value)
	}
	match := Match{Table: words[0], Column: words[2], Relation: words[4]}
	m.Matches = append(m.Matches, match)
	return errors.Join(relation(match.Table), plain(match.Column), relation(match.Relation))
}

func (m *Model) addColumn(value string) error {
	name, text, _ := strings.Cut(value, " ")
	text = strings.TrimSpace(text)
	if text == "" {
		return fmt.Errorf("%q does not read NAME what it is", value)
	}
	m.Columns = append(m.Columns, ColumnComment{Name: name, Text: text})
	return nil
}

func (m *Model) addAllowed(value string) error {
	allowed, err := ParseAllowed(value)
	m.Allowed = append(m.Allowed, allowed)
	return err
}

// ParseAllowed reads the value of a lint key: allow RULE reason.
func ParseAllowed(value string) (Allowed, error) {
	words := strings.Fields(value)
	if len(words) < 3 || words[0] != "allow" {
		return Allowed{}, fmt.Errorf("%q does not read allow RULE why", value)
	}
	return Allowed{Rule: words[1], Reason: strings.Join(words[2:], " ")}, nil
}

type keyError struct {
	key string
	err error
}

// validate finds keys that do not go together.
func (m *Model) validate(schema string) []keyError {
	var errs []keyError
	add := func(key, format string, args ...any) {
		errs = append(errs, keyError{key, fmt.Errorf(format, args...)})
	}
	check := schema == "checks"
	if m.ByDay() && !m.Daily() {
		add("materialize", "%s needs grain: day", m.Materialize)
	}
	if m.Lookback != 0 && !m.ByDay() {
		add("lookback", "a %s is not built by day", m.Materialize)
	}
	if m.Materialize == State && m.StateColumns == "" {
		add("materialize", "a state model names its columns with columns: NAME TYPE, …")
	}
	if m.Materialize != State && m.StateColumns != "" {
		add("columns", "only a state model names its columns")
	}
	for key, value := range map[string]string{"spread": m.Spread, "layout": m.Layout, "collection": m.Collection, "database": m.Database, "protect": m.Protect} {
		if value != "" && m.Export == "" {
			add(key, "%s goes with export", key)
		}
	}
	if len(m.Guards) > 0 && m.Export == "" {
		add("guard", "a guard goes with export")
	}
	if m.Severity != "" && !check {
		add("severity", "severity is for files in sql/checks; write check: warn …")
	}
	if m.Export != "" && schema != "stat" {
		add("export", "only models in sql/stat are exported")
	}
	if check && m.Materialize != "" {
		add("materialize", "a check is not kept")
	}
	return errs
}

func oneOf(value string, into *string, allowed ...string) error {
	for _, one := range allowed {
		if value == one {
			*into = value
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", value, strings.Join(allowed, ", "))
}

func relation(name string) error {
	if !relationName.MatchString(name) {
		return fmt.Errorf("%q is not a name like stg.accounts", name)
	}
	return nil
}

func plain(name string) error {
	if !plainName.MatchString(name) {
		return fmt.Errorf("%q is not a plain name", name)
	}
	return nil
}

// nearest is the key most like a word, "" when none is like it: more than a third of the letters would have to change. A
// word without a schema is compared with names without theirs.
func nearest[T any](word string, keys map[string]T) string {
	best, distance := "", max(2, len(word)/3)+1
	for key := range keys {
		name := key
		if _, short, has := strings.Cut(key, "."); has && !strings.Contains(word, ".") {
			name = short
		}
		if d := near.Edits(word, name); d < distance || d == distance && best != "" && key < best {
			best, distance = key, d
		}
	}
	return best
}

// Suggest names the key most like a word with a format that has one %s; "" when none is like it.
func Suggest[T any](format, word string, keys map[string]T) string {
	if key := nearest(word, keys); key != "" {
		return fmt.Sprintf(format, key)
	}
	return ""
}
