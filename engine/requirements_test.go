package engine

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestFailedTableBlocksNoOtherModel: a table that could never be made leaves nothing to comment on.
func TestFailedTableBlocksNoOtherModel(t *testing.T) {
	n := newNight(t)
	n.sql["mid/cents.sql"].Data = []byte(strings.Replace(string(n.sql["mid/cents.sql"].Data), "select date,", "select 'x'::date as date,", 1))
	n.sql["stat/alone.sql"] = &fstest.MapFile{Data: []byte("-- column: labels how many\n--\n-- Labels.\nselect 'x'::bigint as labels")}
	n.sql["stat/last.sql"].Data = []byte("-- export: last\n--\n-- Labels.\nselect 'last' as _id, count(*) as labels from raw.labeled_accounts")
	report, _, _ := n.run()
	equal(t, "exit code", report.ExitCode, ExitFailed)
	equal(t, "last", n.to.documents["last"], "0")
}

// TestOptionalIsNotWaitedFor: days of a statistic do not wait for what an optional model requires, and follow it.
func TestOptionalIsNotWaitedFor(t *testing.T) {
	n := newNight(t)
	n.sql["mid/filled.sql"] = &fstest.MapFile{Data: []byte("-- optional: mid.cents\n--\n-- Cents, or none.\n" +
		"select days.date, coalesce(cents.cents, 0) as cents from raw.blocks_per_day as days left join mid.cents as cents on cents.date = days.date")}
	n.sql["stat/daily.sql"].Data = []byte("-- materialize: incremental\n-- grain: day\n-- export: daily\n--\n-- Cents of a day.\nselect concat(date, '-daily') as _id, date, cents from mid.filled")
	last := n.loader.rates[5]
	n.loader.rates = n.loader.rates[:5]
	n.run()
	equal(t, "without a rate", n.to.documents["2021-06-14-daily"], "2021-06-14 0")
	n.loader.rates = append(n.loader.rates, last)
	_, _, written := n.run()
	equal(t, "with its rate", n.to.documents["2021-06-14-daily"], "2021-06-14 14")
	equal(t, "written", written[0], "2021-06-14-daily")
}

func TestOptionalIsRead(t *testing.T) {
	n := newNight(t)
	n.sql["stat/daily.sql"].Data = []byte("-- optional: mid.doubled\n--\n-- Nothing.\nselect 1 as one")
	_, err := n.warehouse.Run(t.Context(), RunOptions{SQL: n.sql})
	if err == nil || !strings.Contains(err.Error(), "stat/daily.sql:1: optional: mid.doubled is not read") {
		t.Error(err)
	}
}
