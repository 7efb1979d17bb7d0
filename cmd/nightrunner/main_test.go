package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
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
	commands := map[string]func(*testscript.TestScript, bool, []string){"edit": edit, "cut": cut, "damage": damage, "webhook": webhook, "holds": holds}
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

// TestFlagsOfCommands: a flag that stands twice at a command is a panic when the command is called.
func TestFlagsOfCommands(t *testing.T) {
	for _, command := range newApp(nil).Commands {
		seen := map[string]bool{}
		for _, flag := range command.Flags {
			for _, name := range flag.Names() {
				if seen[name] {
					t.Errorf("%s: flag --%s stands twice", command.Name, name)
				}
				seen[name] = true
			}
		}
	}
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

// webhook FILE starts a server that appends what it is sent to FILE, and sets $HOOK to its host and port.
func webhook(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		file, openErr := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if errors.Join(err, openErr) != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, err = fmt.Fprintf(file, "%s\n", body)
		if errors.Join(err, file.Close()) != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv("HOOK", strings.TrimPrefix(server.URL, "http://"))
}

// holds FOLDER TEXT: a file somewhere in the folder holds the text, also in its name. Files named inputs* are left out.
func holds(ts *testscript.TestScript, negated bool, args []string) {
	found := ""
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), "inputs") {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(path, args[1]) || strings.Contains(string(content), args[1]) {
			found = path
		}
		return err
	}))
	if negated && found != "" {
		ts.Fatalf("%s holds %q", found, args[1])
	}
	if !negated && found == "" {
		ts.Fatalf("nothing in %s holds %q", args[0], args[1])
	}
}

// damage FILE turns all bits behind the heads of a DuckDB file.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	content, err := os.ReadFile(path)
	ts.Check(err)
	const heads = 3 * 4096
	for i := heads; i < len(content); i++ {
		content[i] ^= 0xff
	}
	ts.Check(os.WriteFile(path, content, 0o600))
}
