package mongo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/chain"
	"github.com/ccdexplorer/nightrunner/internal/mongotest"
	sqlfiles "github.com/ccdexplorer/nightrunner/sql"
)

const chainDatabase, utilitiesDatabase = "concordium_mainnet", "concordium_utilities"

// loads brings a source into a warehouse and returns the report.
func loads(t *testing.T, w *engine.Warehouse, uri string, change func(*engine.RunOptions)) *engine.Report {
	t.Helper()
	collections, err := ReadMappings(sqlfiles.Files)
	if err != nil {
		t.Fatal(err)
	}
	o := engine.RunOptions{Command: "test", Phases: []string{engine.PhaseLoad}, SQL: os.DirFS(t.TempDir()), Tables: Tables(collections), MaxRejects: 0.001,
		Loaders: []engine.Loader{New(Options{URI: uri, Database: chainDatabase, Utilities: utilitiesDatabase, Collections: collections, Reread: 100})}}
	if change != nil {
		change(&o)
	}
	report, err := w.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func openWarehouse(t *testing.T) *engine.Warehouse {
	t.Helper()
	w, err := engine.Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// content is all rows of all raw tables as text, sorted, with addresses for their ids.
func content(t *testing.T, w *engine.Warehouse) map[string][]string {
	t.Helper()
	in := w.NewIntake(source, 0)
	collections, err := ReadMappings(sqlfiles.Files)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string][]string{}
	for _, c := range collections {
		var columns []string
		if c.Height != "" {
			columns = append(columns, "date")
		}
		for _, column := range c.Columns {
			text := column.Name
			if column.Type == Address {
				text = fmt.Sprintf("(select a.address from raw.addresses as a where a.address_id = r.%s) as %s", column.Name, column.Name)
			}
			columns = append(columns, text)
		}
		rows := []string{}
		err := in.Query(t.Context(), func(r *sql.Rows) error {
			var text string
			err := r.Scan(&text)
			rows = append(rows, text)
			return err
		}, fmt.Sprintf("select to_json(t)::varchar from (select %s from %s as r) as t order by 1", strings.Join(columns, ", "), c.Table))
		if err != nil {
			t.Fatal(err)
		}
		tables[c.Table] = rows
	}
	return tables
}

func sameContent(t *testing.T, got, want map[string][]string) {
	t.Helper()
	for table := range want {
		if diff := cmp.Diff(want[table], got[table]); diff != "" {
			t.Errorf("%s (-want +got):\n%.4000s", table, diff)
		}
	}
}

// smallChain is a dump of a made-up chain.
func smallChain(t *testing.T, days int) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := chain.Generate(t.Context(), chain.Options{Dir: dir, Seed: 1, Days: days, Accounts: 60, TransactionsPerDay: 40}); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "dump")
}

func TestServerGivesWhatTheFolderGives(t *testing.T) {
	dump := smallChain(t, 8)
	server := mongotest.Start(t)
	mongotest.Restore(t, server.URI, dump)
	fromFolder, fromServer := openWarehouse(t), openWarehouse(t)
	loads(t, fromFolder, dump, nil)
	report := loads(t, fromServer, server.URI, nil)
	if report.ExitCode != 0 || len(report.Loads[0].Unreadable) > 0 {
		t.Fatalf("%+v", report.Loads[0])
	}
	want := content(t, fromFolder)
	if len(want["raw.transactions"]) == 0 {
		t.Fatal("no transactions")
	}
	sameContent(t, content(t, fromServer), want)
	if again := loads(t, fromServer, server.URI, nil); !again.Idle() {
		t.Errorf("a second load found something: %+v", again.Loads[0])
	}
	sameContent(t, content(t, fromServer), want)
}

func TestRealShapesFromServer(t *testing.T) {
	dump := "../../../shared/data/A/dump"
	if _, err := os.Stat(dump); errors.Is(err, fs.ErrNotExist) {
		t.Skip("../shared/data/A is not here")
	}
	dump = firstDocuments(t, dump, 4000)
	server := mongotest.Start(t)
	mongotest.Restore(t, server.URI, dump)
	fromFolder, fromServer := openWarehouse(t), openWarehouse(t)
	loads(t, fromFolder, dump, nil)
	loads(t, fromServer, server.URI, nil)
	sameContent(t, content(t, fromServer), content(t, fromFolder))
}

