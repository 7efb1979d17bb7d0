package engine

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// ByHand is a warehouse that people write with SQL of their own. It holds the warehouse's lease, as a run does.
type ByHand struct {
	*sql.DB
	lease *lease
}

// OpenByHand opens a warehouse that exists for writing and leaves its schema as it is. It returns ErrInUse when a run or
// another process holds it. What runs know of days and versions does not follow what is changed here.
func OpenByHand(ctx context.Context, path string, now time.Time) (*ByHand, error) {
	if err := checkExisting(path); err != nil {
		return nil, err
	}
	held, _, err := takeLease(path, "shell --write", func() time.Time { return now })
	if err != nil {
		return nil, err
	}
	connector, err := duckdb.NewConnector(path, nil)
	if err != nil {
		return nil, errors.Join(openError(path, err), held.release())
	}
	db := sql.OpenDB(connector)
	if _, err := db.ExecContext(ctx, "set TimeZone = 'UTC'"); err != nil {
		return nil, errors.Join(openError(path, err), db.Close(), held.release())
	}
	return &ByHand{DB: db, lease: held}, nil
}

// Close gives the file back.
func (b *ByHand) Close() error { return errors.Join(b.DB.Close(), b.lease.release()) }
