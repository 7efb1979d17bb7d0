package sql_test

import (
	"testing"

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

// TestEveryStatisticIsTested: what is exported has a case that states its rows.
func TestEveryStatisticIsTested(t *testing.T) {
	suite := open(t)
	for _, name := range suite.Untested() {
		t.Errorf("no case in sql/tests wants rows of %s", name)
	}
}
