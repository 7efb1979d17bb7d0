package balances

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A parsedFile is a file on its way from a parser to the fold.
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
