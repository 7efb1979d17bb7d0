package rates

import (
	"math"
	"testing"

	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// FuzzAnswers: whatever a line holds, it is rows, rejects or neither; a row has its day, and a rate that is one.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"token": "ETH", "fetched_at": "2025-09-24T02:00:00Z", "answer": ` + chart(pair(20, 0, "0"), pair(21, 0, "4000"), pair(21, 1, "null")) + `}`))
	f.Add([]byte(`{"date": "2025-09-21", "fetched_at": "2025-09-24T02:00:00Z", "answer": ` + history("0.01", "1e-300", "5") + `}`))
	f.Add([]byte(`{"date": "2025-09-21", "fetched_at": "2025-09-24T02:00:00Z", "answer": ` + usdRates("21", `{"eur": 0.8, "": 1, "gbp": {}}`) + `}`))
	f.Add([]byte(`{"date": "2025-09-21", "fetched_at": "2025-10-24T02:00:00Z", "answer": null}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		k := &known{options: Options{MaxJump: 10}, tokens: map[string]*series{}, wanted: []day{20351, 20352, 20353}}
		for _, table := range []jsonlines.Table{k.charts(), k.histories(), k.currencies([]string{"EUR", "GBP"}, []string{"ETH"})} {
			rows, err := table.ReadLine(line)
			if err != nil {
				continue
			}
			for _, row := range rows {
				if len(row) != len(table.Columns) || row[0] == nil {
					t.Fatalf("%s: %v", table.File, row)
				}
				for _, value := range row {
					if number, is := value.(float64); is && (math.IsNaN(number) || math.IsInf(number, 0) || number < 0) {
						t.Fatalf("%s: %v", table.File, row)
					}
				}
			}
		}
	})
}

// TestNearestRate: of two at the same distance the earlier, none beyond 30 days, and never the day's own.
func TestNearestRate(t *testing.T) {
	var s series
	for _, d := range []day{5, 1, 9, 5, 3} {
		s.at(d).rate = float64(d)
	}
	for _, c := range []struct {
		day  day
		want float64
	}{{0, 1}, {2, 1}, {4, 3}, {5, 3}, {8, 9}, {39, 9}, {40, 0}, {-30, 0}, {-29, 1}} {
		if got := s.nearest(c.day); got != c.want {
			t.Errorf("nearest to %d: %g, want %g", c.day, got, c.want)
		}
	}
}
