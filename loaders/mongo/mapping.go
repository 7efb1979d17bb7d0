package mongo

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A Collection says where the documents of a MongoDB collection land: a file of sql/raw.
type Collection struct {
	Name string
	// Utilities: it stands in the database of labels and rates, not in the chain's.
	Utilities bool
	// Table is raw.NAME, for the file's name.
	Table, About string
	// Key is the column that identifies a row to models that match on it; "" for collections by height.
	Key string
	// Height is the path of the block height; "" for collections that are read as a whole.
	Height  string
	Columns []Column
}

// A Column takes the values of one field.
type Column struct {
	// Path is dotted; "" is the whole document, "#" its place in the collection, from 1.
	Path, Name string
	Type       Type
	// Required fields are neither null nor missing: without them the document is a reject.
	Required bool
	About    string
}

// place is the path of a document's ordinal.
const place = "#"

// mappingFile is a TOML file as people write it.
type mappingFile struct {
	Collection, Database, About, Key, Height string
	Columns                                  [][]string
}

// ReadMappings reads raw/*.toml below fsys, blocks_per_day first: it decides the days of the others. The errors of all
// files are told at once.
func ReadMappings(fsys fs.FS) ([]Collection, error) {
	files, err := fs.Glob(fsys, "raw/*.toml")
	if err != nil {
		return nil, err
	}
	var list []Collection
	var errs []error
	for _, file := range files {
		one, err := readMapping(fsys, file)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
			continue
		}
		if same := slices.IndexFunc(list, func(c Collection) bool { return c.Name == one.Name }); same >= 0 {
			errs = append(errs, fmt.Errorf("%s: collection %s lands in %s already", file, one.Name, list[same].Table))
			continue
		}
		list = append(list, one)
	}
	if len(errs) > 0 {
		return nil, engine.WithHint(fmt.Errorf("%w: %w", engine.ErrUsage, errors.Join(errs...)), "docs/collections.md explains these files")
	}
	slices.SortStableFunc(list, func(a, b Collection) int { return rank(a) - rank(b) })
	return list, nil
}

func rank(c Collection) int {
	switch {
	case c.Table == daysTable:
		return 0
	case c.Height == "":
		return 1
	}
	return 2
}

func readMapping(fsys fs.FS, file string) (Collection, error) {
	var c Collection
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return c, err
	}
	var m mappingFile
	meta, err := toml.Decode(string(text), &m)
	if err != nil {
		return c, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return c, fmt.Errorf("unknown key %q; keys are collection, database, about, key, height and columns", unknown[0])
	}
	c = Collection{Name: m.Collection, Utilities: m.Database == "utilities", About: m.About, Key: m.Key, Height: m.Height,
		Table: "raw." + strings.TrimSuffix(path.Base(file), ".toml")}
	if c.Name == "" || m.Database != "chain" && m.Database != "utilities" {
		return c, errors.New("collection names the collection, database is chain or utilities")
	}
	for i, words := range m.Columns {
		column, err := readColumn(words)
		if err != nil {
			return c, fmt.Errorf("column %d: %w", i+1, err)
		}
		c.Columns = append(c.Columns, column)
	}
	return c, c.validate()
}

func readColumn(words []string) (Column, error) {
	if len(words) != 4 {
		return Column{}, fmt.Errorf("%q does not read [path, column, type, what it is]", words)
	}
	name, required := strings.CutSuffix(words[2], " not null")
	kind, known := typeOf(name)
	if !known {
		return Column{}, fmt.Errorf("%s: unknown type %q: %s, each also with not null", words[1], name, strings.Join(typeNames(), ", "))
	}
	return Column{Path: words[0], Name: words[1], Type: kind, Required: required, About: words[3]}, nil
}

// taken are names of raw.* that migrations make and other loaders fill.
func taken(table string) bool {
	switch strings.TrimPrefix(table, "raw.") {
	case "accounts", "addresses", "balance_changes", "ccd_volumes", "ccdscan_release_amounts", "chain_parameters", "fetched_rates", "listed_projects", "loaded_heights", "project_lists", "rejects", "snapshots", "stake_changes",
		"token_balance_changes", "token_info", "token_snapshots", "tokenomics":
		return true
	}
	return false
}

// plain names need no quotes in SQL.
func plain(name string) bool {
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" && name != "" && (name[0] < '0' || name[0] > '9')
}

func (c Collection) validate() error {
	if !plain(strings.TrimPrefix(c.Table, "raw.")) || taken(c.Table) {
		return fmt.Errorf("%s is no name for this table: letters a to z, digits and _, and not that of another source's table", c.Table)
	}
	columns := map[string]Column{}
	for _, column := range c.Columns {
		if _, twice := columns[column.Name]; twice {
			return fmt.Errorf("column %s stands twice", column.Name)
		}
		if err := c.validateColumn(column); err != nil {
			return err
		}
		columns[column.Name] = column
	}
	key, there := columns[c.Key]
	switch {
	case (c.Key == "") == (c.Height == ""):
		return errors.New("key or height must be given, not both")
	case c.Key != "" && !there:
		return fmt.Errorf("key %s is no column", c.Key)
	case c.Key != "" && !key.Required:
		return fmt.Errorf("key %s can be null: write not null behind its type", c.Key)
	case c.Height != "" && c.heightColumn() < 0:
		return fmt.Errorf("height %s lands in no bigint column", c.Height)
	}
	return nil
}

func (c Collection) validateColumn(column Column) error {
	switch {
	case !plain(column.Name):
		return fmt.Errorf("column %q: names are letters a to z, digits and _", column.Name)
	case column.Path == place && column.Type != Bigint:
		return fmt.Errorf("column %s: the place in the collection is a bigint", column.Name)
	case column.Path == "" && column.Type != JSON:
		return fmt.Errorf("column %s: the whole document is json", column.Name)
	case column.Name == dateColumn && c.Height != "":
		return fmt.Errorf("column %s is made from the height", column.Name)
	case column.Name == dateColumn && column.Type != Date:
		return fmt.Errorf("column %s is the day of a row: a date", column.Name)
	}
	return nil
}

// heightColumn is the place of the column with the height, -1 without one.
func (c Collection) heightColumn() int {
	return slices.IndexFunc(c.Columns, func(column Column) bool { return column.Path == c.Height && column.Type == Bigint })
}

// daysTable holds the days of block heights; dateColumn is the day of a row by its height.
const (
	daysTable  = "raw.blocks_per_day"
	dateColumn = "date"
)

// Tables are the raw tables of collections, for the warehouse to make.
func Tables(collections []Collection) []engine.RawTable {
	var list []engine.RawTable
	for _, c := range collections {
		table := engine.RawTable{Name: c.Table, About: c.About, Source: source, File: c.Name, Rule: c.rule()}
		if c.Height != "" {
			table.Columns = append(table.Columns, engine.RawColumn{Name: dateColumn, Type: "DATE", About: "the UTC day whose blocks hold the height; null: none, or not yet"})
		}
		for _, column := range c.Columns {
			table.Columns = append(table.Columns, engine.RawColumn{Name: column.Name, Type: column.Type.sql(), About: column.About, Compression: column.Type.compression()})
		}
		list = append(list, table)
	}
	return list
}

// rule is what decides a row and does not show in the table's columns.
func (c Collection) rule() string {
	words := []string{c.Key, c.Height}
	for _, column := range c.Columns {
		words = append(words, fmt.Sprintf("%s %s %s %t", column.Name, column.Path, typeNames()[column.Type], column.Required))
	}
	return strings.Join(words, "; ")
}
