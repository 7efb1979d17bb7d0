package console

import (
	"strings"

	"github.com/ccdexplorer/nightrunner/internal/sqltext"
)

// The colours of what is typed. They are fixed ones of 256, each with a contrast of about 4 or more to white and to black, as the
// sixteen of the theme are not.
const (
	codeString   = "\x1b[38;5;28m"
	codeNumber   = "\x1b[38;5;133m"
	codeFunction = "\x1b[38;5;31m"
	codeComment  = "\x1b[38;5;244m"
)

// softKeywords are the words that DuckDB lets be names and people see as SQL.
const softKeywords = ` by over partition insert update delete values set begin commit rollback view replace exclude filter between
	exists interval cast try_cast rows range within explain describe summarize attach detach copy drop alter pivot unpivot add
	materialized recursive sample macro schema temp type unbounded preceding following ignore nulls first last `

// highlight colours a statement, or a line that starts with a dot. Its text stays the same.
func highlight(text string, keywords map[string]bool) string {
	if strings.HasPrefix(text, ".") {
		name, rest, spaced := strings.Cut(text, " ")
		if !spaced {
			return codeBold + name + codeReset
		}
		return codeBold + name + codeReset + " " + rest
	}
	var out strings.Builder
	tokens := sqltext.Lex(text)
	for i, one := range tokens {
		code := ""
		switch one.Kind {
		case sqltext.Text:
			code = codeString
		case sqltext.Number:
			code = codeNumber
		case sqltext.Comment:
			code = codeComment
		case sqltext.Word:
			called := i+1 < len(tokens) && strings.HasPrefix(tokens[i+1].Text, "(")
			switch {
			case isKeyword(one.Text, keywords):
				code = codeBold
			case called:
				code = codeFunction
			}
		}
		if code == "" {
			out.WriteString(one.Text)
			continue
		}
		// The editor takes lines apart: each has its own colour.
		out.WriteString(code + strings.ReplaceAll(one.Text, "\n", codeReset+"\n"+code) + codeReset)
	}
	return out.String()
}

// isKeyword: the word is one that SQL gives its shape.
func isKeyword(word string, keywords map[string]bool) bool { return keywords[strings.ToLower(word)] }
