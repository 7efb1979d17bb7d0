package balances

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ccdexplorer/nightrunner/engine"
)

const (
	accountsFile = "accounts.csv"
	tokensFile   = "plts.csv"
)

// repository is a store of commits: one whose message is a date is that day's snapshot, the oldest one where there are
// several. Files are read from the object store.
type repository struct {
	path string
	pull bool
	// patience is how long a fetch may take.
	patience time.Duration
	environ  []string
	shallow  bool
	blobs    *blobs
}

// commit is a commit whose message is a date.
type commit struct {
	id   string
	day  time.Time
	made time.Time
}

// blob is what a path of a commit holds; an empty id is nothing.
type blob struct {
	id    string
	bytes int64
}

// gitDay is the commit that counts for a day.
type gitDay struct {
	commit
	accounts, tokens blob
}

func openRepository(ctx context.Context, path string, pull bool, patience time.Duration) (*repository, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	environ, err := gitEnvironment(path)
	if err != nil {
		return nil, err
	}
	r := &repository{path: path, pull: pull, patience: patience, environ: environ}
	shallow, err := r.git(ctx, "", "rev-parse", "--is-shallow-repository")
	if err != nil {
		if !errors.Is(err, errNoGit) {
			err = engine.WithHint(fmt.Errorf("%s: %w", path, err), "--balances git:PATH names a repository, bare or with a work tree, that this user may read")
		}
		return nil, err
	}
	r.shallow = shallow == "true"
	r.blobs = &blobs{start: func() *exec.Cmd { return r.command(ctx, "cat-file", "--batch") }}
	return r, nil
}

// gitEnvironment is that of the process without what would point git at another repository, as hooks have it. A folder
// inside a repository is not taken for that repository, and nobody is asked for a password.
func gitEnvironment(path string) ([]string, error) {
	whole, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if whole, err = filepath.EvalSymlinks(whole); err != nil {
		return nil, err
	}
	pointing := []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"}
	environ := slices.DeleteFunc(os.Environ(), func(one string) bool {
		name, _, _ := strings.Cut(one, "=")
		return slices.Contains(pointing, name)
	})
	return append(environ, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_CEILING_DIRECTORIES="+filepath.Dir(whole)), nil
}

var errNoGit = errors.New("git is not installed")

func (r *repository) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "git", append([]string{"-C", r.path}, args...)...)
	command.Env = r.environ
	// Asked, git takes away what is half done and ends its helpers.
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	return command
}

// git runs git and gives what it says, trimmed.
func (r *repository) git(ctx context.Context, input string, args ...string) (string, error) {
	command := r.command(ctx, args...)
	var out, said bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &out, &said
	err := command.Run()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", gitError(args[0], err, said.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// gitError says what git said.
func gitError(what string, err error, said string) error {
	if errors.Is(err, exec.ErrNotFound) {
		return engine.WithHint(errNoGit, "install git, or give --balances a folder of YYYY-MM-DD.csv files")
	}
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return fmt.Errorf("git %s: %s", what, cmp.Or(strings.TrimPrefix(lines[0], "fatal: "), err.Error()))
}

// fetch brings what the remote has. A bare clone that tracks nothing gets its branch moved ahead, never back.
func (r *repository) fetch(ctx context.Context) error {
	args := []string{"fetch", "--quiet", "--no-auto-maintenance"}
	bare, err := r.git(ctx, "", "rev-parse", "--is-bare-repository")
	if err != nil {
		return err
	}
	if refs, _ := r.git(ctx, "", "config", "--get-all", "remote.origin.fetch"); bare == "true" && refs == "" {
		branch, err := r.git(ctx, "", "symbolic-ref", "--short", "HEAD")
		if err != nil {
			return err
		}
		args = append(args, "origin", branch+":"+branch)
	}
	limited, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	_, err = r.git(limited, "", args...)
	if limited.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("git fetch: the remote was given up after %s", r.patience)
	}
	return err
}

