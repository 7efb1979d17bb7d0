package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/internal/chain"
)

const transactionsFile = "concordium_mainnet/transactions.bson"

// makeTransactions makes a dump of about so many transactions, and nothing else but the days.
func makeTransactions(ctx context.Context, dir string, documents int) error {
	const days = 100
	_, err := chain.Generate(ctx, chain.Options{Dir: dir, Seed: 1, Days: days, Accounts: 20_000, TransactionsPerDay: documents / days,
		Only: []string{"transactions", "blocks_per_day"}})
	return err
}

// dump: a transactions dump into the warehouse against a walk over the same file's fields.
func (s settings) dump(ctx context.Context, dir string) error {
	if err := makeTransactions(ctx, dir, s.documents); err != nil {
		return err
	}
	folder := filepath.Join(dir, "dump")
	var walks, loads, cpu []time.Duration
	var documents, bytes, peak int64
	for i := range s.rounds {
		var took time.Duration
		var err error
		if documents, bytes, took, err = walkFile(filepath.Join(folder, transactionsFile)); err != nil {
			return err
		}
		walks = append(walks, took)
		done, err := s.load(ctx, folder, filepath.Join(dir, fmt.Sprint(i, ".duckdb")))
		if err != nil {
			return err
		}
		loads, cpu, peak = append(loads, done.inside), append(cpu, done.cpu), max(peak, done.peak)
	}
	fmt.Printf("transactions dump, %d documents of %d bytes: %v, %.2f M documents/s; a walk over the same bytes %v: %.1f x (goal 4); CPU %v; peak %.2f GB (goal 1.5)\n",
		documents, bytes/documents, median(loads), float64(documents)/median(loads).Seconds()/1e6, median(walks), ratio(median(loads), median(walks)),
		median(cpu).Round(time.Millisecond), float64(peak)/1e9)
	return os.RemoveAll(dir)
}

// load brings a source into a new warehouse with 1 GB for DuckDB.
func (s settings) load(ctx context.Context, uri, warehouse string) (outcome, error) {
	return s.process(ctx, "load", "--json", "--mongo", uri, "--warehouse", warehouse, "--memory-limit", "1GB")
}

// walkFile walks a file piece by piece and tells the time of the walks alone.
func walkFile(path string) (documents, bytes int64, took time.Duration, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buffer, kept := make([]byte, 64<<20), 0
	for {
		n, err := io.ReadFull(file, buffer[kept:])
		if n == 0 {
			return documents, bytes, took, nil
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, 0, 0, err
		}
		have := buffer[:kept+n]
		whole := 0
		for len(have)-whole > 4 {
			length := int(binary.LittleEndian.Uint32(have[whole:]))
			if whole+length > len(have) {
				break
			}
			whole += length
		}
		start := time.Now()
		documents += walkAll(have[:whole])
		took += time.Since(start)
		bytes += int64(whole)
		kept = copy(buffer, have[whole:])
	}
}

// walkAll steps over every field of every document, two workers, and counts documents.
func walkAll(data []byte) int64 {
	const piece = 4 << 20
	pieces := make(chan []byte)
	var documents atomic.Int64
	var work sync.WaitGroup
	for range 2 {
		work.Go(func() {
			for one := range pieces {
				for n := int64(0); ; n++ {
					if len(one) == 0 {
						documents.Add(n)
						break
					}
					length := binary.LittleEndian.Uint32(one)
					walk(one[:length])
					one = one[length:]
				}
			}
		})
	}
	for len(data) > 0 {
		size := 0
		for size < len(data) && size < piece {
			size += int(binary.LittleEndian.Uint32(data[size:]))
		}
		pieces <- data[:size]
		data = data[size:]
	}
	close(pieces)
	work.Wait()
	return documents.Load()
}

// walk steps over the fields of a document and of those within it.
func walk(document []byte) {
	_, rest, _ := bsoncore.ReadLength(document)
	for len(rest) > 1 {
		element, after, ok := bsoncore.ReadElement(rest)
		if !ok {
			return
		}
		value := element.Value()
		if value.Type == bsoncore.TypeEmbeddedDocument || value.Type == bsoncore.TypeArray {
			walk(value.Data)
		}
		rest = after
	}
}

// server: the same transactions from a server that answers from memory, against the driver reading the same cursors and
// doing nothing with the documents.
func (s settings) server(ctx context.Context, dir string) (err error) {
	if err := makeTransactions(ctx, dir, s.documents/4); err != nil {
		return err
	}
	replay, err := startReplay(ctx, filepath.Join(dir, "dump", "concordium_mainnet"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, replay.close()) }()
	var drains, loads []time.Duration
	documents := 0
	for i := range s.rounds {
		start := time.Now()
		if documents, err = drain(ctx, replay.uri); err != nil {
			return err
		}
		drains = append(drains, time.Since(start))
		done, err := s.load(ctx, replay.uri, filepath.Join(dir, fmt.Sprint(i, ".duckdb")))
		if err != nil {
			return err
		}
		loads = append(loads, done.inside)
	}
	fmt.Printf("transactions from a server, %d documents: %.2f M documents/s; the driver alone %.2f M documents/s: %.2f x (goal 0.9)\n",
		documents, float64(documents)/median(loads).Seconds()/1e6, float64(documents)/median(drains).Seconds()/1e6, ratio(median(drains), median(loads)))
	return os.RemoveAll(dir)
}

// drain reads all transactions with one cursor.
func drain(ctx context.Context, uri string) (documents int, err error) {
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, client.Disconnect(ctx)) }()
	cursor, err := client.Database("concordium_mainnet").Collection("transactions").Find(ctx, bson.D{}, options.Find().SetBatchSize(20_000))
	if err != nil {
		return 0, err
	}
	for cursor.Next(ctx) {
		documents++
	}
	return documents, errors.Join(cursor.Err(), cursor.Close(ctx))
}

// heightsOf are the block heights of documents, in their order, and where each begins.
func heightsOf(data []byte) (offsets []int, heights []int64) {
	for at := 0; at < len(data); {
		length := int(binary.LittleEndian.Uint32(data[at:]))
		height, _ := bsoncore.Document(data[at:at+length]).Lookup("block_info", "height").AsInt64OK()
		offsets, heights = append(offsets, at), append(heights, height)
		at += length
	}
	return append(offsets, len(data)), heights
}

// byHeight sorts documents by height, as a server's index gives them.
func byHeight(data []byte) []byte {
	offsets, heights := heightsOf(data)
	order := make([]int, len(heights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(heights[a] - heights[b]) })
	sorted := make([]byte, 0, len(data))
	for _, i := range order {
		sorted = append(sorted, data[offsets[i]:offsets[i+1]]...)
	}
	return sorted
}
