// Package sql holds the SQL files that nightrunner ships, embedded: what analysts edit is here and nowhere else.
package sql

import "embed"

// Files are the folders macros, stg, mid, stat and checks.
//
//go:embed */*.sql
var Files embed.FS
