package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// A saving makes DuckDB need less memory for the same rows.
type saving struct{ name, setting, less, about string }

// savings in the order in which a model that runs out of memory is tried with them, each with those before. What is built by
// days is then built in smaller batches of days.
func savings() []saving {
	return []saving{
		{"threads", "current_setting('threads')", "1", "with 1 thread"},
		{"preserve_insertion_order", "current_setting('preserve_insertion_order')", "false", "without keeping the order of rows"},
	}
}

// thrift is what is done for the model at work to fit into memory.
type thrift struct {
	// usual are the settings that were changed and their values before.
	usual [][2]string
	// batches are ranges of days that were built after a range did not fit.
	batches int
}

func outOfMemory(err error) bool {
	var duck *duckdb.Error
	return errors.As(err, &duck) && duck.Type == duckdb.ErrorTypeOutOfMemory
}

// thrifty does it, and does it again with each further saving while memory does not suffice. do leaves nothing when it fails.
func (b *builder) thrifty(ctx context.Context, do func() error) error {
	err := do()
	for outOfMemory(err) && len(b.thrift.usual) < len(savings()) && ctx.Err() == nil {
		if saveErr := b.save(ctx, savings()[len(b.thrift.usual)]); saveErr != nil {
			return errors.Join(err, saveErr)
		}
		err = do()
	}
	return err
}

func (b *builder) save(ctx context.Context, s saving) error {
	var usual string
	if err := b.w.scalar(ctx, &usual, "select "+s.setting+"::varchar"); err != nil {
		return err
	}
	b.thrift.usual = append(b.thrift.usual, [2]string{s.name, usual})
	return b.w.exec(ctx, "set "+s.name+" = "+s.less)
}

// spend ends the thrift of a model and says what it was, "" for nothing.
func (b *builder) spend(ctx context.Context) (string, error) {
	if len(b.thrift.usual) == 0 && b.thrift.batches == 0 {
		return "", nil
	}
	var how []string
	var errs []error
	for i, one := range b.thrift.usual {
		how = append(how, savings()[i].about)
		errs = append(errs, b.w.exec(ctx, "set "+one[0]+" = "+quote(one[1])))
	}
	if b.thrift.batches > 0 {
		how = append(how, fmt.Sprintf("in %d batches of days", b.thrift.batches))
	}
	b.thrift = thrift{}
	return "memory did not suffice at once; tried " + strings.Join(how, ", "), errors.Join(errs...)
}
