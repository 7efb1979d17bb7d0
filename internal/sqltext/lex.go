package sqltext

// A Token is a piece of SQL as people see it.
type Token struct {
	Kind Kind
	Text string
}

// A Kind of a token.
type Kind int

// The kinds of tokens.
const (
	// Other is blanks, operators and punctuation.
	Other Kind = iota
	// Word is a name or keyword without quotes, with its dots: stat.accounts.
	Word
	Number
	Text
	Name
	Comment
)

// Lex cuts text into tokens by the rules of Splitter. All tokens together are the text.
func Lex(text string) []Token {
	var tokens []Token
	var s Splitter
	add := func(kind Kind, piece string) {
		if last := len(tokens) - 1; last >= 0 && tokens[last].Kind == kind && kind != Comment {
			tokens[last].Text += piece
			return
		}
		tokens = append(tokens, Token{kind, piece})
	}
	for text != "" {
		before := s.mode
		n := s.step(text)
		s.buffer = append(s.buffer, text[:n]...)
		kind := kindOf(max(before, s.mode))
		if kind == Other {
			kind = codeKind(tokens, text[:n])
		}
		// A comment may come in pieces: its own from the one before that has not ended.
		if kind == Comment && before != inCode {
			tokens[len(tokens)-1].Text += text[:n]
		} else {
			add(kind, text[:n])
		}
		text = text[n:]
	}
	return tokens
}

func kindOf(m mode) Kind {
	switch m {
	case inString, inEscapeString, inDollar:
		return Text
	case inName:
		return Name
	case inLineComment, inBlockComment:
		return Comment
	}
	return Other
}

// codeKind of a byte outside of quotes and comments, by the token it stands after.
func codeKind(before []Token, piece string) Kind {
	last := Token{}
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	digit := piece[0] >= '0' && piece[0] <= '9'
	switch {
	case last.Kind == Word && (piece == "." || InWord(piece[0])):
		return Word
	case last.Kind == Number && (piece == "." || InWord(piece[0])):
		return Number
	case digit:
		return Number
	case InWord(piece[0]):
		return Word
	}
	return Other
}
