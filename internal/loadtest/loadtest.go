// Package loadtest runs loaders on a warehouse in memory, for their tests.
package loadtest

import (
	"context"
	"database/sql"
	"testing"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A Desk is a warehouse and the number of the last run on it.
type Desk struct {
	t         *testing.T
	warehouse *engine.Warehouse
	run       int64
	// Intake is changed before each load: bounds of days, shares of rejects.
	Intake func(*engine.Intake)
}

// New makes a desk with raw tables beside those of the migrations.
func New(t *testing.T, tables ...engine.RawTable) *Desk {
	t.Helper()
	w, err := engine.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := w.EnsureTables(t.Context(), tables); err != nil {
		t.Fatal(err)
	}
	return &Desk{t: t, warehouse: w, Intake: func(*engine.Intake) {}}
}

// Load runs a loader; its error ends the test.
func (d *Desk) Load(loader engine.Loader) *engine.LoadReport {
	d.t.Helper()
	report, err := d.LoadContext(d.t.Context(), loader)
	if err != nil {
		d.t.Fatal(err)
	}
	return report
}

// LoadContext runs a loader within a context.
func (d *Desk) LoadContext(ctx context.Context, loader engine.Loader) (*engine.LoadReport, error) {
	d.run++
	in := d.warehouse.NewIntake(loader.Source(), d.run)
	d.Intake(in)
	err := loader.Load(ctx, in)
	return in.Report(), err
}

// Exec runs statements.
func (d *Desk) Exec(statements string) {
	d.t.Helper()
	if err := d.warehouse.NewIntake("", d.run).Exec(d.t.Context(), statements); err != nil {
		d.t.Fatal(err)
	}
}

// Texts are the rows of a query with one column of text; null is "".
func (d *Desk) Texts(query string) []string {
	d.t.Helper()
	var list []string
	err := d.warehouse.NewIntake("", d.run).Query(d.t.Context(), func(rows *sql.Rows) error {
		var text sql.NullString
		err := rows.Scan(&text)
		list = append(list, text.String)
		return err
	}, query)
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}
