package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// hostile are SELECTs that reach for a file; %s is its path.
var hostile = []string{
	"select * from read_csv('%s')",
	"select * from read_text('%s')",
	"select * from read_blob('%s')",
	"select * from read_json('%s')",
	"select * from read_parquet('%s')",
	"select * from read_duckdb('%s')",
	"select * from sniff_csv('%s')",
	"select * from parquet_metadata('%s')",
	"select * from glob('%s')",
	"select * from query('select * from read_text(''%s'')')",
	"select (select count(*) from read_text('%s')) as n",
	"select * from json_execute_serialized_sql(json_serialize_sql('select * from read_text(''%s'')'))",
}

func writeSecret(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(path, []byte("a,b\n1,hidden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestModelsReadNoFiles(t *testing.T) {
	secret := writeSecret(t)
	files := fstest.MapFS{}
	for i, query := range hostile {
		text := fmt.Sprintf(query, secret)
		files[fmt.Sprintf("stat/table_%d.sql", i)] = &fstest.MapFile{Data: []byte("-- materialize: table\n\n" + text)}
		// sniff_csv opens its file when it is read: the view and the empty check are made, and fail whoever reads them here.
		if !strings.Contains(text, "sniff_csv") {
			files[fmt.Sprintf("mid/view_%d.sql", i)] = &fstest.MapFile{Data: []byte("-- materialize: view\n\n" + text)}
			files[fmt.Sprintf("checks/check_%d.sql", i)] = &fstest.MapFile{Data: []byte("select 1 as x from (" + text + ") where false")}
		}
	}
	files["stat/good.sql"] = &fstest.MapFile{Data: []byte("select 1 as x")}
	files["stat/condition.sql"] = &fstest.MapFile{Data: fmt.Appendf(nil, "-- check: expect x <> (select count(*) from read_text('%s'))\n\nselect 1 as x", secret)}
	w, err := Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	report, err := w.Run(t.Context(), RunOptions{Command: "run", SQL: files})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range report.Steps {
		bad := step.Name != "stat.good" && (step.Phase != PhaseBuild || step.Name != "stat.condition")
		if bad != (step.Status == StatusFailed) {
			t.Errorf("%s %s is %s: %s", step.Phase, step.Name, step.Status, step.Message)
		}
		if bad && !strings.Contains(step.Message, "disabled by configuration") && !strings.Contains(step.Message, "Unique file handle") {
			t.Errorf("%s %s failed for another reason: %s", step.Phase, step.Name, step.Message)
		}
	}
	if want := 3*len(hostile) + 1; len(report.Steps) != want {
		t.Errorf("%d steps, not %d", len(report.Steps), want)
	}
}

// A macro is bound when it is made, which is when the SQL files are read: before anything is loaded.
func TestMacrosReadNoFiles(t *testing.T) {
	secret := writeSecret(t)
	for _, text := range []string{
		"create or replace macro leak() as table select * from read_csv('%s')",
		"create or replace macro leak() as (select count(*) from read_text('%s'))",
	} {
		w, err := OpenMemory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		_, err = w.ReadProject(t.Context(), fstest.MapFS{"macros/leak.sql": {Data: fmt.Appendf(nil, text, secret)}})
		if err == nil || !strings.Contains(err.Error(), "disabled by configuration") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What no model can say, in case it gets through after all.
func TestStatementsStayInTheWarehouse(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(t.Context(), filepath.Join(dir, "w.duckdb"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, statement := range []string{
		"copy (select 1) to '%s/out.csv'", "export database '%s/out'", "attach '%s/other.duckdb' as other", "load '%s/x.duckdb_extension'",
		"install httpfs", "set enable_external_access = true", "set allowed_directories = ['%s']", "set allowed_configs = ['temp_directory']",
		"set temp_directory = '%s/elsewhere'", "set log_query_path = '%s/log'", "pragma profiling_output = '%s/profile'",
		"create persistent secret s (type http)", "select getenv('HOME')",
	} {
		if strings.Contains(statement, "%s") {
			statement = fmt.Sprintf(statement, dir)
		}
		if err := w.exec(t.Context(), statement); err == nil {
			t.Errorf("done: %s", statement)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "out.csv")); err == nil {
		t.Error("a file was written")
	}
}

// Spilling goes on: its folder is the warehouse's own.
func TestLockedDownWarehouseSpills(t *testing.T) {
	w, err := Open(t.Context(), filepath.Join(t.TempDir(), "w.duckdb"), Options{MemoryLimit: "100MiB", Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.exec(t.Context(), "create table t as select range as a, repeat(hash(range)::varchar, 5) as b from range(2000000) order by b"); err != nil {
		t.Fatal(err)
	}
	if err := w.exec(t.Context(), "set threads = 1; set memory_limit = '50MiB'; checkpoint"); err != nil {
		t.Error(err)
	}
}

// TestTrapDefaultOfAnAddedColumn: a default that must be computed is set through a setting, which is locked. A number is none.
func TestTrapDefaultOfAnAddedColumn(t *testing.T) {
	db := openDuck(t, "")
	do(t, db, "create table t (a int)", "set lock_configuration = true", "begin transaction", "alter table t add column b bigint default 0")
	if text := complaint(t, db, "alter table t add column c boolean default false").Msg; !strings.Contains(text, "the configuration has been locked") {
		t.Error(text)
	}
}
