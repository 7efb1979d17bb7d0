// Package mongo writes statistics to a MongoDB server: documents that differ from what is there, by `_id`, in unordered
// bulks, several at a time. What is written over is kept on the server before, in nightrunner_undo, so that an export can be
// taken back; nightrunner_publications says what readers are reading.
//
// An Exporter is used by one export at a time.
package mongo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/mongouri"
)

// Collections of our own, in the chain's database.
const (
	publicationsCollection = "nightrunner_publications"
	undoCollection         = "nightrunner_undo"
)

// singleCollection holds all statistics in layout single.
const singleCollection = "statistics"

// Options of a destination.
type Options struct {
	// URI is a connection string; write concern is majority where it names none.
	URI string
	// Database is the chain's; Utilities the one beside it.
	Database, Utilities string
	// Layout is engine.LayoutCollections or LayoutSingle.
	Layout string
	// KeepUndo is of how many exports the previous documents are kept.
	KeepUndo int
	// BulkDocuments and BulkBytes bound a bulk, Parallel is how many are written at a time; 0 is the default.
	BulkDocuments, BulkBytes, Parallel int
	// Retry of what the network broke; the zero value is mongouri.Patient. Reach is that of the first request, which waits for
	// a server that is not there by itself; the zero value is three attempts.
	Retry, Reach mongouri.Retry
}

// Defaults of Options.
const (
	bulkDocuments = 1000
	bulkBytes     = 4 << 20
	parallel      = 4
)

// An Exporter is one server, database and layout.
type Exporter struct {
	options Options
	client  *driver.Client
	now     func() time.Time
	// publications are those of the layout that the server has, by statistic; nil until they are read.
	publications map[string]publication
	// indexed holds by collection what is to be told about its indexes; told is what was.
	indexed map[string][]string
	told    []string
	counts  map[string]int64
	undo    *undoLog
	// reached: the server has answered once.
	reached bool
	// lost: the server was given up, and other statistics need not wait for it as long again.
	lost atomic.Bool
	// hunt is held for reading by ordinary bulks, for writing while a document that breaks connections is searched for.
	hunt sync.RWMutex
}

// New makes a destination. It connects when it is asked for something.
func New(o Options) (*Exporter, error) {
	if o.Layout != engine.LayoutCollections && o.Layout != engine.LayoutSingle {
		return nil, fmt.Errorf("layout %q is neither %s nor %s", o.Layout, engine.LayoutCollections, engine.LayoutSingle)
	}
	if o.BulkDocuments == 0 {
		o.BulkDocuments = bulkDocuments
	}
	if o.BulkBytes == 0 {
		o.BulkBytes = bulkBytes
	}
	if o.Parallel == 0 {
		o.Parallel = parallel
	}
	if o.Retry.Attempts == 0 {
		o.Retry = mongouri.Patient()
	}
	if o.Reach.Attempts == 0 {
		o.Reach = mongouri.Retry{Attempts: 3, Pause: 250 * time.Millisecond}
	}
	client, err := mongouri.Connect(o.URI, "export")
	if err != nil {
		return nil, err
	}
	e := &Exporter{options: o, client: client, now: time.Now, indexed: map[string][]string{}, counts: map[string]int64{}}
	e.undo, err = newUndoLog(e, o.KeepUndo)
	return e, err
}

// Close ends the connections.
func (e *Exporter) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), mongouri.Timeout)
	defer cancel()
	return e.client.Disconnect(ctx)
}

// Destination is the server with database and layout, the same however the URI orders its hosts.
func (e *Exporter) Destination() string {
	hosts, _ := mongouri.Parts(e.options.URI)
	scheme, _, _ := strings.Cut(e.options.URI, "://")
	return fmt.Sprintf("%s://%s/%s?layout=%s", strings.ToLower(scheme), strings.Join(hosts, ","), e.options.Database, e.options.Layout)
}

// Compares is true: what the server holds is read before it is written over.
func (*Exporter) Compares() bool { return true }

