package mongotest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// What the package comment says of FerretDB. A test that fails after a change of its version says what to correct there.

// blocks starts a server with 60 documents: nested numbers of three types, dates, lists, and a kind that is null in places.
func blocks(t *testing.T) *mongo.Collection {
	t.Helper()
	collection := Connect(t, Start(t).URI).Database("chain").Collection("blocks")
	var documents []bson.D
	for i := range 60 {
		height := []any{int32(i), int64(i), float64(i)}[i%3]
		documents = append(documents, bson.D{
			{Key: "_id", Value: fmt.Sprintf("%02d", i)},
			{Key: "block_info", Value: bson.D{{Key: "height", Value: height}, {Key: "slot_time", Value: bson.DateTime(i * 1000)}, {Key: "hash", Value: "h"}}},
			{Key: "kind", Value: []any{"a", nil, "c"}[i%3]},
			{Key: "list", Value: bson.A{bson.D{{Key: "x", Value: i}, {Key: "y", Value: i}}, bson.D{{Key: "x", Value: i + 1}}}},
		})
	}
	if _, err := collection.InsertMany(t.Context(), documents); err != nil {
		t.Fatal(err)
	}
	return collection
}

// ids are those that a search returns, in its order.
func ids(t *testing.T, collection *mongo.Collection, filter any, o ...options.Lister[options.FindOptions]) []string {
	t.Helper()
	cursor, err := collection.Find(t.Context(), filter, o...)
	if err != nil {
		t.Fatalf("find %v: %v", filter, err)
	}
	list := []string{}
	for cursor.Next(t.Context()) {
		value := cursor.Current.Lookup("_id")
		text, ok := value.StringValueOK()
		if !ok {
			text = value.Type.String()
		}
		list = append(list, text)
	}
	if err := cursor.Err(); err != nil {
		t.Fatalf("find %v: %v", filter, err)
	}
	return list
}

func is(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func refused(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s is not refused", what)
	}
}

func between(from, to any) bson.D {
	return bson.D{{Key: "$gte", Value: from}, {Key: "$lt", Value: to}}
}

func at(key string, value any) bson.D { return bson.D{{Key: key, Value: value}} }

func TestTypesThatAreRefused(t *testing.T) {
	s := Start(t)
	for name, value := range map[string]any{
		"Decimal128": bson.NewDecimal128(1, 2), "NaN": math.NaN(), "infinity": math.Inf(1), "MinKey": bson.MinKey{}, "MaxKey": bson.MaxKey{},
		"symbol": bson.Symbol("x"), "JavaScript": bson.JavaScript("x"), "code with scope": bson.CodeWithScope{Code: "x", Scope: bson.D{}},
		"undefined": bson.Undefined{}, "DBPointer": bson.DBPointer{DB: "x"}, "array in array": bson.A{bson.A{1}},
		"a name with $": at("$x", 1), "a field twice": bson.D{{Key: "a", Value: 1}, {Key: "a", Value: 2}},
	} {
		// A client waits half a second before it comes back to a server that broke its connection: each gets a new one.
		_, err := Connect(t, s.URI).Database("d").Collection("c").InsertOne(t.Context(), bson.D{{Key: "_id", Value: name}, {Key: "v", Value: value}})
		refused(t, name, err)
	}
	same(t, Documents(t, s.URI, "d", "c"), nil)
}

func TestValuesThatChange(t *testing.T) {
	s := Start(t)
	collection := Connect(t, s.URI).Database("d").Collection("c")
	if _, err := collection.InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}, {Key: "zero", Value: math.Copysign(0, -1)}, {Key: "inner", Value: bson.D{{Key: "a", Value: 1}, {Key: "_id", Value: 2}}}}); err != nil {
		t.Fatal(err)
	}
	same(t, Documents(t, s.URI, "d", "c"), []bson.Raw{raw(t, bson.D{{Key: "_id", Value: 1}, {Key: "zero", Value: 0.0}, {Key: "inner", Value: bson.D{{Key: "_id", Value: 2}, {Key: "a", Value: 1}}}})})
}

