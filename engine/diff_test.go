package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// diffOf builds SQL files and diffs other ones.
func diffOf(t *testing.T, before, after map[string]string) *DiffReport {
	t.Helper()
	return diffOfOlder(t, "", before, after)
}

// diffOfOlder does so on a warehouse that a statement makes look like one of an older program.
func diffOfOlder(t *testing.T, older string, before, after map[string]string) *DiffReport {
	t.Helper()
	path := filepath.Join(t.TempDir(), "w.duckdb")
	w, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := w.Run(t.Context(), RunOptions{Command: "run", SQL: sqlFiles(before)})
	if err != nil || report.ExitCode != 0 {
		t.Fatalf("%v %+v", err, report)
	}
	if older != "" {
		if err := w.exec(t.Context(), older); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := Diff(t.Context(), DiffOptions{Base: path, SQL: sqlFiles(after)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func sqlFiles(texts map[string]string) fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range texts {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// diffOne diffs one table whose rows are given.
func diffOne(t *testing.T, header, before, after string) ModelDiff {
	t.Helper()
	file := func(query string) map[string]string {
		return map[string]string{"stat/one.sql": header + "\n--\n-- One.\n\n" + query}
	}
	d := diffOf(t, file(before), file(after))
	if len(d.Models) != 1 {
		t.Fatalf("%+v", d)
	}
	return d.Models[0]
}

func (v ValueDiff) String() string {
	text := func(p *string) string {
		if p == nil {
			return "null"
		}
		return *p
	}
	relative := ""
	if v.Relative != nil {
		relative = fmt.Sprintf(" %+.3f", *v.Relative)
	}
	return fmt.Sprintf("%s ×%d at %s: %s → %s (%s%s)", v.Field, v.Rows, v.Key, text(v.Before), text(v.After), v.Change, relative)
}

func TestDiffValues(t *testing.T) {
	for _, test := range []struct{ name, header, before, after, want string }{
		{"hugeint", "-- check: unique k", "select 1 as k, 170141183460469231731687303715884105720::hugeint as v", "select 1 as k, 170141183460469231731687303715884105727::hugeint as v",
			"v ×1 at 1: 170141183460469231731687303715884105720 → 170141183460469231731687303715884105727 (7 +0.000)"},
		{"the largest of several", "-- check: unique k", "select range as k, range as v from range(5)", "select range as k, range * range as v from range(5)",
			"v ×3 at 4: 4 → 16 (12 +3.000)"},
		{"decimal", "-- check: unique k", "select 1 as k, 0.1::decimal(38, 12) as v", "select 1 as k, 0.3::decimal(38, 12) as v",
			"v ×1 at 1: 0.100000000000 → 0.300000000000 (0.200000000000 +2.000)"},
		{"text that is a number", "-- check: unique k", "select 1 as k, '9007199254740993' as v", "select 1 as k, '9007199254740995' as v",
			"v ×1 at 1: 9007199254740993 → 9007199254740995 (2 +0.000)"},
		{"text", "-- check: unique k", "select 1 as k, 'a' as v", "select 1 as k, 'b' as v", "v ×1 at 1: a → b ()"},
		{"null", "-- check: unique k", "select 1 as k, null::integer as v", "select 1 as k, 3 as v", "v ×1 at 1: null → 3 ()"},
		{"from nothing", "-- check: unique k", "select 1 as k, 0 as v", "select 1 as k, 3 as v", "v ×1 at 1: 0 → 3 (3)"},
		{"another type", "-- check: unique k", "select 1 as k, 1 as v", "select 1 as k, 'x' as v", "v ×1 at 1: 1 → x ()"},
		{"the same number of another type", "-- check: unique k", "select 1 as k, 1 as v", "select 1 as k, 1.0::double as v", ""},
		{"entries of a MAP", "-- check: unique k", "select 1 as k, map(['a', 'gate.io'], [1, 2]) as v", "select 1 as k, map(['a', 'gate.io', 'c'], [1, 3, 4]) as v",
			"v.gate.io ×1 at 1: 2 → 3 (1 +0.500); v.c ×1 at 1: null → 4 ()"},
		{"entries of a spread MAP", "-- export: one\n-- spread: v", "select 'x' as _id, map(['a'], [1]) as v", "select 'x' as _id, map(['a'], [2]) as v", "a ×1 at x: 1 → 2 (1 +1.000)"},
		{"within a STRUCT in a MAP", "-- check: unique k", "select 1 as k, map(['t'], [{usd: {mint: 1.5, l: [1]}}]) as v", "select 1 as k, map(['t'], [{usd: {mint: 3.0, l: [2]}}]) as v",
			"v.t.usd.mint ×1 at 1: 1.5 → 3.0 (1.5 +1.000); v.t.usd.l[0] ×1 at 1: 1 → 2 (1 +1.000)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := diffOne(t, test.header, test.before, test.after)
			var got []string
			for _, one := range d.Changes {
				got = append(got, one.String())
			}
			if text := strings.Join(got, "; "); text != test.want {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
		})
	}
}

func TestDiffRows(t *testing.T) {
	for _, test := range []struct {
		name, header, before, after string
		rows                        RowDiff
		from                        string
	}{
		{"no key", "-- materialize: table", "select unnest([1, 1, 2]) as x", "select unnest([1, 2, 2, 3]) as x", RowDiff{3, 4, 2, 1, 0}, "no key is known"},
		{"a key that is not one any more", "-- check: warn unique x", "select unnest([1, 2]) as x", "select unnest([1, 2, 2]) as x", RowDiff{2, 3, 1, 0, 0}, "x is not unique"},
		{"a check's key", "-- check: unique x", "select unnest([1, 2]) as x, 1 as y", "select unnest([2, 3]) as x, 2 as y", RowDiff{2, 2, 1, 1, 1}, "check: unique x"},
		{"a grain's key", "-- materialize: table\n-- grain: account, token", "select unnest([1, 2]) as account_id, 'a' as token, 1 as y", "select unnest([2, 3]) as account_id, 'a' as token, 2 as y", RowDiff{2, 2, 1, 1, 1}, "grain: account, token"},
		{"a null in the key", "-- check: warn unique x", "select unnest([1, null]) as x", "select unnest([2, null]) as x", RowDiff{2, 2, 1, 1, 0}, "x is not unique"},
		{"the columns' order", "-- check: unique x", "select 1 as x, 2 as y", "select 2 as y, 1 as x", RowDiff{1, 1, 0, 0, 0}, "check: unique x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := diffOne(t, test.header, test.before, test.after)
			if *d.Rows != test.rows || !strings.HasPrefix(d.KeyFrom, test.from) || d.Status != DiffChanged {
				t.Errorf("%s %+v by %s", d.Status, *d.Rows, d.KeyFrom)
			}
		})
	}
}

// Why a model is affected is told apart, though only one fingerprint of it is known.
func TestDiffReasons(t *testing.T) {
	before := map[string]string{
		"macros/m.sql":  "create or replace macro one() as 1; create or replace macro two() as one() + 1",
		"stg/base.sql":  "select two() as x",
		"mid/step.sql":  "-- materialize: table\n\nselect x from stg.base",
		"stat/last.sql": "select x, one() as y from mid.step",
		"stat/own.sql":  "select 1 as x",
	}
	after := map[string]string{}
	for name, text := range before {
		after[name] = text
	}
	after["macros/m.sql"] = "create or replace macro one() as 2; create or replace macro two() as one() + 1"
	after["stat/own.sql"] = "-- version: 2\n\nselect 1 as x"
	after["mid/step.sql"] += " where x > 0"
	got := map[string]string{}
	for _, one := range diffOf(t, before, after).Models {
		got[one.Model] = strings.Join(one.Why, ", ")
	}
	for model, want := range map[string]string{
		"stg.base": "macro one changed", "mid.step": "SQL changed, reads stg.base", "stat.last": "macro one changed, reads mid.step", "stat.own": "SQL changed",
	} {
		if got[model] != want {
			t.Errorf("%s: %s, want %s", model, got[model], want)
		}
	}
}

// A snapshot of an older program has fewer tables and columns: the next run makes them, and so does a diff.
func TestDiffOfAnOlderSnapshot(t *testing.T) {
	d := diffOfOlder(t, "alter table raw.token_info drop column missing; drop table raw.fetched_rates; alter table ops.exports drop column published",
		map[string]string{"stat/one.sql": "select 1 as x"},
		map[string]string{"stat/one.sql": "select count(missing) + count(*) as x from raw.token_info, raw.fetched_rates"})
	if len(d.Models) != 1 || d.Models[0].Status != DiffChanged || d.Models[0].Rows.Before != 1 {
		t.Errorf("%+v", d)
	}
	for _, want := range []string{"raw.token_info gets other columns", "raw.fetched_rates is new"} {
		if !strings.Contains(strings.Join(d.Notes, "; "), want) {
			t.Errorf("not told: %s in %v", want, d.Notes)
		}
	}
}

func TestLeftAsidesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	folders := map[string]string{}
	for _, name := range []string{"held", "free", "new"} {
		folders[name] = filepath.Join(dir, ".nightrunner-diff-"+name)
		if err := os.Mkdir(folders[name], 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"held", "free"} {
		held, _, err := takeLease(filepath.Join(folders[name], "aside.duckdb"), "diff", time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if name == "held" {
			defer held.release()
		} else if err := held.release(); err != nil {
			t.Fatal(err)
		}
	}
	removeLeftAsides(dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, one := range entries {
		left = append(left, one.Name())
	}
	if !slices.Equal(left, []string{".nightrunner-diff-held", ".nightrunner-diff-new"}) {
		t.Errorf("left: %v", left)
	}
}

// A view that cannot be read is a failure of its own, with the place of the cast; what reads it and all else is told too.
func TestDiffOfAViewThatCannotBeRead(t *testing.T) {
	files := func(value string) map[string]string {
		return map[string]string{
			"stg/labels.sql":  "select unnest(['1', 'x']) as label, 1 as one",
			"stg/numbers.sql": "select\n    one,\n    " + value + " as number,\nfrom stg.labels",
			"stat/sums.sql":   "select sum(number) as total from stg.numbers",
			"stat/others.sql": "select count(*) as count, " + fmt.Sprint(len(value)) + " as length from stg.labels",
		}
	}
	d := diffOf(t, files("one"), files("label::integer"))
	got := map[string]string{}
	for _, one := range d.Models {
		got[one.Model] = one.Status + " " + strings.Split(one.Message, "'")[0]
	}
	equal(t, "models", got, map[string]string{
		"stg.numbers": "failed stg/numbers.sql:3: Conversion Error: Could not convert string ",
		"stat.sums":   "failed stg/numbers.sql:3: Conversion Error: Could not convert string ",
		"stat.others": "changed ",
	})
	equal(t, "exit code", d.ExitCode, ExitFailed)
}
