package engine

import (
	"context"

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

// An Exporter writes statistics to one destination.
type Exporter interface {
	// Destination names the destination and its format without secrets; ops.documents is keyed by it.
	Destination() string
	// State is a word for what the destination holds of this statistic, "" for nothing. It is asked for before and after a
	// write: where it is not what it was after the last one, all documents are written again.
	State(ctx context.Context, statistic string) (string, error)
	// Write brings the destination to the publication's state. It is atomic per statistic or safe to repeat.
	Write(ctx context.Context, p *Publication) error
	// Remove removes all documents of a statistic that we wrote.
	Remove(ctx context.Context, statistic string) error
}

// A Publication is one statistic on its way to one destination. Rows come as Arrow record batches with the columns of
// the model in its order; column `_id` (text) is each document's key. Readers are released by whoever asked for them.
type Publication struct {
	Statistic string
	// Spread names the MAP column whose entries become fields of the document in the column's place; "" for none.
	Spread string
	// New, Changed and Same count documents. Stale ones are at the destination, are produced no longer, and are kept.
	New, Changed, Same int64
	StaleIDs           []string
	// GoneIDs are deleted from the destination: their day is produced without them, or they were stale and are pruned.
	GoneIDs []string
	// First is the smallest `_id` that is new, changed, stale or gone: before it, the destination has all documents as they are.
	// "" when that is not known.
	First string
	// From reads every row whose `_id` is not smaller, ordered by `_id`; "" is all.
	From func(ctx context.Context, first string) (array.RecordReader, error)
	// Altered reads the rows of new and changed documents only, ordered by `_id`.
	Altered func(ctx context.Context) (array.RecordReader, error)
}
