package balances

import (
	"bytes"
	"fmt"

	"github.com/ccdexplorer/nightrunner/engine"
)

// holding is what an account holds at the end of a day. Amounts are microCCD.
type holding struct {
	total, locked int64
	stake
	present bool
}

// stake is what an account stakes; the zero value but for suspended is nothing.
type stake struct {
	staked int64
	// baker is the id plus one, 0 without one: 0 is an id.
	baker int64
	// pool and target are texts in the words of the load, 0 for none.
	pool, target uint32
	suspended    int8
}

// nothing is the stake of an account that stakes nothing.
var nothing = stake{suspended: unknown}

// row of a snapshot. account is an id, or ^k for the k-th new address of the file.
type row struct {
	account int32
	holding
}

// snapshot is a parsed file.
type snapshot struct {
	columns []string
	rows    []row
	// fresh are addresses that had no id when the file was parsed.
	fresh   []string
	rejects []engine.Reject
	read    int64
}

// words gives short texts that recur (pool status, delegation target) a number, per file.
type words struct {
	ids  map[string]uint32
	text []string
}

func newWords() *words { return &words{ids: map[string]uint32{"": 0}, text: []string{""}} }

func (w *words) id(text []byte) uint32 {
	if len(text) == 0 {
		return 0
	}
	id, known := w.ids[string(text)]
	if !known {
		id = uint32(len(w.text))
		w.ids[string(text)] = id
		w.text = append(w.text, string(text))
	}
	return id
}

// places are the columns of a snapshot that are read, -1 where the file lacks them.
type places struct {
	account, total, locked, baker, staked, pool, target, suspended int
}

func findPlaces(names map[string]int) (places, error) {
	find := func(name string) int {
		if at, there := names[name]; there {
			return at
		}
		return -1
	}
	p := places{find("account"), find("total_balance"), find("locked_balance"), find("baker_id"), find("staked_amount"),
		find("pool_status"), find("delegation_target"), find("is_suspended")}
	switch {
	case p.account < 0:
		return p, fmt.Errorf("the header has no column account")
	case p.total < 0:
		return p, fmt.Errorf("the header has no column total_balance")
	}
	return p, nil
}

// parser parses one file after another; its buffers are reused.
type parser struct {
	accounts *dictionary
	words    *lockedWords
	// seen is the number of the file in which an account was met last.
	seen  []uint32
	epoch uint32
}

// parse reads a snapshot. An error fails the file as a whole.
func (p *parser) parse(file string, data []byte) (*snapshot, error) {
	lines, err := newRecords(data)
	if err != nil {
		return nil, err
	}
	names, columns, err := lines.header()
	if err != nil {
		return nil, err
	}
	at, err := findPlaces(names)
	if err != nil {
		return nil, err
	}
	s := &snapshot{columns: columns, rows: make([]row, 0, len(data)/120+16)}
	look := p.accounts.lookup()
	fresh := map[string]bool{}
	local := newWords()
	p.epoch++
	for {
		more, err := lines.next()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		s.read++
		if lines.bad != nil {
			s.rejects = append(s.rejects, engine.Reject{File: file, Line: int64(lines.startLine), Reason: lines.bad.Error(), Content: lines.row()})
			continue
		}
		reject := func(field, reason string) {
			s.rejects = append(s.rejects, engine.Reject{File: file, Line: int64(lines.startLine), Field: field, Reason: reason, Content: lines.row()})
		}
		if len(lines.fields) != len(columns) {
			reject("", fmt.Sprintf("has %d columns, the header %d", len(lines.fields), len(columns)))
			continue
		}
		var one row
		if field, err := one.read(lines.fields, at, local); err != nil {
			reject(field, err.Error())
			continue
		}
		address := bytes.TrimSpace(lines.fields[at.account])
		if err := checkAddress(address); err != nil {
			reject("account", err.Error())
			continue
		}
		id, known := look.find(address)
		switch {
		// An address may get its id from another file while this one is parsed.
		case known && p.met(id), fresh[string(address)]:
			reject("account", "stands twice; the first row counts")
			continue
		case !known:
			text := string(address)
			fresh[text] = true
			id = ^int32(len(s.fresh))
			s.fresh = append(s.fresh, text)
		}
		one.account = id
		s.rows = append(s.rows, one)
	}
	p.words.adopt(local, s.rows)
	return s, nil
}

// checkAddress refuses what cannot be an address, so that a row out of joint is no account.
func checkAddress(address []byte) error {
	if len(address) == 0 {
		return errEmpty
	}
	for _, c := range address {
		if c <= ' ' || c == '"' || c == 0x7f {
			return errAddress
		}
	}
	return nil
}

// met reports whether an account stood in the file before, and remembers it.
func (p *parser) met(id int32) bool {
	for int(id) >= len(p.seen) {
		p.seen = append(p.seen, make([]uint32, len(p.seen)+1024)...)
	}
	before := p.seen[id] == p.epoch
	p.seen[id] = p.epoch
	return before
}

// read fills the holding from the fields of a row; it names the field that cannot be read.
func (r *row) read(fields [][]byte, at places, w *words) (string, error) {
	var err error
	if r.total, err = parseMicro(fields[at.total]); err != nil {
		return "total_balance", err
	}
	if r.locked, err = optional(fields, at.locked, parseMicro); err != nil {
		return "locked_balance", err
	}
	r.present, r.stake = true, nothing
	if r.staked, err = optional(fields, at.staked, parseMicro); err != nil {
		return "staked_amount", err
	}
	if at.baker >= 0 && len(trim(fields[at.baker])) > 0 {
		id, err := parseWhole(fields[at.baker])
		if err != nil {
			return "baker_id", err
		}
		r.baker = id + 1
	}
	if at.pool >= 0 {
		r.pool = w.id(trim(fields[at.pool]))
	}
	if at.target >= 0 {
		r.target = w.id(trim(fields[at.target]))
	}
	if at.suspended >= 0 {
		if r.suspended, err = parseBool(fields[at.suspended]); err != nil {
			return "is_suspended", err
		}
	}
	if idle := (stake{suspended: r.suspended}); r.stake == idle && r.suspended != 1 {
		r.stake = nothing
	}
	return "", nil
}

// optional reads an amount that may be missing or empty: 0 then.
func optional(fields [][]byte, at int, parse func([]byte) (int64, error)) (int64, error) {
	if at < 0 || len(trim(fields[at])) == 0 {
		return 0, nil
	}
	return parse(fields[at])
}
