package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
)

// rowsSQL makes rows of the shape of account_graph: 100,000 accounts, each day; graphSQL makes documents of them.
const (
	rowsSQL = `-- materialize: table
--
-- Made-up balances.
select
    date '2021-06-09' + (i // 100000)::integer as date,
    md5((i %% 100000)::varchar)[:29] as account_address_canonical,
    i %% 100000 as account_index,
    i / 7 as ccd_balance,
from range(%d) as numbers(i)
`
	graphSQL = `-- materialize: view
-- grain: day, account
-- export: graph
--
-- Made-up balances.
select
    concat(date, '-graph-', account_address_canonical) as _id,
    'graph' as type,
    account_address_canonical,
    account_index,
    date,
    ccd_balance,
    0.0123::double as rate,
    ccd_balance * 0.0123 as "ccd_balance_in_USD",
from mid.graph_rows
`
)

// export: documents into files and to a server that does nothing, against a plain scan of the same rows; then exports of the
// same documents with nothing to write.
func (s settings) export(ctx context.Context, dir string) (err error) {
	folder, warehouse := filepath.Join(dir, "sql"), filepath.Join(dir, "w.duckdb")
	for file, text := range map[string]string{"mid/graph_rows.sql": fmt.Sprintf(rowsSQL, s.exported), "stat/graph.sql": graphSQL} {
		path := filepath.Join(folder, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			return err
		}
	}
	if err := makeWarehouse(ctx, warehouse); err != nil {
		return err
	}
	if _, err := s.process(ctx, "build", "--json", "--sql", folder, "--warehouse", warehouse); err != nil {
		return err
	}
	scanned, err := scanGraph(ctx, warehouse)
	if err != nil {
		return err
	}
	sink, err := startSink(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	uri := fmt.Sprintf("mongodb://%s/?directConnection=true", sink.Addr())
	for _, to := range []struct {
		what  string
		flags []string
	}{
		{"into a BSON file", []string{"--format", "bson", "--export", filepath.Join(dir, "bson")}},
		{"into a JSON Lines file", []string{"--export", filepath.Join(dir, "jsonl")}},
		{"to a server that does nothing", []string{"--export", uri}},
	} {
		if err := s.exportTwice(ctx, to.what, scanned, folder, warehouse, to.flags); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}

// exportTwice exports everything, then again with nothing to do, then again after a change of its SQL.
func (s settings) exportTwice(ctx context.Context, what string, scanned time.Duration, folder, warehouse string, flags []string) error {
	again := func() (outcome, error) {
		return s.process(ctx, append([]string{"export", "--json", "--sql", folder, "--warehouse", warehouse}, flags...)...)
	}
	first, err := again()
	if err != nil {
		return err
	}
	fmt.Printf("%d documents %s: %v, %.2f M documents/s; %.1f x a plain scan of the rows (%v); CPU %v; peak %.2f GB\n", s.exported, what,
		first.inside.Round(time.Millisecond), float64(s.exported)/first.inside.Seconds()/1e6, ratio(first.inside, scanned), scanned.Round(time.Millisecond),
		first.cpu.Round(time.Millisecond), float64(first.peak)/1e9)
	if what == "to a server that does nothing" {
		// It forgets everything: there is no second time.
		return nil
	}
	idle, err := again()
	if err != nil {
		return err
	}
	if err := changeVersion(folder); err != nil {
		return err
	}
	if _, err := s.process(ctx, "build", "--json", "--sql", folder, "--warehouse", warehouse); err != nil {
		return err
	}
	compared, err := again()
	if err != nil {
		return err
	}
	fmt.Printf("    again with nothing new: %v; after a change of its SQL, all documents compared: %v (goal 5 s), CPU %v\n",
		idle.process.Round(time.Millisecond), compared.process.Round(time.Millisecond), compared.cpu.Round(time.Millisecond))
	return nil
}

// changeVersion makes the model another one that has the same rows.
func changeVersion(folder string) error {
	path := filepath.Join(folder, "stat", "graph.sql")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	condition := "where "
	if strings.Contains(string(text), condition) {
		condition = "and "
	}
	return os.WriteFile(path, append(text, condition+"account_index >= 0\n"...), 0o600)
}

// makeWarehouse makes a warehouse with nothing in it.
func makeWarehouse(ctx context.Context, warehouse string) error {
	w, err := engine.Open(ctx, warehouse, engine.Options{Command: "bench"})
	if err != nil {
		return err
	}
	return w.Close()
}

// scanGraph reads every value of the rows with DuckDB.
func scanGraph(ctx context.Context, warehouse string) (time.Duration, error) {
	db, err := sql.Open("duckdb", warehouse+"?access_mode=read_only")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "select 1"); err != nil {
		return 0, err
	}
	start := time.Now()
	var sum string
	err = db.QueryRowContext(ctx, "select sum(hash(t))::varchar from stat.graph as t").Scan(&sum)
	return time.Since(start), err
}

// startSink starts a server that has no documents and takes all it is given.
func startSink(ctx context.Context) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = errors.Join(serve(connection, sinkAnswer), connection.Close()) }()
		}
	}()
	return listener, nil
}

func sinkAnswer(dst []byte, command bson.Raw) ([]byte, error) {
	first, err := command.IndexErr(0)
	if err != nil {
		return dst, err
	}
	start, dst := bsoncore.AppendDocumentStart(dst)
	switch first.Key() {
	case "hello", "isMaster", "ismaster":
		dst = appendHello(dst)
	case "count", "insert", "update", "delete":
		dst = bsoncore.AppendInt32Element(dst, "n", 0)
	case "find", "listIndexes":
		dst = appendCursor(dst, 0, "firstBatch", nil)
	}
	dst = bsoncore.AppendDoubleElement(dst, "ok", 1)
	return bsoncore.AppendDocumentEnd(dst, start)
}
