package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// month is a chain that has every special day of the first month, and every kind of transaction.
func month() Options { return Options{Seed: 1, Days: 32, Accounts: 120, TransactionsPerDay: 250} }

func generate(t *testing.T, o Options) string {
	t.Helper()
	o.Dir = t.TempDir()
	if _, err := Generate(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	return o.Dir
}

// documents of a collection of a dump.
func documents(t *testing.T, dump, name string) []bson.Raw {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dump, name+".bson"))
	if err != nil {
		t.Fatal(err)
	}
	var list []bson.Raw
	for in := bytes.NewReader(content); in.Len() > 0; {
		one, err := bson.ReadDocument(in)
		if err != nil {
			t.Fatalf("%s: document %d: %v", name, len(list), err)
		}
		list = append(list, one)
	}
	return list
}

// lines of a JSON Lines file.
func lines[T any](t *testing.T, path string) []T {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []T
	for line := range bytes.Lines(content) {
		var one T
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		list = append(list, one)
	}
	return list
}

// contents of all files, by path.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		relative, _ := filepath.Rel(dir, path)
		all[relative] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func text(document bson.Raw, path ...string) string {
	value, _ := document.Lookup(path...).StringValueOK()
	return value
}

func integer(document bson.Raw, path ...string) int64 {
	value, _ := document.Lookup(path...).AsInt64OK()
	return value
}

func has(document bson.Raw, path ...string) bool {
	_, err := document.LookupErr(path...)
	return err == nil
}

func ofDay(list []bson.Raw, date func(bson.Raw) string) map[string][]string {
	days := map[string][]string{}
	for _, one := range list {
		days[date(one)] = append(days[date(one)], one.String())
	}
	for _, day := range days {
		slices.Sort(day)
	}
	return days
}

func dayOfTransaction(one bson.Raw) string {
	return one.Lookup("block_info", "slot_time").Time().UTC().Format("2006-01-02")
}

const (
	mainnetDump   = "dump/concordium_mainnet"
	utilitiesDump = "dump/concordium_utilities"
)

func TestSameOptionsGiveSameBytes(t *testing.T) {
	o := month()
	first, second := contents(t, generate(t, o)), contents(t, generate(t, o))
	for path := range first {
		if first[path] != second[path] {
			t.Errorf("%s differs", path)
		}
	}
	if len(first) != len(second) || len(first) != o.Days+2*13+8 {
		t.Errorf("%d and %d files", len(first), len(second))
	}
	o.Seed = 2
	other := contents(t, generate(t, o))
	for _, path := range []string{"balances/2025-01-01.csv", mainnetDump + "/transactions.bson"} {
		if other[path] == first[path] {
			t.Errorf("%s is the same for another seed", path)
		}
	}
}

func TestMoreDaysKeepTheFirstDays(t *testing.T) {
	short, long := month(), month()
	short.Days = 12
	fewDir, manyDir := generate(t, short), generate(t, long)
	few, many := contents(t, fewDir), contents(t, manyDir)
	for path, content := range few {
		switch {
		// They say how it is after the last day.
		case strings.HasSuffix(path, "helpers.bson"), strings.HasSuffix(path, "transactions.bson"), strings.HasSuffix(path, "coingecko_market_charts.jsonl"):
		case !strings.HasPrefix(many[path], content):
			t.Errorf("%s does not begin with the same bytes", path)
		}
	}
	fewDays := ofDay(documents(t, filepath.Join(fewDir, mainnetDump), "transactions"), dayOfTransaction)
	manyDays := ofDay(documents(t, filepath.Join(manyDir, mainnetDump), "transactions"), dayOfTransaction)
	for date, list := range fewDays {
		if diff := cmp.Diff(manyDays[date], list); diff != "" {
			t.Errorf("transactions of %s (-long +short):\n%s", date, diff)
		}
	}
	if len(fewDays) != 12 || len(manyDays) != 32 {
		t.Errorf("%d and %d days with transactions", len(fewDays), len(manyDays))
	}
}

func TestOnlyWhatIsWanted(t *testing.T) {
	o := month()
	all := contents(t, generate(t, o))
	for _, name := range Outputs() {
		o.Only = []string{name}
		one := contents(t, generate(t, o))
		for path, content := range one {
			if all[path] != content {
				t.Errorf("%s alone differs", path)
			}
		}
		if want := map[bool]int{true: o.Days, false: 2}[name == balances]; len(one) != want && len(one) != 1 {
			t.Errorf("only %s: %d files", name, len(one))
		}
	}
	o.Only = []string{"transaction"}
	o.Dir = t.TempDir()
	if _, err := Generate(context.Background(), o); err == nil || !strings.Contains(err.Error(), `no output "transaction"`) {
		t.Errorf("an unknown output: %v", err)
	}
}

