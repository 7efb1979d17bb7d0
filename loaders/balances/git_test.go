package balances

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
)

// clone is a repository with a work tree.
type clone struct {
	t    *testing.T
	path string
}

func newClone(t *testing.T) *clone {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not here")
	}
	c := &clone{t: t, path: t.TempDir()}
	c.git("init", "--quiet", "--initial-branch=main")
	return c
}

func (c *clone) git(args ...string) {
	c.t.Helper()
	run(c.t, c.path, args...)
}

func run(t *testing.T, path string, args ...string) {
	t.Helper()
	command := exec.Command("git", append([]string{"-C", path, "-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"}, args...)...)
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, said)
	}
}

// commit makes files the whole tree.
func (c *clone) commit(message string, files map[string]string) {
	c.t.Helper()
	for _, name := range []string{accountsFile, tokensFile} {
		if err := os.RemoveAll(filepath.Join(c.path, name)); err != nil {
			c.t.Fatal(err)
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(c.path, name), []byte(content), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	c.git("add", "--all")
	c.git("commit", "--quiet", "--allow-empty", "-m", message)
}

func accounts(content string) map[string]string { return map[string]string{accountsFile: content} }

func sum(n int) string { return fmt.Sprintf("account,total_balance\na,%d.0\n", n) }

func gitDesk(t *testing.T, path string, pull bool) *desk {
	t.Helper()
	d := newDesk(t)
	d.loader = NewGit(path, pull, time.Minute)
	return d
}

// TestGitGivesWhatAFolderGives: the same tables, after a first load and after more commits, also out of order.
func TestGitGivesWhatAFolderGives(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 7))
	repository, folder := newClone(t), newDesk(t)
	d := gitDesk(t, repository.path, false)
	for round, days := range [][]int{{1, 2, 4, 7}, {8, 9}, {3, 10}} {
		for _, n := range days {
			files := accounts(randomSnapshot(random))
			folder.write(day(n)+".csv", files[accountsFile])
			if n%2 == 0 {
				files[tokensFile] = fmt.Sprintf("account_address,account_index,EURR\naccount1,1,%d.5\n", n)
				folder.write(day(n)+".plts.csv", files[tokensFile])
			}
			repository.commit(day(n), files)
		}
		folder.load()
		report := d.load()
		same(t, "unreadable", report.Unreadable, []engine.FileError(nil))
		if round > 0 && report.Read > 2*len(days) {
			t.Errorf("round %d: %d files read", round, report.Read)
		}
		for name, rows := range folder.tables() {
			same(t, name, d.tables()[name], rows)
		}
		const tokens = "select * exclude account_id from raw.token_balance_changes order by all"
		same(t, "tokens", d.query(tokens), folder.query(tokens))
	}
	again := d.load()
	same(t, "read again", again.Read, 0)
}

func TestOfCommitsOfOneDateTheOldestCounts(t *testing.T) {
	c := newClone(t)
	c.commit("Begin", nil)
	c.commit(day(1), accounts(sum(1)))
	c.commit(day(2), nil)
	c.commit(day(2), accounts(sum(2)))
	c.commit(day(1), accounts(sum(9)))
	c.commit(day(2), accounts(sum(9)))
	c.commit(day(3), nil)
	d := gitDesk(t, c.path, false)
	report := d.load()
	want := []string{"{'date': 2021-06-01, 'total_microccd': 1000000}", "{'date': 2021-06-02, 'total_microccd': 2000000}"}
	const query = "select date, total_microccd from raw.balance_changes order by date"
	same(t, "changes", d.query(query), want)
	notes := strings.Join(report.Notes, "\n")
	for _, said := range []string{`message is no date are ignored: 1, the first is`, `"Begin"`, "no accounts.csv in the commits of 2021-06-03"} {
		if !strings.Contains(notes, said) {
			t.Errorf("%q lacks %q", notes, said)
		}
	}
	// An amended commit is another one with the same message.
	c.commit(day(3), accounts(sum(3)))
	d.load()
	if err := os.WriteFile(filepath.Join(c.path, accountsFile), []byte(sum(4)), 0o600); err != nil {
		t.Fatal(err)
	}
	c.git("commit", "--quiet", "--all", "--amend", "--no-edit")
	same(t, "read", d.load().Read, 1)
	same(t, "amended", d.query(query), append(want, "{'date': 2021-06-03, 'total_microccd': 4000000}"))
}

