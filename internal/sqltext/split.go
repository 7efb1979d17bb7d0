// Package sqltext cuts SQL into statements and tokens as DuckDB's scanner does, without asking DuckDB.
package sqltext

import (
	"bytes"
	"strings"
)

// A Statement is one SQL statement without its semicolon.
type Statement struct {
	Text string
	// Line is where it starts, counted from 1, comments before it left out; First is where Text begins.
	Line, First int
}

// mode is what the text at the end of the buffer is part of.
type mode int

const (
	inCode mode = iota
	inString
	inEscapeString
	inName
	inDollar
	inLineComment
	inBlockComment
)

// Splitter cuts text into statements at semicolons that are in no string, name or comment, by the rules of DuckDB's
// scanner: a doubled quote stays in its string, E'..' knows backslashes, $tag$..$tag$ quotes, /* */ nests. The zero value is ready.
type Splitter struct {
	buffer []byte
	mode   mode
	// tag ends the dollar string, both dollars included.
	tag string
	// depth of nested block comments.
	depth int
	// line breaks read so far.
	breaks int
	// start is the line of the first code in the buffer, 0 when there is none yet.
	start int
}

// Feed takes whole lines and returns the statements that they complete.
func (s *Splitter) Feed(text string) []Statement {
	var done []Statement
	for text != "" {
		if s.mode == inCode && text[0] == ';' {
			if statement, ok := s.Rest(); ok {
				done = append(done, statement)
			}
			text = text[1:]
			continue
		}
		n := s.step(text)
		s.buffer = append(s.buffer, text[:n]...)
		s.breaks += strings.Count(text[:n], "\n")
		text = text[n:]
	}
	return done
}

// Pending says that a statement, string or comment has begun and not ended.
func (s *Splitter) Pending() bool {
	return s.start > 0 || s.mode != inCode && s.mode != inLineComment
}

// InText says that what was read ends within a string, quoted name or comment.
func (s *Splitter) InText() bool { return s.mode != inCode }

// Rest is what no semicolon has ended, false when it is blank. The splitter starts anew.
func (s *Splitter) Rest() (Statement, bool) {
	text, ok := strings.TrimSpace(string(s.buffer)), s.start > 0
	end := strings.TrimRight(string(s.buffer), " \t\r\n\f\v")
	behind := strings.Count(string(s.buffer[len(end):]), "\n")
	statement := Statement{Text: text, Line: s.start, First: s.breaks + 1 - behind - strings.Count(text, "\n")}
	*s = Splitter{breaks: s.breaks}
	return statement, ok
}

// Split cuts a whole text. What follows the last semicolon counts as a statement unless it is blank.
func Split(text string) []Statement {
	var s Splitter
	statements := s.Feed(text)
	if last, ok := s.Rest(); ok {
		statements = append(statements, last)
	}
	return statements
}

// step reads one token's worth of bytes, at least one, and moves to the mode after them.
func (s *Splitter) step(text string) int {
	switch s.mode {
	case inString:
		return s.until(text, "'")
	case inName:
		return s.until(text, `"`)
	case inDollar:
		return s.until(text, s.tag)
	case inLineComment:
		return s.until(text, "\n")
	case inEscapeString:
		return s.stepEscape(text)
	case inBlockComment:
		return s.stepComment(text)
	}
	return s.stepCode(text)
}

// until leaves the mode behind the next end. A doubled quote leaves it and enters it again, which comes to the same.
func (s *Splitter) until(text, end string) int {
	at := strings.Index(text, end)
	if at < 0 {
		return len(text)
	}
	s.mode = inCode
	return at + len(end)
}

func (s *Splitter) stepEscape(text string) int {
	switch {
	case strings.HasPrefix(text, "''"), text[0] == '\\' && len(text) > 1:
		return 2
	case text[0] == '\'':
		s.mode = inCode
	}
	return 1
}

func (s *Splitter) stepComment(text string) int {
	switch {
	case strings.HasPrefix(text, "/*"):
		s.depth++
		return 2
	case strings.HasPrefix(text, "*/"):
		s.depth--
		if s.depth == 0 {
			s.mode = inCode
		}
		return 2
	}
	return 1
}

func (s *Splitter) stepCode(text string) int {
	switch {
	case strings.HasPrefix(text, "--"):
		s.mode = inLineComment
		return 2
	case strings.HasPrefix(text, "/*"):
		s.mode, s.depth = inBlockComment, 1
		return 2
	case strings.IndexByte(" \t\r\n\f\v", text[0]) >= 0:
		return 1
	}
	if s.start == 0 {
		s.start = s.breaks + 1
	}
	switch text[0] {
	case '\'':
		s.mode = inString
		if s.afterE() {
			s.mode = inEscapeString
		}
	case '"':
		s.mode = inName
	case '$':
		if tag := dollarTag(text); tag != "" && !s.afterName() {
			s.mode, s.tag = inDollar, tag
			return len(tag)
		}
	}
	return 1
}

// afterE: the buffer ends in an E that is no part of a longer word.
func (s *Splitter) afterE() bool {
	n := len(s.buffer)
	return n > 0 && (s.buffer[n-1] == 'e' || s.buffer[n-1] == 'E') && (n == 1 || !InWord(s.buffer[n-2]))
}

// afterName: a$b$ is a name with dollars in it.
func (s *Splitter) afterName() bool {
	return len(s.buffer) > 0 && InWord(s.buffer[len(s.buffer)-1])
}

// InWord reports whether a byte may stand in a name without quotes.
func InWord(b byte) bool {
	return b == '_' || b == '$' || b >= 0x80 || '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z'
}

// dollarTag is $$ or $name$ at the start of text, else "".
func dollarTag(text string) string {
	end := strings.IndexByte(text[1:], '$')
	if end < 0 {
		return ""
	}
	name := []byte(text[1 : end+1])
	wrong := bytes.IndexFunc(name, func(r rune) bool { return r < 0x80 && (r == '$' || !InWord(byte(r))) })
	if wrong >= 0 || len(name) > 0 && '0' <= name[0] && name[0] <= '9' {
		return ""
	}
	return text[:end+2]
}
