package engine

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Rows that were fetched one by one are told with when and of whom.
func TestWhyTellsWhatWasFetched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.duckdb")
	w, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = w.exec(t.Context(), `insert into raw.fetched_rates (date, token, source, rate, fetched_at) values
		('2025-01-01', 'CCD', 'CoinGecko', 0.5, '2025-01-02 02:00:00'), ('2025-01-02', 'CCD', 'CoinGecko', 0.6, '2025-01-03 02:00:00')`)
	if err != nil {
		t.Fatal(err)
	}
	files := sqlFiles(map[string]string{"mid/rates.sql": "-- grain: day\n-- materialize: table\n-- column: rate USD per CCD\n--\n-- Rates.\n\nselect date, rate from raw.fetched_rates"})
	in := w.NewIntake("test", 1)
	if err := in.Transact(t.Context(), func() error { return in.MarkAllDays(t.Context(), "raw.fetched_rates") }); err != nil {
		t.Fatal(err)
	}
	if report, err := w.Run(t.Context(), RunOptions{Command: "run", SQL: files}); err != nil || report.ExitCode != 0 {
		t.Fatalf("%v %+v", err, report)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	report, err := Why(t.Context(), db, WhyOptions{Statistic: "rates", Which: "2025-01-02", Field: "rate", SQL: files})
	if err != nil {
		t.Fatal(err)
	}
	if string(report.Document) != `{"date":"2025-01-02","rate":0.6}` || string(report.Field.Value) != "0.6" || report.Field.Meaning != "USD per CCD" {
		t.Errorf("%s %+v", report.Document, report.Field)
	}
	if len(report.Sources) != 1 || report.Sources[0].Source != "CoinGecko" || !strings.Contains(report.Sources[0].Name, "2025-01-03 02:00:00") || report.Sources[0].Rows != 1 {
		t.Errorf("%+v", report.Sources)
	}
}

// A window over rows of several days lets earlier days have a part in a number; one within a day does not.
func TestWhyKnowsSumsOverDays(t *testing.T) {
	for sql, want := range map[string]bool{
		"select date, sum(row_count) over (order by date) as n from raw.snapshots":                                    true,
		"select date, sum(row_count) over (partition by snapshots.date) as n from raw.snapshots as snapshots":         false,
		"select date, lag(row_count) over (partition by file order by date) as n from raw.snapshots":                  true,
		"select date from raw.snapshots qualify row_number() over (partition by file order by date desc) = 1":         false,
		"with a as (select date, max(row_count) over (partition by file) as n from raw.snapshots) select date from a": true,
		"select date, sum(row_count) as n from raw.snapshots group by all":                                            false,
	} {
		p, err := resolvedProject(t.Context(), sqlFiles(map[string]string{"mid/one.sql": sql}), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Model("mid.one").runsOverDays(); got != want {
			t.Errorf("%s: %t", sql, got)
		}
	}
}

func TestNearestDays(t *testing.T) {
	day := func(number int) time.Time { return time.Date(2021, 6, number, 0, 0, 0, 0, time.UTC) }
	days := []time.Time{day(1), day(3), day(7)}
	for missing, want := range map[int]string{5: "2021-06-03 and 2021-06-07", 2: "2021-06-01 and 2021-06-03", 9: "2021-06-07"} {
		equal(t, "hint", nearestDays(days, day(missing)), "it has 3 days from 2021-06-01 to 2021-06-07; nearest: "+want)
	}
}
