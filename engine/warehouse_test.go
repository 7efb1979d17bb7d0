package engine

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

func TestOpenTwiceIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.duckdb")
	first, err := Open(context.Background(), path, Options{Command: "run"})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := Open(context.Background(), path, Options{}); !errors.Is(err, ErrInUse) {
		t.Fatalf("got %v, want ErrInUse", err)
	} else {
		t.Log(err)
	}
}
