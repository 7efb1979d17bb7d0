package engine

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/ccdexplorer/nightrunner/engine/sqltree"
)

// modelProblem names file and line of what DuckDB says. Of a value that cannot be cast within a view DuckDB tells a place in
// the statement that reads the view, where something else stands: the casts in the files of the model and of the views that
// it reads are looked at instead, and the line is told when it can be but one.
func (w *Warehouse) modelProblem(ctx context.Context, p *Project, m *Model, err error) *ModelError {
	problem := &ModelError{File: m.File, Line: errorLine(err), Err: err}
	var duck *duckdb.Error
	if !errors.As(err, &duck) || duck.Type != duckdb.ErrorTypeConversion {
		return problem
	}
	message, _, _ := strings.Cut(err.Error(), "\n\nLINE ")
	source := ""
	if found := castSource.FindStringSubmatch(message); found != nil {
		source = strings.Trim(found[1], `"`)
	}
	places := w.casts(ctx, p, m, source)
	if slices.Contains(places, place{m.File, problem.Line}) {
		return problem
	}
	problem.Line, problem.Err = 0, &reworded{err, message}
	if len(places) == 1 {
		problem.File, problem.Line = places[0].file, places[0].line
	}
	return problem
}

// A reworded error reads otherwise than the one that it is.
type reworded struct {
	err  error
	text string
}

func (r *reworded) Error() string { return r.text }
func (r *reworded) Unwrap() error { return r.err }

// A place is a line of a file.
type place struct {
	file string
	line int
}

var castSource = regexp.MustCompile(`when casting from source column ("[^"]+"|\w+)$`)

// casts are the places where a column of that name is cast, or, of the name "", anything that is no column: in a model and the
// views that it reads.
func (w *Warehouse) casts(ctx context.Context, p *Project, m *Model, source string) []place {
	var places []place
	seen := map[*Model]bool{}
	var visit func(m *Model)
	visit = func(m *Model) {
		seen[m] = true
		tree, err := sqltree.Parse(ctx, w.conn, m.SQL)
		if err != nil {
			// What cannot be read has no cast to tell of.
			return
		}
		tree.Walk(func(n sqltree.Node) bool {
			if n.Text("class") == "CAST" && !n.Is("try_cast") && castColumn(n) == strings.ToLower(source) {
				places = append(places, place{m.File, sqltree.Line(m.SQL, n.Offset())})
			}
			return true
		})
		for _, name := range m.Reads {
			if view := p.byName[name]; view != nil && view.Materialize == View && !seen[view] {
				visit(view)
			}
		}
	}
	visit(m)
	return places
}

// castColumn is the column that is cast, in small letters; "" for an expression or a constant.
func castColumn(n sqltree.Node) string {
	parts := n.Child("child").Texts("column_names")
	if len(parts) == 0 {
		return ""
	}
	return strings.ToLower(parts[len(parts)-1])
}
