package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ModelFacts is what a warehouse holds of a model.
type ModelFacts struct {
	// Built reports whether the model has been built there; without that nothing else is known.
	Built bool `json:"built"`
	// Current: what was built is what the SQL file says now.
	Current bool `json:"current"`
	// Run built it last, at Finished.
	Run      int64     `json:"run"`
	Finished time.Time `json:"finished"`
	Rows     int64     `json:"rows"`
	// Bytes on disk, compressed; 0 for a view.
	Bytes    int64  `json:"bytes"`
	DayCount int    `json:"day_count"`
	Days     string `json:"days"`
}

// FactsOf reads what a warehouse holds of a model; db may be read-only. The model must be resolved.
func FactsOf(ctx context.Context, db *sql.DB, m *Model) (*ModelFacts, error) {
	f := &ModelFacts{}
	var fingerprint string
	var finished sql.NullTime
	err := db.QueryRowContext(ctx, `select fingerprint, run_id, row_count, (select max(finished_at) from ops.runs as runs where runs.run_id = models.run_id)
		from ops.models as models where model = ?`, m.Name).Scan(&fingerprint, &f.Run, &f.Rows, &finished)
	if errors.Is(err, sql.ErrNoRows) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ops.models: %w", err)
	}
	f.Built, f.Current, f.Finished = true, fingerprint == m.Fingerprint, finished.Time
	days, err := daysBy(ctx, db, "select model, date from ops.model_days where model = "+quote(m.Name)+" order by date")
	if err != nil {
		return nil, fmt.Errorf("read ops.model_days: %w", err)
	}
	f.DayCount, f.Days = len(days[m.Name]), Ranges(days[m.Name])
	if !m.Stored() {
		return f, nil
	}
	err = db.QueryRowContext(ctx, fmt.Sprintf(`select (select count(*) from %s),
		count(distinct block_id) filter (where block_id >= 0) * (select any_value(block_size) from pragma_database_size())
		from pragma_storage_info(%s)`, m.Name, quote(m.Name))).Scan(&f.Rows, &f.Bytes)
	if err != nil {
		return nil, fmt.Errorf("measure %s: %w", m.Name, err)
	}
	return f, nil
}
