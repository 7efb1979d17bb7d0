package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/duckdb/duckdb-go/v2"
	"golang.org/x/sys/unix"
)

// openError tells a held file and a damaged one from other troubles. All are I/O errors to DuckDB; refuseForeign has
// looked at the file's head before.
func openError(path string, err error) error {
	var duck *duckdb.Error
	if !errors.As(err, &duck) || !mayBeDamage(duck.Type) {
		return fmt.Errorf("open %s: %w", path, err)
	}
	held, lockErr := lockedByOther(path)
	switch {
	case lockErr != nil:
		return fmt.Errorf("open %s: %w", path, lockErr)
	case held:
		return WithHint(fmt.Errorf("%s: %w: %s", path, ErrInUse, holderOf(path)), "wait for it to end, or use another file with --warehouse")
	case newerFormat(path):
		return WithHint(fmt.Errorf("open %s: %w", path, err), "a newer DuckDB wrote the file, which was left as it is: use a newer nightrunner")
	case opens(path):
		return fmt.Errorf("open %s: %w", path, err)
	}
	return WithHint(fmt.Errorf("%s: %w: %w", path, ErrDamaged, err), damageHint)
}

const damageHint = "nightrunner run sets the file aside and goes on from the last snapshot, or from the sources"

// holderOf is who holds a file, in words.
func holderOf(path string) string {
	if h, err := WhoHolds(path); err == nil && h != nil && h.PID != os.Getpid() {
		return h.String()
	}
	return "another process has it open, a shell or a query perhaps"
}

func mayBeDamage(kind duckdb.ErrorType) bool {
	return kind == duckdb.ErrorTypeIO || kind == duckdb.ErrorTypeSerialization || kind == duckdb.ErrorTypeInternal || kind == duckdb.ErrorTypeFatal
}

// lockedByOther asks for the lock that DuckDB takes. The error is that the file cannot be opened for what it is needed for.
// Not for a file that this process has open in DuckDB: closing it here gives DuckDB's lock back.
func lockedByOther(path string) (bool, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) {
		file, err = os.Open(path)
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	wanted := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &wanted); err != nil {
		return false, fmt.Errorf("look at the lock of %s: %w", path, err)
	}
	return wanted.Type != unix.F_UNLCK, nil
}

// opens reports whether a file can be read: what else went wrong then (a full disk, say) is no damage.
func opens(path string) bool {
	connector, err := duckdb.NewConnector(path+"?access_mode=read_only", nil)
	if err != nil {
		return false
	}
	conn, err := connector.Connect(context.Background())
	if err == nil {
		err = conn.Close()
	}
	return errors.Join(err, connector.Close()) == nil
}

// newerFormat compares the format of a file with the newest that this DuckDB writes.
func newerFormat(path string) bool {
	newest, err := newestFormat()
	if err != nil {
		return false
	}
	// Where the number itself is damaged it is most likely no small one.
	format := formatOf(path)
	return format > newest && format < newest+1000
}

// formatOf is the number of a file's format: after the checksum and the word DUCK in its head. 0 when it cannot be read.
func formatOf(path string) uint64 {
	file, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer file.Close()
	head := make([]byte, 20)
	if _, err := file.ReadAt(head, 0); err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(head[12:])
}

// newestFormat makes a file to look at.
func newestFormat() (format uint64, err error) {
	dir, err := os.MkdirTemp("", "nightrunner-format-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := openMemory()
	if err != nil {
		return 0, err
	}
	defer db.Close()
	path := filepath.Join(dir, "newest.duckdb")
	for _, statement := range []string{"attach " + quote(path) + " as newest (storage_version 'latest')", "create table newest.t (a int)", "detach newest"} {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			return 0, err
		}
	}
	return formatOf(path), nil
}
