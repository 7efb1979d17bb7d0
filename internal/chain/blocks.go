package chain

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

const (
	// blocksPerDay is scaled down from 43,200.
	blocksPerDay = 4320
	firstHeight  = 1_000_000
	dayMillis    = int64(24 * time.Hour / time.Millisecond)
	// On gapDay (the first is day 0) the first gapBlocks blocks belong to no day; missingDay is not in blocks_per_day.
	gapDay     = 16
	gapBlocks  = 4
	missingDay = 17
)

// A day of the chain, and the heights of its blocks.
type day struct {
	number      int
	start       time.Time
	date        string
	first, last int
}

func newDay(from time.Time, number int) day {
	start := from.AddDate(0, 0, number)
	first := firstHeight + number*blocksPerDay
	return day{number: number, start: start, date: start.Format(time.DateOnly), first: first, last: first + blocksPerDay - 1}
}

// slot is when the block at a height was made, in milliseconds since the epoch.
func (d day) slot(height int) int64 {
	const fromFirst, toLast = 750, 1250
	return d.start.UnixMilli() + fromFirst + int64(height-d.first)*(dayMillis-fromFirst-toLast)/(blocksPerDay-1)
}

// found is the first height of the day that blocks_per_day knows.
func (d day) found() int {
	if d.number == gapDay {
		return d.first + gapBlocks
	}
	return d.first
}

// hash of a block: made from its height.
func hash(height int) string {
	var name [32]byte
	sum := sha256.Sum256(strconv.AppendInt(append(name[:0], "block "...), int64(height), 10))
	return hex.EncodeToString(sum[:])
}

// digest of some words: for everything that is called by a hash and not drawn.
func digest(words ...string) [32]byte { return sha256.Sum256([]byte(strings.Join(words, " "))) }

// name is a digest in hexadecimal.
func name(words ...string) string {
	sum := digest(words...)
	return hex.EncodeToString(sum[:])
}

// writeBlocks writes the day's document of blocks_per_day.
func writeBlocks(out *file, e *encoder, d day) {
	if d.number == missingDay {
		return
	}
	e.startWithID(d.date)
	e.text("date", d.date)
	e.integer("height_for_first_block", int64(d.found()))
	e.integer("height_for_last_block", int64(d.last))
	e.date("slot_time_for_first_block", d.slot(d.found()))
	e.date("slot_time_for_last_block", d.slot(d.last))
	e.text("hash_for_first_block", hash(d.found()))
	e.text("hash_for_last_block", hash(d.last))
	out.write(e.finish())
}
