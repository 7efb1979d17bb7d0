package console

import "strings"

// A token is a piece of SQL as people see it.
type token struct {
	kind tokenKind
	text string
}

type tokenKind int

const (
	// otherToken is blanks, operators and punctuation.
	otherToken tokenKind = iota
	// wordToken is a name or keyword without quotes, with its dots: stat.accounts.
	wordToken
	numberToken
	textToken
	nameToken
	commentToken
)

// lex cuts text into tokens by the rules of Splitter. All tokens together are the text.
func lex(text string) []token {
	var tokens []token
	var s Splitter
	add := func(kind tokenKind, piece string) {
		if last := len(tokens) - 1; last >= 0 && tokens[last].kind == kind && kind != commentToken {
			tokens[last].text += piece
			return
		}
		tokens = append(tokens, token{kind, piece})
	}
	for text != "" {
		before := s.mode
		n := s.step(text)
		s.buffer = append(s.buffer, text[:n]...)
		kind := kindOf(max(before, s.mode))
		if kind == otherToken {
			kind = codeKind(tokens, text[:n])
		}
		// A comment may come in pieces: its own from the one before that has not ended.
		if kind == commentToken && before != inCode {
			tokens[len(tokens)-1].text += text[:n]
		} else {
			add(kind, text[:n])
		}
		text = text[n:]
	}
	return tokens
}

func kindOf(m mode) tokenKind {
	switch m {
	case inString, inEscapeString, inDollar:
		return textToken
	case inName:
		return nameToken
	case inLineComment, inBlockComment:
		return commentToken
	}
	return otherToken
}

// codeKind of a byte outside of quotes and comments, by the token it stands after.
func codeKind(before []token, piece string) tokenKind {
	last := token{}
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	digit := piece[0] >= '0' && piece[0] <= '9'
	switch {
	case last.kind == wordToken && (piece == "." || inWord(piece[0])):
		return wordToken
	case last.kind == numberToken && (piece == "." || inWord(piece[0])):
		return numberToken
	case digit:
		return numberToken
	case inWord(piece[0]):
		return wordToken
	}
	return otherToken
}

// isKeyword: the word is one that SQL gives its shape.
func isKeyword(word string, keywords map[string]bool) bool { return keywords[strings.ToLower(word)] }
