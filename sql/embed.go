// Package sql holds the SQL files that nightrunner ships, embedded: what analysts edit is here and nowhere else.
package sql

import "embed"

// Files are the folders macros, stg, mid, stat, checks and tests, and raw: which fields of a MongoDB collection land where.
//
//go:embed */*.sql raw/*.toml tests/*.txtar
var Files embed.FS
