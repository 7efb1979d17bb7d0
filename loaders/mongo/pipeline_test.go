package mongo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// orderMapping keeps the place of each document.
const orderMapping = `
collection = "things"
database = "chain"
about = "Things."
height = "height"
columns = [
    ["_id", "id", "varchar not null", "key"],
    ["#", "position", "bigint not null", "place"],
    ["height", "height", "bigint", "height"],
    ["who", "who_id", "address", "who"],
    ["kind", "kind", "kind", "kind"],
]`

// manyThings are documents in several chunks; every 5,000th is a reject.
func manyThings(documents int) []byte {
	var whole []byte
	padding := strings.Repeat("x", 350)
	for i := range documents {
		height := bsoncore.AppendInt64Element(nil, "height", int64(i/100))
		if i%5000 == 4999 {
			height = bsoncore.AppendStringElement(nil, "height", "high")
		}
		fields := bsoncore.AppendStringElement(nil, "_id", fmt.Sprintf("%06d", i+1))
		// Addresses come again, in the same chunk and in later ones; new ones come in all chunks.
		fields = bsoncore.AppendStringElement(append(fields, height...), "who", fmt.Sprint("address ", (i*i)%30011))
		fields = bsoncore.AppendStringElement(bsoncore.AppendStringElement(fields, "kind", fmt.Sprint("kind ", i%3)), "padding", padding)
		whole = append(whole, bsoncore.BuildDocument(nil, fields)...)
	}
	return whole
}