// place is the collection of a statistic, as DATABASE.COLLECTION.
func (e *Exporter) place(s engine.Statistic) string {
	database, collection := e.options.Database, s.Name
	if s.Database == engine.DatabaseUtilities {
		database = e.options.Utilities
	}
	switch {
	case s.Collection != "":
		collection = s.Collection
	case e.options.Layout == engine.LayoutSingle:
		collection = singleCollection
	}
	return database + "." + collection
}

// collection of a place. Writes wait for a majority, unless the URI says otherwise.
func (e *Exporter) collection(place string) *driver.Collection {
	database, name, _ := strings.Cut(place, ".")
	o := options.Collection()
	if options.Client().ApplyURI(e.options.URI).WriteConcern == nil {
		o.SetWriteConcern(writeconcern.Majority())
	}
	return e.client.Database(database).Collection(name, o)
}

func (e *Exporter) publicationsPlace() string {
	return e.options.Database + "." + publicationsCollection
}

func (e *Exporter) own(name string) *driver.Collection {
	return e.collection(e.options.Database + "." + name)
}

// try does what may fail for a reason that passes, and keeps secrets out of what comes of it.
func (e *Exporter) try(ctx context.Context, what string, do func() error) error {
	if err := e.givenUp(); err != nil {
		return err
	}
	if err := e.options.Retry.Do(ctx, do); err != nil {
		return e.wrap(ctx, what, err)
	}
	return nil
}

func (e *Exporter) wrap(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	told := fmt.Errorf("%s: %s", what, mongouri.WithoutSecret(err, e.options.URI))
	if mongouri.Passing(err) {
		e.lost.Store(true)
		told = engine.LostDestination(told)
	}
	return told
}

// reach asks a server for a sign of life: one that is not there is told in a line, after a wait that is not the patience of
// what is under way.
func (e *Exporter) reach(ctx context.Context, patience mongouri.Retry) error {
	if e.reached {
		return nil
	}
	if err := e.givenUp(); err != nil {
		return err
	}
	err := patience.Do(ctx, func() error { return e.client.Ping(ctx, nil) })
	if e.reached = err == nil; e.reached || ctx.Err() != nil {
		return ctx.Err()
	}
	e.lost.Store(true)
	return engine.Unreachable(engine.WithHint(errors.New(mongouri.WithoutSecret(err, e.options.URI)), "is the server up, and does --export name its host and its user?"))
}

// errGivenUp is said of all that would have followed; what happened was told once.
var errGivenUp = errors.New("the server was given up earlier in this run")

func (e *Exporter) givenUp() error {
	if e.lost.Load() {
		return engine.LostDestination(errGivenUp)
	}
	return nil
}

// A publication is what readers are told of one statistic.
type publication struct {
	ID        string `bson:"_id"`
	Statistic string `bson:"statistic"`
	Layout    string `bson:"layout"`
	// Token is another one after every write.
	Token        string    `bson:"token"`
	Run          int64     `bson:"run"`
	Warehouse    string    `bson:"warehouse"`
	Model        string    `bson:"model"`
	ModelVersion string    `bson:"model_version"`
	Collection   string    `bson:"collection"`
	FirstDay     string    `bson:"first_day,omitempty"`
	LastDay      string    `bson:"last_day,omitempty"`
	Days         int64     `bson:"days"`
	Documents    int64     `bson:"documents"`
	Stale        int64     `bson:"stale"`
	Refused      int64     `bson:"refused"`
	Cut          *cut      `bson:"cut,omitempty"`
	PublishedAt  time.Time `bson:"published_at"`
}

// The cut is the last block of the last complete day.
type cut struct {
	Date   string `bson:"date"`
	Height int64  `bson:"height"`
	Hash   string `bson:"hash"`
}

