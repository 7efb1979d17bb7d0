package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// publishedName is under which the file that is compared with is attached, read-only.
const publishedName = "published"

func published(relation string) string { return publishedName + "." + relation }

// An aside is a warehouse in a folder of its own, with another file attached read-only. Raw tables and models that are not
// built anew are views on that file: nothing is copied but what ops.* says.
type aside struct {
	w   *Warehouse
	dir string
}

// asidePattern names the folders of asides. Their lease tells a killed owner from one that is at work.
const asidePattern = ".nightrunner-diff-*"

func openAside(ctx context.Context, base string, o Options) (*aside, error) {
	if err := readable(ctx, base); err != nil {
		return nil, err
	}
	dir, err := asideFolder(base, o.TempDirectory)
	if err != nil {
		return nil, err
	}
	a := &aside{dir: dir}
	o.Command, o.TempDirectory, o.published = "diff", filepath.Join(dir, "spill"), base
	if a.w, err = Open(ctx, filepath.Join(dir, "aside.duckdb"), o); err != nil {
		return nil, errors.Join(err, a.remove())
	}
	return a, nil
}

// readable finds out what is wrong with the file that is compared with, in the words of other commands.
func readable(ctx context.Context, base string) error {
	db, err := OpenReadOnly(ctx, base)
	if err != nil {
		return err
	}
	defer db.Close()
	var there bool
	err = db.QueryRowContext(ctx, "select count(*) > 0 from duckdb_tables() where schema_name = 'ops' and table_name = 'models'").Scan(&there)
	if err == nil && !there {
		err = WithHint(fmt.Errorf("%w: %s is a DuckDB file, but no warehouse", ErrUsage, base), "nightrunner run makes one; --warehouse names another")
	}
	return err
}

// asideFolder makes a folder and removes those that killed processes left.
func asideFolder(base, parent string) (string, error) {
	places := []string{parent}
	if parent == "" {
		places = []string{filepath.Dir(base), os.TempDir()}
	}
	var errs []error
	for _, place := range places {
		removeLeftAsides(place)
		dir, err := os.MkdirTemp(place, asidePattern)
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", WithHint(fmt.Errorf("make a folder to build in: %w", errors.Join(errs...)), "name one with --temp-directory")
}

// removeLeftAsides: a folder whose lease is free belongs to nobody. One without a lease is perhaps being made.
func removeLeftAsides(place string) {
	leases, err := filepath.Glob(filepath.Join(place, asidePattern, "aside.duckdb.lock"))
	if err != nil {
		return
	}
	for _, path := range leases {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			// What cannot be removed now is tried again next time.
			_ = os.RemoveAll(filepath.Dir(path))
		}
		_ = file.Close()
	}
}

// remove closes the warehouse and removes its folder.
func (a *aside) remove() error {
	var err error
	if a.w != nil {
		err = a.w.Close()
	}
	return errors.Join(err, os.RemoveAll(a.dir))
}

// takeRaw makes the raw tables of the attached file readable under their names, in the shape that this program and the SQL
// folder want of them: a file of an older program, or a mapping that was edited, gets there with the next run only.
func (w *Warehouse) takeRaw(ctx context.Context, tables []RawTable, notes *[]string) error {
	if err := w.EnsureTables(ctx, tables); err != nil {
		return err
	}
	wanted, err := w.shapesOf(ctx, "", "raw")
	if err != nil {
		return err
	}
	have, err := w.shapesOf(ctx, publishedName, "raw")
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(wanted) {
		if len(have[name]) == 0 {
			*notes = append(*notes, name+" is new: it is empty until a load fills it")
		}
	}
	var statements []string
	for _, name := range sortedKeys(have) {
		list, different := "*", false
		if len(wanted[name]) > 0 {
			list, different = reshaped(wanted[name], have[name])
		}
		if different {
			*notes = append(*notes, name+" gets other columns: new ones are empty until a load fills them")
		}
		statements = append(statements, fmt.Sprintf("drop table if exists %[1]s; create view %[1]s as select %[2]s from %[3]s", name, list, published(name)))
	}
	return w.exec(ctx, strings.Join(statements, ";\n"))
}

