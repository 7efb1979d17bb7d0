package console

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reeflective/readline"

	"github.com/ccdexplorer/nightrunner/internal/sqltext"
)

// names are what completion and colours know of the database. They are read once, and again after .read and .open.
type names struct {
	loaded    bool
	relations []string
	// columns of each relation, by the title and by the name without schema, in small letters.
	columns  map[string][]string
	keywords map[string]bool
}

// A group is candidates of one kind.
type group struct {
	kind   string
	values []string
}

// suggest returns the word that before ends in and what it could become: a command or its argument on a line that starts
// with a dot; else tables where the statement wants one, columns of its tables, functions and keywords. after is what
// follows. There is nothing to suggest in strings and comments, nor when names cannot be read.
func (s *Session) suggest(ctx context.Context, before, after string) (word string, groups []group) {
	s.loadNames(ctx)
	if line := strings.TrimLeft(before, " "); strings.HasPrefix(line, ".") {
		return s.suggestDot(ctx, line)
	}
	tokens := sqltext.Lex(before)
	if inText(before) {
		return "", nil
	}
	word = before[strings.LastIndexFunc(before, func(r rune) bool { return r < 0x80 && r != '.' && !sqltext.InWord(byte(r)) })+1:]
	if wantsTable(tokens, word) {
		groups = schemasOf(word, starting(word, group{"tables", s.names.relations}))
		return word, append(groups, s.engine(ctx, before, word, "table_function")...)
	}
	tables := s.tablesOf(sqltext.Lex(before + after))
	if dot := strings.LastIndexByte(word, '.'); dot >= 0 {
		groups = starting(word, group{"tables", s.names.relations})
		own := s.names.columns[strings.ToLower(tables[strings.ToLower(word[:dot])])]
		if len(own) == 0 && len(groups) > 0 {
			return word, groups
		}
		if len(own) == 0 {
			own = s.columnsOf(nil)
		}
		return word[dot+1:], starting(word[dot+1:], group{"columns", own})
	}
	groups = starting(word, group{"columns", s.columnsOf(tables)})
	if word != "" {
		groups = append(groups, starting(word, group{"tables", s.names.relations})...)
		groups = append(groups, s.engine(ctx, before, word, "scalar_function", "keyword")...)
	}
	return word, groups
}

// manyTables are more than one wants to look through.
const manyTables = 20

// schemasOf offers schemas instead of the many tables in them.
func schemasOf(word string, tables []group) []group {
	if strings.Contains(word, ".") || len(tables) == 0 || len(tables[0].values) <= manyTables {
		return tables
	}
	var names []string
	for _, title := range tables[0].values {
		if schema, _, in := strings.Cut(title, "."); in {
			title = schema + "."
		}
		if !slices.Contains(names, title) {
			names = append(names, title)
		}
	}
	return []group{{"schemas", names}}
}

// inText: the text ends within a string, quoted name or comment.
func inText(text string) bool {
	var splitter sqltext.Splitter
	splitter.Feed(text)
	return splitter.InText()
}

// wantsTable: the word that tokens end in stands where a table must.
func wantsTable(tokens []sqltext.Token, last string) bool {
	seen := 0
	for _, one := range slices.Backward(tokens) {
		if one.Kind != sqltext.Word {
			if strings.TrimSpace(one.Text) != "" {
				return false
			}
			continue
		}
		if seen++; seen == 1 && last != "" {
			continue
		}
		return slices.Contains([]string{"from", "join", "into", "update", "table", "describe", "summarize"}, strings.ToLower(one.Text))
	}
	return false
}

// tablesOf a statement, by their names without schema and by their aliases, in small letters.
func (s *Session) tablesOf(tokens []sqltext.Token) map[string]string {
	tables := make(map[string]string)
	current := ""
	for _, one := range tokens {
		text := strings.ToLower(one.Text)
		if one.Kind != sqltext.Word {
			if strings.TrimSpace(text) != "" {
				current = ""
			}
			continue
		}
		_, known := s.names.columns[text]
		switch {
		case known:
			current = text
			tables[text], tables[text[strings.LastIndexByte(text, '.')+1:]] = text, text
		case text == "as":
		case current != "" && !s.names.keywords[text]:
			tables[text], current = current, ""
		default:
			current = ""
		}
	}
	return tables
}

