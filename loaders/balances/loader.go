// Package balances loads daily balance snapshots: a folder of YYYY-MM-DD.csv files (also .csv.gz, .csv.zst), one for the
// end of each UTC day, and optional YYYY-MM-DD.plts.csv files with token balances beside them; or a git repository with a
// commit for each day.
//
// Snapshots are kept as changes: a row per account and day on which something differs from the snapshot before. So a
// changed day also rewrites the next one. Files are parsed in parallel, but only the fold, in the order of days, gives
// accounts their ids and writes.
package balances

import (
	"context"
	"errors"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
)

const (
	// batchFiles and batchRows bound what one transaction of a first load writes.
	batchFiles = 200
	batchRows  = 1_000_000
	// rewriteFiles bounds how many parsed snapshots are in memory while stored days are rewritten.
	rewriteFiles = 32
)

// A Loader reads one folder or one repository.
type Loader struct {
	open func(context.Context) (store, error)
}

// New loads from a folder.
func New(dir string) *Loader {
	return &Loader{open: func(context.Context) (store, error) { return folder{dir}, nil }}
}

// NewGit loads from a git repository, bare or not: each commit whose message is a date is the snapshot of that day, in
// accounts.csv and, where there is one, plts.csv. pull fetches first, for at most patience: a remote that stalls must not
// hold a night up. It runs git; nothing is checked out.
func NewGit(path string, pull bool, patience time.Duration) *Loader {
	return &Loader{open: func(ctx context.Context) (store, error) { return openRepository(ctx, path, pull, patience) }}
}

// A store is where snapshots are kept.
type store interface {
	// list finds the files in the order of their names. What it leaves out it tells the load.
	list(ctx context.Context, l *load) ([]source, error)
	// read gives a file as it lies there.
	read(s source) ([]byte, error)
	// empty is the error of a store without any snapshot.
	empty() error
	// day says in words what is missing of the snapshot of a day.
	day(ctx context.Context, day time.Time) (missing string, err error)
	// probe describes what is there.
	probe(ctx context.Context) (what string, err error)
	close() error
}

// Source is "balances".
func (*Loader) Source() string { return "balances" }

// load is one Load.
type load struct {
	store    store
	in       *engine.Intake
	known    map[string]engine.SourceFile
	accounts *dictionary
	words    *lockedWords
	// twins are days that have several files, or none that can be taken: they are neither read nor missing.
	twins map[time.Time]bool
	// partial: the store may have forgotten days, so none of them is gone.
	partial bool
	// stored are the days that the table of snapshots at work has, with their files.
	stored map[time.Time]string
}

// Load brings what is new or changed in the folder into raw.*.
func (ldr *Loader) Load(ctx context.Context, in *engine.Intake) (err error) {
	store, err := ldr.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.close()) }()
	l := &load{store: store, in: in, accounts: newDictionary(), words: &lockedWords{words: newWords()}, twins: map[time.Time]bool{}}
	if l.known, err = in.Files(ctx); err != nil {
		return err
	}
	files, err := store.list(ctx, l)
	if err != nil {
		return err
	}
	if err := l.refuseEmpty(files); err != nil {
		return err
	}
	var snapshots, tokens []source
	for _, file := range files {
		if file.tokens {
			tokens = append(tokens, file)
		} else {
			snapshots = append(snapshots, file)
		}
	}
	if err := l.loadSnapshots(ctx, snapshots); err != nil {
		return err
	}
	return l.loadTokens(ctx, tokens)
}

// refuseEmpty takes a folder without any snapshot for one that is not mounted or not the right one, also with --prune.
func (l *load) refuseEmpty(files []source) error {
	if len(files) > 0 || len(l.twins) > 0 {
		return nil
	}
	return l.store.empty()
}

// work is what differs between a folder and the warehouse.
type work struct {
	files map[time.Time]source // to be read, by day
	gone  []time.Time          // stored days without a file
	days  []time.Time
	names map[time.Time]string // the file of each stored day
}

// compare finds files that are new or changed, and days whose file is gone.
func (l *load) compare(ctx context.Context, table string, files []source) (work, error) {
	w := work{files: map[time.Time]source{}}
	var err error
	if w.days, w.names, err = l.storedDays(ctx, table); err != nil {
		return w, err
	}
	here := map[time.Time]bool{}
	for _, file := range files {
		here[file.day] = true
		if !l.within(file.day) {
			continue
		}
		// The day's data may be from a file of another name.
		mine := w.names[file.day] == file.name || w.names[file.day] == ""
		if !l.in.Full && mine && file.same(l.known[file.name]) {
			l.in.Report().Unchanged++
			continue
		}
		w.files[file.day] = file
	}
	for _, day := range w.days {
		if !here[day] && !l.twins[day] && !l.partial && l.within(day) {
			w.gone = append(w.gone, day)
		}
	}
	return w, nil
}

func (l *load) within(day time.Time) bool {
	return (l.in.From.IsZero() || !day.Before(l.in.From)) && (l.in.To.IsZero() || !day.After(l.in.To))
}

// tellGone says which days have no file any more, or gives the days to prune.
func (l *load) tellGone(ctx context.Context, w work) (map[time.Time]bool, error) {
	pruned := map[time.Time]bool{}
	var missing []engine.SourceFile
	for _, day := range w.gone {
		name := w.names[day]
		if l.in.Prune {
			pruned[day] = true
			l.in.Note("%s is gone: its day is removed", name)
			if err := l.in.ForgetFiles(ctx, name); err != nil {
				return nil, err
			}
			continue
		}
		l.in.Report().Missing++
		l.in.Note("%s is gone: its day and its documents stay until --prune", name)
		if known := l.known[name]; known.Status != "missing" {
			known.Name, known.Date, known.Status, known.Message = name, day, "missing", "gone; its day stays until --prune"
			missing = append(missing, known)
		}
	}
	return pruned, l.in.SaveFiles(ctx, missing...)
}
