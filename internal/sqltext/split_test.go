package sqltext

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
)

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", " \n\t", nil},
		{"only comments and semicolons", "-- a;\n; /* ; */ ;", nil},
		{"one without semicolon", "select 1", []string{"select 1"}},
		{"two", "select 1; select 2;", []string{"select 1", "select 2"}},
		{"string", "select 'a;''b;'; select 2", []string{"select 'a;''b;'", "select 2"}},
		{"backslash is plain in a string", `select '\'; select 2`, []string{`select '\'`, "select 2"}},
		{"backslash escapes in an E string", `select E'a\';b''\';'; select 2`, []string{`select E'a\';b''\';'`, "select 2"}},
		{"a word that ends in e is no E string", `select date'\'; select 2`, []string{`select date'\'`, "select 2"}},
		{"name", `select 1 as "a;""b;"; select 2`, []string{`select 1 as "a;""b;"`, "select 2"}},
		{"dollars", "select $$a;'b$$; select 2", []string{"select $$a;'b$$", "select 2"}},
		{"dollars with tag", "select $t$a;$$;$u$;$t$; select 2", []string{"select $t$a;$$;$u$;$t$", "select 2"}},
		{"parameters are no tags", "select $1, $2; select 2", []string{"select $1, $2", "select 2"}},
		{"dollars in a name", "select 1 as a$b$; select 2 as c$b$", []string{"select 1 as a$b$", "select 2 as c$b$"}},
		{"line comment", "select 1 -- a;'b\n, 2; select 3", []string{"select 1 -- a;'b\n, 2", "select 3"}},
		{"nested comment", "select 1 /* /* ; */ ; */ ; select 2", []string{"select 1 /* /* ; */ ; */", "select 2"}},
		{"minus", "select 1 - -1; select 2", []string{"select 1 - -1", "select 2"}},
		{"comment before", "-- why\nselect 1;", []string{"-- why\nselect 1"}},
		{"letters beyond ASCII", "select 'é' as é; select 2", []string{"select 'é' as é", "select 2"}},
		{"open string", "select 'a; select 2", []string{"select 'a; select 2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := texts(Split(test.text)); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSplitLines(t *testing.T) {
	statements := Split("-- one\n\nselect\n1;\nselect 'a\nb'; select 3;\n/* x\n*/ select 4")
	var lines, first []int
	for _, one := range statements {
		lines, first = append(lines, one.Line), append(first, one.First)
	}
	if want := []int{3, 5, 6, 8}; !slices.Equal(lines, want) {
		t.Errorf("got lines %d, want %d", lines, want)
	}
	if want := []int{1, 5, 6, 7}; !slices.Equal(first, want) {
		t.Errorf("the texts begin on lines %d, want %d", first, want)
	}
}

func TestPending(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "-- a": false, "select 1;": false, "select 1; -- a": false, "select 1": true, "select 1;\nselect": true,
		"/* a": true, "/* a */": false, "select ';": true,
	} {
		var splitter Splitter
		splitter.Feed(text)
		if got := splitter.Pending(); got != want {
			t.Errorf("Pending after %q is %t", text, got)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"select 1; select 2", "a'b;''c'", "E'\\';'", "$a$;$a$;", "/*/*;*/;*/;", "--;\n;", "\";\"", "$1;$2", "é$$;$$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		statements := Split(text)
		if fed := texts(feedLines(text)); !slices.Equal(texts(statements), fed) {
			t.Errorf("line by line %q, at once %q", fed, texts(statements))
		}
		at := 0
		for _, one := range statements {
			found := strings.Index(text[at:], one.Text)
			if found < 0 || one.Text == "" {
				t.Fatalf("%q is not where it should be", one.Text)
			}
			at += found + len(one.Text)
			if again := Split(one.Text); len(again) != 1 || again[0].Text != one.Text {
				t.Errorf("%q splits again into %q", one.Text, texts(again))
			}
		}
	})
}

// FuzzSplitAgainstDuckDB asks DuckDB's own parser how many statements there are, for text that it can parse.
func FuzzSplitAgainstDuckDB(f *testing.F) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	for _, seed := range []string{
		"select 1; select 2", "select 'a;''b'; select 2", `select E'\';'; select 1`, "select $a$;$a$;", "select 1 /* /*;*/ ; */;",
		"select 1 --;\n; select 2", `select 1 as "a;"; select 2`, "select $$;$$", "select 1 as a$b$; select 2 as a$b$",
		"select date'2020-01-01'; select 2", "select x'ab'; select 1", "select 1;;; select 2;", "select e'a''\\';'; select 1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want sql.NullInt64
		const query = "select json_array_length(json_serialize_sql($1::varchar)->'statements')"
		if strings.ContainsRune(text, 0) || db.QueryRow(query, text).Scan(&want) != nil || !want.Valid || want.Int64 == 0 {
			t.Skip("DuckDB cannot parse it")
		}
		if got := Split(text); len(got) != int(want.Int64) {
			t.Errorf("%q: %d statements, DuckDB finds %d", texts(got), len(got), want.Int64)
		}
	})
}

func feedLines(text string) []Statement {
	var splitter Splitter
	var all []Statement
	for line := range strings.Lines(text) {
		all = append(all, splitter.Feed(line)...)
	}
	if last, ok := splitter.Rest(); ok {
		all = append(all, last)
	}
	return all
}

func texts(statements []Statement) []string {
	var list []string
	for _, one := range statements {
		list = append(list, one.Text)
	}
	return list
}
