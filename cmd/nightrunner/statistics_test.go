package main

import (
	"bufio"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/exporters/files"
	"github.com/ccdexplorer/nightrunner/internal/chain"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/statdoc"
	"github.com/ccdexplorer/nightrunner/loaders/balances"
	"github.com/ccdexplorer/nightrunner/loaders/ccdscan"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
	"github.com/ccdexplorer/nightrunner/loaders/node"
	"github.com/ccdexplorer/nightrunner/loaders/rates"
	sqlfiles "github.com/ccdexplorer/nightrunner/sql"
)

var update = flag.Bool("update", false, "write docs/statistics.md")

// TestStatisticsPage makes docs/statistics.md anew from the SQL files and a small chain: it is never out of date.
func TestStatisticsPage(t *testing.T) {
	const page = "../../docs/statistics.md"
	got := statdoc.Page(describe(t))
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("docs/statistics.md is out of date, `make docs` writes it (-page +SQL files):\n%s", diff)
	}
}

// describe runs everything on a small chain, with one thread: sums of doubles are the same then every time.
func describe(t *testing.T) statdoc.Source {
	t.Helper()
	dir := t.TempDir()
	if _, err := chain.Generate(t.Context(), chain.Options{Dir: dir, Seed: 1, Days: 12, Accounts: 300, TransactionsPerDay: 200}); err != nil {
		t.Fatal(err)
	}
	collections, err := mongo.ReadMappings(sqlfiles.Files)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	exporter, err := files.New(out, []string{files.JSONL})
	if err != nil {
		t.Fatal(err)
	}
	warehouse := filepath.Join(dir, "w.duckdb")
	w, err := engine.Open(t.Context(), warehouse, engine.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	report, err := w.Run(t.Context(), engine.RunOptions{Command: "test", SQL: sqlfiles.Files, Tables: mongo.Tables(collections), MaxRejects: 0.001,
		Loaders: []engine.Loader{
			mongo.New(mongo.Options{URI: filepath.Join(dir, "dump"), Database: "concordium_mainnet", Utilities: "concordium_utilities", Collections: collections}),
			node.New(node.Options{Source: fetch.Source{Address: filepath.Join(dir, "node")}}), ccdscan.New(fetch.Source{Address: filepath.Join(dir, "http")}), balances.New(filepath.Join(dir, "balances")),
			rates.NewCoinGecko(rates.Options{Source: fetch.Source{Address: filepath.Join(dir, "http")}, MaxJump: 10}, 0),
			rates.NewCurrencies(rates.Options{MaxJump: 10}, []string{filepath.Join(dir, "http")}),
		}, Exporters: []engine.Exporter{exporter}})
	if err != nil || report.ExitCode != 0 {
		t.Fatalf("%v %+v", err, report)
	}
	p, err := w.ReadProject(t.Context(), sqlfiles.Files)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return statdoc.Source{Project: p, Columns: columnsOf(t, warehouse), Examples: lastDocuments(t, out), Files: sqlfiles.Files}
}

func columnsOf(t *testing.T, warehouse string) map[string][]statdoc.Column {
	t.Helper()
	db, err := engine.OpenReadOnly(context.Background(), warehouse)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("select schema_name || '.' || table_name, column_name, data_type from duckdb_columns() where database_name = current_database() order by table_name, column_index")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns := map[string][]statdoc.Column{}
	for rows.Next() {
		var table string
		var c statdoc.Column
		if err := rows.Scan(&table, &c.Name, &c.Type); err != nil {
			t.Fatal(err)
		}
		columns[table] = append(columns[table], c)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return columns
}

// lastDocuments are the last documents of all files.
func lastDocuments(t *testing.T, dir string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]string{}
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			last[strings.TrimSuffix(filepath.Base(path), ".jsonl")] = lines.Text()
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	return last
}

// TestHelpersNameEveryStatistic: the note that no statistic is to be made again names all of them.
func TestHelpersNameEveryStatistic(t *testing.T) {
	p, err := engine.ReadProject(sqlfiles.Files)
	if err != nil {
		t.Fatal(err)
	}
	text := p.Model("stat.helpers").SQL
	for _, m := range p.Models {
		if m.Export != "" && m.Collection == "" && !strings.HasSuffix(m.Export, "_dates") && !strings.Contains(text, "'"+m.Export+"'") {
			t.Errorf("sql/stat/helpers.sql does not name %s", m.Export)
		}
	}
}
