package console

import (
	"strings"
	"testing"
)

func TestWrapSQL(t *testing.T) {
	const statement = "-- Keys and prose of a file, on a long line.\nselect\n    'a string with blanks' || one_column || another_column as text, -- what it is\n    \"a b\",\n/* as it\n   is, however long it is, really */\n    'two lines\n    of a string, as long as they are' as more"
	want := `-- Keys and prose of a file, on
--     a long line.
select
    -- what it is
    'a string with blanks' ||
        one_column ||
        another_column as text,
    "a b",
/* as it
   is, however long it is, really */
    'two lines
    of a string, as long as they are' as more`
	if got := WrapSQL(statement, 32); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := WrapSQL(statement, 0); got != statement {
		t.Errorf("got\n%s", got)
	}
	long := "select " + strings.Repeat("x", 50) + " as y"
	if got := WrapSQL(long, 20); got != "select\n    "+strings.Repeat("x", 50)+"\n    as y" {
		t.Errorf("got\n%s", got)
	}
}
