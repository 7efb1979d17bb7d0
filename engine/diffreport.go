package engine

import "time"

// How a model compares.
const (
	DiffSame    = "same"         // its rows and columns would be the same
	DiffChanged = "changed"      // they would not
	DiffNew     = "new"          // it has a SQL file and is not built yet
	DiffGone    = "gone"         // it is built and has no SQL file any more
	DiffFailed  = "failed"       // it could not be built
	DiffOmitted = "not compared" // Message says why
)

// A DiffReport is what a build would change.
type DiffReport struct {
	Base string `json:"base"`
	// Run is the last run that Base knows, Finished when it was over (UTC).
	Run      int64     `json:"run"`
	Finished time.Time `json:"finished"`
	From     string    `json:"from,omitempty"`
	To       string    `json:"to,omitempty"`
	// Models that are affected, in the order in which they are built.
	Models []ModelDiff `json:"models"`
	// Needed are affected too and were built because those that Select names read them; Others were not built.
	Needed []string `json:"needed,omitempty"`
	Others []string `json:"others,omitempty"`
	// Checks that find rows and did not before, or find other numbers of rows.
	Checks   []CheckResult `json:"checks,omitempty"`
	Notes    []string      `json:"notes,omitempty"`
	Seconds  float64       `json:"seconds"`
	ExitCode int           `json:"exit_code"`
}

// A ModelDiff compares one model.
type ModelDiff struct {
	Model       string `json:"model"`
	File        string `json:"file,omitempty"`
	Materialize string `json:"materialize"`
	Status      string `json:"status"`
	// Why it is affected: "SQL changed", "macro ccd changed", "reads mid.x", "new", "gone", "its inputs changed".
	Why []string `json:"why"`
	// Export is the statistic that it is, "" for a step in between.
	Export  string       `json:"export,omitempty"`
	Columns []ColumnDiff `json:"columns,omitempty"`
	// Key are the columns by which rows are compared; none: as multisets. KeyFrom says where it comes from, or why there is none.
	Key     []string `json:"key,omitempty"`
	KeyFrom string   `json:"key_from,omitempty"`
	Rows    *RowDiff `json:"rows,omitempty"`
	// Days on which rows differ, as compact ranges; "" for a model without days.
	Days string `json:"days,omitempty"`
	// Changes are the largest changes of each value, those that change most of themselves first.
	Changes []ValueDiff `json:"changes,omitempty"`
	// AddedKeys and RemovedKeys are examples; without a key they are rows as JSON.
	AddedKeys   []string `json:"added_examples,omitempty"`
	RemovedKeys []string `json:"removed_examples,omitempty"`
	Now         *Cost    `json:"now,omitempty"`
	Before      *Cost    `json:"before,omitempty"`
	Message     string   `json:"message,omitempty"`
}

// A ColumnDiff is a column that comes, goes, or has another type or place.
type ColumnDiff struct {
	Column string `json:"column"`
	// Status is added, removed, retyped or moved. Types as DuckDB writes them.
	Status string `json:"status"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// A RowDiff counts rows. Without a key, a changed row is one removed and one added.
type RowDiff struct {
	Before  int64 `json:"before"`
	After   int64 `json:"after"`
	Added   int64 `json:"added"`
	Removed int64 `json:"removed"`
	Changed int64 `json:"changed"`
}

// A ValueDiff is a value that changes, the one of its column that changes most.
type ValueDiff struct {
	// Field is the column, with the path within it (`tokens.EUROe.count_txs`); an entry of a spread column is a field of its own.
	Field string `json:"field"`
	// Rows is in how many rows the field changes.
	Rows int64  `json:"rows"`
	Key  string `json:"key"`
	// Before and After as DuckDB writes them; nil is null, or not there.
	Before *string `json:"before"`
	After  *string `json:"after"`
	// Change is after less before, "" where they are no numbers; Relative is its share of before, nil where that is 0 or none.
	Change   string   `json:"change,omitempty"`
	Relative *float64 `json:"relative,omitempty"`
}

// A Cost is what building a model takes.
type Cost struct {
	Days    int64   `json:"days"`
	Seconds float64 `json:"seconds"`
	// PeakMemory of the process in bytes; 0: not known.
	PeakMemory uint64 `json:"peak_memory,omitempty"`
	Run        int64  `json:"run,omitempty"`
}
