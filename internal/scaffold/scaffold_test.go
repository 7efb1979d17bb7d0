package scaffold

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const five = "one\ntwo\nthree\nfour\nfive\n"

func shipped(pairs ...string) map[string][]byte {
	files := map[string][]byte{}
	for i := 0; i < len(pairs); i += 2 {
		files[pairs[i]] = []byte(pairs[i+1])
	}
	return files
}

// made is a folder that was filled with files.
func made(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "team")
	folder, err := Open(dir, files, "v1")
	if err != nil {
		t.Fatal(err)
	}
	if !folder.New {
		t.Fatal("a folder that does not exist is not new")
	}
	if err := folder.Write(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// get is a file's text, "-" when there is none.
func get(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return "-"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// upgraded opens the folder with what is shipped now.
func upgraded(t *testing.T, dir string, files map[string][]byte) (*Folder, []Change) {
	t.Helper()
	folder, err := Open(dir, files, "v2")
	if err != nil {
		t.Fatal(err)
	}
	changes, err := folder.Changes()
	if err != nil {
		t.Fatal(err)
	}
	return folder, changes
}

func states(changes []Change) string {
	var list []string
	for _, one := range changes {
		text := one.Path + " " + one.State
		if one.Conflicts > 0 {
			text += fmt.Sprint(" ", one.Conflicts)
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// TestUpgrade goes through all that can become of a file: what is told, and what --update and --merge make of it.
func TestUpgrade(t *testing.T) {
	const none = "-"
	for name, c := range map[string]struct {
		was, ours, now string
		state          string
		updated        string
		merged         string
	}{
		"nothing changed":                 {five, five, five, "", five, five},
		"changed here":                    {five, "mine\n", five, "", "mine\n", "mine\n"},
		"removed here":                    {five, none, five, "", none, none},
		"shipped otherwise":               {five, five, "new\n", "a.sql updated", "new\n", "new\n"},
		"both the same":                   {five, "new\n", "new\n", "", "new\n", "new\n"},
		"both, apart":                     {five, "ONE\ntwo\nthree\nfour\nfive\n", "one\ntwo\nthree\nfour\nFIVE\n", "a.sql both", "ONE\ntwo\nthree\nfour\nfive\n", "ONE\ntwo\nthree\nfour\nFIVE\n"},
		"both, in one place":              {five, "one\nmine\nthree\nfour\nfive\n", "one\nyours\nthree\nfour\nfive\n", "a.sql both 1", "one\nmine\nthree\nfour\nfive\n", "one\n" + oursMark + "mine\n" + baseMark + "two\n" + middleMark + "yours\n" + theirsMark + "three\nfour\nfive\n"},
		"new":                             {none, none, "new\n", "a.sql added", "new\n", "new\n"},
		"new, and the team has one":       {none, "mine\n", "new\n", "a.sql both 1", "mine\n", oursMark + "mine\n" + baseMark + middleMark + "new\n" + theirsMark},
		"new, and the team has the same":  {none, "new\n", "new\n", "", "new\n", "new\n"},
		"shipped no more":                 {five, five, none, "a.sql gone", none, none},
		"shipped no more, changed here":   {five, "mine\n", none, "a.sql kept", "mine\n", "mine\n"},
		"shipped no more, removed here":   {five, none, none, "", none, none},
		"shipped otherwise, removed here": {five, none, "new\n", "a.sql deleted", none, none},
		"the team's own":                  {none, "mine\n", none, "", "mine\n", "mine\n"},
		"emptied here":                    {five, "", "new\n", "a.sql both 1", "", oursMark + baseMark + five + middleMark + "new\n" + theirsMark},
	} {
		for _, merging := range []bool{false, true} {
			t.Run(fmt.Sprint(name, merging), func(t *testing.T) {
				was, now := shipped("b.sql", five), shipped("b.sql", five)
				if c.was != none {
					was["a.sql"] = []byte(c.was)
				}
				if c.now != none {
					now["a.sql"] = []byte(c.now)
				}
				dir := made(t, was)
				if c.ours != none {
					put(t, dir, "a.sql", c.ours)
				} else if err := removed(os.Remove(filepath.Join(dir, "a.sql"))); err != nil {
					t.Fatal(err)
				}
				folder, changes := upgraded(t, dir, now)
				if got := states(changes); got != c.state {
					t.Errorf("told %q, want %q", got, c.state)
				}
				if get(t, dir, "a.sql") != c.ours {
					t.Errorf("telling changed the file")
				}
				want := c.updated
				if merging {
					want = c.merged
				}
				if err := folder.Apply(changes, merging); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, get(t, dir, "a.sql")); diff != "" {
					t.Error(diff)
				}
				if want != c.ours && strings.HasPrefix(c.state, "a.sql both") && get(t, dir, ".nightrunner/before/a.sql") != c.ours {
					t.Error("what was merged is not kept")
				}
				again(t, dir, now, c.state, merging)
			})
		}
	}
}

// again: what was taken over is not told again.
func again(t *testing.T, dir string, now map[string][]byte, state string, merging bool) {
	t.Helper()
	_, changes := upgraded(t, dir, now)
	want := ""
	switch {
	case strings.HasPrefix(state, "a.sql both") && !merging:
		want = state
	case strings.HasPrefix(state, "a.sql both "):
		want = "a.sql unsettled"
	}
	if got := states(changes); got != want {
		t.Errorf("told again: %q, want %q", got, want)
	}
}

// TestDifferences: both sides are compared with what was shipped.
func TestDifferences(t *testing.T) {
	dir := made(t, shipped("a.sql", five))
	put(t, dir, "a.sql", "one\nmine\nthree\nfour\nfive\n")
	_, changes := upgraded(t, dir, shipped("a.sql", "one\nyours\nthree\nfour\nfive\n"))
	if len(changes) != 1 || !strings.Contains(changes[0].Shipped, "-two\n+yours\n") || !strings.Contains(changes[0].Yours, "-two\n+mine\n") {
		t.Errorf("got %+v", changes)
	}
}

func TestRefusals(t *testing.T) {
	files := shipped("sql/a.sql", five, "README.md", "read\n")
	dir := t.TempDir()
	put(t, dir, ".git/config", "x")
	put(t, dir, "LICENSE", "x")
	put(t, dir, "README.md", "read\n")
	if _, err := Open(dir, files, "v1"); err != nil {
		t.Errorf("a fresh repository: %v", err)
	}
	put(t, dir, "README.md", "ours\n")
	if _, err := Open(dir, files, "v1"); !errors.Is(err, ErrOther) || !strings.Contains(err.Error(), "README.md") {
		t.Errorf("got %v, want a refusal that names README.md", err)
	}
	put(t, dir, "README.md", "read\n")
	put(t, dir, "photos/a.jpg", "x")
	if _, err := Open(dir, files, "v1"); !errors.Is(err, ErrOther) {
		t.Errorf("got %v, want a refusal", err)
	}
	if _, err := Open(filepath.Join(dir, "LICENSE"), files, "v1"); err == nil {
		t.Error("a file is no folder")
	}
}

// TestCutOff: a write that ended half-way goes on.
func TestCutOff(t *testing.T) {
	files := shipped("sql/a.sql", five, "sql/b.sql", five)
	dir := made(t, files)
	for _, name := range []string{manifestFile, "sql/b.sql", shipFolder + "/sql/b.sql"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := Open(dir, files, "v1")
	if err != nil || !folder.New {
		t.Fatalf("got %v, want a new folder", err)
	}
	if err := folder.Write(); err != nil {
		t.Fatal(err)
	}
	if _, changes := upgraded(t, dir, files); len(changes) > 0 || get(t, dir, "sql/b.sql") != five {
		t.Errorf("not complete: %s", states(changes))
	}
}

func TestDamage(t *testing.T) {
	dir := made(t, shipped("a.sql", five))
	put(t, dir, ".nightrunner/shipped/a.sql", "edited\n")
	folder, err := Open(dir, shipped("a.sql", "new\n"), "v2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Changes(); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
	put(t, dir, manifestFile, "{")
	if _, err := Open(dir, shipped("a.sql", "new\n"), "v2"); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}

// TestChangedMeanwhile: an editor that saves between the comparison and the write wins.
func TestChangedMeanwhile(t *testing.T) {
	dir := made(t, shipped("a.sql", five))
	folder, changes := upgraded(t, dir, shipped("a.sql", "new\n"))
	put(t, dir, "a.sql", "saved\n")
	if err := folder.Apply(changes, true); err == nil || get(t, dir, "a.sql") != "saved\n" {
		t.Errorf("got %v and %q", err, get(t, dir, "a.sql"))
	}
}

func text(random *rand.Rand, from []string) []string {
	var list []string
	for _, line := range from {
		switch random.IntN(8) {
		case 0:
		case 1:
			list = append(list, fmt.Sprintf("changed %d\n", random.IntN(3)))
		case 2:
			list = append(list, line, fmt.Sprintf("added %d\n", random.IntN(3)))
		default:
			list = append(list, line)
		}
	}
	return list
}

// TestMergeLosesNothing: one side alone is taken as it is, all lines of both sides are in the outcome, and where git merges
// without a conflict, it is as git merges.
func TestMergeLosesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	git, gitErr := exec.LookPath("git")
	for round := range 400 {
		var lines []string
		for i := range 12 {
			lines = append(lines, fmt.Sprintf("line %d\n", i))
		}
		base := strings.Join(lines, "")
		ours, theirs := strings.Join(text(random, lines), ""), strings.Join(text(random, lines), "")
		merged, conflicts := merge([]byte(base), []byte(ours), []byte(theirs))
		if alone, n := merge([]byte(base), []byte(base), []byte(theirs)); string(alone) != theirs || n > 0 {
			t.Fatalf("theirs alone: %q", alone)
		}
		if alone, n := merge([]byte(base), []byte(ours), []byte(base)); string(alone) != ours || n > 0 {
			t.Fatalf("ours alone: %q", alone)
		}
		for _, side := range []string{ours, theirs} {
			for line := range strings.Lines(side) {
				if !strings.Contains(base, line) && !strings.Contains(string(merged), line) {
					t.Fatalf("%q is lost in %q", line, merged)
				}
			}
		}
		if gitErr == nil && round < 40 && conflicts == 0 {
			if want, clean := gitMerge(t, git, base, ours, theirs); clean && want != string(merged) {
				t.Errorf("base %q ours %q theirs %q:\n%s", base, ours, theirs, cmp.Diff(want, string(merged)))
			}
		}
	}
}

func gitMerge(t *testing.T, git, base, ours, theirs string) (string, bool) {
	dir := t.TempDir()
	put(t, dir, "base", base)
	put(t, dir, "ours", ours)
	put(t, dir, "theirs", theirs)
	out, err := exec.CommandContext(t.Context(), git, "merge-file", "-p", filepath.Join(dir, "ours"), filepath.Join(dir, "base"), filepath.Join(dir, "theirs")).Output()
	return string(out), err == nil
}

func TestMergeLastLines(t *testing.T) {
	merged, conflicts := merge([]byte("a\nb"), []byte("a\nmine"), []byte("a\nyours"))
	want := "a\n" + oursMark + "mine\n" + baseMark + "b\n" + middleMark + "yours\n" + theirsMark
	if string(merged) != want || conflicts != 1 {
		t.Errorf("got %q", merged)
	}
	if !hasMarks(merged) || hasMarks([]byte("a <<<<<<< yours\n")) {
		t.Error("marks are lines")
	}
}
