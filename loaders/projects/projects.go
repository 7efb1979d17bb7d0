// Package projects loads projects.json, the list of recognized projects: from a URL, a file, or a folder as a recording
// writes it. Its accounts and modules go into raw.listed_projects, beside what the collection projects says; stg.projects
// has both.
//
// A list is taken as a whole or not at all: one that is not of the shape changes nothing.
package projects

import (
	"context"
	"fmt"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
)

// Options of a loader.
type Options struct {
	// Source.Address is a URL, a file or a folder.
	fetch.Source
	// Network is the part of the list that is read: mainnet or testnet.
	Network string
	// Commits is a URL that lists commits of the list's repository, the newest first, as GitHub's API does; "" for none.
	Commits string
}

// A Loader loads one list.
type Loader struct{ o Options }

// New makes a loader.
func New(o Options) *Loader { return &Loader{o} }

// Source is "projects-list".
func (*Loader) Source() string { return "projects-list" }

// Load brings the list into raw.listed_projects when it is another one than the last.
func (l *Loader) Load(ctx context.Context, in *engine.Intake) error {
	before, err := lastRevision(ctx, in)
	if err != nil {
		return err
	}
	asking, cancel := untilStop(ctx, in.Stop)
	defer cancel()
	now, err := l.fetch(asking, l.known(in, before))
	if err == nil {
		if now.unchanged {
			now.revision = before
		}
		l.askCommit(asking, in, &now, before)
	}
	if asking.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return l.unreachable(in, err)
	}
	l.record(in, now)
	for _, note := range now.notes {
		in.Note("%s", note)
	}
	if now.unchanged || now.revision == before && !in.Full {
		in.Report().Unchanged++
		return in.Transact(ctx, func() error { return l.settle(ctx, in, before, now.revision) })
	}
	return l.take(ctx, in, before, now)
}

// untilStop is a context that ends when stop is closed, too: who stops a run does not wait for a server.
func untilStop(ctx context.Context, stop <-chan struct{}) (context.Context, context.CancelFunc) {
	asking, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-stop:
			cancel()
		case <-asking.Done():
		}
	}()
	return asking, cancel
}

// unreachable tells that a server could not be asked; what is wrong with a path goes on as it is, with its hint.
func (l *Loader) unreachable(in *engine.Intake, err error) error {
	if !l.isServer() {
		return err
	}
	in.Unreadable(l.where(), err)
	return nil
}

// take makes raw.listed_projects what a new list says, if it is one.
func (l *Loader) take(ctx context.Context, in *engine.Intake, before revision, now answer) error {
	in.Report().Read++
	read, err := readList(now.content, l.o.Network)
	if err == nil {
		err = checkEmptied(ctx, in, read, l.o.Network)
	}
	if err != nil {
		return l.reject(ctx, in, now, err)
	}
	return in.Transact(ctx, func() error {
		if err := l.settle(ctx, in, before, now.revision); err != nil {
			return err
		}
		return l.apply(ctx, in, read)
	})
}

// settle remembers the revision, and forgets the reject of one before.
func (l *Loader) settle(ctx context.Context, in *engine.Intake, before, now revision) error {
	if err := in.ReplaceRejects(ctx, fileName, []string{l.where()}, nil); err != nil || now == before {
		return err
	}
	return replaceRevision(ctx, in, now)
}

// reject keeps the body of a list that is none. Nothing else changes.
func (l *Loader) reject(ctx context.Context, in *engine.Intake, now answer, reason error) error {
	in.Unreadable(l.where(), fmt.Errorf("the list is not what it should be: %w; what was listed stays; the body is in raw.rejects", reason))
	reject := engine.Reject{File: fileName, DocumentID: l.where(), Reason: reason.Error(), Content: string(now.content)}
	return in.Transact(ctx, func() error {
		return in.ReplaceRejects(ctx, fileName, []string{reject.DocumentID}, []engine.Reject{reject})
	})
}

// apply makes raw.listed_projects what the list says, and tells what is new.
func (l *Loader) apply(ctx context.Context, in *engine.Intake, read *list) error {
	in.Report().Rows += int64(len(read.entries))
	if len(read.repeated) > 0 {
		in.Note("%s says more than once, and all of it counts: %s", l.where(), few(read.repeated))
	}
	changed, withdrawn, err := replaceListed(ctx, in, read.entries)
	if err != nil || changed == 0 {
		return err
	}
	return tellDifferences(ctx, in, withdrawn)
}