func TestNoTransactions(t *testing.T) {
	dir := generate(t, Options{Seed: 1, Days: 5, Accounts: 60})
	for _, name := range []string{"transactions", "impacted_addresses", "tokens_logged_events_v2", "plts_tags"} {
		if n := len(documents(t, filepath.Join(dir, mainnetDump), name)); n != 0 {
			t.Errorf("%s has %d documents", name, n)
		}
	}
	if n := len(lines[map[string]any](t, filepath.Join(dir, "node/chain_parameters.jsonl"))); n != 5 {
		t.Errorf("chain_parameters has %d days", n)
	}
	if n := len(lines[map[string]any](t, filepath.Join(dir, "node/token_info.jsonl"))); n != 0 {
		t.Errorf("token_info has %d rows", n)
	}
}

func TestWrongOptions(t *testing.T) {
	for _, o := range []Options{{Days: 0, Accounts: 10}, {Days: 1, Accounts: 9}, {Days: 1, Accounts: 10, TransactionsPerDay: -1}} {
		o.Dir = t.TempDir()
		if _, err := Generate(context.Background(), o); err == nil {
			t.Errorf("%+v is no error", o)
		}
	}
}

func TestSmallestChain(t *testing.T) {
	dir := generate(t, Options{Seed: 3, Days: 35, Accounts: 10, TransactionsPerDay: 1})
	if n := len(documents(t, filepath.Join(dir, mainnetDump), "transactions")); n < 35 {
		t.Errorf("%d transactions", n)
	}
}

func TestCountIsWhatWasAskedFor(t *testing.T) {
	o := month()
	o.Dir = t.TempDir()
	made, err := Generate(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	list := documents(t, filepath.Join(o.Dir, mainnetDump), "transactions")
	if made.Transactions != int64(len(list)) || len(list) != o.Days*o.TransactionsPerDay {
		t.Errorf("%d transactions said, %d written, %d wanted", made.Transactions, len(list), o.Days*o.TransactionsPerDay)
	}
	for date, one := range ofDay(list, dayOfTransaction) {
		if len(one) != o.TransactionsPerDay {
			t.Errorf("%s has %d", date, len(one))
		}
	}
}

// walk calls visit with the path and value of everything in a document; all elements of an array have one path.
func walk(path string, value bson.RawValue, visit func(string, bson.RawValue)) {
	if document, ok := value.DocumentOK(); ok {
		elements, _ := document.Elements()
		for _, one := range elements {
			walk(path+"."+one.Key(), one.Value(), visit)
		}
		return
	}
	if array, ok := value.ArrayOK(); ok {
		values, _ := array.Values()
		for _, one := range values {
			walk(path+"[]", one, visit)
		}
		return
	}
	visit(path, value)
}

func walkDocument(document bson.Raw, visit func(string, bson.RawValue)) {
	walk("", bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: document}, visit)
}

func collectionNames() (names []string) {
	for _, one := range outputs() {
		if one.database != "" {
			names = append(names, filepath.Join("dump", one.database, one.name))
		}
	}
	return names
}

func TestDocumentsFollowTheRulesOfTheDatabase(t *testing.T) {
	dir := generate(t, month())
	for _, name := range collectionNames() {
		ids := map[string]bool{}
		list := documents(t, dir, name)
		for _, one := range list {
			var decoded bson.D
			if err := bson.Unmarshal(one, &decoded); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			first, err := one.IndexErr(0)
			if err != nil || first.Key() != "_id" {
				t.Fatalf("%s: the first field is no _id: %s", name, one)
			}
			if id := first.Value().String(); ids[id] {
				t.Errorf("%s has %s twice", name, id)
			} else {
				ids[id] = true
			}
			walkDocument(one, func(path string, value bson.RawValue) {
				if number, ok := value.Int64OK(); ok && number >= math.MinInt32 && number <= math.MaxInt32 {
					t.Errorf("%s: %s is an int64 and fits an int32: %d", name, path, number)
				}
				if value.Type == bson.TypeDateTime && strings.HasSuffix(name, "/transactions") && path != ".block_info.slot_time" {
					t.Errorf("%s: %s is a date", name, path)
				}
			})
		}
		if len(list) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
}

func TestMetadataIsMongodumps(t *testing.T) {
	dir := generate(t, Options{Seed: 1, Days: 1, Accounts: 10})
	for _, name := range collectionNames() {
		list := lines[struct {
			Indexes []struct {
				Key  map[string]map[string]string
				Name string
			}
			UUID, CollectionName, Type string
		}](t, filepath.Join(dir, name+".metadata.json"))
		if len(list) != 1 || list[0].CollectionName != filepath.Base(name) || list[0].Type != "collection" || len(list[0].UUID) != 32 {
			t.Fatalf("%s: %+v", name, list)
		}
		if first := list[0].Indexes[0]; first.Name != "_id_" || first.Key["_id"]["$numberInt"] != "1" {
			t.Errorf("%s: the first index is %+v", name, first)
		}
	}
}

func BenchmarkTransactions(b *testing.B) {
	dir := b.TempDir()
	var made Summary
	for b.Loop() {
		one, err := Generate(context.Background(), Options{Dir: dir, Seed: 1, Days: 4, Accounts: 2000, TransactionsPerDay: 50_000, Only: []string{"transactions"}})
		if err != nil {
			b.Fatal(err)
		}
		made.Transactions += one.Transactions
	}
	b.ReportMetric(float64(made.Transactions)/b.Elapsed().Seconds(), "documents/s")
}
