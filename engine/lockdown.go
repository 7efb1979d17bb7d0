package engine

import (
	"context"
	"database/sql"
	"fmt"
)

// lockdown are the settings that keep SQL within the warehouse: it reads and writes no other file, attaches none, loads no
// extension, and cannot change a setting back. What stays is the warehouse itself, its folder for spilling, and databases
// in memory. What may still be set reaches no file: a model that runs out of memory is tried again with less.
func lockdown() []string {
	return []string{
		"set enable_external_access = false",
		"set allowed_configs = ['threads', 'memory_limit', 'preserve_insertion_order', 'wal_autocheckpoint']",
		"set lock_configuration = true",
	}
}

// LockDown keeps all SQL of a database within the files it has open, for as long as it is open. A Warehouse is locked down
// when it is opened, before any SQL file is read: binding alone opens files. Whoever runs SQL files on a database that was
// opened with OpenReadOnly calls it first; queries that people type are their own and need not be.
func LockDown(ctx context.Context, db *sql.DB) error {
	for _, statement := range lockdown() {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("lock the database down: %s: %w", statement, err)
		}
	}
	return nil
}