func TestPullAndClones(t *testing.T) {
	origin := newClone(t)
	origin.commit(day(1), accounts(sum(1)))
	origin.commit(day(2), accounts(sum(2)))
	dir := t.TempDir()
	url := "file://" + origin.path
	kinds := map[string][]string{"work": nil, "bare": {"--bare"}, "mirror": {"--mirror"}, "shallow": {"--depth=1"}}
	desks := map[string]*desk{}
	for name, options := range kinds {
		path := filepath.Join(dir, name)
		run(t, dir, append(append([]string{"clone", "--quiet"}, options...), url, path)...)
		desks[name] = gitDesk(t, path, true)
		desks[name].load(prune)
	}
	origin.commit(day(3), accounts(sum(3)))
	const query = "select day(date) as d, total_microccd // 1000000 as ccd from raw.balance_changes order by date"
	all := []string{"{'d': 1, 'ccd': 1}", "{'d': 2, 'ccd': 2}", "{'d': 3, 'ccd': 3}"}
	for name, d := range desks {
		d.load(prune)
		want := all
		if name == "shallow" {
			want = all[1:]
		}
		same(t, name, d.query(query), want)
	}
	// A warehouse that knows more than a shallow clone keeps it.
	full := desks["work"]
	full.loader = NewGit(filepath.Join(dir, "shallow"), false, 0)
	report := full.load(prune)
	same(t, "kept", full.query(query), all)
	same(t, "missing", report.Missing, 0)
	// A remote that is gone is told; what is here is read.
	if err := os.Rename(origin.path, origin.path+".gone"); err != nil {
		t.Fatal(err)
	}
	defer os.Rename(origin.path+".gone", origin.path)
	report = desks["bare"].load()
	if len(report.Unreadable) != 1 || !strings.Contains(report.Unreadable[0].Error, "--pull: git fetch: ") {
		t.Error(report.Unreadable)
	}
	same(t, "offline", desks["bare"].query(query), all)
	what, _, err := NewGit(filepath.Join(dir, "bare"), false, 0).Probe(t.Context())
	if err != nil || what != "3 snapshots in git, 2021-06-01 to 2021-06-03" {
		t.Error(what, err)
	}
	for n, want := range map[int]string{3: "", 4: filepath.Join(dir, "bare") + " has no commit 2021-06-04"} {
		missing, err := NewGit(filepath.Join(dir, "bare"), false, 0).Day(t.Context(), time.Date(2021, 6, n, 0, 0, 0, 0, time.UTC))
		if err != nil || missing != want {
			t.Errorf("day %d: %q, %v", n, missing, err)
		}
	}
}

// TestDamagedBlobFailsItsDayAlone: git ends at a damaged object; the days after it are read all the same.
func TestDamagedBlobFailsItsDayAlone(t *testing.T) {
	c := newClone(t)
	for n := 1; n <= 3; n++ {
		c.commit(day(n), accounts(sum(n)))
	}
	out, err := exec.Command("git", "-C", c.path, "rev-parse", "HEAD~1:"+accountsFile).Output()
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(string(out))
	object := filepath.Join(c.path, ".git", "objects", id[:2], id[2:])
	content, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	// The head of the object stays readable, its end is not.
	content[len(content)-3] ^= 0xff
	if err := os.Chmod(object, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(object, content, 0o600); err != nil {
		t.Fatal(err)
	}
	d := gitDesk(t, c.path, false)
	report := d.load()
	if len(report.Unreadable) != 1 || report.Unreadable[0].File != day(2)+".csv" {
		t.Errorf("%+v", report.Unreadable)
	}
	same(t, "days", d.query("select day(date) as d from raw.snapshots order by date"), []string{"{'d': 1}", "{'d': 3}"})
}

func TestWhatIsNoRepositoryIsTold(t *testing.T) {
	c := newClone(t)
	inside := filepath.Join(c.path, "folder")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	try := func(path, want string) {
		t.Helper()
		err := NewGit(path, false, 0).Load(t.Context(), newDesk(t).warehouse.NewIntake("balances", 1))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, not %s", err, want)
		}
	}
	try(c.path, "has no commit at HEAD")
	c.commit("Begin", accounts(sum(1)))
	try(c.path, "has no commit with a date as its message")
	try(t.TempDir(), "not a git repository")
	try(inside, "not a git repository")
	try(filepath.Join(c.path, "none"), "no such file")
	t.Setenv("PATH", t.TempDir())
	try(c.path, "git is not installed")
}

// A remote that takes the connection and says nothing is given up.
func TestStallingRemoteIsGivenUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := newClone(t)
	c.commit("2025-06-09", accounts(sum(1)))
	c.git("remote", "add", "origin", "git://"+listener.Addr().String()+"/snapshots")
	r, err := openRepository(t.Context(), c.path, true, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "was given up after 200ms") {
		t.Errorf("got %v", err)
	}
	limited, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	r.patience = time.Hour
	if _, err := r.day(limited, time.Now()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