// reshaped is the list of columns to select from a table that has others: a new one has its default, as after an alter.
func reshaped(wanted, have []shapeColumn) (list string, different bool) {
	columns := make([]string, len(wanted))
	for i, c := range wanted {
		columns[i] = identifier(c.name)
		same := func(other shapeColumn) bool { return other.name == c.name && other.kind == c.kind }
		if !slices.ContainsFunc(have, same) {
			columns[i], different = fmt.Sprintf("(%s)::%s as %s", c.fallback, c.kind, identifier(c.name)), true
		}
	}
	return strings.Join(columns, ", "), different || len(have) != len(wanted)
}

// takeModels copies what ops.* says, and makes the views and, of the tables of the attached file, views on them. affected
// models are as they were.
func (w *Warehouse) takeModels(ctx context.Context, p *Project, plan *diffPlan) error {
	statements := []string{"create schema if not exists stg; create schema if not exists mid; create schema if not exists stat"}
	have, err := w.shapesOf(ctx, publishedName, "ops")
	if err != nil {
		return err
	}
	wanted, err := w.shapesOf(ctx, "", "ops")
	if err != nil {
		return err
	}
	for _, table := range []string{"ops.models", "ops.model_days", "ops.source_days", "ops.source_tables", "ops.changed_keys", "ops.check_results", "ops.waiting",
		"ops.exports", "ops.runs", "ops.run_steps"} {
		if list := shared(wanted[table], have[table]); list != "" {
			statements = append(statements, fmt.Sprintf("insert into %[1]s (%[2]s) select %[2]s from %[3]s", table, list, published(table)))
		}
	}
	for _, m := range p.Models {
		_, there := plan.known[m.Name]
		switch {
		case !there:
		case m.Materialize == View && !plan.affected(m.Name):
			statements = append(statements, "create view "+m.Name+" as "+m.SQL+"\n")
		default:
			statements = append(statements, fmt.Sprintf("create view %s as from %s", m.Name, published(m.Name)))
		}
	}
	return w.exec(ctx, strings.Join(statements, ";\n"))
}

// shared are the columns that both have.
func shared(one, other []shapeColumn) string {
	var list []string
	for _, c := range one {
		if slices.ContainsFunc(other, func(o shapeColumn) bool { return o.name == c.name }) {
			list = append(list, c.name)
		}
	}
	return identifiers(list)
}

// relationsOf are the tables and views of a database.
func (w *Warehouse) relationsOf(ctx context.Context, database string) (map[string]bool, error) {
	there := map[string]bool{}
	return there, w.each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		there[name] = true
		return err
	}, `select schema_name || '.' || table_name from duckdb_tables() where database_name = ?
		union all select schema_name || '.' || view_name from duckdb_views() where not internal and database_name = ?`, database, database)
}

// A shapeColumn is a column's name, its type as DuckDB writes it, and its default as SQL.
type shapeColumn struct{ name, kind, fallback string }

// shapesOf are the columns of all tables in a schema of a database; "" is the warehouse itself.
func (w *Warehouse) shapesOf(ctx context.Context, database, schema string) (map[string][]shapeColumn, error) {
	shapes := map[string][]shapeColumn{}
	return shapes, w.each(ctx, func(rows *sql.Rows) error {
		var table string
		var c shapeColumn
		err := rows.Scan(&table, &c.name, &c.kind, &c.fallback)
		shapes[table] = append(shapes[table], c)
		return err
	}, `select schema_name || '.' || table_name, column_name, data_type, coalesce(column_default, 'null') from duckdb_columns()
		where database_name = coalesce(nullif(?, ''), current_database()) and schema_name = ? order by table_name, column_index`, database, schema)
}

// pairs reads two columns of text.
func (w *Warehouse) pairs(ctx context.Context, into map[string]string, query string) error {
	return w.each(ctx, func(rows *sql.Rows) error {
		var key, value string
		err := rows.Scan(&key, &value)
		into[key] = value
		return err
	}, query)
}

// daysWithin is a condition on the column date; zero is open.
func daysWithin(from, to time.Time) string {
	condition := "true"
	if !from.IsZero() {
		condition += " and date >= date '" + from.Format(time.DateOnly) + "'"
	}
	if !to.IsZero() {
		condition += " and date <= date '" + to.Format(time.DateOnly) + "'"
	}
	return condition
}
