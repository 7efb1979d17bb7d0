package sql_test

import (
	"slices"
	"testing"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/engine/lint"
	"github.com/ccdexplorer/nightrunner/engine/modeltest"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
	"github.com/ccdexplorer/nightrunner/sql"
)

func open(t *testing.T) *modeltest.Suite {
	collections, err := mongo.ReadMappings(sql.Files)
	if err != nil {
		t.Fatal(err)
	}
	suite, err := modeltest.Open(t.Context(), sql.Files, mongo.Tables(collections))
	if err != nil {
		t.Fatal(err)
	}
	return suite
}

// TestModels runs all cases in tests.
func TestModels(t *testing.T) {
	suite := open(t)
	for _, one := range suite.Cases {
		t.Run(one.File+"/"+one.Name, func(t *testing.T) {
			t.Parallel()
			result, err := suite.Run(t.Context(), one)
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range result.Problems {
				t.Error(problem)
			}
		})
	}
}

// TestRules: the files that ship keep to all rules of lint. Among these is that every model and check has a case that
// wants its rows.
func TestRules(t *testing.T) {
	collections, err := mongo.ReadMappings(sql.Files)
	if err != nil {
		t.Fatal(err)
	}
	report, err := lint.Run(t.Context(), sql.Files, lint.Options{Tables: mongo.Tables(collections)})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range report.Findings {
		t.Errorf("sql/%s:%d: %s: %s (%s)", one.File, one.Line, one.Rule, one.Message, one.Fix)
	}
	if report.Files < 100 {
		t.Errorf("%d files looked at, want all", report.Files)
	}
}

// TestMacrosAreTested: what no model or check calls, no case tries.
func TestMacrosAreTested(t *testing.T) {
	collections, err := mongo.ReadMappings(sql.Files)
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := engine.ReadCatalog(t.Context(), sql.Files, mongo.Tables(collections))
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	for _, m := range slices.Concat(catalog.Project.Models, catalog.Project.Checks) {
		for _, name := range m.Macros {
			called[name] = true
		}
	}
	for name := range catalog.Calls {
		if !called[name] {
			t.Errorf("macro %s is called by no model and no check", name)
		}
	}
}
