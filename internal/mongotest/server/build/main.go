// Command build compiles the server of package mongotest: `go run ./build -o FILE`, in the folder above.
//
// FerretDB 1.24 is the last release that needs nothing but SQLite, and nobody mends it any more. What keeps it from
// standing in for MongoDB, and takes a line to mend (mends.go), is mended here: the server is compiled from a copy of the
// module, which go has checked against go.sum.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

const ferretDB = "github.com/FerretDB/FerretDB"

func main() {
	output := flag.String("o", "mongotest-server", "file to write")
	flag.Parse()
	if err := run(*output); err != nil {
		fmt.Fprintln(os.Stderr, "error: build the MongoDB server for tests:", err)
		os.Exit(1)
	}
}

func run(output string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	// The place is always the same: the compiler's cache knows files by their paths.
	scratch, err := filepath.Abs(output + ".build")
	if err != nil {
		return err
	}
	clean := func() error { return os.RemoveAll(scratch) }
	if err := clean(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clean()) }()
	module := filepath.Join(scratch, "ferretdb")
	if err := copyModule(ctx, module); err != nil {
		return err
	}
	for _, m := range mends() {
		if err := m.apply(module); err != nil {
			return fmt.Errorf("mend FerretDB: %w", err)
		}
	}
	modfile := filepath.Join(scratch, "go.mod")
	if err := writeModfile(ctx, modfile, module); err != nil {
		return err
	}
	// Without debug information and FerretDB's other backend it is half the size, and sooner done.
	return command(ctx, "build", "-modfile="+modfile, "-buildvcs=false", "-ldflags=-s -w", "-tags=ferretdb_no_postgresql", "-o", output, ".").Run()
}

// copyModule downloads FerretDB when it is not there yet.
func copyModule(ctx context.Context, target string) error {
	download := command(ctx, "mod", "download", "-json", ferretDB)
	download.Stdout = nil
	text, err := download.Output()
	if err != nil {
		return fmt.Errorf("download %s: %w", ferretDB, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(text, &module); err != nil {
		return fmt.Errorf("what `go mod download` says of %s: %w", ferretDB, err)
	}
	return os.CopyFS(target, os.DirFS(module.Dir))
}

// writeModfile copies go.mod and go.sum and puts the copy of FerretDB in place of the module.
func writeModfile(ctx context.Context, modfile, module string) error {
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(modfile), name), text, 0o600); err != nil {
			return err
		}
	}
	return command(ctx, "mod", "edit", "-replace="+ferretDB+"="+module, modfile).Run()
}

func command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "go", args...)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	return c
}

// apply changes the file below the module's folder.
func (m mend) apply(module string) error {
	path := filepath.Join(module, filepath.FromSlash(m.file))
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return fmt.Errorf("%s has %d times, not once, %q: mends.go is for another version than go.mod's", m.file, n, m.old)
	}
	return os.WriteFile(path, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600)
}
