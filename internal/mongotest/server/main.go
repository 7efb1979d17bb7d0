// Command mongotest-server is the server of package mongotest: FerretDB with its sqlite handler on loopback.
//
// It prints its mongodb:// URI on stdout when it takes connections, logs to stderr, and ends on SIGTERM, on an interrupt
// and when its stdin closes, so that it never outlives the test that started it. Embedded FerretDB reports nothing to
// anybody and keeps no state besides the data folder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	dir := flag.String("dir", "", "folder of the data, made when it is not there; empty means one that is removed at the end")
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on; port 0 means a free one")
	var level slog.Level
	flag.TextVar(&level, "log-level", slog.LevelError, "what to log: debug, info, warn or error")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	if err := run(*dir, *listen, log); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// untilClosed is done when nobody holds the other end of in any more.
func untilClosed(ctx context.Context, in io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, in)
	}()
	return ctx
}

func run(dir, address string, log *slog.Logger) (err error) {
	ctx, stop := signal.NotifyContext(untilClosed(context.Background(), os.Stdin), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if dir == "" {
		if dir, err = os.MkdirTemp("", "mongotest-*"); err != nil {
			return fmt.Errorf("make a data folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	data, err := sqliteURL(dir)
	if err != nil {
		return err
	}
	// New listens already: a client that connects before Run waits.
	server, err := ferretdb.New(&ferretdb.Config{Listener: ferretdb.ListenerConfig{TCP: address}, Logger: log, Handler: "sqlite", SQLiteURL: data})
	if err != nil {
		return fmt.Errorf("start FerretDB on %s with the data in %s: %w", address, dir, err)
	}
	if _, err := fmt.Println(server.MongoDBURI()); err != nil {
		return fmt.Errorf("tell the URI: %w", err)
	}
	// Clients that stay connected have three seconds to go.
	return server.Run(ctx)
}

// sqliteURL makes the folder and names it as FerretDB wants it: absolute, with a slash at the end.
func sqliteURL(dir string) (string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("make the data folder: %w", err)
	}
	// What was committed survives a kill of the process also when nobody waits for the disk.
	query := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(wal)", "synchronous(off)"}}
	return (&url.URL{Scheme: "file", Path: strings.TrimSuffix(path, "/") + "/", RawQuery: query.Encode()}).String(), nil
}
