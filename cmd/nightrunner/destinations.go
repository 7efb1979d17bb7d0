package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/exporters/files"
	"github.com/ccdexplorer/nightrunner/exporters/mongo"
	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// exporters are the destinations that --export names. They are closed with closeExporters.
func exporters(c *cli.Context) ([]engine.Exporter, error) {
	layout := c.String("layout")
	if layout != "" && layout != engine.LayoutCollections && layout != engine.LayoutSingle {
		return nil, fmt.Errorf("%w: --layout %s is neither %s nor %s", engine.ErrUsage, layout, engine.LayoutCollections, engine.LayoutSingle)
	}
	if c.Int("keep-undo") < 0 {
		return nil, fmt.Errorf("%w: --keep-undo %d is below 0", engine.ErrUsage, c.Int("keep-undo"))
	}
	var all []engine.Exporter
	seen := map[string]bool{}
	for _, to := range list(c, "export") {
		exporter, err := destination(c, to)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%w: --export %s: %w", engine.ErrUsage, mongouri.Redact(to), err), closeExporters(all))
		}
		// Two of one name would write the same twice, at the same time.
		if !seen[exporter.Destination()] {
			seen[exporter.Destination()] = true
			all = append(all, exporter)
		}
	}
	return all, nil
}

func destination(c *cli.Context, to string) (engine.Exporter, error) {
	if mongouri.Is(to) {
		database := cmp.Or(c.String("export-database"), databaseOf(to), chainDatabase(c))
		if isServers(database) {
			return nil, engine.WithHint(fmt.Errorf("database %s is the server's own", database), "--export-database names the one to write to; ?authSource=%s in the URI the one that knows the user", database)
		}
		return mongo.New(mongo.Options{URI: to, Layout: c.String("layout"), KeepUndo: c.Int("keep-undo"), Database: database, Utilities: c.String("mongo-utilities")})
	}
	if strings.Contains(to, "://") {
		return nil, errors.New("neither a folder nor mongodb://HOST/DATABASE")
	}
	formats := list(c, "format")
	if len(formats) == 0 {
		formats = []string{files.JSONL}
	}
	exporter, err := files.New(to, formats)
	if err != nil {
		return nil, err
	}
	exporter.Umask = configurationOf(c.App).inherited
	return exporter, nil
}

// databaseOf is the database that a URI names, "" for none.
func databaseOf(uri string) string {
	_, database := mongouri.Parts(uri)
	return database
}

// isServers tells the databases that a server keeps for itself. URIs name them to say where the user is known.
func isServers(database string) bool {
	return slices.Contains([]string{"admin", "config", "local"}, database)
}

func closeExporters(list []engine.Exporter) error {
	var errs []error
	for _, one := range list {
		if closer, is := one.(io.Closer); is {
			errs = append(errs, closer.Close())
		}
	}
	return errors.Join(errs...)
}
