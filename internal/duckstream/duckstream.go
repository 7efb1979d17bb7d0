// Package duckstream reads results of DuckDB while DuckDB makes them, and asks how far a statement has come. The driver for
// database/sql does neither: it has DuckDB finish a result first, outside of memory_limit.
//
// It works on a connection of the driver and takes the handle in it by reflection: the driver keeps it to itself. A test
// pins that it is there.
package duckstream

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	bindings "github.com/duckdb/duckdb-go-bindings"
)

// interruptEvery: DuckDB forgets an interrupt that comes before it has begun.
const interruptEvery = 50 * time.Millisecond

// A Conn is a connection of the driver, which stays open, and nobody else's, for as long as it is used.
type Conn struct{ handle bindings.Connection }

// Of looks into a connection of DuckDB's driver.
func Of(conn *sql.Conn) (*Conn, error) {
	var own *Conn
	err := conn.Raw(func(raw any) error {
		value := reflect.Indirect(reflect.ValueOf(raw))
		if value.Kind() != reflect.Struct || !value.FieldByName("conn").IsValid() || value.FieldByName("conn").Type() != reflect.TypeFor[bindings.Connection]() {
			return fmt.Errorf("a %T holds no connection of DuckDB", raw)
		}
		own = &Conn{bindings.Connection{Ptr: value.FieldByName("conn").FieldByName("Ptr").UnsafePointer()}}
		return nil
	})
	return own, err
}

// Progress of the statement at work, from 0 to 1; less than 0 when DuckDB cannot tell. The setting enable_progress_bar must
// be on. It may be called from any goroutine.
func (c *Conn) Progress() float64 {
	progress := bindings.QueryProgress(c.handle)
	percent, _, total := bindings.QueryProgressTypeMembers(&progress)
	if percent <= 0 || total == 0 {
		return -1
	}
	return percent / 100
}

// A Row is the values of a row. They stay valid.
type Row = []sql.NullString

// Each runs a statement all of whose columns are VARCHAR and calls fn for every row while the statement goes on. The slice
// is used again for the next row. An error of fn, or the end of ctx, ends the statement.
func (c *Conn) Each(ctx context.Context, statement string, fn func(Row) error) error {
	var extracted bindings.ExtractedStatements
	count := bindings.ExtractStatements(c.handle, statement, &extracted)
	defer bindings.DestroyExtracted(&extracted)
	if count == 0 {
		return failure(bindings.ExtractStatementsError(extracted), "there is no statement")
	}
	done := c.interruptAfter(ctx)
	defer done()
	// A PIVOT is more than one: the last has the rows.
	for i := range count {
		each := fn
		if i < count-1 {
			each = nil
		}
		err := c.runOne(ctx, extracted, i, each)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return errors.Join(ctx.Err(), err)
		case strings.HasPrefix(err.Error(), "INTERRUPT Error"):
			return errors.Join(c.reason(statement), ctx.Err())
		default:
			return err
		}
	}
	return nil
}

// reason of a statement's failure. One of DuckDB's threads stops the others when it meets an error, and who reads a result
// while it is made may get to hear of the stop instead of the error. COPY tells the error, and keeps no rows.
func (c *Conn) reason(statement string) error {
	var result bindings.Result
	defer bindings.DestroyResult(&result)
	if bindings.Query(c.handle, "copy ("+statement+"\n) to '/dev/null' (format csv)", &result) == bindings.StateError {
		return failure(bindings.ResultError(&result), "run")
	}
	return errors.New("it failed, and did not when it was tried again")
}

func (c *Conn) runOne(ctx context.Context, extracted bindings.ExtractedStatements, i bindings.IdxT, fn func(Row) error) error {
	var prepared bindings.PreparedStatement
	defer bindings.DestroyPrepare(&prepared)
	if bindings.PrepareExtractedStatement(c.handle, extracted, i, &prepared) == bindings.StateError {
		return failure(bindings.PrepareError(prepared), "prepare")
	}
	if fn != nil {
		return c.fetch(ctx, prepared, fn)
	}
	var result bindings.Result
	defer bindings.DestroyResult(&result)
	if bindings.ExecutePrepared(prepared, &result) == bindings.StateError {
		return failure(bindings.ResultError(&result), "run")
	}
	return nil
}

// fetch runs a prepared statement and takes its rows chunk by chunk.
func (c *Conn) fetch(ctx context.Context, prepared bindings.PreparedStatement, fn func(Row) error) error {
	var pending bindings.PendingResult
	defer bindings.DestroyPending(&pending)
	//nolint:staticcheck // Deprecated without a successor in the C interface of this DuckDB.
	if bindings.PendingPreparedStreaming(prepared, &pending) == bindings.StateError {
		return failure(bindings.PendingError(pending), "start")
	}
	var result bindings.Result
	defer bindings.DestroyResult(&result)
	if bindings.ExecutePending(pending, &result) == bindings.StateError {
		return failure(bindings.ResultError(&result), "run")
	}
	row := make(Row, bindings.ColumnCount(&result))
	for i := range row {
		if bindings.ColumnType(&result, bindings.IdxT(i)) != bindings.TypeVarchar {
			return fmt.Errorf("column %d is no VARCHAR", i+1)
		}
	}
	for ctx.Err() == nil {
		chunk := bindings.FetchChunk(result)
		if chunk.Ptr == nil {
			if message := bindings.ResultError(&result); message != "" {
				return errors.New(message)
			}
			return nil
		}
		err := eachOf(chunk, row, fn)
		bindings.DestroyDataChunk(&chunk)
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func failure(message, operation string) error {
	if message == "" {
		message = operation
	}
	return errors.New(message)
}

// interruptAfter interrupts the statement once ctx has ended, again and again until done is called: the next statement
// must not be hit.
func (c *Conn) interruptAfter(ctx context.Context) (done func()) {
	over, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-over:
			return
		case <-ctx.Done():
		}
		ticker := time.NewTicker(interruptEvery)
		defer ticker.Stop()
		for {
			bindings.Interrupt(c.handle)
			select {
			case <-over:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() {
		close(over)
		<-gone
	}
}
