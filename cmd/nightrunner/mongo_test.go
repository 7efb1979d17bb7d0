package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ccdexplorer/nightrunner/internal/mongotest"
)

// mongoBuilt: scripts that need a MongoDB server begin with [!mongo] skip.
func mongoBuilt() bool {
	_, err := os.Stat(filepath.FromSlash("../../bin/mongotest-server"))
	return err == nil
}

// mongoCommands are those of scripts with a MongoDB server:
//
//	mongoserver   starts an empty one for the script; $MONGO is its URI
//	restore DIR   fills it with DIR/DATABASE/COLLECTION.bson
func mongoCommands(t *testing.T) map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"mongoserver": func(ts *testscript.TestScript, _ bool, _ []string) {
			ts.Setenv("MONGO", mongotest.Start(t).URI)
		},
		"restore": func(ts *testscript.TestScript, _ bool, args []string) {
			mongotest.Restore(t, ts.Getenv("MONGO"), ts.MkAbs(args[0]))
		},
	}
}