// readPublications reads what the server says of itself, once.
func (e *Exporter) readPublications(ctx context.Context) error {
	if e.publications != nil {
		return nil
	}
	if err := e.reach(ctx, e.options.Reach); err != nil {
		return err
	}
	found := map[string]publication{}
	err := e.try(ctx, "read "+publicationsCollection, func() error {
		cursor, err := e.own(publicationsCollection).Find(ctx, bson.D{})
		if err != nil {
			return err
		}
		var list []publication
		if err := cursor.All(ctx, &list); err != nil {
			return err
		}
		for _, one := range list {
			if one.Layout == e.options.Layout {
				found[one.Statistic] = one
			}
		}
		return nil
	})
	if err == nil {
		e.publications = found
	}
	return err
}

// publicationID is the key of what is published of a statistic: its name in layout collections.
func (e *Exporter) publicationID(statistic string) string {
	if e.options.Layout == engine.LayoutCollections {
		return statistic
	}
	return e.options.Layout + "/" + statistic
}

// State is the token of what was published last. It is another one where the collection has fewer documents than that
// says, and "" where it has none, or where the documents are to go elsewhere now.
func (e *Exporter) State(ctx context.Context, s engine.Statistic) (string, error) {
	if err := e.readPublications(ctx); err != nil {
		return "", err
	}
	place := e.place(s)
	was, there := e.publications[s.Name]
	if !there || was.Collection != place {
		return "", nil
	}
	expected := int64(0)
	for _, one := range e.publications {
		if one.Collection == place {
			expected += one.Documents
		}
	}
	count, err := e.count(ctx, place)
	switch {
	case err != nil:
		return "", err
	case count == 0 && expected > 0:
		return "", nil
	case count < expected:
		return was.Token + " short", nil
	}
	return was.Token, nil
}

// count is how many documents a collection has, as its metadata say. It is asked once until we write to it.
func (e *Exporter) count(ctx context.Context, place string) (count int64, err error) {
	if count, known := e.counts[place]; known {
		return count, nil
	}
	err = e.try(ctx, "count "+place, func() error {
		count, err = e.collection(place).EstimatedDocumentCount(ctx)
		return err
	})
	if err == nil {
		e.counts[place] = count
	}
	return count, err
}

// isEmpty reports whether a collection has no document at all: its count may be wrong after a crash of the server.
func (e *Exporter) isEmpty(ctx context.Context, place string) (empty bool, err error) {
	err = e.try(ctx, "read "+place, func() error {
		err := e.collection(place).FindOne(ctx, bson.D{}, options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Err()
		if empty = errors.Is(err, driver.ErrNoDocuments); empty {
			return nil
		}
		return err
	})
	return empty, err
}

// Publish writes the small document about a statistic, when its documents are there.
func (e *Exporter) Publish(ctx context.Context, s engine.Statistic, summary engine.Summary) error {
	now := publication{
		ID: e.publicationID(s.Name), Statistic: s.Name, Layout: e.options.Layout, Token: rand.Text(), Run: summary.Run, Warehouse: summary.Warehouse, Model: summary.Model, ModelVersion: summary.Version,
		Collection: e.place(s), FirstDay: summary.FirstDay, LastDay: summary.LastDay, Days: summary.Days, Documents: summary.Documents,
		Stale: summary.Stale, Refused: summary.Refused, PublishedAt: e.now().UTC().Truncate(time.Millisecond),
	}
	if summary.CutDay != "" {
		now.Cut = &cut{Date: summary.CutDay, Height: summary.CutHeight, Hash: summary.CutHash}
	}
	encoded, err := bson.Marshal(now)
	if err != nil {
		return err
	}
	b := &bulk{e: e, origin: summary.Origin, statistic: s.Name, place: e.publicationsPlace(), compare: true}
	b.add(now.ID, encoded, true)
	if err := b.write(ctx); err != nil {
		return err
	}
	if refused := b.outcome.Refused; len(refused) > 0 {
		return fmt.Errorf("%s: %s", publicationsCollection, refused[0].Reason)
	}
	e.publications[s.Name] = now
	return nil
}
