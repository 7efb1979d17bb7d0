package mongo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// A server is a live MongoDB. Collections without a height are read as a whole, in one snapshot session where the server
// has these; the others by ranges of heights up to the cut (ranges.go): a height's documents do not change any more.
type server struct {
	options Options
	client  *driver.Client
	// session reads a snapshot; nil where the server has none.
	session *driver.Session
	// has are the collections there are, as db/collection.
	has map[string]bool
}

// openServer connects and lists collections.
func openServer(ctx context.Context, o Options) (*server, error) {
	client, err := mongouri.Connect(o.URI, "mongo")
	if err != nil {
		return nil, err
	}
	s := &server{options: o, client: client, has: map[string]bool{}}
	for _, database := range slices.Compact([]string{o.Database, o.Utilities}) {
		// The driver has waited for a server as long as the URI says: more tries would only wait again.
		names, err := client.Database(database).ListCollectionNames(ctx, bson.D{})
		for _, name := range names {
			s.has[database+"/"+name] = true
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("connect to %s: %s", mongouri.Redact(o.URI), mongouri.WithoutSecret(err, o.URI)), s.close())
		}
	}
	s.session = s.snapshot(ctx)
	return s, nil
}

// snapshot starts a snapshot session; servers have them as members of a replica set or a sharded cluster from 5.0 on.
func (s *server) snapshot(ctx context.Context) *driver.Session {
	var hello struct {
		SetName        string `bson:"setName"`
		Message        string `bson:"msg"`
		MaxWireVersion int    `bson:"maxWireVersion"`
	}
	err := s.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
	const mongo5 = 13
	if err != nil || hello.MaxWireVersion < mongo5 || hello.SetName == "" && hello.Message != "isdbgrid" {
		return nil
	}
	session, err := s.client.StartSession(options.Session().SetSnapshot(true))
	if err != nil {
		return nil
	}
	return session
}

func (s *server) close() error {
	if s.session != nil {
		s.session.EndSession(context.Background())
	}
	ctx, cancel := context.WithTimeout(context.Background(), mongouri.Timeout)
	defer cancel()
	return s.client.Disconnect(ctx)
}

func (s *server) find(c *Collection) (engine.SourceFile, error) {
	name := s.options.named(c)
	if !s.has[name] {
		return engine.SourceFile{}, fs.ErrNotExist
	}
	return engine.SourceFile{Name: name}, nil
}

func (s *server) collection(c *Collection) *driver.Collection {
	return s.client.Database(s.options.databaseOf(c)).Collection(c.Name)
}

// open reads all documents of a collection in its natural order, in the snapshot if there is one.
func (s *server) open(c *Collection) (documents, func() string, error) {
	return &cursor{collection: s.collection(c), session: s.session, filter: bson.D{}, fields: projection(c.Columns)}, func() string { return "" }, nil
}

// hash: a server's documents are known by reading them only.
func (s *server) hash(*Collection) (string, error) { return "", nil }

// projection asks for the mapped fields alone; nil when a column holds the whole document.
func projection(columns []Column) bson.D {
	var paths []string
	for _, column := range columns {
		if column.Path == "" {
			return nil
		}
		if column.Path != place {
			paths = append(paths, column.Path)
		}
	}
	slices.Sort(paths)
	fields := bson.D{{Key: "_id", Value: 1}}
	last := ""
	for _, path := range slices.Compact(paths) {
		// A path below one that is asked for already would collide with it.
		if path == "_id" || last != "" && strings.HasPrefix(path, last+".") {
			continue
		}
		last = path
		fields = append(fields, bson.E{Key: path, Value: 1})
	}
	return fields
}

// A cursor gives the documents of a query. It asks the server when the first chunk is wanted.
type cursor struct {
	collection *driver.Collection
	session    *driver.Session
	filter     bson.D
	fields     bson.D
	sort       bson.D

	at    *driver.Cursor
	count int64
}

// batchDocuments is how many documents the server sends at a time; it sends fewer when they are large.
const batchDocuments = 20_000

func (c *cursor) start(ctx context.Context) error {
	find := options.Find().SetBatchSize(batchDocuments)
	if c.fields != nil {
		find.SetProjection(c.fields)
	}
	if c.sort != nil {
		find.SetSort(c.sort)
	}
	var err error
	c.at, err = c.collection.Find(c.context(ctx), c.filter, find)
	return err
}

func (c *cursor) context(ctx context.Context) context.Context {
	if c.session != nil {
		return driver.NewSessionContext(ctx, c.session)
	}
	return ctx
}

func (c *cursor) next(ctx context.Context, buffer []byte) (chunk, error) {
	if c.at == nil {
		if err := c.start(ctx); err != nil {
			return chunk{}, err
		}
	}
	if cap(buffer) == 0 {
		// A document more than a chunk fits without growing.
		buffer = make([]byte, 0, chunkBytes+chunkBytes/8)
	}
	one := chunk{data: buffer[:0], count: c.count}
	documents := int64(0)
	for len(one.data) < chunkBytes && c.at.Next(c.context(ctx)) {
		one.data = append(one.data, c.at.Current...)
		documents++
	}
	// A cursor that dies is an error, never an end.
	if err := c.at.Err(); err != nil {
		return chunk{}, err
	}
	if documents == 0 {
		return chunk{}, io.EOF
	}
	c.count += documents
	return one, nil
}

func (c *cursor) close() error {
	if c.at == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), mongouri.Timeout)
	defer cancel()
	return c.at.Close(ctx)
}

// noSnapshot: the server has snapshot sessions but not for this, or not any more.
func noSnapshot(err error) bool {
	var command driver.CommandError
	const illegalOperation, invalidOptions, snapshotTooOld, snapshotUnavailable = 20, 72, 239, 246
	return errors.As(err, &command) && slices.Contains([]int32{illegalOperation, invalidOptions, snapshotTooOld, snapshotUnavailable}, command.Code)
}
