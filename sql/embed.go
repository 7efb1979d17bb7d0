// Package sql holds the SQL files that nightrunner ships, embedded: what analysts edit is here and nowhere else.
package sql

import "embed"

// Files are the folders macros, stg, mid, stat, checks and tests, and raw: which fields of a MongoDB collection land where.
// .sqlfluff is the style that they have.
//
//go:embed */*.sql raw/*.toml tests/*.txtar .sqlfluff
var Files embed.FS
