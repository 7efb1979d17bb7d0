package main

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
	sqlfiles "github.com/ccdexplorer/nightrunner/sql"
)

// TestWhyOfEveryStatistic asks for a document of each: it is the exported one, and every query that is given to paste runs
// and finds as many rows as are told.
func TestWhyOfEveryStatistic(t *testing.T) {
	dir := t.TempDir()
	db, err := engine.OpenReadOnly(t.Context(), diffWarehouse(t, dir, "--export", filepath.Join(dir, "out")))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	collections, err := mongo.ReadMappings(sqlfiles.Files)
	if err != nil {
		t.Fatal(err)
	}
	project, err := engine.ReadProject(sqlfiles.Files)
	if err != nil {
		t.Fatal(err)
	}
	last := lastDocuments(t, filepath.Join(dir, "out"))
	asked := 0
	for _, m := range project.Models {
		if m.Export == "" || last[m.Export] == "" {
			continue
		}
		asked++
		t.Run(m.Export, func(t *testing.T) {
			id, _, _ := strings.Cut(strings.TrimPrefix(last[m.Export], `{"_id":"`), `"`)
			report, err := engine.Why(t.Context(), db, engine.WhyOptions{Statistic: m.Export, Which: id, SQL: sqlfiles.Files, Tables: mongo.Tables(collections), Document: exportedDocument})
			if err != nil {
				t.Fatal(err)
			}
			if string(report.Document) != last[m.Export] {
				t.Errorf("document %s\nexported %s", report.Document, last[m.Export])
			}
			if report.Model.Now != "" || report.Built == nil || report.Built.Run != 1 || len(report.Sources) == 0 || len(report.Inputs) == 0 {
				t.Errorf("%+v", report)
			}
			if len(report.Destinations) != 1 || !report.Destinations[0].Same || report.Destinations[0].Run != 1 {
				t.Errorf("destinations %+v", report.Destinations)
			}
			for _, check := range report.Checks {
				if check.Status == "not run" {
					t.Errorf("%+v", check)
				}
			}
			runQueries(t, db, report)
		})
	}
	if asked < 25 {
		t.Errorf("only %d statistics have documents", asked)
	}
}

func runQueries(t *testing.T, db *sql.DB, report *engine.WhyReport) {
	t.Helper()
	told := map[string]*int64{}
	for _, in := range report.Inputs {
		told[in.Name] = in.Rows
	}
	if len(report.Queries) == 0 {
		t.Error("no query")
	}
	for _, q := range report.Queries {
		var rows int64
		if err := db.QueryRow(fmt.Sprintf("select count(*) from (%s)", strings.TrimSuffix(q.SQL, ";"))).Scan(&rows); err != nil {
			t.Errorf("%s: %v", q.SQL, err)
		}
		byKey := strings.Contains(q.SQL, " in (select ") || strings.Contains(q.SQL, `" = '`)
		if want := told[q.Relation]; want != nil && (byKey && rows > *want || !byKey && rows != *want) {
			t.Errorf("%s finds %d rows, %d are told", q.SQL, rows, *want)
		}
	}
}
