package engine

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/ccdexplorer/nightrunner/internal/sqltext"
)

// A Project is a folder of SQL files: models in the order in which they are built, checks, and macros.
type Project struct {
	Models []*Model
	Checks []*Model

	macros []macroFile
	byName map[string]*Model
	// daily tells of every raw table whether it has a date column.
	daily map[string]bool
	// given are further tables to be read like raw ones.
	given map[string]bool
	// defined are the macros as DuckDB keeps them, once they are known.
	defined map[string]*macro
}

type macroFile struct{ file, text string }

// Model finds a model by its name, schema included.
func (p *Project) Model(name string) *Model { return p.byName[name] }

// ReadProject reads the headers of all files below fsys. The error is ModelErrors with those of all files.
func ReadProject(fsys fs.FS) (*Project, error) {
	p := &Project{byName: map[string]*Model{}}
	var errs ModelErrors
	err := fs.WalkDir(fsys, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(file) != ".sql" {
			return err
		}
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return err
		}
		errs = append(errs, p.add(file, string(text))...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read SQL files: %w", err)
	}
	errs = append(errs, p.exportedTwice()...)
	return p, errs.errOrNil()
}

// ReadProject reads and resolves the SQL files below fsys. The errors of headers and of SQL are told together.
func (w *Warehouse) ReadProject(ctx context.Context, fsys fs.FS) (*Project, error) {
	p, err := ReadProject(fsys)
	var headers, all ModelErrors
	if err != nil && !errors.As(err, &headers) {
		return nil, err
	}
	if err := w.Resolve(ctx, p); err != nil {
		if !errors.As(err, &all) {
			return nil, err
		}
	}
	all = append(headers, all...)
	slices.SortStableFunc(all, func(a, b *ModelError) int { return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line) })
	return p, all.errOrNil()
}

func (p *Project) add(file, text string) ModelErrors {
	folder, name := path.Split(strings.TrimSuffix(file, ".sql"))
	folder = strings.TrimSuffix(folder, "/")
	problem := func(format string, args ...any) ModelErrors {
		return ModelErrors{{File: file, Err: fmt.Errorf(format, args...)}}
	}
	switch folder {
	case "macros":
		p.macros = append(p.macros, macroFile{file, text})
		return nil
	case "stg", "mid", "stat", "checks":
	default:
		return problem("a SQL file stands in stg, mid, stat, checks or macros")
	}
	full := folder + "." + name
	if !relationName.MatchString(full) {
		return problem("the file's name is the model's: lower case letters, digits and _")
	}
	m, errs := parseModel(file, full, text)
	if folder == "checks" {
		if m.Severity == "" {
			m.Severity = SeverityError
		}
		p.Checks = append(p.Checks, m)
		return errs
	}
	p.Models = append(p.Models, m)
	p.byName[full] = m
	return errs
}

func (p *Project) exportedTwice() ModelErrors {
	var errs ModelErrors
	first := map[string]string{}
	for _, m := range p.Models {
		if other, twice := first[m.Export]; twice && m.Export != "" {
			errs = append(errs, &ModelError{File: m.File, Line: m.keyLines["export"], Err: fmt.Errorf("%s exports %s too", other, m.Export)})
		}
		first[m.Export] = m.File
	}
	return errs
}

// A macro as DuckDB keeps it.
type macro struct {
	Text  string
	Reads []string
	Calls []string
}

// Resolve makes the macros, finds out what every model reads, orders them and computes their fingerprints. The error is
// ModelErrors when SQL files are wrong.
func (w *Warehouse) Resolve(ctx context.Context, p *Project) error {
	var err error
	if p.daily, err = w.rawTables(ctx); err != nil {
		return fmt.Errorf("list raw tables: %w", err)
	}
	maps.Copy(p.daily, p.given)
	macros, err := w.makeMacros(ctx, p)
	if err != nil {
		return err
	}
	p.defined = macros
	var errs ModelErrors
	for _, m := range slices.Concat(p.Models, p.Checks) {
		problems, err := w.resolveModel(ctx, p, m, macros)
		if err != nil {
			return err
		}
		errs = append(errs, problems...)
	}
	if err := errs.errOrNil(); err != nil {
		return err
	}
	if errs := p.order(); errs != nil {
		return errs
	}
	p.fingerprints(macros)
	return nil
}

func (w *Warehouse) rawTables(ctx context.Context) (map[string]bool, error) {
	daily := map[string]bool{}
	return daily, w.each(ctx, func(rows *sql.Rows) error {
		var table string
		var hasDate bool
		err := rows.Scan(&table, &hasDate)
		daily["raw."+table] = hasDate
		return err
	}, `select table_name, bool_or(column_name = 'date') from duckdb_columns()
		where schema_name = 'raw' and database_name = current_database() group by table_name`)
}

