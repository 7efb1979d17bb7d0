package console

import (
	"context"
	"strings"

	"github.com/reeflective/readline"
)

// words are the names that completion offers. They are read once, and again after .read.
type words struct {
	loaded                       bool
	relations, columns, keywords []string
}

// A group is candidates of one kind.
type group struct {
	kind   string
	values []string
}

// suggest returns the word that the text ends in and what it could become: a command or its argument on a line that
// starts with a dot, else tables, columns and keywords. There is nothing to suggest when names cannot be read.
func (s *Session) suggest(ctx context.Context, text string) (word string, groups []group) {
	s.loadWords(ctx)
	if line := strings.TrimLeft(text, " "); strings.HasPrefix(line, ".") {
		return s.suggestDot(line)
	}
	word = text[strings.LastIndexFunc(text, func(r rune) bool { return r < 0x80 && r != '.' && !inWord(byte(r)) })+1:]
	groups = starting(word, group{"tables", s.words.relations})
	dot := strings.LastIndexByte(word, '.')
	switch {
	case dot < 0:
		groups = append(groups, starting(word, group{"columns", s.words.columns})...)
		if word != "" {
			groups = append(groups, starting(word, group{"keywords", s.words.keywords})...)
		}
	case len(groups) == 0:
		word = word[dot+1:]
		groups = starting(word, group{"columns", s.words.columns})
	}
	return word, groups
}

func (s *Session) suggestDot(line string) (word string, groups []group) {
	name, argument, spaced := strings.Cut(line, " ")
	if !spaced {
		var commands []string
		for _, one := range dotCommands() {
			commands = append(commands, one.name)
		}
		return name, starting(name, group{"commands", commands})
	}
	switch name {
	case ".tables", ".schema":
		return argument, starting(argument, group{"tables", s.words.relations})
	case ".mode":
		var formats []string
		for _, one := range Formats() {
			formats = append(formats, string(one))
		}
		return argument, starting(argument, group{"formats", formats})
	case ".timer":
		return argument, starting(argument, group{"settings", []string{"on", "off"}})
	}
	return argument, nil
}

// starting keeps what begins with word, in any case; no group when nothing does.
func starting(word string, from group) []group {
	var kept []string
	for _, one := range from.values {
		if len(one) >= len(word) && strings.EqualFold(one[:len(word)], word) {
			kept = append(kept, one)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return []group{{from.kind, kept}}
}

func (s *Session) loadWords(ctx context.Context) {
	if s.words.loaded {
		return
	}
	s.words.loaded = true
	list, err := s.relations(ctx, "*")
	if err != nil {
		return
	}
	for _, one := range list {
		s.words.relations = append(s.words.relations, one.title())
	}
	s.words.columns = s.column(ctx, `select distinct column_name from duckdb_columns() where not internal order by all`)
	s.words.keywords = s.column(ctx, `select distinct keyword_name from duckdb_keywords() order by all`)
}

// column reads one column of text; what can be read before an error is enough to suggest.
func (s *Session) column(ctx context.Context, query string) []string {
	rows, err := s.conn.QueryContext(ctx, query)
	if err != nil {
		return nil
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var one string
		if rows.Scan(&one) == nil {
			list = append(list, one)
		}
	}
	if rows.Err() != nil {
		return nil
	}
	return list
}

// completions hands suggestions to the line editor.
func (s *Session) completions(ctx context.Context, text string) readline.Completions {
	word, groups := s.suggest(ctx, text)
	var all readline.Completions
	for _, one := range groups {
		all = all.Merge(readline.CompleteValues(one.values...).Tag(one.kind))
	}
	all.PREFIX = word
	return all
}