func TestOrder(t *testing.T) {
	object := bson.NewObjectID()
	collection := Connect(t, Start(t).URI).Database("d").Collection("c")
	for _, id := range []any{"b", bson.DateTime(5), true, int64(1) << 40, "a", object, 1.5, int32(1), at("x", 1), nil, bson.Binary{Data: []byte{1}}} {
		if _, err := collection.InsertOne(t.Context(), at("_id", id)); err != nil {
			t.Fatal(err)
		}
	}
	// MongoDB takes them: they are not the number 1 and not the ObjectID.
	_, err := collection.InsertOne(t.Context(), at("_id", bson.DateTime(1)))
	refused(t, "a date that looks like a number", err)
	_, err = collection.InsertOne(t.Context(), at("_id", object.Hex()))
	refused(t, "a text that looks like an ObjectID", err)
	natural := []string{"b", "UTC datetime", "boolean", "64-bit integer", "a", "objectID", "double", "32-bit integer", "embedded document", "null", "binary"}
	is(t, "natural", ids(t, collection, bson.D{}), natural)
	is(t, "by _id", ids(t, collection, bson.D{}, options.Find().SetSort(at("_id", 1))),
		[]string{"null", "32-bit integer", "double", "64-bit integer", "a", "b", "embedded document", "binary", "objectID", "boolean", "UTC datetime"})
	is(t, "_id of one type", ids(t, collection, at("_id", at("$gt", "a"))), []string{"b"})
	for _, direction := range []int{1, -1} {
		_, err := collection.Find(t.Context(), bson.D{}, options.Find().SetSort(at("$natural", direction)))
		refused(t, "a sort by $natural", err)
	}
	if _, err := collection.ReplaceOne(t.Context(), at("_id", "b"), at("more", "than before")); err != nil {
		t.Fatal(err)
	}
	is(t, "natural after a change", ids(t, collection, bson.D{}), natural)
}

func TestFilters(t *testing.T) {
	collection := blocks(t)
	ten := []string{"10", "11", "12"}
	for _, test := range []struct {
		filter bson.D
		want   []string
	}{
		{at("block_info.height", between(10, 13)), ten},
		{at("block_info.height", between(int64(10), 12.5)), ten},
		{at("block_info.slot_time", between(bson.DateTime(10_000), bson.DateTime(13_000))), ten},
		{bson.D{{Key: "block_info.height", Value: at("$lte", 12)}, {Key: "_id", Value: at("$gte", "10")}}, ten},
		{bson.D{{Key: "block_info.height", Value: 6}, {Key: "_id", Value: "05"}}, []string{}},
		{at("_id", at("$in", bson.A{"12", "10", "11"})), ten},
		{at("$or", bson.A{at("block_info.height", 10), at("_id", "11"), at("_id", at("$regex", "^12"))}), ten},
		{bson.D{{Key: "kind", Value: nil}, {Key: "_id", Value: at("$lt", "05")}}, []string{"01", "04"}},
		{at("list.x", 5), []string{"04", "05"}},
		// MongoDB: 04 and 05.
		{at("list", at("$elemMatch", at("x", 5))), []string{}},
	} {
		is(t, fmt.Sprint(test.filter), ids(t, collection, test.filter), test.want)
	}
	_, err := collection.Find(t.Context(), at("$expr", at("$gt", bson.A{"$block_info.height", 50})))
	refused(t, "$expr", err)
}

// TestOptionsThatAreIgnored: MongoDB returns three documents for min and max, and refuses a hint to no index.
func TestOptionsThatAreIgnored(t *testing.T) {
	collection := blocks(t)
	for name, o := range map[string]*options.FindOptionsBuilder{
		"min and max": options.Find().SetMin(at("_id", "10")).SetMax(at("_id", "13")).SetHint("_id_"),
		"hint":        options.Find().SetHint("no such index"),
	} {
		is(t, name, len(ids(t, collection, bson.D{}, o)), 60)
	}
	for name, o := range map[string]*options.FindOptionsBuilder{
		"collation": options.Find().SetCollation(&options.Collation{Locale: "en"}), "noCursorTimeout": options.Find().SetNoCursorTimeout(true),
	} {
		_, err := collection.Find(t.Context(), bson.D{}, o)
		refused(t, name, err)
	}
}

