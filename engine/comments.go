package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"
)

// comment puts descriptions on tables, views and columns when they are other ones than at the last time, or when a
// relation was made anew. What cannot be put there is told and stops nothing.
func (b *builder) comment(ctx context.Context) error {
	sum := fmt.Sprintf("%x", b.p.descriptions())
	known, err := b.w.setting(ctx, "comments")
	if err != nil || known == sum && !b.remade {
		return err
	}
	var all []string
	var models []*Model
	for _, m := range b.p.Models {
		if b.kinds[m.Name] != "" {
			models = append(models, m)
			all = append(all, m.comments()...)
		}
	}
	if len(all) > 0 && b.w.transact(ctx, func() error { return b.w.exec(ctx, strings.Join(all, ";\n")) }) != nil {
		b.commentOneByOne(ctx, models)
	}
	return b.w.set(ctx, "comments", sum)
}

// commentOneByOne finds out whose comments do not fit.
func (b *builder) commentOneByOne(ctx context.Context, models []*Model) {
	for _, m := range models {
		for i, statement := range m.comments() {
			if err := b.w.exec(ctx, statement); err != nil {
				line := m.keyLines["column"]
				if i == 0 && m.Description != "" {
					line = 0
				}
				b.report(Step{Phase: PhaseBuild, Name: m.Name, Status: StatusWarned, Message: (&ModelError{File: m.File, Line: line, Err: err}).Error()})
			}
		}
	}
}

// comments are the statements that put a model's description and its columns' meanings in place.
func (m *Model) comments() []string {
	kind := "table"
	if !m.Stored() {
		kind = "view"
	}
	var list []string
	if m.Description != "" {
		list = append(list, fmt.Sprintf("comment on %s %s is %s", kind, m.Name, quote(m.Description)))
	}
	for _, column := range m.Columns {
		list = append(list, fmt.Sprintf("comment on column %s.%s is %s", m.Name, identifier(column.Name), quote(column.Text)))
	}
	return list
}

// descriptions is a hash of all comments.
func (p *Project) descriptions() uint64 {
	var text []string
	for _, m := range p.Models {
		text = append(text, m.comments()...)
	}
	slices.Sort(text)
	return xxh3.HashString(strings.Join(text, "\x00"))
}
