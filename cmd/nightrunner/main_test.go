package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"nightrunner": main})
}

// TestScripts runs testdata/*.txtar over the program as its users call it.
func TestScripts(t *testing.T) {
	shared, err := filepath.Abs("../../../shared")
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]func(*testscript.TestScript, bool, []string){"edit": edit, "cut": cut}
	maps.Copy(commands, mongoCommands(t))
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("SHARED", shared)
			return nil
		},
		Condition: func(condition string) (bool, error) {
			_, dataErr := os.Stat(filepath.Join(shared, "data", "R"))
			_, toolErr := exec.LookPath("python3")
			return condition == "mongo" && mongoBuilt() || condition == "shared" && dataErr == nil && toolErr == nil, nil
		},
		Cmds: commands,
	})
}

// edit FILE OLD NEW replaces the first OLD.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	content, err := os.ReadFile(path)
	ts.Check(err)
	before, after, found := strings.Cut(string(content), args[1])
	if !found {
		ts.Fatalf("%s holds no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(path, []byte(before+args[2]+after), 0o600))
}

// cut FILE N drops the last N bytes.
func cut(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	content, err := os.ReadFile(path)
	ts.Check(err)
	n := 0
	for _, digit := range args[1] {
		n = n*10 + int(digit-'0')
	}
	ts.Check(os.WriteFile(path, content[:len(content)-n], 0o600))
}
