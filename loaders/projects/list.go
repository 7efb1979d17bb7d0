package projects

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// Kinds of what a project has, as documents of the collection projects name them.
const (
	account = "account_address"
	module  = "module"
)

// An entry is an account or a module of a project.
type entry struct {
	// id is that of its document in projects.
	id, project, kind string
	index             int64
	// address of the account, or hash of the module.
	address string
}

// A list is what a projects.json says of one network.
type list struct {
	entries []entry
	place   map[string]int
	// repeated are keys and entries that stand in it more than once, as people find them.
	repeated []string
}

// readList reads {project: {mainnet: {account_addresses: [{account_index, account_address}], modules: [hash]}, …}, …}.
// Lists and networks may be missing or null. What stands under a key that occurs twice counts all; of two entries about the
// same account of a project the later. Anything else than this shape is an error, which says where.
func readList(content []byte, network string) (*list, error) {
	l := &list{place: map[string]int{}}
	projects, err := members(content)
	if err != nil {
		return nil, err
	}
	if len(projects) == 0 {
		return nil, errors.New("lists no project")
	}
	l.noteRepeated("", projects)
	for _, project := range projects {
		if err := l.readProject(project, network); err != nil {
			return nil, fmt.Errorf("%s%w", project.key, err)
		}
	}
	return l, nil
}

func (l *list) readProject(project member, network string) error {
	if strings.TrimSpace(project.key) == "" {
		return fmt.Errorf("%q: is no name of a project", project.key)
	}
	parts, err := members(project.value)
	if err != nil {
		return fmt.Errorf(": %w", err)
	}
	l.noteRepeated(project.key, parts)
	for _, part := range parts {
		if part.key != network || part.isNull() {
			continue
		}
		if err := l.readNetwork(project.key, part.value); err != nil {
			return fmt.Errorf(".%s%w", network, err)
		}
	}
	return nil
}

func (l *list) readNetwork(project string, content json.RawMessage) error {
	parts, err := members(content)
	if err != nil {
		return fmt.Errorf(": %w", err)
	}
	l.noteRepeated(project, parts)
	for _, part := range parts {
		read := map[string]func(string, json.RawMessage) error{"account_addresses": l.readAccount, "modules": l.readModule}[part.key]
		if read == nil || part.isNull() {
			continue
		}
		var elements []json.RawMessage
		if err := json.Unmarshal(part.value, &elements); err != nil {
			return fmt.Errorf(".%s: is %s, not a list", part.key, shown(part.value))
		}
		for i, element := range elements {
			if err := read(project, element); err != nil {
				return fmt.Errorf(".%s[%d]: %w", part.key, i, err)
			}
		}
	}
	return nil
}

func (l *list) readAccount(project string, content json.RawMessage) error {
	var fields struct {
		Index   json.RawMessage `json:"account_index"`
		Address string          `json:"account_address"`
	}
	if err := json.Unmarshal(content, &fields); err != nil {
		return fmt.Errorf("is %s, not an account", shown(content))
	}
	index, err := strconv.ParseInt(string(bytes.Trim(fields.Index, `"`)), 10, 64)
	if err != nil || index < 0 {
		return fmt.Errorf("account_index is %s, not a whole number from 0 to %d", shown(fields.Index), int64(math.MaxInt64))
	}
	if !isWord(fields.Address) {
		return fmt.Errorf("account_address is %q, not an address", fields.Address)
	}
	l.add(entry{id: fmt.Sprintf("%s-address-%d", project, index), project: project, kind: account, index: index, address: fields.Address})
	return nil
}

func (l *list) readModule(project string, content json.RawMessage) error {
	var hash string
	if err := json.Unmarshal(content, &hash); err != nil || !isWord(hash) {
		return fmt.Errorf("is %s, not the hash of a module", shown(content))
	}
	l.add(entry{id: project + "-module-" + hash, project: project, kind: module, address: hash})
	return nil
}

func (l *list) add(one entry) {
	at, there := l.place[one.id]
	if !there {
		l.place[one.id] = len(l.entries)
		l.entries = append(l.entries, one)
		return
	}
	if l.entries[at].address != one.address {
		l.repeated = append(l.repeated, one.id+" (the later counts)")
	}
	l.entries[at] = one
}

func (l *list) noteRepeated(where string, fields []member) {
	seen := map[string]bool{}
	for _, field := range fields {
		if seen[field.key] {
			l.repeated = append(l.repeated, strings.TrimPrefix(where+"."+field.key, "."))
		}
		seen[field.key] = true
	}
}

// A member is a field of a JSON object.
type member struct {
	key   string
	value json.RawMessage
}

func (m member) isNull() bool { return string(m.value) == "null" }

// members are the fields of an object, in their order, those with the same key too.
func members(content []byte) ([]member, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, fmt.Errorf("is %s, not an object", shown(content))
	}
	var fields []member
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, noJSON(err)
		}
		one := member{key: key.(string)}
		if err := decoder.Decode(&one.value); err != nil {
			return nil, noJSON(err)
		}
		fields = append(fields, one)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, noJSON(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("goes on behind its end")
	}
	return fields, nil
}

func noJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("is no JSON: it breaks off")
	}
	return fmt.Errorf("is no JSON: %w", err)
}

// isWord: something without white space.
func isWord(text string) bool { return text != "" && strings.Join(strings.Fields(text), "") == text }

func shown(content []byte) string {
	if len(bytes.TrimSpace(content)) == 0 {
		return "empty"
	}
	return jsonlines.Shown(strings.Join(strings.Fields(string(content)), " "))
}
