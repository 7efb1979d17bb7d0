package mongo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// askTimeout bounds one question to a server.
const askTimeout = 15 * time.Second

const helpersTable = "raw.helpers"

// lastNightlyAccounts is the document of helpers that says of which day the last balance snapshot was made.
const lastNightlyAccounts = "last_known_nightly_accounts"

// Day says in words when blocks_per_day does not have a UTC day yet: it gets one when all of its blocks are there.
func (ldr *Loader) Day(ctx context.Context, day time.Time) (missing string, err error) {
	name := day.Format(time.DateOnly)
	document, err := ldr.lookUp(ctx, daysTable, name)
	if err != nil {
		return "", err
	}
	if document == nil {
		return "blocks_per_day has no " + name, nil
	}
	return "", nil
}

// NightlyAccounts is the UTC day of which the source says that its balance snapshot was made last; zero when it says nothing.
func (ldr *Loader) NightlyAccounts(ctx context.Context) (time.Time, error) {
	document, err := ldr.lookUp(ctx, helpersTable, lastNightlyAccounts)
	if err != nil || document == nil {
		return time.Time{}, err
	}
	text, _ := document.Lookup("date").StringValueOK()
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("helpers: %s: date %q is no date", lastNightlyAccounts, text)
	}
	return day, nil
}

// lookUp is the document with a key in the collection of a table, nil when there is none. It reads the source, not the
// warehouse.
func (ldr *Loader) lookUp(ctx context.Context, table, id string) (found bson.Raw, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	from, err := openOrigin(ctx, ldr.options)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err = errors.Join(err, from.close()); err != nil {
			err = errors.New(mongouri.WithoutSecret(err, ldr.options.URI))
		}
	}()
	for i := range ldr.options.Collections {
		c := &ldr.options.Collections[i]
		if c.Table != table {
			continue
		}
		if live, is := from.(*server); is {
			found, err = live.collection(c).FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Raw()
			if errors.Is(err, driver.ErrNoDocuments) {
				return nil, nil
			}
			return found, err
		}
		return search(ctx, from, c, id)
	}
	return nil, fmt.Errorf("no file of sql/raw maps %s", table)
}

// search reads a collection's file up to the document with a key.
func search(ctx context.Context, from origin, c *Collection, id string) (bson.Raw, error) {
	in, _, err := from.open(c)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var buffer []byte
	for {
		one, err := in.next(ctx, buffer)
		if errors.Is(err, io.EOF) {
			return nil, in.close()
		}
		if err != nil {
			return nil, errors.Join(err, in.close())
		}
		buffer = one.data[:0]
		for data := one.data; len(data) > 0; {
			document, rest, ok := bsoncore.ReadDocument(data)
			if !ok {
				return nil, errors.Join(fmt.Errorf("collection %s: a document is damaged", c.Name), in.close())
			}
			data = rest
			if key, _ := document.Lookup("_id").StringValueOK(); key == id {
				return bson.Raw(document), in.close()
			}
		}
	}
}

// Probe looks whether the source can be read, for people who check a configuration. what says what is there; at is the
// server's time, zero where the source has none.
func (ldr *Loader) Probe(ctx context.Context) (what string, at time.Time, err error) {
	from, err := openOrigin(ctx, ldr.options)
	if err != nil {
		return "", time.Time{}, err
	}
	defer func() { err = errors.Join(err, from.close()) }()
	if err := (&load{options: ldr.options}).refuseStranger(from); err != nil {
		return "", time.Time{}, err
	}
	there, newest := 0, ""
	for i := range ldr.options.Collections {
		switch file, err := from.find(&ldr.options.Collections[i]); {
		case err == nil:
			there++
			newest = max(newest, file.Modified.UTC().Format("2006-01-02 15:04"))
		case !errors.Is(err, fs.ErrNotExist):
			return "", time.Time{}, err
		}
	}
	what = fmt.Sprintf("%d of %d collections", there, len(ldr.options.Collections))
	live, is := from.(*server)
	if !is {
		return what + ", newest file of " + newest, time.Time{}, nil
	}
	var hello struct {
		LocalTime time.Time `bson:"localTime"`
	}
	if err := live.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return "", time.Time{}, engine.WithHint(errors.New(mongouri.WithoutSecret(err, ldr.options.URI)), "can the user of --mongo read?")
	}
	return what, hello.LocalTime, nil
}
