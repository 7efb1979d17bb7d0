package chain

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const (
	mainnet   = "concordium_mainnet"
	utilities = "concordium_utilities"
	// balances is the output that is a folder of snapshots.
	balances = "balances"
)

// An output is something that a chain is written to: a collection of a database (a dump names its indexes; ? stands for a
// sparse one), the lines of a folder, or the snapshots.
type output struct {
	name, folder, database string
	indexes                []string
}

func outputs() []output {
	return []output{
		{name: balances},
		{name: "transactions", database: mainnet, indexes: []string{"type.type", "type.contents", "block_info.height", "block_info.slot_time",
			"account_transaction.sender?", "recognized_sender_id?", "account_transaction.effects.token_update_effect?"}},
		{name: "blocks_per_day", database: mainnet, indexes: []string{"date"}},
		{name: "impacted_addresses", database: mainnet, indexes: []string{"impacted_address_canonical", "block_height", "effect_type", "impacted_address"}},
		{name: "projects", database: mainnet, indexes: []string{"project_id", "type"}},
		{name: "instances", database: mainnet, indexes: []string{"source_module", "owner"}},
		{name: "plts_tags", database: mainnet},
		{name: "tokens_logged_events_v2", database: mainnet, indexes: []string{"tx_info.block_height", "event_info.contract?", "event_info.event_type?"}},
		{name: "stable_address_info", database: mainnet, indexes: []string{"account_address", "account_index"}},
		{name: "helpers", database: mainnet},
		{name: "statistics", database: mainnet, indexes: []string{"type"}},
		{name: "labeled_accounts", database: utilities},
		{name: "exchange_rates_historical", database: utilities},
		{name: "token_api_translations", database: utilities},
		{name: "tokenomics", folder: "node"},
		{name: "chain_parameters", folder: "node"},
		{name: "token_info", folder: "node"},
		{name: "ccdscan_release_amounts", folder: "http"},
		{name: "coingecko_market_charts", folder: "http"},
		{name: "coingecko_histories", folder: "http"},
		{name: "currency_rates", folder: "http"},
		{name: "projects_list", folder: "http"},
	}
}

// Outputs are the names that Options.Only knows.
func Outputs() []string {
	var names []string
	for _, one := range outputs() {
		names = append(names, one.name)
	}
	return names
}

// files are what a chain is written to, by output. One that is not wanted is not there.
type files struct {
	dir    string
	wanted []string
	byName map[string]*file
}

// A file is written through a buffer. Writing to a nil file does nothing.
type file struct {
	disk *os.File
	out  *bufio.Writer
}

// openFiles creates the wanted files, or all when only is empty.
func openFiles(dir string, only []string) (*files, error) {
	names := Outputs()
	for _, name := range only {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("a chain has no output %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	if len(only) == 0 {
		only = names
	}
	f := &files{dir: dir, wanted: only, byName: map[string]*file{}}
	for _, one := range outputs() {
		if !f.wants(one.name) {
			continue
		}
		if err := f.open(one); err != nil {
			return nil, errors.Join(err, f.close())
		}
	}
	return f, nil
}

func (f *files) wants(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(f.wanted, name) })
}

func (f *files) open(o output) error {
	folder, suffix := filepath.Join(f.dir, o.folder), ".jsonl"
	switch {
	case o.name == balances:
		return os.MkdirAll(filepath.Join(f.dir, balances), 0o755)
	case o.database != "":
		folder, suffix = filepath.Join(f.dir, "dump", o.database), ".bson"
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	path := filepath.Join(folder, o.name)
	if o.database != "" {
		if err := writeMetadata(path, o); err != nil {
			return err
		}
	}
	disk, err := os.Create(path + suffix)
	if err != nil {
		return err
	}
	f.byName[o.name] = &file{disk: disk, out: bufio.NewWriterSize(disk, 256<<10)}
	return nil
}

// writeMetadata writes what mongodump writes beside a collection.
func writeMetadata(path string, o output) error {
	type index struct {
		V      int32  `bson:"v"`
		Key    bson.D `bson:"key"`
		Name   string `bson:"name"`
		Sparse bool   `bson:"sparse,omitempty"`
	}
	indexes := []index{{V: 2, Key: bson.D{{Key: "_id", Value: int32(1)}}, Name: "_id_"}}
	for _, field := range o.indexes {
		field, sparse := strings.CutSuffix(field, "?")
		indexes = append(indexes, index{2, bson.D{{Key: field, Value: int32(1)}}, field + "_1", sparse})
	}
	id := sha256.Sum256([]byte(o.name))
	metadata, err := bson.MarshalExtJSON(bson.D{
		{Key: "indexes", Value: indexes}, {Key: "uuid", Value: hex.EncodeToString(id[:16])}, {Key: "collectionName", Value: o.name}, {Key: "type", Value: "collection"},
	}, true, false)
	if err != nil {
		return err
	}
	return os.WriteFile(path+".metadata.json", metadata, 0o644)
}

// close flushes and closes everything; errors of earlier writes come out here.
func (f *files) close() error {
	var all []error
	for _, one := range f.byName {
		all = append(all, one.out.Flush(), one.disk.Close())
	}
	return errors.Join(all...)
}

// failed is the first error of a file's writes.
func (f *files) failed() error {
	for _, one := range f.byName {
		if _, err := one.out.Write(nil); err != nil {
			return err
		}
	}
	return nil
}

// write keeps an error for failed and close.
func (f *file) write(content []byte) {
	if f != nil {
		_, _ = f.out.Write(content)
	}
}

// line writes a value as a JSON line.
func (f *file) line(value any) error {
	if f == nil {
		return nil
	}
	text, err := json.Marshal(value)
	f.write(append(text, '\n'))
	return err
}