// severalWorkers makes more workers than this machine may have cores.
func severalWorkers(t *testing.T, workers int) {
	before := runtime.GOMAXPROCS(workers)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func TestManyWorkersKeepTheOrder(t *testing.T) {
	const documents = 50000
	whole := manyThings(documents)
	if len(whole) < 5*chunkBytes-chunkBytes/4 {
		t.Fatalf("%d bytes are few chunks", len(whole))
	}
	load := func(workers int) *desk {
		severalWorkers(t, workers)
		d := newDesk(t, "things", orderMapping, "blocks_per_day", daysMapping)
		d.writeDays(day(1, 0, 99), day(2, 100, 199), day(3, 200, 10000))
		d.write("chain/things.bson", whole)
		readable(t, d.load())
		return d
	}
	d := load(5)
	same(t, "places", d.query("select count(*) as rows, min(position) as first, max(position) as last, count(distinct position) as places, bool_and(position = id::bigint) as sound from raw.things"),
		[]string{`{"rows":49990,"first":1,"last":49999,"places":49990,"sound":true}`})
	same(t, "the table is in the order of the file", d.one("select count(*) from (select position, lag(position) over (order by rowid) as before from raw.things) where before >= position"), "0")
	same(t, "rejects", d.texts("select line from raw.rejects order by rowid"), []string{"5000", "10000", "15000", "20000", "25000", "30000", "35000", "40000", "45000", "50000"})
	same(t, "addresses belong to their documents", d.one("select count(*) from raw.things join raw.addresses on address_id = who_id where address <> concat('address ', ((position - 1) * (position - 1)) % 30011)"), "0")
	same(t, "ids are in the order of documents", d.one("select count(*) from (select who_id, lag(who_id) over (order by first) as before from (select who_id, min(position) as first from raw.things group by who_id)) where before >= who_id"), "0")
	same(t, "dates", d.one("select count(*) from raw.things where date <> case when height < 100 then date '2021-06-01' when height < 200 then date '2021-06-02' else date '2021-06-03' end or date is null"), "0")

	alone := load(1)
	for _, table := range []string{"raw.things", "raw.addresses", "ops.source_days", "(select * exclude run_id from raw.rejects)"} {
		sum := "select sum(hash(t)) from " + table + " as t"
		same(t, table, alone.one(sum), d.one(sum))
	}
}

func TestDamageInALaterChunkTakesNothing(t *testing.T) {
	severalWorkers(t, 4)
	whole := manyThings(50000)
	at, count := 0, 0
	for count < 30000 {
		length, err := documentLength(whole[at:])
		if err != nil {
			t.Fatal(err)
		}
		at, count = at+length, count+1
	}
	d := newDesk(t, "things", orderMapping, "blocks_per_day", daysMapping)
	d.writeDays(day(1, 0, 99))
	broken := bytes.Clone(whole)
	broken[at+4] = 0x66
	d.write("chain/things.bson", broken)
	unreadable(t, d.load(), fmt.Sprintf("document 30001 at byte %d is damaged: a field has a type that BSON does not have", at))
	same(t, "things", d.one("select count(*) from raw.things"), "0")
	same(t, "addresses", d.one("select count(*) from raw.addresses"), "0")
	same(t, "profile", d.one("select count(*) from ops.field_types where collection = 'things'"), "0")
	d.write("chain/things.bson", whole)
	readable(t, d.load())
	same(t, "things", d.one("select count(*) from raw.things"), "49990")
	same(t, "addresses", d.one("select count(*) = max(address_id) + 1 and count(*) = count(distinct address) from raw.addresses"), "true")
}

// endless gives the same chunk again and again; each is told.
type endless struct {
	data  []byte
	given int
	tell  func(given int) error
}

func (e *endless) next(_ context.Context, buffer []byte) (chunk, error) {
	e.given++
	if err := e.tell(e.given); err != nil {
		return chunk{}, err
	}
	return chunk{data: append(buffer[:0], e.data...)}, nil
}

func (*endless) close() error { return nil }

func newEndless(t *testing.T, tell func(int) error) *endless {
	return &endless{data: encode(t, bson.D{{Key: "_id", Value: "x"}, {Key: "height", Value: int32(1)}}), tell: tell}
}

func orderCollection(t *testing.T) *Collection {
	return &newDesk(t, "things", orderMapping).collections()[0]
}

func TestPipelineEndsWhenItIsLeft(t *testing.T) {
	c := orderCollection(t)
	for _, taken := range []int{0, 1, 7} {
		from := newEndless(t, func(int) error { return nil })
		p := startPipeline(t.Context(), c, from, &addresses{ids: map[string]int32{}}, nil, "f")
		for i := range taken {
			if !p.Next() || p.RecordBatch().NumRows() != 1 {
				t.Fatalf("batch %d: %v", i, p.Err())
			}
		}
		p.close()
		same(t, "documents", p.documents, int64(taken))
		// No more than fits into the slots was read ahead.
		if ahead := from.given - taken; ahead > cap(p.slots)+1 {
			t.Errorf("%d chunks were read ahead", ahead)
		}
	}
}

func TestPipelineEndsWhenItIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := startPipeline(ctx, orderCollection(t), newEndless(t, func(given int) error {
		if given == 20 {
			cancel()
		}
		return nil
	}), &addresses{ids: map[string]int32{}}, nil, "f")
	for p.Next() {
		if p.documents > 100 {
			t.Fatal("it goes on")
		}
	}
	p.close()
}

func TestPipelineGivesWhatCameBeforeAnError(t *testing.T) {
	broken := errors.New("the line is cut")
	for what, end := range map[string]error{"error": broken, "end": io.EOF} {
		p := startPipeline(t.Context(), orderCollection(t), newEndless(t, func(given int) error {
			if given == 10 {
				return end
			}
			return nil
		}), &addresses{ids: map[string]int32{}}, nil, "f")
		for p.Next() {
			if p.Err() != nil {
				t.Fatal(p.Err())
			}
		}
		same(t, what, p.documents, int64(9))
		if (what == "error") != errors.Is(p.Err(), broken) {
			t.Errorf("%s: %v", what, p.Err())
		}
		p.close()
	}
}

func TestCancelledLoadTakesNothing(t *testing.T) {
	d := newDesk(t, "things", orderMapping, "blocks_per_day", daysMapping)
	d.writeDays(day(1, 0, 99))
	d.write("chain/things.bson", manyThings(100))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.tryLoad(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	readable(t, d.load())
	same(t, "things", d.one("select count(*) from raw.things"), "100")
}