// tip is the commit to read from: HEAD, or what it tracks where that is ahead. A fetch does not move HEAD.
func (r *repository) tip(ctx context.Context, note func(string, ...any)) (string, error) {
	head, err := r.git(ctx, "", "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", engine.WithHint(fmt.Errorf("%s has no commit at HEAD", r.path), "is it cloned to its end?")
	}
	tracked, err := r.git(ctx, "", "rev-parse", "--verify", "--quiet", "HEAD@{upstream}")
	if err != nil || tracked == head {
		return head, ctx.Err()
	}
	if _, err := r.git(ctx, "", "merge-base", "--is-ancestor", head, tracked); err == nil {
		return tracked, nil
	}
	if _, err := r.git(ctx, "", "merge-base", "--is-ancestor", tracked, head); err != nil {
		note("%s: HEAD and what it tracks went different ways: HEAD is read", r.path)
	}
	return head, ctx.Err()
}

// commits are those whose messages are dates, the oldest first.
func (r *repository) commits(ctx context.Context, note func(string, ...any)) ([]commit, error) {
	tip, err := r.tip(ctx, note)
	if err != nil {
		return nil, err
	}
	lines, err := r.git(ctx, "", "log", "--no-show-signature", "--topo-order", "--reverse", "--format=%H %ct %s", tip)
	if err != nil {
		return nil, err
	}
	var list []commit
	others, example := 0, ""
	for line := range strings.Lines(lines) {
		id, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		seconds, message, _ := strings.Cut(rest, " ")
		made, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("git log: %q is no time of a commit", seconds)
		}
		day, err := time.Parse(time.DateOnly, strings.TrimSpace(message))
		if err != nil {
			others++
			example = cmp.Or(example, fmt.Sprintf("%.7s %q", id, message))
			continue
		}
		list = append(list, commit{id: id, day: day, made: time.Unix(made, 0).UTC()})
	}
	if others > 0 {
		note("%s: commits whose message is no date are ignored: %d, the first is %s", r.path, others, example)
	}
	return list, nil
}

// look asks what the two files of each commit are, without reading them.
func (r *repository) look(ctx context.Context, commits []commit) (map[string]blob, error) {
	var paths []string
	for _, one := range commits {
		paths = append(paths, one.id+":"+accountsFile, one.id+":"+tokensFile)
	}
	lines, err := r.git(ctx, strings.Join(paths, "\n")+"\n", "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)")
	if err != nil {
		return nil, err
	}
	answers := strings.Split(lines, "\n")
	if len(answers) != len(paths) {
		return nil, fmt.Errorf("git cat-file: %d answers to %d questions", len(answers), len(paths))
	}
	found := map[string]blob{}
	for i, path := range paths {
		fields := strings.Fields(answers[i])
		if len(fields) != 3 || fields[1] != "blob" {
			continue
		}
		size, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("git cat-file: %q is no size", fields[2])
		}
		found[path] = blob{id: fields[0], bytes: size}
	}
	return found, nil
}

// days are the commits that count: of one day the oldest that has accounts.csv. without are days whose commits have none.
func (r *repository) days(ctx context.Context, note func(string, ...any)) (list []gitDay, without map[time.Time]bool, err error) {
	commits, err := r.commits(ctx, note)
	if err != nil || len(commits) == 0 {
		return nil, nil, err
	}
	found, err := r.look(ctx, commits)
	if err != nil {
		return nil, nil, err
	}
	taken := map[time.Time]bool{}
	without = map[time.Time]bool{}
	for _, one := range commits {
		accounts, there := found[one.id+":"+accountsFile]
		switch {
		case taken[one.day]:
		case !there:
			without[one.day] = true
		default:
			taken[one.day] = true
			list = append(list, gitDay{commit: one, accounts: accounts, tokens: found[one.id+":"+tokensFile]})
		}
	}
	for day := range taken {
		delete(without, day)
	}
	slices.SortFunc(list, func(a, b gitDay) int { return a.day.Compare(b.day) })
	return list, without, nil
}