func TestProjections(t *testing.T) {
	collection := blocks(t)
	for _, test := range []struct {
		projection bson.D
		want       string
	}{
		{at("block_info.height", 1), `{"_id":"05","block_info":{"height":5.0}}`},
		{bson.D{{Key: "_id", Value: 0}, {Key: "block_info.height", Value: 1}, {Key: "kind", Value: 1}}, `{"block_info":{"height":5.0},"kind":"c"}`},
		{bson.D{{Key: "block_info.height", Value: 0}, {Key: "list", Value: 0}}, `{"_id":"05","block_info":{"slot_time":{"$date":"1970-01-01T00:00:05Z"},"hash":"h"},"kind":"c"}`},
		{at("list.y", 1), `{"_id":"05","list":[{"y":5},{}]}`},
		// MongoDB: {"_id":"05","height":5.0}.
		{at("height", "$block_info.height"), `{"_id":"05","height":"$block_info.height"}`},
	} {
		document, err := collection.FindOne(t.Context(), at("_id", "05"), options.FindOne().SetProjection(test.projection)).Raw()
		if err != nil {
			t.Fatal(err)
		}
		text, err := bson.MarshalExtJSON(document, false, false)
		if err != nil {
			t.Fatal(err)
		}
		is(t, fmt.Sprint(test.projection), string(text), test.want)
	}
	refused(t, "a nested projection", collection.FindOne(t.Context(), bson.D{}, options.FindOne().SetProjection(at("block_info", at("height", 1)))).Err())
}

func TestCursors(t *testing.T) {
	collection := blocks(t)
	cursor, err := collection.Find(t.Context(), bson.D{}, options.Find().SetBatchSize(7))
	if err != nil {
		t.Fatal(err)
	}
	is(t, "documents of a batch", cursor.RemainingBatchLength(), 7)
	// What changes now, an open cursor does not see; in MongoDB it may.
	if _, err := collection.UpdateMany(t.Context(), bson.D{}, at("$set", at("kind", "new"))); err != nil {
		t.Fatal(err)
	}
	if _, err := collection.DeleteOne(t.Context(), at("_id", "50")); err != nil {
		t.Fatal(err)
	}
	seen, fresh := 0, 0
	for cursor.Next(t.Context()) {
		seen++
		if text, _ := cursor.Current.Lookup("kind").StringValueOK(); text == "new" {
			fresh++
		}
	}
	is(t, "documents, and changed ones", []int{seen, fresh}, []int{60, 0})
	if cursor, err = collection.Find(t.Context(), bson.D{}, options.Find().SetBatchSize(7)); err != nil {
		t.Fatal(err)
	}
	if err := collection.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for seen = 0; cursor.Next(t.Context()); seen++ {
	}
	var failure mongo.CommandError
	if !errors.As(cursor.Err(), &failure) || failure.Name != "CursorNotFound" || seen != 7 {
		t.Errorf("a cursor on a dropped collection gives %d documents and %v", seen, cursor.Err())
	}
}

