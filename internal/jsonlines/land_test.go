package jsonlines

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
)

func TestRowsWithoutALineStayUntilTheyArePruned(t *testing.T) {
	d := newDesk(t)
	d.write(line("2025-09-22", "EURR", "1"), line("2025-09-23", "EURR", "2"))
	d.load(0)
	d.write(line("2025-09-23", "EURR", "3"))
	want := []string{fileName + ": 1 rows of raw.token_info stand on no line of it; they stay until --prune"}
	if diff := cmp.Diff(want, d.load(0).Notes); diff != "" {
		t.Error(diff)
	}
	d.wantSupplies("2025-09-22 EURR 1 6", "2025-09-23 EURR 3 6")
	in := d.warehouse.NewIntake("node", d.run+1)
	in.Prune, in.Full = true, true
	if err := Load(t.Context(), in, d.dir, table()); err != nil {
		t.Fatal(err)
	}
	d.wantSupplies("2025-09-23 EURR 3 6")
}

// TestALaterLineMendsABrokenOne: a recording holds the answer that was none and, from a later night, the one that is.
func TestALaterLineMendsABrokenOne(t *testing.T) {
	d := newDesk(t)
	d.write(line("2025-09-22", "EURR", "-1"), line("2025-09-22", "EURR", "1"), line("2025-09-23", "EURR", "2"), line("2025-09-23", "EURR", "-2"))
	if report := d.load(0.25); report.Rejects != 1 || len(report.TooManyRejects) != 0 {
		t.Errorf("%+v", report)
	}
	d.wantSupplies("2025-09-22 EURR 1 6", "2025-09-23 EURR 2 6")
}

// TestRecordedRejectsRefuseNoFile: a night with an answer that was none can be repeated.
func TestRecordedRejectsRefuseNoFile(t *testing.T) {
	d := newDesk(t)
	broken := line("2025-09-22", "EURR", "-1")
	d.write(string(markRejected([]byte(broken), `is "-1"`)), line("2025-09-23", "EURR", "2"))
	if report := d.load(0); report.Rejects != 1 || len(report.TooManyRejects) != 0 {
		t.Errorf("%+v", report)
	}
	d.wantSupplies("2025-09-23 EURR 2 6")
}

// land lands lines as a server's answers.
func (d *desk) land(recorder *Recorder, lines ...string) *engine.LoadReport {
	d.t.Helper()
	d.run++
	in := d.warehouse.NewIntake("node", d.run)
	landing := NewLanding(in, recorder)
	tokens := table()
	var answers []Answer
	for i, one := range lines {
		answers = append(answers, Answer{&tokens, fmt.Sprintf("question %d", i), []byte(one)})
	}
	if err := landing.Land(d.t.Context(), answers); err != nil {
		d.t.Fatal(err)
	}
	return in.Report()
}

func TestAnswersReplaceWhatIsKnownOfTheSame(t *testing.T) {
	d := newDesk(t)
	d.land(nil, line("2025-09-22", "EURR", "1"), line("2025-09-23", "EURR", "2"))
	report := d.land(nil, `{"date": "2025-09-22", "token": "EURR", "state": {"value": "<html>"}, "decimals": 6}`, line("2025-09-23", "EURR", "3"), line("2025-09-24", "EURR", "4"))
	if report.Read != 3 || report.Rejects != 1 || report.Changed != 2 {
		t.Errorf("%+v", report)
	}
	d.wantSupplies("2025-09-22 EURR 1 6", "2025-09-23 EURR 3 6", "2025-09-24 EURR 4 6")
	rejects := "select concat_ws(' ', file, document_id, date, field, reason) from raw.rejects"
	want := []string{fileName + ` question 0 2025-09-22 state.value is "<html>", not a whole number from 0 to 18446744073709551615`}
	if diff := cmp.Diff(want, d.rows(rejects)); diff != "" {
		t.Error(diff)
	}
	versions := d.rows("select version::varchar from ops.source_days where table_name = 'raw.token_info' order by date")
	if len(versions) != 3 {
		t.Errorf("%d days have versions", len(versions))
	}
	d.land(nil, line("2025-09-22", "EURR", "5"))
	if left := d.rows(rejects); len(left) != 0 {
		t.Errorf("asked again, the reject stays: %q", left)
	}
	d.wantSupplies("2025-09-22 EURR 5 6", "2025-09-23 EURR 3 6", "2025-09-24 EURR 4 6")
	after := d.rows("select version::varchar from ops.source_days where table_name = 'raw.token_info' order by date")
	if after[0] == versions[0] || after[1] != versions[1] || after[2] != versions[2] {
		t.Errorf("versions %q, then %q", versions, after)
	}
}

func TestARecordingIsReadAsTheAnswersWere(t *testing.T) {
	asked, read := newDesk(t), newDesk(t)
	recorder := NewRecorder(filepath.Join(read.dir, "new", "folder"))
	asked.land(recorder, line("2025-09-22", "EURR", "1"), line("2025-09-23", "EURR", "-1"), "{\n"+line("2025-09-24", "EURR", "1")[1:])
	asked.land(recorder, line("2025-09-22", "USDR", "3"))
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	read.dir = filepath.Join(read.dir, "new", "folder")
	if report := read.load(0); report.Rows != 4 || report.Rejects != 1 || len(report.TooManyRejects) != 0 {
		t.Errorf("%+v", report)
	}
	for _, query := range []string{"select t::varchar from raw.token_info as t order by all", "select concat_ws(' ', file, date, field, reason) from raw.rejects",
		"select concat_ws(' ', table_name, date, version) from ops.source_days order by all"} {
		if diff := cmp.Diff(asked.rows(query), read.rows(query)); diff != "" {
			t.Errorf("%s (-asked +read):\n%s", query, diff)
		}
	}
}

// TestARecordingGoesOn: what a kill cut off goes, a line that only lacks its end stays.
func TestARecordingGoesOn(t *testing.T) {
	for before, want := range map[string]string{
		"{\"a\":1}\n{\"b\":":   "{\"a\":1}\n{\"c\":3}\n",
		"{\"a\":1}\n{\"b\":2}": "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n",
		"{\"b\"":               "{\"c\":3}\n",
		"":                     "{\"c\":3}\n",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		recorder := NewRecorder(dir)
		if err := recorder.Append(fileName, [][]byte{[]byte(`{"c": 3}`)}); err != nil {
			t.Fatal(err)
		}
		if err := recorder.Close(); err != nil {
			t.Fatal(err)
		}
		if content, err := os.ReadFile(path); err != nil || string(content) != want {
			t.Errorf("%q became %q, %v", before, content, err)
		}
	}
}

// TestAnswersLandWithoutTheirRecording: a full disk costs the recording, not the answers, and fails the run.
func TestAnswersLandWithoutTheirRecording(t *testing.T) {
	d := newDesk(t)
	d.write("no folder")
	if report := d.land(NewRecorder(d.path()), line("2025-09-22", "EURR", "1")); report.Failure == "" {
		t.Errorf("%+v", report)
	}
	d.wantSupplies("2025-09-22 EURR 1 6")
}

func TestBody(t *testing.T) {
	for body, want := range map[string]string{
		`{"a": 9007199254740993}`: `{"a": 9007199254740993}`,
		"<b>\x80":                 `"<b>\ufffd"`,
		"":                        `""`,
		" null\n":                 `" null\n"`,
	} {
		if got := string(Body([]byte(body))); got != want {
			t.Errorf("%q: %s, want %s", body, got, want)
		}
	}
}
