package jsonlines

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A Block is the last one of a day: what most outside sources are asked about.
type Block struct {
	Day time.Time
	// Hash is "" where blocks_per_day names none.
	Hash   string
	Height int64
}

// Blocks are the last blocks of the days that are looked at, newest first; condition, in SQL, is on a row of
// raw.blocks_per_day called days.
func Blocks(ctx context.Context, in *engine.Intake, condition string) ([]Block, error) {
	var list []Block
	err := in.Query(ctx, func(rows *sql.Rows) error {
		var one Block
		err := rows.Scan(&one.Day, &one.Hash, &one.Height)
		one.Day = one.Day.UTC()
		list = append(list, one)
		return err
	}, fmt.Sprintf(`select date, coalesce(hash_for_last_block, ''), height_for_last_block from raw.blocks_per_day as days
		where %s and %s order by date desc`, in.Days(), condition))
	if err != nil {
		return nil, fmt.Errorf("look for missing days: %w", err)
	}
	return list, nil
}
