package engine

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/ccdexplorer/nightrunner/"

// layers says per folder what its packages must not import: folders of this module and other modules. Only cmd knows all.
func layers() map[string][]string {
	return map[string][]string{
		"cmd":        {},
		"engine":     {"cmd", "loaders", "exporters", "sql", "go.mongodb.org/mongo-driver"},
		"loaders":    {"cmd", "exporters"},
		"exporters":  {"cmd", "loaders"},
		"internal":   {"cmd", "loaders", "exporters"},
		"migrations": {"cmd", "loaders", "exporters", "engine", "internal", "sql"},
		"sql":        {"cmd", "loaders", "exporters", "engine", "internal"},
	}
}

// An importing is a line of a file that imports a package.
type importing struct{ file, path string }

// readImports reads what each package of a source tree imports, tests and modules within aside.
func readImports(tree fs.FS) (map[string][]importing, error) {
	packages := map[string][]importing{}
	err := fs.WalkDir(tree, ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != ".":
			if _, err := fs.Stat(tree, file+"/go.mod"); err == nil || strings.HasPrefix(entry.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		case path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		imports, err := fileImports(tree, file)
		packages[path.Dir(file)] = append(packages[path.Dir(file)], imports...)
		return err
	})
	return packages, err
}

func fileImports(tree fs.FS, file string) ([]importing, error) {
	text, err := fs.ReadFile(tree, file)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var imports []importing
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		imports = append(imports, importing{file, strings.TrimPrefix(imported, module)})
	}
	return imports, nil
}

// layerProblems are the imports that break a rule, each with the file where it stands and the way there.
func layerProblems(packages map[string][]importing) []string {
	var problems []string
	for folder := range packages {
		if folder == "internal/bench" {
			// A program of its own, as those of cmd are.
			continue
		}
		top, _, _ := strings.Cut(folder, "/")
		banned, known := layers()[top]
		if !known {
			problems = append(problems, fmt.Sprintf("%s: no rule says what %s may import", folder, top))
		}
		seen := map[string]bool{}
		var visit func(from, way string)
		visit = func(from, way string) {
			if seen[from] {
				return
			}
			seen[from] = true
			for _, one := range packages[from] {
				if slices.ContainsFunc(banned, func(name string) bool { return below(one.path, name) }) || siblings(folder, one.path) {
					problems = append(problems, fmt.Sprintf("%s imports %s: not for %s%s", one.file, one.path, folder, way))
					continue
				}
				visit(one.path, way+", by "+one.path)
			}
		}
		visit(folder, "")
	}
	slices.Sort(problems)
	return problems
}

func below(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

// siblings: no loader knows another one, no exporter either. What they share is in the folder above them.
func siblings(one, other string) bool {
	first, second := strings.Split(one, "/"), strings.Split(other, "/")
	return len(first) > 1 && len(second) > 1 && (first[0] == "loaders" || first[0] == "exporters") && first[0] == second[0] && first[1] != second[1]
}

func TestLayers(t *testing.T) {
	packages, err := readImports(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"cmd/nightrunner", "engine", "exporters/files", "internal/console", "loaders/balances", "migrations", "sql"} {
		if _, there := packages[folder]; !there {
			t.Errorf("%s: no Go files found", folder)
		}
	}
	for _, problem := range layerProblems(packages) {
		t.Error(problem)
	}
}

func TestLayersNameFileAndImport(t *testing.T) {
	tree := fstest.MapFS{}
	for file, imports := range map[string]string{
		"cmd/nightrunner/main.go":   "engine loaders/mongo exporters/files",
		"engine/days.go":            "internal/json migrations",
		"engine/days_test.go":       "loaders/mongo",
		"internal/json/a.go":        "go.mongodb.org/mongo-driver/v2/bson",
		"internal/chain/a.go":       "loaders/mongo",
		"loaders/mongo/walk.go":     "engine loaders/balances",
		"loaders/balances/scan.go":  "engine exporters/files",
		"exporters/encode.go":       "go.mongodb.org/mongo-driver/v2/bson",
		"exporters/files/files.go":  "engine exporters",
		"exporters/mongo/mongo.go":  "exporters/files",
		"migrations/migrations.go":  "engine",
		"tools/tool.go":             "engine",
		"internal/server/main.go":   "loaders/mongo",
		"internal/server/go.mod":    "",
		"internal/server/x/main.go": "loaders/mongo",
	} {
		text := "package a\n"
		for imported := range strings.FieldsSeq(imports) {
			if !strings.HasPrefix(imported, "go.mongodb.org") {
				imported = module + imported
			}
			text += "import _ " + strconv.Quote(imported) + "\n"
		}
		tree[file] = &fstest.MapFile{Data: []byte(text)}
	}
	packages, err := readImports(tree)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "problems", layerProblems(packages), []string{
		"exporters/mongo/mongo.go imports exporters/files: not for exporters/mongo",
		"internal/chain/a.go imports loaders/mongo: not for internal/chain",
		"internal/json/a.go imports go.mongodb.org/mongo-driver/v2/bson: not for engine, by internal/json",
		"loaders/balances/scan.go imports exporters/files: not for loaders/balances",
		"loaders/mongo/walk.go imports loaders/balances: not for loaders/mongo",
		"migrations/migrations.go imports engine: not for migrations",
		"tools: no rule says what tools may import",
	})
}

func TestProductNeedsNoServer(t *testing.T) {
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for number, line := range strings.Split(string(text), "\n") {
		if strings.Contains(strings.ToLower(line), "ferretdb") {
			t.Errorf("go.mod:%d: %s: the server that tests run is a module of its own", number+1, strings.TrimSpace(line))
		}
	}
}
