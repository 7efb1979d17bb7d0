package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ccdexplorer/nightrunner/migrations"
)

// OpenMemory opens a fresh warehouse that is gone when it is closed. It has the schema that a file has.
func OpenMemory(ctx context.Context) (*Warehouse, error) {
	w := &Warehouse{now: time.Now, log: slog.New(slog.DiscardHandler),
		options: Options{Threads: 1, TempDirectory: filepath.Join(os.TempDir(), "nightrunner.tmp")}}
	if err := w.open(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if err := migrations.Up(ctx, w.db); err != nil {
		return nil, errors.Join(fmt.Errorf("migrate: %w", err), w.Close())
	}
	if err := w.acquire(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Part is the project cut down to the named models and checks and what they need. given says which relations stand in the
// warehouse as tables and whether each has a column date: they are read like raw tables and not built. The project must be
// resolved; its part has to be resolved again.
func (p *Project) Part(names []string, given map[string]bool) *Project {
	part := *p
	part.Models, part.Checks, part.byName, part.given = nil, nil, map[string]*Model{}, given
	var add func(name string)
	add = func(name string) {
		m := p.byName[name]
		if _, there := given[name]; m == nil || there || part.byName[name] != nil {
			return
		}
		own := *m
		part.byName[name] = &own
		part.Models = append(part.Models, &own)
		for _, need := range p.needs(m) {
			add(need)
		}
	}
	for _, name := range names {
		add(name)
		if i := slices.IndexFunc(p.Checks, func(m *Model) bool { return m.Name == name }); i >= 0 {
			own := *p.Checks[i]
			part.Checks = append(part.Checks, &own)
			for _, need := range p.needs(&own) {
				add(need)
			}
		}
	}
	return &part
}

// Suggest names the raw table, model or check whose name is most like the given one with a format that has one %s; "" when
// none is like it.
func (p *Project) Suggest(format, name string) string {
	all := p.relations()
	for _, m := range p.Checks {
		all[m.Name] = true
	}
	return Suggest(format, name, all)
}