// columnsOf tables, sorted, each once; of all when there is none.
func (s *Session) columnsOf(tables map[string]string) []string {
	var all []string
	for _, title := range tables {
		all = append(all, s.names.columns[title]...)
	}
	if len(tables) == 0 {
		for _, columns := range s.names.columns {
			all = append(all, columns...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// engine asks DuckDB's own completion, which knows functions and where a keyword may stand, for words of these kinds.
func (s *Session) engine(ctx context.Context, text, word string, kinds ...string) []group {
	if word == "" {
		return nil
	}
	titles := map[string]string{"keyword": "keywords", "scalar_function": "functions", "table_function": "functions"}
	var groups []group
	for _, kind := range kinds {
		values := s.column(ctx, `select distinct trim(suggestion) from sql_auto_complete($1) where suggestion_type = $2 order by all`, text, kind)
		groups = append(groups, starting(word, group{titles[kind], values})...)
	}
	return groups
}

// suggestDot completes a command, then the last word of its argument.
func (s *Session) suggestDot(ctx context.Context, line string) (word string, groups []group) {
	name, argument, spaced := strings.Cut(line, " ")
	if !spaced {
		var commands []string
		for _, one := range s.dotCommands() {
			commands = append(commands, one.name)
		}
		return name, starting(name, group{"commands", commands})
	}
	word = argument[strings.LastIndexByte(argument, ' ')+1:]
	command, err := s.find(name)
	if err != nil || command.complete == nil {
		return word, nil
	}
	return word, starting(word, command.complete(s, ctx, word))
}

// relationNames offers tables and views.
func relationNames(s *Session, _ context.Context, _ string) group {
	return group{"tables", s.names.relations}
}

// fileNames offers what is in the folder that word names, folders with a slash.
func fileNames(_ *Session, _ context.Context, word string) group {
	dir, base := filepath.Split(word)
	entries, err := os.ReadDir(filepath.Join(dir, "."))
	if err != nil {
		return group{}
	}
	var files []string
	for _, one := range entries {
		name := one.Name()
		if strings.HasPrefix(name, ".") != strings.HasPrefix(base, ".") {
			continue
		}
		if one.IsDir() {
			name += "/"
		}
		files = append(files, dir+name)
	}
	return group{"files", files}
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

func (s *Session) loadNames(ctx context.Context) {
	if s.names.loaded {
		return
	}
	s.names = names{loaded: true, columns: make(map[string][]string), keywords: make(map[string]bool)}
	for _, one := range append(strings.Fields(softKeywords),
		s.column(ctx, `select keyword_name from duckdb_keywords() where keyword_category in ('reserved', 'type_function')`)...) {
		s.names.keywords[one] = true
	}
	list, err := s.relations(ctx, "*")
	if err != nil {
		return
	}
	for _, one := range list {
		s.names.relations = append(s.names.relations, one.title())
		s.names.columns[strings.ToLower(one.title())] = nil
	}
	rows, err := s.conn.QueryContext(ctx, `select schema_name, table_name, column_name from duckdb_columns()
		where database_name in (current_database(), 'temp') and not internal order by all`)
	if err != nil {
		return
	}
	defer rows.Close()
	for rows.Next() {
		var of relation
		var column string
		if rows.Scan(&of.schema, &of.name, &column) == nil {
			title := strings.ToLower(of.title())
			s.names.columns[title] = append(s.names.columns[title], column)
		}
	}
	// What came before an error is enough to suggest.
	_ = rows.Err()
}

// column reads one column of text; what can be read before an error is enough to suggest.
func (s *Session) column(ctx context.Context, query string, arguments ...any) []string {
	rows, err := s.conn.QueryContext(ctx, query, arguments...)
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
func (s *Session) completions(ctx context.Context, before, after string) readline.Completions {
	word, groups := s.suggest(ctx, before, after)
	var all []readline.Completion
	seen := make(map[string]bool)
	for _, one := range fitting(groups, s.shape().width, s.height()-keptRows) {
		for _, value := range one.values {
			if !seen[value] {
				all = append(all, readline.Completion{Value: value, Display: value, Tag: one.kind})
			}
			seen[value] = true
		}
	}
	completions := readline.CompleteRaw(all)
	completions.PREFIX = word
	return completions
}

// keptRows of the screen are not for suggestions: the editor does not know where it stands and cannot draw more than fits.
const keptRows = 8

// fitting keeps of each group what a screen has room for, in columns as wide as the longest word. One types a letter more
// to see the rest.
func fitting(groups []group, width, rows int) []group {
	var kept []group
	for _, one := range groups {
		longest := 1
		for _, value := range one.values {
			longest = max(longest, len(value))
		}
		// One row is the group's name.
		rows--
		across := max(1, width/(longest+2))
		if rows <= 0 {
			break
		}
		one.values = one.values[:min(rows*across, len(one.values))]
		rows -= (len(one.values) + across - 1) / across
		kept = append(kept, one)
	}
	return kept
}