// firstDocuments is a copy of a dump with at most so many documents per collection: filling the server takes long.
func firstDocuments(t *testing.T, dump string, most int) string {
	t.Helper()
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join(dump, "*", "*.bson"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for range most {
			length, err := documentLength(data[size:])
			if err != nil {
				break
			}
			size += length
		}
		to := filepath.Join(dir, filepath.Base(filepath.Dir(file)), filepath.Base(file))
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data[:size], 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// collectionOf is a collection of the server, for the test to write to.
func collectionOf(t *testing.T, uri, name string) *driver.Collection {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client.Database(chainDatabase).Collection(name)
}

// TestNightsOfAServer: new days, late documents, changed and deleted ones.
func TestNightsOfAServer(t *testing.T) {
	dump := smallChain(t, 8)
	server := mongotest.Start(t)
	mongotest.Restore(t, server.URI, dump)
	blocks, transactions := collectionOf(t, server.URI, "blocks_per_day"), collectionOf(t, server.URI, "transactions")
	ctx := t.Context()
	var last struct {
		ID     string `bson:"_id"`
		Height int64  `bson:"height_for_first_block"`
		Last   int64  `bson:"height_for_last_block"`
	}
	var whole bson.Raw
	newest := options.FindOne().SetSort(bson.D{{Key: "date", Value: -1}})
	if err := blocks.FindOne(ctx, bson.D{}, newest).Decode(&last); err != nil {
		t.Fatal(err)
	}
	whole, err := blocks.FindOne(ctx, bson.D{}, newest).Raw()
	if err != nil {
		t.Fatal(err)
	}
	// The last day is not complete yet: nothing of it is read.
	if _, err := blocks.DeleteOne(ctx, bson.D{{Key: "_id", Value: last.ID}}); err != nil {
		t.Fatal(err)
	}
	var first struct {
		Height int64 `bson:"height_for_first_block"`
	}
	if err := blocks.FindOne(ctx, bson.D{}, options.FindOne().SetSort(bson.D{{Key: "date", Value: 1}})).Decode(&first); err != nil {
		t.Fatal(err)
	}
	// A height may be a text, and lie long before the heights that are read again.
	apart := bson.D{{Key: "_id", Value: strings.Repeat("cd", 32)}, {Key: "energy_cost", Value: int32(77_001)}, {Key: "block_info", Value: bson.D{{Key: "height", Value: fmt.Sprint(first.Height)}}}}
	if _, err := transactions.InsertOne(ctx, apart); err != nil {
		t.Fatal(err)
	}
	w := openWarehouse(t)
	loads(t, w, server.URI, nil)
	in := w.NewIntake(source, 0)
	count := func(query string) (n int64) {
		t.Helper()
		if err := in.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&n) }, query); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const dayOfApart = "select (version >> 1)::bigint from ops.source_days where table_name = 'raw.transactions' and date = (select min(date) from raw.blocks_per_day)"
	versionBefore := count(dayOfApart)
	if n := count(fmt.Sprintf("select count(*) from raw.transactions where block_height >= %d", last.Height)); n != 0 {
		t.Errorf("%d transactions beyond the cut were read", n)
	}
	if n := count("select cut_height from ops.runs order by run_id desc limit 1"); n != last.Height-1 {
		t.Errorf("the cut is %d, not %d", n, last.Height-1)
	}

	// Now it is; a document came late, one has another content, one without a height appears.
	if _, err := blocks.InsertOne(ctx, whole); err != nil {
		t.Fatal(err)
	}
	hash := strings.Repeat("ab", 32)
	late := bson.D{{Key: "_id", Value: hash}, {Key: "type", Value: bson.D{{Key: "type", Value: "update"}, {Key: "contents", Value: "brand_new_kind"}}},
		{Key: "block_info", Value: bson.D{{Key: "height", Value: int32(last.Height - 3)}}}}
	if _, err := transactions.InsertOne(ctx, late); err != nil {
		t.Fatal(err)
	}
	impacted := collectionOf(t, server.URI, "impacted_addresses")
	if _, err := impacted.InsertOne(ctx, bson.D{{Key: "_id", Value: "nowhere"}, {Key: "impacted_address", Value: "x"}, {Key: "impacted_address_canonical", Value: "x"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := transactions.UpdateByID(ctx, apart[0].Value, bson.D{{Key: "$set", Value: bson.D{{Key: "energy_cost", Value: int32(77_002)}}}}); err != nil {
		t.Fatal(err)
	}
	report := loads(t, w, server.URI, nil)
	if old, now := count("select count(*) from raw.transactions where energy_cost = 77001"), count("select count(*) from raw.transactions where energy_cost = 77002"); old != 0 || now != 1 {
		t.Errorf("the document with a text for a height stands %d times as it was, %d times as it is", old, now)
	}
	if count(dayOfApart) == versionBefore {
		t.Error("the day of the document with a text for a height has its old version")
	}
	notes := strings.Join(report.Loads[0].Notes, "\n")
	if !strings.Contains(notes, "transactions: new in type.contents: ") || strings.Count(notes, "brand_new_kind") != 1 {
		t.Errorf("notes: %s", notes)
	}
	if n := count("select count(*) from raw.transactions where contents = 'brand_new_kind' and date is not null"); n != 1 {
		t.Errorf("the late document stands %d times", n)
	}
	if n := count("select count(*) from raw.impacted_addresses where block_height is null and date is null"); n != 1 {
		t.Errorf("the document without a height stands %d times", n)
	}
	if n := count("select max(block_height) from raw.transactions"); n > last.Last || n < last.Height {
		t.Errorf("loaded up to %d, the last day is %d to %d", n, last.Height, last.Last)
	}

	// A document from long ago is deleted: --full sees it.
	before := count("select count(*) from raw.transactions")
	if _, err := transactions.DeleteOne(ctx, bson.D{{Key: "block_info.height", Value: count("select min(block_height) from raw.transactions where energy_cost <> 77002")}}); err != nil {
		t.Fatal(err)
	}
	loads(t, w, server.URI, func(o *engine.RunOptions) { o.Full = true })
	if n := count("select count(*) from raw.transactions"); n != before-1 {
		t.Errorf("%d transactions after --full, want %d", n, before-1)
	}
	fresh := openWarehouse(t)
	loads(t, fresh, server.URI, nil)
	sameContent(t, content(t, w), content(t, fresh))
}

// TestLoadsThatWereCutOff: progress as a killed load leaves it, in each of the ways in which the next load may find it.
func TestLoadsThatWereCutOff(t *testing.T) {
	dump := smallChain(t, 8)
	server := mongotest.Start(t)
	mongotest.Restore(t, server.URI, dump)
	fresh := openWarehouse(t)
	loads(t, fresh, server.URI, nil)
	want := content(t, fresh)
	ctx := t.Context()
	exec := func(w *engine.Warehouse, statement string) {
		t.Helper()
		if err := w.NewIntake(source, 0).Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	const progress = "insert into ops.load_progress select 'mongo', 'transactions', %s, %s, 1 from raw.loaded_heights where table_name = 'raw.transactions'"

	// After the last range, before the end: days get their versions.
	w := openWarehouse(t)
	loads(t, w, server.URI, nil)
	exec(w, "update ops.source_days set version = 1 where table_name = 'raw.transactions'")
	exec(w, fmt.Sprintf(progress, "0", "height"))
	loads(t, w, server.URI, nil)
	sameContent(t, content(t, w), want)
	var odd, left int64
	for query, into := range map[string]*int64{"select count(*) from ops.source_days where version = 1": &odd, "select count(*) from ops.load_progress": &left} {
		if err := w.NewIntake(source, 0).Query(ctx, func(rows *sql.Rows) error { return rows.Scan(into) }, query); err != nil {
			t.Fatal(err)
		}
	}
	if odd != 0 || left != 0 {
		t.Errorf("%d days with old versions, %d loads in progress", odd, left)
	}

	// A file in between takes the place of what the load from the server had done.
	w = openWarehouse(t)
	loads(t, w, server.URI, nil)
	exec(w, fmt.Sprintf(progress, "0", "height - 1"))
	loads(t, w, dump, nil)
	loads(t, w, server.URI, func(o *engine.RunOptions) { o.Full = true })
	sameContent(t, content(t, w), want)

	// An emptied collection is not taken for the truth.
	if _, err := collectionOf(t, server.URI, "transactions").DeleteMany(ctx, bson.D{}); err != nil {
		t.Fatal(err)
	}
	report := loads(t, w, server.URI, func(o *engine.RunOptions) { o.Full = true })
	if report.ExitCode != engine.ExitUnreadable {
		t.Errorf("exit code %d", report.ExitCode)
	}
	sameContent(t, content(t, w), want)
}

// TestRejectsFromAServer: they are kept from night to night, and too many of them leave the collection to be read anew.
func TestRejectsFromAServer(t *testing.T) {
	dump := smallChain(t, 8)
	server := mongotest.Start(t)
	mongotest.Restore(t, server.URI, dump)
	ctx := t.Context()
	w := openWarehouse(t)
	transactions := collectionOf(t, server.URI, "transactions")
	for i, height := range []any{int32(1_000_010), true, bson.D{{Key: "x", Value: 1}}} {
		document := bson.D{{Key: "_id", Value: fmt.Sprint("no hash ", i)}, {Key: "block_info", Value: bson.D{{Key: "height", Value: height}}}}
		if _, err := transactions.InsertOne(ctx, document); err != nil {
			t.Fatal(err)
		}
	}
	rejects := func() (n int64) {
		t.Helper()
		if err := w.NewIntake(source, 0).Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&n) }, "select count(*) from raw.rejects"); err != nil {
			t.Fatal(err)
		}
		return n
	}
	lenient := func(o *engine.RunOptions) { o.MaxRejects = 1 }
	loads(t, w, server.URI, lenient)
	if n := rejects(); n != 3 {
		t.Fatalf("%d rejects", n)
	}
	loads(t, w, server.URI, lenient)
	if n := rejects(); n != 3 {
		t.Errorf("%d rejects after a second load", n)
	}
	want := content(t, w)
	report := loads(t, w, server.URI, func(o *engine.RunOptions) { o.MaxRejects, o.Full = 0, true })
	if report.ExitCode != engine.ExitFailed {
		t.Errorf("exit code %d", report.ExitCode)
	}
	loads(t, w, server.URI, lenient)
	sameContent(t, content(t, w), want)
	if n := rejects(); n != 3 {
		t.Errorf("%d rejects after a refused load", n)
	}
}

// TestServerDies: what was loaded stays, the exit code tells, and the next load goes on.
func TestServerDies(t *testing.T) {
	dump := smallChain(t, 6)
	server := mongotest.Start(t)
	mongotest.Restore(t, server.URI, dump)
	w := openWarehouse(t)
	loads(t, w, server.URI, nil)
	want := content(t, w)
	server.Kill()
	report := loads(t, w, server.URI+"?serverSelectionTimeoutMS=500", nil)
	if report.ExitCode != engine.ExitUnreadable || len(report.Loads[0].Unreadable) == 0 {
		t.Errorf("exit code %d, %+v", report.ExitCode, report.Loads[0])
	}
	sameContent(t, content(t, w), want)
	server.Restart()
	if report := loads(t, w, server.URI, nil); report.ExitCode != 0 {
		t.Errorf("%+v", report.Loads[0])
	}
}

// TestServerComesBack: an outage shorter than the retries is not seen.
func TestServerComesBack(t *testing.T) {
	dump := smallChain(t, 6)
	server := mongotest.Start(t)
	mongotest.Restore(t, server.URI, dump)
	server.Kill()
	back := make(chan struct{})
	go func() {
		defer close(back)
		time.Sleep(300 * time.Millisecond)
		server.Restart()
	}()
	w := openWarehouse(t)
	report := loads(t, w, server.URI+"?serverSelectionTimeoutMS=20000", nil)
	<-back
	if report.ExitCode != 0 {
		t.Errorf("%+v", report.Loads[0])
	}
}

func TestPasswordIsNeverTold(t *testing.T) {
	w := openWarehouse(t)
	uri := "mongodb://reader:Sec%2Fret@127.0.0.1:1/?serverSelectionTimeoutMS=300"
	report := loads(t, w, uri, nil)
	if len(report.Loads[0].Unreadable) != 1 {
		t.Fatalf("%+v", report.Loads[0])
	}
	text := report.Loads[0].Unreadable[0].Error
	if strings.Contains(text, "Sec") || !strings.Contains(text, "127.0.0.1:1") {
		t.Errorf("got %s", text)
	}
	for _, bad := range []string{"mongodb://u:Secret@", "mongodb://u:Secret@h:port/", "mongodb://u:Secret@h/?tls=maybe", "mongodb://u:Sec%zzret@h/"} {
		report := loads(t, w, bad, nil)
		if len(report.Loads[0].Unreadable) != 1 || strings.Contains(report.Loads[0].Unreadable[0].Error, "Sec") {
			t.Errorf("%s: %+v", bad, report.Loads[0].Unreadable)
		}
	}
}

func TestProjectionAsksForMappedFieldsOnly(t *testing.T) {
	columns := []Column{{Path: "_id"}, {Path: "a.b"}, {Path: "a"}, {Path: "a.c.d"}, {Path: "ab"}, {Path: "#"}, {Path: "ab"}}
	var got []string
	for _, field := range projection(columns) {
		got = append(got, field.Key)
	}
	if want := []string{"_id", "a", "ab"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if projection([]Column{{Path: "_id"}, {Path: ""}}) != nil {
		t.Error("a whole document is not projected")
	}
}
