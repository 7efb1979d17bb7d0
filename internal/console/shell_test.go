package console

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ccdexplorer/nightrunner/internal/sqltext"
)

func TestLexKeepsTheText(t *testing.T) {
	for text, want := range map[string]string{
		"select a.b, 'x''y' -- c\nfrom t": "w:select| :|w:a.b|, |t:'x''y'|c:-- c\n|w:from|w:t",
		`"a b"+1.5e3`:                     `n:"a b"|+|d:1.5e3`,
		"/* a */ /* b */x":                "c:/* a */|c:/* b */|w:x",
		"$$a;b$$, é":                      "t:$$a;b$$|, |w:é",
		"x'ab":                            "w:x|t:'ab",
	} {
		var got []string
		all := ""
		for _, one := range sqltext.Lex(text) {
			all += one.Text
			mark := map[sqltext.Kind]string{sqltext.Word: "w:", sqltext.Text: "t:", sqltext.Comment: "c:", sqltext.Name: "n:", sqltext.Number: "d:"}[one.Kind]
			if mark != "" || strings.TrimSpace(one.Text) != "" {
				got = append(got, mark+one.Text)
			}
		}
		if all != text {
			t.Errorf("%q became %q", text, all)
		}
		if joined := strings.Join(got, "|"); joined != strings.ReplaceAll(want, "| :", "") {
			t.Errorf("%q: got %q", text, joined)
		}
	}
}

// FuzzHighlight: without its colours the text is what was typed, whatever was typed.
func FuzzHighlight(f *testing.F) {
	for _, seed := range []string{"select 1", "-- a\nb", "'a\nb'", "$$", ".tables x", "E'\\'", "/*", "count(*)", "1e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "\x1b") {
			t.Skip("colours of its own")
		}
		plain := highlight(text, map[string]bool{"select": true})
		for _, code := range []string{codeBold, codeString, codeNumber, codeFunction, codeComment, codeReset} {
			plain = strings.ReplaceAll(plain, code, "")
		}
		if plain != text {
			t.Errorf("%q became %q", text, plain)
		}
	})
}

