package mongo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/engine"
)

// realDump is a folder of dumps beside the repository; the test is skipped without it.
func realDump(t *testing.T, name string) string {
	t.Helper()
	dump := filepath.Join("../../../shared/data", name, "dump")
	if _, err := os.Stat(dump); err != nil {
		t.Skip("../shared/data/" + name + " is not here")
	}
	return dump
}

// loadDump loads a real dump with the shipped mappings; no document may be a reject.
func loadDump(t *testing.T, dump string) (*desk, *engine.LoadReport) {
	t.Helper()
	d := newDesk(t)
	collections := d.collections()
	if err := d.warehouse.EnsureTables(t.Context(), Tables(collections)); err != nil {
		t.Fatal(err)
	}
	in := d.warehouse.NewIntake(source, 1)
	in.MaxRejects = 0
	loader := New(Options{URI: dump, Database: chainDatabase, Utilities: utilitiesDatabase, Collections: collections, TempDirectory: d.temp})
	if err := loader.Load(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	readable(t, in.Report())
	same(t, "rejects", d.query("from raw.rejects"), []string(nil))
	return d, in.Report()
}

// each reads a .bson file with the driver alone.
func each(t *testing.T, path string, fn func(bson.Raw)) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for len(content) > 0 {
		length := int(content[0]) | int(content[1])<<8 | int(content[2])<<16 | int(content[3])<<24
		document := bson.Raw(content[:length])
		if err := document.Validate(); err != nil {
			t.Fatal(err)
		}
		fn(document)
		content = content[length:]
	}
}

// blockHeight is the height at a path, -1 without one.
func blockHeight(document bson.Raw, path string) int64 {
	if height, ok := document.Lookup(strings.Split(path, ".")...).AsInt64OK(); ok {
		return height
	}
	return -1
}

func TestRealChain(t *testing.T) {
	dump := realDump(t, "A")
	d, report := loadDump(t, dump)
	type span struct {
		day         string
		first, last int64
	}
	var spans []span
	each(t, filepath.Join(dump, chainDatabase, "blocks_per_day.bson"), func(document bson.Raw) {
		spans = append(spans, span{document.Lookup("date").StringValue(), blockHeight(document, "height_for_first_block"), blockHeight(document, "height_for_last_block")})
	})
	dayOf := func(height int64) string {
		for _, one := range spans {
			if one.first <= height && height <= one.last {
				return one.day
			}
		}
		return "none"
	}
	total := int64(0)
	for _, c := range d.collections() {
		path := filepath.Join(dump, chainDatabase, c.Name+".bson")
		if c.Utilities {
			path = filepath.Join(dump, utilitiesDatabase, c.Name+".bson")
		}
		count, days := 0, map[string]string{}
		perDay := map[string]int{}
		each(t, path, func(document bson.Raw) {
			count++
			if c.Height != "" {
				perDay[dayOf(blockHeight(document, c.Height))]++
			}
		})
		total += int64(count)
		same(t, c.Table, d.one("select count(*) from "+c.Table), fmt.Sprint(count))
		same(t, c.Table, d.one("select row_count from ops.source_files where name = '"+c.Name+"'"), fmt.Sprint(count))
		if c.Height == "" {
			continue
		}
		for day, rows := range perDay {
			days[day] = fmt.Sprint(rows)
		}
		same(t, c.Table, pairs(d, "select coalesce(date::varchar, 'none'), count(*)::varchar from "+c.Table+" group by date"), days)
		if len(days) < 40 {
			t.Errorf("%s has %d days", c.Table, len(days))
		}
	}
	same(t, "documents", report.Rows, total)
	// Words of a random sample of what was stored, read back by the driver.
	n := 0
	rows := map[string]string{}
	for _, one := range d.texts("select concat_ws(' ', lower(hex(hash)), block_height, block_index, coalesce(contents, '∅'), energy_cost, coalesce(cost_microccd::varchar, '∅'), coalesce((select address from raw.addresses where address_id = sender_id), '∅'), epoch_ms(slot_time)) from raw.transactions") {
		hash, rest, _ := strings.Cut(one, " ")
		rows[hash] = rest
	}
	each(t, filepath.Join(dump, chainDatabase, "transactions.bson"), func(document bson.Raw) {
		n++
		text := func(path ...string) string {
			switch value := document.Lookup(path...); value.Type {
			case bson.TypeString:
				return value.StringValue()
			case bson.TypeInt32, bson.TypeInt64:
				return fmt.Sprint(value.AsInt64())
			}
			return "∅"
		}
		want := strings.Join([]string{text("block_info", "height"), text("index"), text("type", "contents"), text("energy_cost"), text("account_transaction", "cost"), text("account_transaction", "sender"),
			fmt.Sprint(document.Lookup("block_info", "slot_time").Time().UnixMilli())}, " ")
		if got := rows[document.Lookup("_id").StringValue()]; got != want {
			t.Fatalf("document %d: got %s, want %s", n, got, want)
		}
	})
}

func TestRealChainTwice(t *testing.T) {
	dump := realDump(t, "A")
	first, _ := loadDump(t, dump)
	severalWorkers(t, 4)
	second, _ := loadDump(t, dump)
	for _, table := range append(first.texts("select concat('raw.', table_name) from duckdb_tables() where schema_name = 'raw' order by all"), "ops.source_days") {
		sum := "select concat_ws(' ', count(*), sum(hash(t))) from " + table + " as t"
		same(t, table, second.one(sum), first.one(sum))
	}
}

func TestRealAccounts(t *testing.T) {
	d, report := loadDump(t, realDump(t, "R"))
	same(t, "rows", d.query("select (select count(*) from raw.blocks_per_day) as days, (select count(*) from raw.stable_address_info) > 40000 as accounts, (select count(*) from raw.transactions) as transactions"),
		[]string{`{"days":175,"accounts":true,"transactions":0}`})
	same(t, "days", d.query("select min(date) as first, max(date) as last from raw.blocks_per_day"), []string{`{"first":"2021-06-09","last":"2021-11-30"}`})
	same(t, "unread", report.Unchanged, 0)
	last, err := time.Parse(time.DateOnly, d.one("select max(date) from raw.exchange_rates_historical"))
	if err != nil || last.Year() != 2021 {
		t.Errorf("last rate %v, %v", last, err)
	}
}
