package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
)

type fake struct {
	what string
	off  time.Duration
	err  error
}

func (f fake) Probe(context.Context) (string, time.Time, error) {
	if f.off == 0 {
		return f.what, time.Time{}, f.err
	}
	return f.what, time.Now().Add(f.off), f.err
}

func TestProbe(t *testing.T) {
	found, skew := Probe(t.Context(), []Place{{"a", fake{what: "three files", off: -10 * time.Minute}}, {"b", fake{err: engine.WithHint(errors.New("refused"), "start it")}}, {"c", 1}})
	want := []Finding{{"a", OK, "three files", ""}, {"b", Fail, "refused", "start it"}, {"c", OK, "not asked: a run does", ""}}
	for i := range want {
		if found[i] != want[i] {
			t.Errorf("%+v, not %+v", found[i], want[i])
		}
	}
	if skew > -9*time.Minute || skew < -11*time.Minute {
		t.Error(skew)
	}
	if Worst(found) != Fail || Worst(found[:1]) != OK || Worst([]Finding{{Status: Warn}, {Status: OK}}) != Warn {
		t.Error("the worst is another")
	}
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, one := range []struct {
		now  time.Time
		skew time.Duration
		want string
	}{{now, 2 * time.Hour, Fail}, {now, -2 * time.Hour, Fail}, {now, -2 * time.Minute, Warn}, {time.Unix(0, 0), 0, Fail}} {
		if got := Clock(one.now, one.skew); got.Status != one.want {
			t.Errorf("%s, %s: %+v", one.now, one.skew, got)
		}
	}
	if got := Clock(now, time.Second); got.Status == Fail {
		t.Errorf("%+v", got)
	}
}

func TestMemory(t *testing.T) {
	for limit, want := range map[string]string{"": OK, "100MB": OK, "900TB": Fail, "much": Fail} {
		if got := Memory(t.TempDir(), limit, 1)[0]; got.Status != want {
			t.Errorf("%q: %+v", limit, got)
		}
	}
	if got := Memory(t.TempDir(), "", 10_000)[1]; got.Status != Warn {
		t.Errorf("%+v", got)
	}
}

func TestDisk(t *testing.T) {
	const giga = 1 << 30
	for want, sizes := range map[string]*engine.Sizes{OK: {Warehouse: giga, FreeDisk: 10 * giga}, Warn: {Warehouse: 5 * giga, FreeDisk: 6 * giga}, Fail: {Warehouse: 5 * giga, FreeDisk: 4 * giga}} {
		if got := Disk(sizes); got.Status != want {
			t.Errorf("%+v is %+v", sizes, got)
		}
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: OK, filepath.Join(dir, "a", "b"): OK, filepath.Join(file, "a"): Fail, "/proc/nothing": Fail} {
		if got := Folder("x", path); got.Status != want && (path != "/proc/nothing" || os.Geteuid() != 0) {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if got := Locks(dir, false); got.Status == Fail {
		t.Errorf("%+v", got)
	}
	if got, is := Secrecy("x", file); !is || got.Status != Warn {
		t.Errorf("%+v", got)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, is := Secrecy("x", file); is {
		t.Errorf("%+v", got)
	}
	if _, _, err := Storage(file); !errors.Is(err, engine.ErrNotWarehouse) {
		t.Error(err)
	}
}

func TestStorage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.duckdb")
	w, err := engine.Open(t.Context(), path, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	// It is read while a run has it open.
	storage, library, err := Storage(path)
	version, versionErr := engine.DuckDBVersion(t.Context())
	if err != nil || versionErr != nil || storage == 0 || !strings.HasPrefix(library, version) {
		t.Errorf("storage %d of %q, not of %q: %v %v", storage, library, version, err, versionErr)
	}
}
