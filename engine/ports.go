package engine

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// A Loader brings one source's data into raw.* tables. It reads only what is new or changed since the last load and is
// safe to repeat: it replaces by key or by day. A file or document it cannot read is told with Intake.Unreadable or
// Intake.Reject and the rest goes on; a returned error means that nothing more of this source can be loaded.
type Loader interface {
	// Source is the one word by which flags, logs and ops.* know the source: "balances", "mongo", "node".
	Source() string
	Load(ctx context.Context, in *Intake) error
}

// An Exporter brings statistics to one destination. For a statistic it is asked for State, then Begin gives a Writer that
// takes rows, then it is asked for State again.
type Exporter interface {
	// Destination names the destination and its format without secrets; ops.documents is keyed by it.
	Destination() string
	// State is a word for what the destination holds of this statistic, "" for nothing. It is asked for before and after a
	// write: where it is not what it was after the last one, the publication says Everything.
	State(ctx context.Context, s Statistic) (string, error)
	// Compares tells whether writers read what the destination holds and write only what differs from it.
	Compares() bool
	// Begin makes ready to bring the destination to the publication's state. The publication is not changed any more.
	Begin(ctx context.Context, p *Publication) (Writer, error)
	// Remove removes documents of a statistic that no model exports any more: all GoneIDs but the protected ones.
	Remove(ctx context.Context, p *Publication) (Outcome, error)
}

// A Prover is an exporter that can tell what it wrote. An exporter that is not can tell of nothing.
type Prover interface {
	// Prove looks at documents that a run may have written before it was cut off, or later runs of its warehouse. Ours are at
	// the destination as one of them wrote them; the others are there, and nothing proves that they are ours.
	Prove(ctx context.Context, s Statistic, since Origin, ids []string) (ours, others []string, err error)
}

// A Publisher is an exporter that tells readers what they are reading.
type Publisher interface {
	// Publish is called when everything else of the statistic has been written.
	Publish(ctx context.Context, s Statistic, summary Summary) error
}

// An Undoer is an exporter that can take back what was written.
type Undoer interface {
	// Undo brings the destination to what it held before a run: it takes back that run and all later ones, newest first, and
	// tells step by step what it did. A conflict stops it after the run that has it, unless leave says that such documents of
	// the statistic may stay. It returns ErrUnreachable for a destination that is not there.
	Undo(ctx context.Context, origin Origin, leave func(statistic string) bool, told func(Undone) error) (TakenBack, error)
}

// TakenBack says which runs were.
type TakenBack struct {
	// Runs are back as a whole. Stopped is the run that is not, 0 for none; Left are older ones, which were not begun.
	Runs    []int64
	Stopped int64
	Left    []int64
}

// Undone is a step of taking back: some documents of a statistic.
type Undone struct {
	Statistic string
	// Restored documents are again what they were; Removed ones were not there before.
	Restored, Removed int64
	// Conflicts are documents that stay, because they are not what we wrote.
	Conflicts []Refusal
	// Back are all documents that are now what they were before the run.
	Back []BackDocument
}

// A BackDocument is one that was taken back. Known: the document that is There again was written by us. Date is what stands
// in its field date, "" for nothing.
type BackDocument struct {
	ID, Date     string
	There, Known bool
}

// A Writer takes the rows of one publication. What it has written is safe to write again: a publication that was cut off is
// begun anew by the next run.
type Writer interface {
	// Wants says which rows Write is to get, and in which order.
	Wants() Wants
	// Write takes rows, and marks on them. They are the caller's after the call.
	Write(ctx context.Context, rows arrow.RecordBatch, marks Marks) error
	// Finish writes what is left and makes it durable.
	Finish(ctx context.Context) (Outcome, error)
	// Abort gives up what is not finished. It does nothing after Finish.
	Abort() error
}

// Wants are rows of a publication.
type Wants struct {
	// Altered asks for new and changed documents only, else all from the `_id` From on ("" for all).
	Altered bool
	From    string
	// ByDay orders rows by day, oldest first, then by `_id`; else they come by `_id`.
	ByDay bool
}

// Marks on rows, one per row.
type Marks struct {
	// Wanted rows are for this writer; nil says that all are.
	Wanted *array.Boolean
	// Known documents were written to the destination by us before, as far as ops.documents tells. nil says that none were.
	Known *array.Boolean
}

// A Statistic is what a destination must know to place documents.
type Statistic struct {
	Name string
	// Spread names the MAP column whose entries become fields of the document in the column's place; "" for none.
	Spread string
	// Columns are the names of the model's columns in their order, none when no model exports the statistic any more.
	Columns []string
	// Collection holds the documents in every layout, together with documents of others; "" leaves that to the layout.
	Collection string
	// Database is "" for the chain's, or "utilities".
	Database string
	// Protect is a field: a document at the destination that has it is never written over. "" for none.
	Protect string
}

// A Publication is one statistic on its way to one destination. Rows come as Arrow record batches with the columns of
// the model in its order; column `_id` (text) is each document's key.
type Publication struct {
	Statistic
	Origin
	// New, Changed and Same count documents, compared with what the destination has by ops.documents. Stale ones are at the
	// destination, are produced no longer, and are kept.
	New, Changed, Same int64
	StaleIDs           []string
	// GoneIDs are deleted from the destination: their day is produced without them, or they were stale and are pruned.
	GoneIDs []string
	// First is the smallest `_id` that is new, changed, stale or gone: before it, the destination has all documents as they are.
	// "" when that is not known.
	First string
	// Everything: what the destination holds is not known, or not trusted. All documents count as altered.
	Everything bool
}

// An Origin is the run that writes, and the warehouse whose run it is: a warehouse that is made anew counts runs from 1.
type Origin struct {
	Warehouse string
	Run       int64
}

// An Outcome is what a writer did. The zero value is: nothing.
type Outcome struct {
	// New and Changed count documents that were added and replaced; Deleted those that were removed.
	New, Changed, Deleted int64
	// Written counts documents that were written, also those that were the same before.
	Written int64
	// Refused documents are not at the destination as they should be.
	Refused []Refusal
	// Protected documents of the destination were not written over, Kept ones not deleted: they have the field Protect.
	Protected, Kept []string
	// Missing are stale documents that are not there any more.
	Missing []string
	// Notes are worth a line.
	Notes []string
	// Preview is of a writer that writes nothing.
	Preview *Preview
}

// Wrote reports whether anything at the destination is different now.
func (o Outcome) Wrote() bool { return o.Written+o.Deleted > 0 }

// A Refusal is a document that a destination does not take.
type Refusal struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// A Summary is what readers of a statistic are told about it.
type Summary struct {
	// Origin wrote it last.
	Origin `json:"-"`
	// Model is the SQL model; Version a hash of its SQL and of the SQL of what it reads.
	Model   string `json:"model"`
	Version string `json:"version"`
	// FirstDay and LastDay (YYYY-MM-DD) are "" for documents without days; Days counts those that have documents.
	FirstDay string `json:"first_day"`
	LastDay  string `json:"last_day"`
	Days     int64  `json:"days"`
	// Documents are all that the destination has from us, stale ones too. Refused ones are not there.
	Documents int64 `json:"documents"`
	Stale     int64 `json:"stale"`
	Refused   int64 `json:"refused"`
	// The cut: the last block of the last day of blocks_per_day. CutHeight is 0 when there is none.
	CutDay    string `json:"cut_day"`
	CutHeight int64  `json:"cut_height"`
	CutHash   string `json:"cut_hash"`
}
