package mongo

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/ccdexplorer/nightrunner/engine"
)

// A profile counts the BSON types seen per column, and keeps the words of kind columns.
type profile struct {
	counts [][32]int64
	// ids are the first `_id` per column and type.
	ids   [][32]string
	words []map[string]bool
	// complete are columns that no document has lacked so far.
	complete  []int
	documents int64
}

func newProfile(columns int) *profile {
	p := &profile{counts: make([][32]int64, columns), ids: make([][32]string, columns), words: make([]map[string]bool, columns)}
	for i := range columns {
		p.complete = append(p.complete, i)
	}
	return p
}

// slot is a type's place in the counts: types are below 20 but for min key (255) and max key (127).
func slot(kind bsoncore.Type) int {
	switch kind {
	case bsoncore.TypeMinKey:
		return 31
	case bsoncore.TypeMaxKey:
		return 30
	}
	return int(kind)
}

func typeName(slot int) string {
	switch slot {
	case 0:
		return "missing"
	case 31:
		return bsoncore.TypeMinKey.String()
	case 30:
		return bsoncore.TypeMaxKey.String()
	}
	return bsoncore.Type(slot).String()
}

// see counts the types of the columns that a document has; what the others lack is counted by settle.
func (p *profile) see(values []value, found []int, document []byte) {
	for _, column := range found {
		at := slot(values[column].kind)
		if p.counts[column][at] == 0 {
			p.ids[column][at] = idText(document)
		}
		p.counts[column][at]++
	}
	p.complete = slices.DeleteFunc(p.complete, func(column int) bool {
		missing := values[column].kind == 0
		if missing {
			p.ids[column][0] = idText(document)
		}
		return missing
	})
	p.documents++
}

// settle counts missing fields, after the last document.
func (p *profile) settle(c *Collection) {
	for i, column := range c.Columns {
		if column.Path == place {
			continue
		}
		missing := p.documents
		for _, n := range p.counts[i] {
			missing -= n
		}
		p.counts[i][0] = missing
	}
}

// maxWords bounds the words that are remembered per column.
const maxWords = 2000

// onlyMissing: there were documents, and none had the field.
func (p *profile) onlyMissing(column int) bool {
	for at, n := range p.counts[column] {
		if at > 0 && n > 0 {
			return false
		}
	}
	return p.counts[column][0] > 0
}

// add adds another profile of the same columns.
func (p *profile) add(other *profile) {
	for i := range p.counts {
		for at, n := range other.counts[i] {
			if n > 0 && p.counts[i][at] == 0 {
				p.ids[i][at] = other.ids[i][at]
			}
			p.counts[i][at] += n
		}
		for word := range other.words[i] {
			p.addWord(i, word)
		}
	}
}

func (p *profile) addWord(column int, word string) {
	if p.words[column] == nil {
		p.words[column] = map[string]bool{}
	}
	if len(p.words[column]) < maxWords {
		p.words[column][word] = true
	}
}

// merge adds a batch's profile and the words of its kind columns.
func (p *profile) merge(b *batch, c *Collection) {
	p.add(b.profile)
	first := int(b.record.NumCols()) - len(c.Columns)
	for i, column := range c.Columns {
		if column.Type != Kind {
			continue
		}
		words := b.record.Column(i + first).(*array.Dictionary).Dictionary().(*array.String)
		for k := range words.Len() {
			p.addWord(i, strings.Clone(words.Value(k)))
		}
	}
}

// save keeps what was seen in this run and tells types and words that no run has seen before. A column that was never
// profiled has nothing to compare with. Call it in the transaction of the load.
func (p *profile) save(ctx context.Context, in *engine.Intake, c *Collection) error {
	types, words, err := knownProfile(ctx, in, c.Name)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for key := range types {
		known[key[0]] = true
	}
	var typeRows, wordRows [][]any
	for i, column := range c.Columns {
		if p.onlyMissing(i) && column.Path != "" && column.Path != place && !types[[2]string{column.Name, typeName(0)}] {
			in.Note("%s: no document has %s: column %s is empty; is the path right?", c.Name, column.Path, column.Name)
		}
		for at, n := range p.counts[i] {
			key := [2]string{column.Name, typeName(at)}
			if n > 0 {
				typeRows = append(typeRows, []any{in.Source(), c.Name, column.Name, typeName(at), column.Path, n, p.ids[i][at], in.Run})
			}
			if n > 0 && known[column.Name] && !types[key] && at != 0 {
				in.Note("%s: %s is %s for the first time, in %s", c.Name, column.Path, typeName(at), p.ids[i][at])
			}
		}
		fresh := newWords(p.words[i], words[column.Name])
		for _, word := range fresh {
			wordRows = append(wordRows, []any{in.Source(), c.Name, column.Name, word, in.Run})
		}
		if len(fresh) > 0 && len(words[column.Name]) > 0 {
			in.Note("%s: new in %s: %s", c.Name, column.Path, some(fresh))
		}
	}
	if err := in.PutRows(ctx, "ops.field_types", []string{"source", "collection", "column_name", "type"}, typeRows); err != nil {
		return err
	}
	return in.PutRows(ctx, "ops.field_words", []string{"source", "collection", "column_name", "word"}, wordRows)
}

func newWords(seen, known map[string]bool) []string {
	var fresh []string
	for word := range seen {
		if !known[word] {
			fresh = append(fresh, word)
		}
	}
	slices.Sort(fresh)
	return fresh
}

// some names the first few.
func some(list []string) string {
	const few = 5
	if len(list) <= few {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:few], ", "), len(list)-few)
}

func knownProfile(ctx context.Context, in *engine.Intake, collection string) (map[[2]string]bool, map[string]map[string]bool, error) {
	types, words := map[[2]string]bool{}, map[string]map[string]bool{}
	err := in.Query(ctx, func(rows *sql.Rows) error {
		var column, kind string
		var word sql.NullString
		if err := rows.Scan(&column, &kind, &word); err != nil {
			return err
		}
		if !word.Valid {
			types[[2]string{column, kind}] = true
			return nil
		}
		if words[column] == nil {
			words[column] = map[string]bool{}
		}
		words[column][word.String] = true
		return nil
	}, `select column_name, type, null from ops.field_types where source = ? and collection = ?
		union all select column_name, '', word from ops.field_words where source = ? and collection = ?`,
		in.Source(), collection, in.Source(), collection)
	return types, words, err
}