func TestOpenCursorsHaveALimit(t *testing.T) {
	collection := blocks(t)
	for i := range 100 {
		if _, err := collection.Find(t.Context(), bson.D{}, options.Find().SetBatchSize(1)); err != nil {
			t.Fatalf("cursor %d: %v", i+1, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := collection.Find(ctx, bson.D{}, options.Find().SetBatchSize(1))
	refused(t, "cursor 101", err)
}

func upserts(from, to int, value any) []mongo.WriteModel {
	var list []mongo.WriteModel
	for i := from; i < to; i++ {
		document := bson.D{{Key: "_id", Value: fmt.Sprintf("%05d", i)}, {Key: "Gate.io 1", Value: value}}
		list = append(list, mongo.NewReplaceOneModel().SetFilter(document[:1]).SetReplacement(document).SetUpsert(true))
	}
	return list
}

func TestBulkUpserts(t *testing.T) {
	collection := Connect(t, Start(t).URI).Database("d").Collection("c")
	unordered := options.BulkWrite().SetOrdered(false)
	for _, test := range []struct {
		models                      []mongo.WriteModel
		matched, modified, upserted int64
	}{
		{upserts(0, 1000, 1), 0, 0, 1000},
		{upserts(0, 1000, 1), 1000, 0, 0},
		{upserts(0, 1000, 2), 1000, 1000, 0},
	} {
		r, err := collection.BulkWrite(t.Context(), test.models, unordered)
		if err != nil {
			t.Fatal(err)
		}
		is(t, "matched, modified, upserted", []int64{r.MatchedCount, r.ModifiedCount, r.UpsertedCount}, []int64{test.matched, test.modified, test.upserted})
	}
	r, err := collection.BulkWrite(t.Context(), upserts(998, 1002, 2), unordered)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "upserted", r.UpsertedIDs, map[int64]any{2: "01000", 3: "01001"})
	// It goes on after the bad one, as MongoDB does.
	mixed := slices.Concat(upserts(2000, 2001, 1), upserts(2001, 2002, math.Inf(1)), upserts(2002, 2003, 1))
	_, err = collection.BulkWrite(t.Context(), mixed, unordered)
	refused(t, "infinity", err)
	is(t, "written", ids(t, collection, at("_id", at("$gte", "02000"))), []string{"02000", "02002"})
	_, err = collection.Database().Client().BulkWrite(t.Context(), []mongo.ClientBulkWrite{{Database: "d", Collection: "c", Model: mongo.NewClientInsertOneModel().SetDocument(bson.D{})}})
	refused(t, "Client.BulkWrite", err)
}

func TestOtherWrites(t *testing.T) {
	collection := blocks(t)
	_, err := collection.InsertMany(t.Context(), []bson.D{at("_id", "new 1"), at("_id", "05"), at("_id", "new 2")}, options.InsertMany().SetOrdered(false))
	refused(t, "a second document with an _id", err)
	is(t, "inserted besides", ids(t, collection, at("_id", at("$regex", "^new"))), []string{"new 1", "new 2"})
	r, err := collection.DeleteMany(t.Context(), bson.D{{Key: "block_info.height", Value: at("$gte", 30)}, {Key: "_id", Value: at("$nin", bson.A{"40", "50"})}})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "deleted", r.DeletedCount, int64(28))
	_, err = collection.UpdateOne(t.Context(), at("_id", "05"), mongo.Pipeline{at("$set", at("kind", "x"))})
	refused(t, "a pipeline as update", err)
	update := bson.D{{Key: "$set", Value: at("block_info", at("height", 7))}, {Key: "$unset", Value: bson.D{{Key: "list", Value: ""}, {Key: "kind", Value: ""}}}, {Key: "$inc", Value: at("n", 1)}}
	refused(t, "findAndModify with a projection", collection.FindOneAndUpdate(t.Context(), at("_id", "05"), update, options.FindOneAndUpdate().SetProjection(at("n", 1))).Err())
	document, err := collection.FindOneAndUpdate(t.Context(), at("_id", "05"), update, options.FindOneAndUpdate().SetReturnDocument(options.After)).Raw()
	if err != nil {
		t.Fatal(err)
	}
	is(t, "updated", document.String(), raw(t, bson.D{{Key: "_id", Value: "05"}, {Key: "block_info", Value: at("height", 7)}, {Key: "n", Value: 1}}).String())
}

func TestAggregation(t *testing.T) {
	collection := blocks(t)
	for _, stage := range []bson.D{
		at("$sample", at("size", 3)), at("$sortByCount", "$kind"), at("$group", bson.D{{Key: "_id", Value: nil}, {Key: "top", Value: at("$max", "$block_info.height")}}),
		at("$out", "other"), at("$replaceRoot", at("newRoot", "$block_info")), at("$changeStream", bson.D{}),
	} {
		_, err := collection.Aggregate(t.Context(), []bson.D{stage})
		refused(t, stage.String(), err)
	}
	cursor, err := collection.Aggregate(t.Context(), []bson.D{
		at("$match", at("block_info.height", at("$lt", 10))), at("$group", bson.D{{Key: "_id", Value: "$kind"}, {Key: "n", Value: at("$sum", 1)}}), at("$sort", at("_id", 1)),
	})
	if err != nil {
		t.Fatal(err)
	}
	var groups []struct {
		ID *string `bson:"_id"`
		N  int
	}
	if err := cursor.All(t.Context(), &groups); err != nil {
		t.Fatal(err)
	}
	counts := []int{}
	for _, group := range groups {
		counts = append(counts, group.N)
	}
	is(t, "counts of null, a, c", counts, []int{3, 4, 3})
}

func TestCounts(t *testing.T) {
	collection := blocks(t)
	some, err := collection.CountDocuments(t.Context(), at("block_info.height", at("$lt", 7)))
	if err != nil {
		t.Fatal(err)
	}
	all, err := collection.EstimatedDocumentCount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	none, err := collection.Database().Collection("none").EstimatedDocumentCount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	is(t, "some, all, none", []int64{some, all, none}, []int64{7, 60, 0})
}

// TestSessions: what is read in a snapshot session is not of one time, and a transaction takes no write.
func TestSessions(t *testing.T) {
	collection := blocks(t)
	client := collection.Database().Client()
	session, err := client.StartSession(options.Session().SetSnapshot(true))
	if err != nil {
		t.Fatal(err)
	}
	defer session.EndSession(t.Context())
	counts := []int64{}
	err = mongo.WithSession(t.Context(), session, func(ctx context.Context) error {
		for range 2 {
			cursor, err := collection.Find(ctx, bson.D{})
			if err != nil {
				return err
			}
			var documents []bson.Raw
			if err := cursor.All(ctx, &documents); err != nil {
				return err
			}
			counts = append(counts, int64(len(documents)))
			if _, err := collection.DeleteOne(t.Context(), bson.D{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "documents before and after a change", counts, []int64{60, 59})
	plain, err := client.StartSession()
	if err != nil {
		t.Fatal(err)
	}
	defer plain.EndSession(t.Context())
	_, err = plain.WithTransaction(t.Context(), func(ctx context.Context) (any, error) {
		return collection.InsertOne(ctx, at("_id", "written"))
	})
	refused(t, "a transaction", err)
	is(t, "what was written in it", ids(t, collection, at("_id", "written")), []string{})
	_, err = collection.Watch(t.Context(), mongo.Pipeline{})
	refused(t, "a change stream", err)
}

func TestIndexes(t *testing.T) {
	collection := blocks(t)
	for _, index := range []mongo.IndexModel{
		{Keys: at("block_info.height", -1)},
		{Keys: bson.D{{Key: "kind", Value: 1}, {Key: "_id", Value: 1}}, Options: options.Index().SetSparse(true).SetName("kinds")},
		{Keys: at("block_info.slot_time", 1), Options: options.Index().SetUnique(true)},
	} {
		if _, err := collection.Indexes().CreateOne(t.Context(), index); err != nil {
			t.Fatal(err)
		}
	}
	for _, index := range []mongo.IndexModel{
		{Keys: at("a", 1), Options: options.Index().SetExpireAfterSeconds(1)}, {Keys: at("a", 1), Options: options.Index().SetPartialFilterExpression(at("b", 1))},
		{Keys: at("a", "text")}, {Keys: at("a", "hashed")}, {Keys: at("$**", 1)},
	} {
		_, err := collection.Indexes().CreateOne(t.Context(), index)
		refused(t, fmt.Sprint(index.Keys), err)
	}
	specifications, err := collection.Indexes().ListSpecifications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, one := range specifications {
		names = append(names, one.Name)
		if one.Sparse != nil {
			t.Errorf("%s is sparse, against the package comment", one.Name)
		}
	}
	is(t, "indexes", names, []string{"_id_", "block_info.height_-1", "block_info.slot_time_1", "kinds"})
	_, err = collection.InsertOne(t.Context(), at("block_info", at("slot_time", bson.DateTime(1000))))
	refused(t, "a second document of a unique key", err)
}

func TestCollectionsAndDatabases(t *testing.T) {
	collection := blocks(t)
	database := collection.Database()
	if err := database.CreateCollection(t.Context(), "none"); err != nil {
		t.Fatal(err)
	}
	refused(t, "a collection that is there", database.CreateCollection(t.Context(), "none"))
	refused(t, "a view", database.CreateView(t.Context(), "view", "blocks", mongo.Pipeline{}))
	for _, test := range []struct {
		filter bson.D
		want   []string
	}{{bson.D{}, []string{"blocks", "none"}}, {at("name", "none"), []string{"none"}}, {at("name", at("$in", bson.A{"x", "blocks"})), []string{"blocks"}}} {
		names, err := database.ListCollectionNames(t.Context(), test.filter)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		is(t, test.filter.String(), names, test.want)
	}
	databases, err := database.Client().ListDatabaseNames(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "databases", databases, []string{"chain"})
}