func TestHighlight(t *testing.T) {
	keywords := map[string]bool{"select": true, "from": true}
	for text, want := range map[string]string{
		"SELECT a, count(1)": codeBold + "SELECT" + codeReset + " a, " + codeFunction + "count" + codeReset + "(" + codeNumber + "1" + codeReset + ")",
		"'a\nb'":             codeString + "'a" + codeReset + "\n" + codeString + "b'" + codeReset,
		".tables raw.*":      codeBold + ".tables" + codeReset + " raw.*",
	} {
		if got := highlight(text, keywords); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

func TestMeterLine(t *testing.T) {
	for _, test := range []struct {
		progress float64
		want     string
	}{
		{-1, "⠋ 12 s, Ctrl-C stops it"}, {0.001, "⠋ 12 s, Ctrl-C stops it"},
		{0.5, strings.Repeat("█", 15) + strings.Repeat("░", 15) + " 50 %, 12 s, Ctrl-C stops it"},
		{1.2, strings.Repeat("█", 30) + " 100 %, 12 s, Ctrl-C stops it"},
	} {
		if got := meterLine(test.progress, 12900*time.Millisecond, 0); got != test.want {
			t.Errorf("%f: got %s", test.progress, got)
		}
	}
}

func TestSettings(t *testing.T) {
	db := openDB(t)
	const query = "select 1 as a, null as b;\n"
	for input, want := range map[string]string{
		".mode csv\n.headers off\n" + query:                       "1,\n",
		".mode csv\n.nullvalue '-'\n" + query:                     "a,b\n1,-\n",
		".mode csv\n.nullvalue -\n.nullvalue\n" + query:           "a,b\n1,\n",
		".mode tabs\n" + query:                                    "a\tb\n1\t\n",
		".mode markdown\n.nullvalue none\n" + query:               "| a | b |\n| ---: | ---: |\n| 1 | none |\n",
		".mode json\n.nullvalue none\n" + query:                   "[{\"a\":1,\"b\":null}]\n",
		".mode jsonlines\n" + query:                               "{\"a\":1,\"b\":null}\n",
		".mode box\n.headers off\n" + query:                       "┌───┬──────┐\n│ 1 │ NULL │\n└───┴──────┘\n",
		".mode box\n.maxwidth 15\nselect repeat('x', 30) as long": "┌─────────────┐\n│ long        │\n├─────────────┤\n│ xxxxxxxxxx… │\n└─────────────┘\n",
		".echo on\n.mode csv\nselect 2 as two":                    ".mode csv\nselect 2 as two\ntwo\n2\n",
		".print 'a b'\n.print":                                    "a b\n\n",
		".mode csv;\n.mod line\nselect 1 as a":                    "a = 1\n",
	} {
		if got := runOn(t, db, Options{}, input); got != want {
			t.Errorf("%q: got\n%s", input, got)
		}
	}
}

func TestSettingsAreTold(t *testing.T) {
	session, out, errs := start(t, openDB(t), Options{Format: Duckbox, MaxRows: 40})
	if err := session.Run(t.Context(), strings.NewReader(".mode\n.maxrows\n.timer\n.show")); err != nil {
		t.Fatal(err)
	}
	if got := errs.String(); got != ".mode is duckbox\n.maxrows is 40\n.timer is off\n" {
		t.Errorf("got %s", got)
	}
	for _, one := range []string{".mode       duckbox", ".bail       on", ".pager      off: there is none"} {
		if !strings.Contains(out.String(), one) {
			t.Errorf("%s is missing in\n%s", one, out)
		}
	}
}

func TestDuckbox(t *testing.T) {
	db := openDB(t)
	for query, want := range map[string]string{
		"select 1 as a, 'x' as b":   "┌─────────┬─────────┐\n│       a │ b       │\n│ integer │ varchar │\n├─────────┼─────────┤\n│       1 │ x       │\n└─────────┴─────────┘\n",
		"select 1 as a where false": "┌─────────┐\n│       a │\n│ integer │\n├─────────┤\n└─────────┘\n0 rows, 1 column\n",
	} {
		if got := runOn(t, db, Options{Format: Duckbox, MaxRows: 4}, query); got != want {
			t.Errorf("%s: got\n%s", query, got)
		}
	}
	got := runOn(t, db, Options{Format: Duckbox, Width: func() int { return 30 }}, "select 10000 a, 20000 b, 30000 c, 40000 d, 50000 e, 60000 f")
	if !strings.HasSuffix(got, "\n6 columns (2 shown; .mode line)\n") {
		t.Errorf("got\n%s", got)
	}
}

// TestLongTablesAreDrawnInParts, so that none is held as a whole.
func TestLongTablesAreDrawnInParts(t *testing.T) {
	got := runOn(t, openDB(t), Options{Format: Table}, "select i from range(25000) as t(i)")
	if heads, rows := strings.Count(got, "│     i │"), strings.Count(got, "\n│ "); heads != 2 || rows != 25000+3 {
		t.Errorf("%d heads of full width, %d rows and heads", heads, rows)
	}
}

func TestOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "once.csv")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	db := openDB(t)
	session, out, _ := start(t, db, Options{Format: CSV, Colors: true})
	// What makes no result does not use it up; what fails leaves the file.
	err := session.Run(t.Context(), strings.NewReader(".once '"+path+"'\ncreate temp table x as select 1 as a;\nselect error('no');"))
	if content, readErr := os.ReadFile(path); err == nil || readErr != nil || string(content) != "before" {
		t.Errorf("%v, %v, %s", err, readErr, content)
	}
	err = session.Run(t.Context(), strings.NewReader(".once "+path+"\nfrom x;\nfrom x;"))
	if content, readErr := os.ReadFile(path); err != nil || readErr != nil || string(content) != "a\n1\n" || out.String() != "a\n1\n" {
		t.Errorf("%v, %v, %s, %s", err, readErr, content, out)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left %v, %v", files, err)
	}
}

func TestGoOn(t *testing.T) {
	session, out, errs := start(t, openDB(t), Options{Format: CSV, GoOn: true, Hint: func(error) string { return "look" }})
	err := session.Run(t.Context(), strings.NewReader("select nope;\n.nope\nselect 1 as a;"))
	if !errors.Is(err, ErrReported) || out.String() != "a\n1\n" {
		t.Errorf("%v, %s", err, out)
	}
	for _, one := range []string{"error: Binder Error", "error: statement 2, line 2: unknown command .nope", "hint: look"} {
		if !strings.Contains(errs.String(), one) {
			t.Errorf("%s is missing in %s", one, errs)
		}
	}
	if err := session.Run(t.Context(), strings.NewReader("select 1;")); err != nil {
		t.Errorf("the next input: %v", err)
	}
	var quit Quit
	if err := session.Run(t.Context(), strings.NewReader("select nope;\n.exit 3\nselect 4;")); !errors.As(err, &quit) || quit.Code != 3 {
		t.Errorf("got %v", err)
	}
}

func TestCommands(t *testing.T) {
	var got []string
	command := Command{Name: ".own", Argument: "[WORD ...]", Run: func(_ context.Context, words []string, to Output) error {
		got = words
		_, err := io.WriteString(to, "ran\n")
		return err
	}}
	session, out, _ := start(t, openDB(t), Options{Commands: []Command{command}})
	if err := session.Run(t.Context(), strings.NewReader(`.own a 'b c' "d'e" ''`)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []string{"a", "b c", "d'e", ""}) || out.String() != "ran\n" {
		t.Errorf("got %q, %s", got, out)
	}
	if err := session.Run(t.Context(), strings.NewReader(`.own 'a`)); err == nil || err.Error() != "a ' is not closed" {
		t.Errorf("got %v", err)
	}
}

