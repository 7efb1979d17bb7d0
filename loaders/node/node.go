// Package node loads what a Concordium node said of the last block of each day, from a folder of JSON Lines files as a
// recording writes them: tokenomics.jsonl, one document per line. Amounts are microCCD, as numbers or texts beyond 2^53:
// they never pass through a double.
package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/ccdexplorer/nightrunner/engine"
)

const tokenomicsFile = "tokenomics.jsonl"

// A Loader reads one folder.
type Loader struct{ dir string }

// New loads from a folder.
func New(dir string) *Loader { return &Loader{dir: dir} }

// Source is "node".
func (*Loader) Source() string { return "node" }

// Load brings tokenomics.jsonl into raw.tokenomics when it changed.
func (l *Loader) Load(ctx context.Context, in *engine.Intake) error {
	if strings.Contains(l.dir, "://") {
		return engine.WithHint(errors.New("--node reads a folder; nodes cannot be asked yet"), "--node names a folder with "+tokenomicsFile)
	}
	if info, err := os.Stat(l.dir); err != nil || !info.IsDir() {
		return engine.WithHint(fmt.Errorf("%s is no folder", l.dir), "--node names a folder with "+tokenomicsFile)
	}
	known, err := in.Files(ctx)
	if err != nil {
		return err
	}
	before := known[tokenomicsFile]
	info, err := os.Stat(filepath.Join(l.dir, tokenomicsFile))
	if errors.Is(err, fs.ErrNotExist) {
		if before.Status != "" {
			in.Unreadable(tokenomicsFile, errors.New("the file is gone: what is in raw.tokenomics stays"))
			return nil
		}
		in.Note("the source has no %s: raw.tokenomics stays empty", tokenomicsFile)
		return nil
	}
	if err != nil {
		in.Unreadable(tokenomicsFile, err)
		return nil
	}
	if !in.Full && before.Same(info.Size(), info.ModTime()) {
		in.Report().Unchanged++
		return nil
	}
	data, err := os.ReadFile(filepath.Join(l.dir, tokenomicsFile))
	if err != nil {
		in.Unreadable(tokenomicsFile, err)
		return nil
	}
	file := engine.SourceFile{Name: tokenomicsFile, Bytes: info.Size(), Modified: info.ModTime(), Status: "loaded",
		Hash: fmt.Sprintf("%x", xxh3.Hash128(data).Bytes())}
	if !in.Full && before.Status == "loaded" && before.Hash == file.Hash {
		in.Report().Unchanged++
		file.Rows, file.Rejects = before.Rows, before.Rejects
		return in.Transact(ctx, func() error { return in.SaveFiles(ctx, file) })
	}
	return l.replace(ctx, in, file, data)
}

func (l *Loader) replace(ctx context.Context, in *engine.Intake, file engine.SourceFile, data []byte) error {
	in.Report().Read++
	parsed := parse(data)
	for _, note := range parsed.notes {
		in.Note("%s: %s", tokenomicsFile, note)
	}
	file.Rows, file.Rejects = parsed.lines, int64(len(parsed.rejects))
	in.Report().Rows += parsed.lines
	return in.Transact(ctx, func() error {
		if err := in.SaveRejects(ctx, []string{tokenomicsFile}, parsed.rejects); err != nil {
			return err
		}
		if float64(file.Rejects) > in.MaxRejects*float64(file.Rows) {
			in.TooManyRejects(tokenomicsFile, file.Rejects, file.Rows)
			file.Status, file.Message = "failed", "too many rejects"
			return in.SaveFiles(ctx, file)
		}
		if err := in.Exec(ctx, "create or replace temp table staged as from raw.tokenomics limit 0"); err != nil {
			return err
		}
		for start := 0; start < len(parsed.rows); start += 200 {
			var values []string
			for _, row := range parsed.rows[start:min(start+200, len(parsed.rows))] {
				values = append(values, row.sql())
			}
			if err := in.Exec(ctx, "insert into temp.staged values "+strings.Join(values, ", ")); err != nil {
				return err
			}
		}
		if _, err := in.ReplaceTable(ctx, "raw.tokenomics", "date", "temp.staged"); err != nil {
			return err
		}
		if err := in.Exec(ctx, "drop table temp.staged"); err != nil {
			return err
		}
		return in.SaveFiles(ctx, file)
	})
}

