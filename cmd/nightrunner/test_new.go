package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/engine/modeltest"
)

// newTest begins a test of a model from rows that are there. A file that exists stays as it is.
func newTest(c *cli.Context, suite *modeltest.Suite) error {
	model, err := suite.Find(c.String("new"))
	if err != nil {
		return err
	}
	day, err := dayOf(c, "day")
	if err != nil {
		return err
	}
	short := shortName(suite, model)
	path := filepath.Join(c.String("sql"), "tests", strings.ReplaceAll(short, ".", "_")+".txtar")
	if _, err := os.Lstat(path); err == nil {
		return exists(path)
	}
	reading, err := openReading(c)
	if err != nil {
		return err
	}
	defer reading.Close()
	text := ""
	if !day.IsZero() {
		text = c.String("day")
	}
	sketch, err := suite.Sketch(c.Context, reading.DB, model, text)
	if err != nil {
		return err
	}
	if err := createFile(path, sketch.Text); err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "wrote %s: %s given, %d wanted, from %s\n", path, plural(int64(sketch.Given), "row"), sketch.Wanted, reading.Path)
	fmt.Fprintf(c.App.ErrWriter, "It says what is, not yet what is right: read it, and say why. nightrunner test --sql %s --select %s runs it.\n", c.String("sql"), short)
	return nil
}

// shortName is the model's name without its schema, where it is that of no other model.
func shortName(suite *modeltest.Suite, model string) string {
	_, short, _ := strings.Cut(model, ".")
	if found, err := suite.Find(short); err != nil || found != model {
		return model
	}
	return short
}

// createFile writes a file that must not exist.
func createFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return exists(path)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

func exists(path string) error {
	return engine.WithHint(fmt.Errorf("%w: %s exists", engine.ErrUsage, path), "add a case to it, or rename it first: several files may test a model")
}