func TestOpen(t *testing.T) {
	first, second := openDB(t), openDB(t)
	if _, err := second.Exec("create table here (a int)"); err != nil {
		t.Fatal(err)
	}
	open := func(_ context.Context, name string) (Database, string, error) {
		if name == "none" {
			return nil, "", os.ErrNotExist
		}
		return shared{second}, "opened", nil
	}
	session, out, errs := start(t, first, Options{Format: CSV, Open: open})
	if err := session.Run(t.Context(), strings.NewReader(".open none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := session.Run(t.Context(), strings.NewReader("select 1 as a;\n.open\nselect count(*) as n from here;")); err != nil {
		t.Error(err)
	}
	if out.String() != "a\n1\nn\n0\n" || errs.String() != "opened\n" {
		t.Errorf("got %s and %s", out, errs)
	}
}

func TestHistoryFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "history")
	now := func() time.Time { return time.Date(2021, 6, 9, 12, 0, 0, 0, time.UTC) }
	h, err := openHistory(path, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"a;", "b\nc;", "a;", " secret;", "  ", "d;"} {
		if _, err := h.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := openHistory(path, now)
	if err != nil || !slices.Equal(again.lines, []string{"b\nc;", "a;", "d;"}) {
		t.Errorf("got %q, %v", again.lines, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if line, err := again.GetLine(0); line != "b\nc;" || err != nil {
		t.Errorf("got %q, %v", line, err)
	}
	if _, err := again.GetLine(3); err == nil {
		t.Error("a line that is not there")
	}
}

// TestHistoryIsCut when its file has grown, and keeps the last lines.
func TestHistoryIsCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	line := []byte(`{"datetime":"2021-06-09T12:00:00Z","block":"old;"}` + "\nno JSON\n")
	last := []byte(`{"datetime":"2021-06-09T12:00:00Z","block":"new;"}` + "\n")
	if err := os.WriteFile(path, append(bytes.Repeat(line, mostLines+1), last...), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := openHistory(path, time.Now)
	if err != nil || !slices.Equal(h.lines, []string{"old;", "new;"}) {
		t.Errorf("got %q, %v", h.lines, err)
	}
	if content, err := os.ReadFile(path); err != nil || bytes.Count(content, []byte("\n")) != 2 {
		t.Errorf("%d bytes, %v", len(content), err)
	}
}

func TestFitting(t *testing.T) {
	groups := []group{{"tables", []string{"aaaa", "bbbb", "cccc", "dddd", "eeee"}}, {"columns", []string{"f"}}}
	for _, test := range []struct {
		width, rows int
		want        string
	}{{12, 10, "5 1"}, {12, 4, "5"}, {12, 3, "4"}, {6, 4, "3"}, {0, 10, "5 1"}, {80, 0, ""}} {
		var got []string
		for _, one := range fitting(groups, test.width, test.rows) {
			got = append(got, string(rune('0'+len(one.values))))
		}
		if joined := strings.Join(got, " "); joined != test.want {
			t.Errorf("%d columns, %d rows: got %s", test.width, test.rows, joined)
		}
	}
}

// TestSchemasStandForManyTables until one is named.
func TestSchemasStandForManyTables(t *testing.T) {
	db := openDB(t)
	if _, err := db.Exec("create schema s; create table here (a int)"); err != nil {
		t.Fatal(err)
	}
	for i := range manyTables {
		if _, err := db.Exec("create table s.t" + string(rune('a'+i)) + " (a int)"); err != nil {
			t.Fatal(err)
		}
	}
	session, _, _ := start(t, db, Options{})
	if _, groups := session.suggest(t.Context(), "from ", ""); len(groups) != 1 || !slices.Equal(groups[0].values, []string{"here", "s."}) {
		t.Errorf("got %v", groups)
	}
	if _, groups := session.suggest(t.Context(), "from s.", ""); len(groups) != 1 || len(groups[0].values) != manyTables {
		t.Errorf("got %v", groups)
	}
}

func TestMakeRoom(t *testing.T) {
	var out bytes.Buffer
	// Two lines, the second of which wraps once, and one row below.
	makeRoom(&out, "a\n"+strings.Repeat("b", 70), 80)
	if want := strings.Repeat("\x1bD", 4) + "\x1b[4A"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

func TestParquet(t *testing.T) {
	db := openDB(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "it's.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	session, _, _ := start(t, db, Options{})
	if err := session.Parquet(t.Context(), "select 170141183460469231731687303715884105727::hugeint::varchar as h, 1.50::decimal(38,6) as d, {'a': [1]} as s -- end", file); err != nil {
		t.Fatal(err)
	}
	var kind string
	if err := db.QueryRow("select typeof(s) || typeof(d) || h from '" + strings.ReplaceAll(file.Name(), "'", "''") + "'").Scan(&kind); err != nil {
		t.Fatal(err)
	}
	if kind != "STRUCT(a INTEGER[])DECIMAL(38,6)170141183460469231731687303715884105727" {
		t.Errorf("got %s", kind)
	}
	for _, statement := range []string{"select nope", "create table x (a int)", "explain select 1"} {
		if err := session.Parquet(t.Context(), statement, file); err == nil {
			t.Errorf("%s is written", statement)
		}
	}
}

var _ Database = (*sql.DB)(nil)