// row of raw.tokenomics. Amounts are microCCD.
type row struct {
	date      time.Time
	blockHash string
	amounts   [5]*big.Int
	protocol  int64
}

// amountFields are the amounts in the order of the table's columns.
func amountFields() [5]string {
	return [5]string{"total_amount", "total_encrypted_amount", "baking_reward_account", "finalization_reward_account", "gas_account"}
}

func (r row) sql() string {
	values := []string{"date '" + r.date.Format(time.DateOnly) + "'", "'" + strings.ReplaceAll(r.blockHash, "'", "''") + "'"}
	for _, amount := range r.amounts {
		values = append(values, amount.String()+"::hugeint")
	}
	return "(" + strings.Join(append(values, strconv.FormatInt(r.protocol, 10)), ", ") + ")"
}

type result struct {
	rows    []row
	rejects []engine.Reject
	notes   []string
	lines   int64
}

// parse reads all lines; of two for a day the later counts. Empty lines are skipped.
func parse(data []byte) result {
	var out result
	byDay := map[time.Time]row{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for number := int64(1); lines.Scan(); number++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		out.lines++
		one, field, err := parseLine(line)
		if err != nil {
			out.rejects = append(out.rejects, engine.Reject{File: tokenomicsFile, Line: number, Date: one.date, Field: field, Reason: err.Error(), Content: string(line)})
			continue
		}
		if _, twice := byDay[one.date]; twice {
			out.notes = append(out.notes, fmt.Sprintf("line %d: %s stands twice; the later line counts", number, one.date.Format(time.DateOnly)))
		}
		byDay[one.date] = one
	}
	for _, one := range byDay {
		out.rows = append(out.rows, one)
	}
	sort.Slice(out.rows, func(i, j int) bool { return out.rows[i].date.Before(out.rows[j].date) })
	return out
}

// parseLine names the field that cannot be read.
func parseLine(line []byte) (row, string, error) {
	var document struct {
		Date string                     `json:"date"`
		Hash string                     `json:"block_hash"`
		Info map[string]json.RawMessage `json:"info"`
	}
	var one row
	if err := json.Unmarshal(line, &document); err != nil {
		return one, "", fmt.Errorf("is no such JSON: %w", err)
	}
	var err error
	if one.date, err = time.Parse(time.DateOnly, document.Date); err != nil {
		return one, "date", fmt.Errorf("is %q, not a day YYYY-MM-DD", document.Date)
	}
	one.blockHash = document.Hash
	for i, name := range amountFields() {
		if one.amounts[i], err = amount(document.Info[name]); err != nil {
			return one, "info." + name, err
		}
	}
	one.protocol, err = protocol(document.Info["protocol_version"])
	return one, "info.protocol_version", err
}

// maxAmount is what the wire's uint64 holds.
var maxAmount = new(big.Int).SetUint64(1<<64 - 1)

func amount(raw json.RawMessage) (*big.Int, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, errors.New("is missing")
	}
	number, ok := new(big.Int).SetString(strings.Trim(string(raw), `"`), 10)
	if !ok || number.Sign() < 0 || number.Cmp(maxAmount) > 0 {
		return nil, fmt.Errorf("is %s, not whole microCCD from 0 to 2^64-1", raw)
	}
	return number, nil
}

// protocol is the enum's number, also from its name.
func protocol(raw json.RawMessage) (int64, error) {
	text := strings.Trim(string(raw), `"`)
	if name, found := strings.CutPrefix(text, "PROTOCOL_VERSION_"); found {
		n, err := strconv.ParseInt(name, 10, 31)
		if err == nil && n > 0 {
			return n - 1, nil
		}
	}
	n, err := strconv.ParseInt(text, 10, 31)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("is %s, not a protocol version", raw)
	}
	return n, nil
}