// makeMacros runs the files in sql/macros when one of them changed, and returns what each macro is made of. Macros of
// files that are gone stay: nothing calls them.
func (w *Warehouse) makeMacros(ctx context.Context, p *Project) (map[string]*macro, error) {
	hasher := xxh3.New()
	for _, file := range p.macros {
		fmt.Fprintf(hasher, "%s\x00%s\x00", file.file, file.text)
	}
	known := struct {
		Sum    uint64
		Macros map[string]*macro
	}{}
	text, err := w.setting(ctx, "macros")
	if err != nil {
		return nil, err
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &known); err != nil {
			return nil, fmt.Errorf("read the known macros: %w", err)
		}
	}
	if known.Sum == hasher.Sum64() {
		return known.Macros, nil
	}
	// All or none: files that are put back after an error are those that are known.
	err = w.transact(ctx, func() error {
		if err := w.runMacroFiles(ctx, p); err != nil {
			return err
		}
		if known.Macros = p.defined; known.Macros == nil {
			if known.Macros, err = w.macroDefinitions(ctx); err != nil {
				return fmt.Errorf("read macros: %w", err)
			}
		}
		known.Sum = hasher.Sum64()
		encoded, err := json.Marshal(known)
		if err != nil {
			return err
		}
		return w.set(ctx, "macros", string(encoded))
	})
	return known.Macros, err
}

// runMacroFiles runs files of macros, and nothing else that stands in them: what changes tables is no model.
func (w *Warehouse) runMacroFiles(ctx context.Context, p *Project) error {
	var errs ModelErrors
	for _, file := range p.macros {
		for _, one := range sqltext.Split(file.text) {
			if !makesMacro(one.Text) {
				errs = append(errs, &ModelError{File: file.file, Line: one.Line, Err: errors.New("this makes no macro"), Hint: "a file of macros holds create or replace macro … and nothing else"})
				continue
			}
			// As many lines stand before it as in the file: DuckDB tells a line of the statement.
			if err := w.exec(ctx, strings.Repeat("\n", one.First-1)+one.Text); err != nil {
				errs = append(errs, &ModelError{File: file.file, Line: cmp.Or(errorLine(err), one.Line), Err: err})
			}
		}
	}
	return errs.errOrNil()
}

// makesMacro: the first words, comments left out, are create or replace macro.
func makesMacro(statement string) bool {
	var words []string
	for _, one := range sqltext.Lex(statement) {
		if one.Kind == sqltext.Word {
			words = append(words, strings.ToLower(one.Text))
		}
	}
	return len(words) > 3 && slices.Equal(words[:3], []string{"create", "or", "replace"}) && (words[3] == "macro" || words[3] == "function")
}

// macroDefinitions parses the macros as DuckDB keeps them: without comments and layout.
func (w *Warehouse) macroDefinitions(ctx context.Context) (map[string]*macro, error) {
	macros, bodies := map[string]*macro{}, map[string][]string{}
	err := w.each(ctx, func(rows *sql.Rows) error {
		var name, kind, parameters, definition string
		if err := rows.Scan(&name, &kind, &parameters, &definition); err != nil {
			return err
		}
		if macros[name] == nil {
			macros[name] = &macro{}
		}
		macros[name].Text += parameters + " as " + definition + ";"
		if kind == "macro" {
			definition = "select " + definition
		}
		bodies[name] = append(bodies[name], definition)
		return nil
	}, `select function_name, function_type, parameters::varchar, macro_definition from duckdb_functions()
		where function_type in ('macro', 'table_macro') and not internal and database_name = current_database() order by all`)
	if err != nil {
		return nil, err
	}
	for name, list := range bodies {
		for _, body := range list {
			parsed, err := w.parse(ctx, body)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			macros[name].Reads = append(macros[name].Reads, parsed.tables()...)
			macros[name].Calls = append(macros[name].Calls, parsed.functions...)
		}
	}
	return macros, nil
}

func (w *Warehouse) setting(ctx context.Context, name string) (string, error) {
	var value sql.NullString
	err := w.scalar(ctx, &value, "select max(value) from ops.settings where name = ?", name)
	return value.String, err
}

func (w *Warehouse) set(ctx context.Context, name, value string) error {
	if err := w.exec(ctx, "delete from ops.settings where name = ?", name); err != nil {
		return err
	}
	return w.exec(ctx, "insert into ops.settings values (?, ?)", name, value)
}
