package wording

import "testing"

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0 rows", 1: "1 row", 12: "12 rows", 1234: "1,234 rows", -123: "-123 rows", -1234567: "-1,234,567 rows"} {
		if got := Count(n, "row"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
