package console

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/ccdexplorer/nightrunner/internal/sqltext"
)

// WrapSQL breaks long lines of SQL where blanks stand, so that it stays the same SQL: not within strings, and comments become
// several. Width 0 is no limit.
func WrapSQL(statement string, width int) string {
	if width <= 0 {
		return statement
	}
	var out []string
	var splitter sqltext.Splitter
	for line := range strings.SplitSeq(statement, "\n") {
		inside := splitter.InText()
		splitter.Feed(line + "\n")
		if inside || splitter.InText() || wide(line) <= width {
			// What goes on over lines, a string or a comment, has its own.
			out = append(out, line)
			continue
		}
		out = append(out, wrapLine(line, width)...)
	}
	return strings.Join(out, "\n")
}

func wide(line string) int { return text.StringWidthWithoutEscSequences(line) }

// wrapLine puts a comment at the line's end above it, and breaks both. What follows a break stands further to the right.
func wrapLine(line string, width int) []string {
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	var words []string
	var comment string
	for _, one := range sqltext.Lex(strings.TrimSpace(line)) {
		switch one.Kind {
		case sqltext.Comment:
			comment = strings.TrimSpace(strings.TrimPrefix(one.Text, "--"))
		case sqltext.Other:
			parts := strings.Split(one.Text, " ")
			words = join(words, parts...)
		default:
			words = join(words, one.Text)
		}
	}
	out := breakWords(strings.Fields(comment), indent+"-- ", indent+"--     ", width)
	return append(out, breakWords(words, indent, indent+"    ", width)...)
}

// join adds parts to words: the first belongs to the last word.
func join(words []string, parts ...string) []string {
	if len(words) == 0 {
		return append(words, parts...)
	}
	words[len(words)-1] += parts[0]
	return append(words, parts[1:]...)
}

// breakWords fills lines with words; first and next stand before the first line and before the others.
func breakWords(words []string, first, next string, width int) []string {
	var lines []string
	line, empty := first, true
	for _, word := range words {
		switch {
		case word == "":
			continue
		case empty:
			line += word
		case wide(line)+1+wide(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), next+word
		}
		empty = false
	}
	if empty {
		return lines
	}
	return append(lines, line)
}