// list fetches where that is wanted; a remote that does not answer is told, and what is here is read.
func (r *repository) list(ctx context.Context, l *load) ([]source, error) {
	if r.pull {
		if err := r.fetch(ctx); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			l.in.Unreadable("git:"+r.path, fmt.Errorf("--pull: %w; what is here is read", err))
		}
	}
	days, without, err := r.days(ctx, l.in.Note)
	if err != nil {
		return nil, err
	}
	var names []string
	for day := range without {
		l.twins[day] = true
		names = append(names, day.Format(time.DateOnly))
	}
	if slices.Sort(names); len(names) > 0 {
		l.in.Note("%s: no %s in the commits of %s: these days stay as they are", r.path, accountsFile, strings.Join(names, ", "))
	}
	var all []source
	for _, one := range days {
		name := one.day.Format(time.DateOnly)
		all = append(all, source{name: name + ".csv", day: one.day, bytes: one.accounts.bytes, modified: one.made, hash: one.accounts.id})
		if one.tokens.id != "" {
			all = append(all, source{name: name + ".plts.csv", day: one.day, tokens: true, bytes: one.tokens.bytes, modified: one.made, hash: one.tokens.id})
		}
	}
	if r.shallow {
		all = r.onlyNew(l, all)
	}
	return all, nil
}

// onlyNew: a shallow repository has cut off days, and of a day it has perhaps the older commit.
func (r *repository) onlyNew(l *load, all []source) []source {
	l.partial = true
	l.in.Note("%s is shallow: days that are loaded stay as they are", r.path)
	return slices.DeleteFunc(all, func(s source) bool {
		known := l.known[s.name]
		stays := known.Status == engine.FileLoaded && known.Hash != s.hash
		if stays {
			l.twins[s.day] = true
			l.in.Report().Unchanged++
		}
		return stays
	})
}

func (r *repository) read(s source) ([]byte, error) { return r.blobs.read(s.hash) }

func (r *repository) close() error { return r.blobs.close() }

func (r *repository) empty() error {
	return engine.WithHint(fmt.Errorf("%s has no commit with a date as its message and %s in its tree: nothing is read and nothing removed", r.path, accountsFile),
		"is its branch of snapshots checked out?")
}

func (r *repository) day(ctx context.Context, day time.Time) (string, error) {
	if r.pull {
		if err := r.fetch(ctx); err != nil {
			return "", err
		}
	}
	days, _, err := r.days(ctx, func(string, ...any) {})
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(days, func(one gitDay) bool { return one.day.Equal(day) }) {
		return "", nil
	}
	return fmt.Sprintf("%s has no commit %s", r.path, day.Format(time.DateOnly)), nil
}

func (r *repository) probe(ctx context.Context) (string, error) {
	days, _, err := r.days(ctx, func(string, ...any) {})
	if err != nil {
		return "", err
	}
	if len(days) == 0 {
		return "", r.empty()
	}
	if r.pull {
		if err := r.writable(ctx); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d snapshots in git, %s to %s", len(days), days[0].day.Format(time.DateOnly), days[len(days)-1].day.Format(time.DateOnly)), nil
}

// writable looks whether a fetch could write. The remote is not asked.
func (r *repository) writable(ctx context.Context) error {
	objects, err := r.git(ctx, "", "rev-parse", "--git-path", "objects")
	if err != nil {
		return err
	}
	if !filepath.IsAbs(objects) {
		objects = filepath.Join(r.path, objects)
	}
	if err := unix.Access(objects, unix.W_OK|unix.X_OK); err != nil {
		return engine.WithHint(fmt.Errorf("--pull: %s cannot be written: %w", objects, err), "the run's user must be able to write in the repository")
	}
	return nil
}
