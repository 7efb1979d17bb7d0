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
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/zeebo/xxh3"

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
// accounts.csv and, where there is one, plts.csv. pull fetches first. It runs git; nothing is checked out.
func NewGit(path string, pull bool) *Loader {
	return &Loader{open: func(ctx context.Context) (store, error) { return openRepository(ctx, path, pull) }}
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

// parsed is a file on its way from a parser to the fold.
type parsedFile struct {
	source
	hash     string
	snapshot *snapshot
	err      error
}

// loadSnapshots folds what is new or changed, and the days that follow.
func (l *load) loadSnapshots(ctx context.Context, files []source) error {
	w, err := l.compare(ctx, "raw.snapshots", files)
	if err != nil {
		return err
	}
	pruned, err := l.tellGone(ctx, w)
	if err != nil {
		return err
	}
	if len(w.files) == 0 && len(pruned) == 0 {
		return nil
	}
	if err := l.readAccounts(ctx); err != nil {
		return err
	}
	lastStored := time.Time{}
	if len(w.days) > 0 {
		lastStored = w.days[len(w.days)-1]
	}
	f := &folding{load: l, work: w, pruned: pruned, lastStored: lastStored, changes: newChanges(l.words), changed: map[time.Time]*parsedFile{}}
	defer f.changes.release()
	f.fold = &fold{accounts: l.accounts, out: f.changes}
	if err := f.run(ctx); err != nil {
		return fmt.Errorf("load snapshots: %w", err)
	}
	return nil
}

// folding is the walk over days of one load.
type folding struct {
	*load
	work
	pruned     map[time.Time]bool
	lastStored time.Time
	changes    *changes
	fold       *fold
	changed    map[time.Time]*parsedFile
	batch      batch
	done       int
}

// run: days after the last stored one are folded as they are parsed, in batches. Days among the stored ones are rewritten
// a few at a time, each time with the stored days that follow them, so that the history is whole after every commit.
func (f *folding) run(ctx context.Context) error {
	var early, late []source
	for _, file := range f.files {
		if file.day.After(f.lastStored) {
			late = append(late, file)
		} else {
			early = append(early, file)
		}
	}
	sortSources(early)
	sortSources(late)
	f.reset()
	if len(early) == 0 && len(f.pruned) > 0 {
		if err := f.rewrite(ctx, nil); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(early, rewriteFiles) {
		if err := f.rewrite(ctx, chunk); err != nil {
			return err
		}
		f.pruned = nil
	}
	return f.append(ctx, late)
}

func (f *folding) reset() {
	f.batch = batch{table: "raw.snapshots", tables: []string{"raw.balance_changes", "raw.stake_changes"},
		write: func(ctx context.Context) error { return f.changes.flush(ctx, f.in) }}
}

// rewrite folds changed, late and pruned days among the stored ones, and the stored days that follow them.
func (f *folding) rewrite(ctx context.Context, files []source) error {
	err := f.parse(ctx, files, func(p *parsedFile) error {
		if f.accept(p) {
			f.changed[p.day] = p
		}
		return nil
	})
	if err != nil {
		return err
	}
	changed := map[time.Time]bool{}
	for day := range f.changed {
		changed[day] = true
	}
	plan := makePlan(f.days, changed, f.pruned)
	f.batch.gone = plan.pruned
	for _, day := range plan.rewrite {
		if err := f.rewriteDay(ctx, day, plan.before[day]); err != nil {
			return err
		}
	}
	if err := f.commit(ctx); err != nil {
		return err
	}
	// The state in memory may be that of a day in the middle.
	f.fold.day = time.Time{}
	f.days = plan.days
	return nil
}

func (f *folding) rewriteDay(ctx context.Context, day, before time.Time) error {
	// The stored state of an unchanged day is read before the fold moves on.
	var rows []row
	if p := f.changed[day]; p != nil {
		f.fold.accounts.setOrder(f.fold.resolve(p.snapshot))
		rows = p.snapshot.rows
		f.batch.snapshots = append(f.batch.snapshots, p.row())
	} else {
		state, err := f.stateAt(ctx, day)
		if err != nil {
			return err
		}
		rows = rowsOf(state)
	}
	if f.fold.day.IsZero() || !f.fold.day.Equal(before) {
		state, err := f.stateAt(ctx, before)
		if err != nil {
			return err
		}
		f.fold.restart(before, state)
	}
	f.fold.apply(day, rows)
	f.batch.days = append(f.batch.days, day)
	delete(f.changed, day)
	return nil
}

// append folds days after all stored ones.
func (f *folding) append(ctx context.Context, files []source) error {
	last := time.Time{}
	if len(f.days) > 0 {
		last = f.days[len(f.days)-1]
	}
	if len(files) > 0 && (last.IsZero() || !f.fold.day.Equal(last)) {
		state, err := f.stateAt(ctx, last)
		if err != nil {
			return err
		}
		f.fold.restart(last, state)
	}
	err := f.parse(ctx, files, func(p *parsedFile) error {
		if !f.accept(p) {
			return nil
		}
		f.accounts.setOrder(f.fold.resolve(p.snapshot))
		f.fold.apply(p.day, p.snapshot.rows)
		f.batch.days = append(f.batch.days, p.day)
		f.batch.snapshots = append(f.batch.snapshots, p.row())
		if len(f.batch.days) >= batchFiles || f.changes.rows >= batchRows {
			return f.commit(ctx)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.commit(ctx)
}

func (f *folding) commit(ctx context.Context) error {
	if len(f.batch.days)+len(f.batch.gone)+len(f.batch.files) == 0 {
		return nil
	}
	if err := f.save(ctx, &f.batch); err != nil {
		return err
	}
	f.reset()
	return nil
}

// accept decides whether a parsed file replaces its day, and remembers the file.
func (f *folding) accept(p *parsedFile) bool {
	f.done++
	f.in.Progress(int64(f.done), int64(len(f.files)))
	report := f.in.Report()
	file := engine.SourceFile{Name: p.name, Date: p.day, Hash: p.hash, Bytes: p.bytes, Modified: p.modified, Status: "loaded"}
	known := f.known[p.name]
	if p.err == nil && p.snapshot == nil {
		// The content is what it was.
		report.Unchanged++
		file.Rows, file.Rejects = known.Rows, known.Rejects
		f.batch.files = append(f.batch.files, file)
		return false
	}
	report.Read++
	if p.err != nil {
		f.in.Unreadable(p.name, p.err)
		file.Status, file.Message = "failed", p.err.Error()
		f.batch.files = append(f.batch.files, file)
		return false
	}
	s := p.snapshot
	report.Rows += s.read
	for i := range s.rejects {
		s.rejects[i].Date = p.day
	}
	f.batch.rejects = append(f.batch.rejects, s.rejects...)
	file.Rows, file.Rejects = s.read, int64(len(s.rejects))
	if float64(len(s.rejects)) > f.in.MaxRejects*float64(s.read) {
		f.in.TooManyRejects(p.name, int64(len(s.rejects)), s.read)
		file.Status, file.Message = "failed", "too many rejects"
		f.batch.files = append(f.batch.files, file)
		return false
	}
	f.batch.files = append(f.batch.files, file)
	return true
}

func (p *parsedFile) row() snapshotRow {
	return snapshotRow{date: p.day, file: p.name, rows: int64(len(p.snapshot.rows)), columns: p.snapshot.columns}
}

// parse reads and parses files with several workers and calls use with each, in their order.
func (f *folding) parse(ctx context.Context, files []source, use func(*parsedFile) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := min(max(runtime.GOMAXPROCS(0), 1), len(files))
	results := make([]chan *parsedFile, len(files))
	for i := range results {
		results[i] = make(chan *parsedFile, 1)
	}
	// A slot is taken before a file is read and given back when it was used: that bounds the memory.
	slots := make(chan struct{}, workers+2)
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range files {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	for range workers {
		go func() {
			p := &parser{accounts: f.accounts, words: f.words}
			for i := range next {
				results[i] <- f.parseFile(p, files[i])
			}
		}()
	}
	for i := range files {
		select {
		case one := <-results[i]:
			if err := use(one); err != nil {
				return err
			}
			<-slots
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (f *folding) parseFile(p *parser, file source) *parsedFile {
	out := &parsedFile{source: file}
	hash, text, err := f.read(file)
	if err != nil {
		out.err = err
		return out
	}
	out.hash = hash
	known := f.known[file.name]
	if !f.in.Full && known.Hash == out.hash && known.Status != "failed" && f.names[file.day] == file.name {
		return out
	}
	out.snapshot, out.err = p.parse(file.name, text)
	if out.err == nil && len(out.snapshot.rows) == 0 && len(out.snapshot.rejects) == 0 {
		out.err = errFileEmpty
	}
	return out
}

func contentHash(raw []byte) string {
	sum := xxh3.Hash128(raw).Bytes()
	return fmt.Sprintf("%x", sum)
}
