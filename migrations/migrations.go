// Package migrations holds the schema of raw.* and ops.* as goose migrations, embedded. Models are not here: the engine
// makes their tables and views.
package migrations

import (
	"context"
	"database/sql"
	"embed"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed *.sql
var files embed.FS

// Up applies the migrations that are missing.
func Up(ctx context.Context, db *sql.DB) error {
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// Down takes the newest migration back.
func Down(ctx context.Context, db *sql.DB) error {
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	_, err = provider.Down(ctx)
	return err
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	store, err := database.NewStoreFromQuerier("goose_db_version", querier{})
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectCustom, db, files, goose.WithStore(store),
		// Two branches may have numbered theirs before either knew the other.
		goose.WithAllowOutofOrder(true))
}

// querier is goose's version table in DuckDB's words: its sqlite3 and postgres dialects do not run there.
type querier struct{}

func (querier) CreateTable(table string) string {
	return `create sequence ` + table + `_id; create table ` + table + ` (
		id integer primary key default nextval('` + table + `_id'), version_id bigint not null, is_applied boolean not null,
		tstamp timestamp not null default current_timestamp::timestamp)`
}

func (querier) InsertVersion(table string) string {
	return `insert into ` + table + ` (version_id, is_applied) values ($1, $2)`
}

func (querier) DeleteVersion(table string) string {
	return `delete from ` + table + ` where version_id = $1`
}

func (querier) GetMigrationByVersion(table string) string {
	return `select tstamp, is_applied from ` + table + ` where version_id = $1 order by tstamp desc limit 1`
}

func (querier) ListMigrations(table string) string {
	return `select version_id, is_applied from ` + table + ` order by id desc`
}

func (querier) GetLatestVersion(table string) string {
	return `select max(version_id) from ` + table
}

// TableExists spares goose a failing query, which would end its transaction.
func (querier) TableExists(table string) string {
	return `select count(*) > 0 from duckdb_tables() where database_name = current_database() and table_name = '` + table + `'`
}
