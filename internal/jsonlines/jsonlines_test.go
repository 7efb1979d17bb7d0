package jsonlines

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
)

// desk is a warehouse and a folder with one file for raw.token_info.
type desk struct {
	t         *testing.T
	dir       string
	warehouse *engine.Warehouse
	run       int64
}

func newDesk(t *testing.T) *desk {
	w, err := engine.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return &desk{t: t, dir: t.TempDir(), warehouse: w}
}

const fileName = "token_info.jsonl"

func table() Table {
	return Table{File: fileName, Name: "raw.token_info", Keys: 2,
		Columns: []Column{{"date", Day}, {"token", Text}, {"total_supply", Whole}, {"decimals", Whole}, {"block_hash", Text}},
		Read: func(d *Document) []Row {
			return One(d.Day("date"), d.Text("token"), d.Whole("state.value", math.MaxUint64), d.Whole("decimals", 255), d.OptionalText("hash"))
		}}
}

func (d *desk) path() string { return filepath.Join(d.dir, fileName) }

func (d *desk) write(lines ...string) {
	d.t.Helper()
	if err := os.WriteFile(d.path(), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) load(maxRejects float64) *engine.LoadReport {
	d.t.Helper()
	d.run++
	in := d.warehouse.NewIntake("node", d.run)
	in.MaxRejects = maxRejects
	if err := Load(context.Background(), in, d.dir, table()); err != nil {
		d.t.Fatal(err)
	}
	return in.Report()
}

func (d *desk) rows(query string) []string {
	d.t.Helper()
	var list []string
	err := d.warehouse.NewIntake("node", d.run).Query(d.t.Context(), func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		list = append(list, text)
		return err
	}, query)
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

func (d *desk) wantSupplies(want ...string) {
	d.t.Helper()
	got := d.rows("select concat_ws(' ', date, token, total_supply, decimals, block_hash) from raw.token_info order by all")
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func line(day, token, value string) string {
	return fmt.Sprintf(`{"date": "%s", "token": "%s", "state": {"value": %s}, "decimals": 6, "more": [1.5]}`, day, token, value)
}

func TestNumbersAreExact(t *testing.T) {
	d := newDesk(t)
	d.write(line("2025-09-22", "EURR", `"18446744073709551615"`), line("2025-09-23", "EURR", `9007199254740993`), "",
		`{"date": "2025-09-23", "token": "ü.$", "state": {"value": 0}, "decimals": "255", "hash": "ab"}`)
	if report := d.load(0); report.Rows != 3 || report.Rejects != 0 || report.Changed != 3 || len(report.Notes) != 0 {
		t.Errorf("%+v", report)
	}
	d.wantSupplies("2025-09-22 EURR 18446744073709551615 6", "2025-09-23 EURR 9007199254740993 6", "2025-09-23 ü.$ 0 255 ab")
}

func TestTheLaterLineCounts(t *testing.T) {
	d := newDesk(t)
	d.write(line("2025-09-22", "EURR", "1"), line("2025-09-22", "USDR", "2"), line("2025-09-22", "EURR", "3"), line("2025-09-22", "EURR", "4"))
	want := []string{fileName + ": 2 lines say again what an earlier one said, the first on line 3; the later line counts"}
	if diff := cmp.Diff(want, d.load(0).Notes); diff != "" {
		t.Error(diff)
	}
	d.wantSupplies("2025-09-22 EURR 4 6", "2025-09-22 USDR 2 6")
}

func TestBadLinesAreRejects(t *testing.T) {
	d := newDesk(t)
	good := line("2025-09-22", "EURR", "1")
	d.write(good, `<html>`, "["+good+"]", good+good, line("2025-9-22", "EURR", "1"), line("2025-09-22", "", "1"), line("2025-09-22", "EURR", "-1"),
		line("2025-09-22", "EURR", "1.5"), line("2025-09-22", "EURR", "1e3"), line("2025-09-22", "EURR", "18446744073709551616"), line("2025-09-22", "EURR", "null"),
		strings.Replace(good, "6", "256", 1), `{"date": "2025-09-22", "token": 7, "state": "x"}`, `{"date": "2025-09-22", "token": "EURR", "state": "x"}`)
	if report := d.load(1); report.Rows != 14 || report.Rejects != 13 {
		t.Errorf("%+v", report)
	}
	d.wantSupplies("2025-09-22 EURR 1 6")
	got := d.rows(`select concat_ws(' ', line, date, field || ':', reason) from raw.rejects where file = 'token_info.jsonl' and source = 'node' order by line`)
	want := []string{
		"2 is no such JSON: invalid character '<' looking for beginning of value",
		"3 is no such JSON: json: cannot unmarshal array into Go value of type map[string]interface {}",
		"4 is no such JSON: more than one value on the line",
		`5 date: is "2025-9-22", not a day YYYY-MM-DD`,
		`6 2025-09-22 token: is "", not a text`,
		"7 2025-09-22 state.value: is -1, not a whole number from 0 to 18446744073709551615",
		"8 2025-09-22 state.value: is 1.5, not a whole number from 0 to 18446744073709551615",
		"9 2025-09-22 state.value: is 1e3, not a whole number from 0 to 18446744073709551615",
		"10 2025-09-22 state.value: is 18446744073709551616, not a whole number from 0 to 18446744073709551615",
		"11 2025-09-22 state.value: is missing, not a whole number from 0 to 18446744073709551615",
		"12 2025-09-22 decimals: is 256, not a whole number from 0 to 255",
		"13 2025-09-22 token: is 7, not a text",
		`14 2025-09-22 state.value: stands in "x", not in an object`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFileWithTooManyRejectsIsRefused(t *testing.T) {
	d := newDesk(t)
	d.write(line("2025-09-22", "EURR", "1"))
	d.load(0)
	d.write(line("2025-09-22", "EURR", "2"), "broken")
	report := d.load(0.4)
	if len(report.TooManyRejects) != 1 || report.Changed != 0 || report.Rejects != 1 {
		t.Errorf("%+v", report)
	}
	d.wantSupplies("2025-09-22 EURR 1 6")
	if report := d.load(0.5); report.Changed != 1 || len(report.TooManyRejects) != 0 {
		t.Errorf("read again with more allowed: %+v", report)
	}
	d.wantSupplies("2025-09-22 EURR 2 6")
}

func TestOnlyAFileThatDiffersIsRead(t *testing.T) {
	d := newDesk(t)
	d.write(line("2025-09-22", "EURR", "1"))
	d.load(0)
	if report := d.load(0); report.Read != 0 || report.Unchanged != 1 {
		t.Errorf("the same file: %+v", report)
	}
	touched := time.Now().Add(time.Hour)
	if err := os.Chtimes(d.path(), touched, touched); err != nil {
		t.Fatal(err)
	}
	if report := d.load(0); report.Read != 0 || report.Unchanged != 1 {
		t.Errorf("the same content: %+v", report)
	}
	d.write(line("2025-09-22", "EURR", "1"), line("2025-09-23", "EURR", "1"))
	if report := d.load(0); report.Read != 1 || report.Changed != 1 {
		t.Errorf("one more line: %+v", report)
	}
	if err := os.Remove(d.path()); err != nil {
		t.Fatal(err)
	}
	if report := d.load(0); len(report.Unreadable) != 1 || report.Failed != 1 {
		t.Errorf("the file is gone: %+v", report)
	}
	d.wantSupplies("2025-09-22 EURR 1 6", "2025-09-23 EURR 1 6")
}

func TestOnlyFoldersAreRead(t *testing.T) {
	d := newDesk(t)
	dir := filepath.Join(d.dir, "none")
	err := Load(t.Context(), d.warehouse.NewIntake("node", 1), dir, table())
	if err == nil || err.Error() != dir+" is no folder" || engine.HintOf(err) != "--node names a server, or a folder with "+fileName {
		t.Errorf("%s: %v (%s)", dir, err, engine.HintOf(err))
	}
}

// FuzzParse: every line that is not empty is a row, a repetition or a reject.
func FuzzParse(f *testing.F) {
	f.Add([]byte(line("2025-09-22", "EURR", "1") + "\r\n\n" + line("2025-09-22", "EURR", `"2"`) + "\n{}\n[1]"))
	f.Add([]byte(`{"date": "2025-09-22", "token": {"a": [null, 1e400]}, "state": [], "decimals": true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tokens := table()
		got := tokens.parse(data)
		if sum := int64(len(got.rows)) + got.repeated + int64(len(got.rejects)); sum != got.lines {
			t.Errorf("%d lines: %+v", got.lines, got)
		}
		record := recordOf(tokens.Columns, got.rows)
		defer record.Release()
		for i, column := range record.Columns()[:tokens.Keys] {
			if column.NullN() > 0 {
				t.Errorf("rows without %s: %v", tokens.Columns[i].Name, got.rows)
			}
		}
	})
}
