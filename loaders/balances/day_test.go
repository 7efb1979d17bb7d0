package balances

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

func TestDaysOfAFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, content []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var zipped bytes.Buffer
	out := gzip.NewWriter(&zipped)
	if _, err := out.Write([]byte("account\nx\n")); err != nil || out.Close() != nil {
		t.Fatal(err)
	}
	write("2021-06-09.csv", []byte("account\nx\n"))
	write("2021-06-10.csv.gz", zipped.Bytes())
	write("2021-06-11.csv.gz", zipped.Bytes()[:10])
	write("2021-06-12.csv", []byte("account\nx"))
	write("2021-06-13.plts.csv", []byte("account\nx\n"))
	loader := New(dir)
	for number, want := range map[int]string{9: "", 10: "", 11: "2021-06-11.csv.gz: the file is cut off", 12: "2021-06-12.csv is not written to its end", 13: dir + " has no 2021-06-13.csv"} {
		got, err := loader.Day(t.Context(), time.Date(2021, 6, number, 0, 0, 0, 0, time.UTC))
		if err != nil || want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("day %d: %q, %v; want %q", number, got, err, want)
		}
	}
	if what, _, err := loader.Probe(t.Context()); err != nil || what != "4 snapshots, 2021-06-09 to 2021-06-12" {
		t.Error(what, err)
	}
	if _, err := New(filepath.Join(dir, "none")).Day(t.Context(), time.Now()); err == nil {
		t.Error("no folder: no error")
	}
}
