package scaffold

import (
	"bytes"
	"slices"
	"strings"
)

// Lines that mark a conflict, as git writes them.
const (
	oursMark   = "<<<<<<< yours\n"
	baseMark   = "||||||| as it was shipped\n"
	middleMark = "=======\n"
	theirsMark = ">>>>>>> shipped now\n"
)

// merge puts what two sides made of a base together. Where both changed the same lines and not in the same way, all three
// stand between marks; conflicts counts these places.
func merge(base, ours, theirs []byte) (merged []byte, conflicts int) {
	b, o, t := lines(base), lines(ours), lines(theirs)
	inOurs, inTheirs := matches(b, o), matches(b, t)
	var out bytes.Buffer
	for i, j, k := 0, 0, 0; ; {
		for i < len(b) && inOurs[i] == j && inTheirs[i] == k {
			out.WriteString(o[j])
			i, j, k = i+1, j+1, k+1
		}
		if i == len(b) && j == len(o) && k == len(t) {
			return out.Bytes(), conflicts
		}
		// Up to the next line that stands on all sides.
		next, nextO, nextT := i, len(o), len(t)
		for next < len(b) && (inOurs[next] < 0 || inTheirs[next] < 0) {
			next++
		}
		if next < len(b) {
			nextO, nextT = inOurs[next], inTheirs[next]
		}
		if !mergePart(&out, b[i:next], o[j:nextO], t[k:nextT]) {
			conflicts++
		}
		i, j, k = next, nextO, nextT
	}
}

// mergePart writes lines between two that stand on all sides; false is a conflict.
func mergePart(out *bytes.Buffer, base, ours, theirs []string) bool {
	switch {
	case slices.Equal(base, ours):
		writeLines(out, theirs)
	case slices.Equal(base, theirs), slices.Equal(ours, theirs):
		writeLines(out, ours)
	default:
		for _, part := range []struct {
			mark string
			text []string
		}{{oursMark, ours}, {baseMark, base}, {middleMark, theirs}, {theirsMark, nil}} {
			endLine(out)
			out.WriteString(part.mark)
			writeLines(out, part.text)
		}
		return false
	}
	return true
}

func writeLines(out *bytes.Buffer, text []string) {
	for _, line := range text {
		endLine(out)
		out.WriteString(line)
	}
}

// endLine ends a last line that has no end, so that nothing is added to it.
func endLine(out *bytes.Buffer) {
	if out.Len() > 0 && !bytes.HasSuffix(out.Bytes(), []byte("\n")) {
		out.WriteByte('\n')
	}
}

// lines with their ends.
func lines(text []byte) []string {
	list := strings.SplitAfter(string(text), "\n")
	if list[len(list)-1] == "" {
		list = list[:len(list)-1]
	}
	return list
}

// matches says for each line of one text where it stands in the other, -1 for nowhere: a longest common subsequence.
func matches(one, other []string) []int {
	at := make([]int, len(one))
	for i := range at {
		at[i] = -1
	}
	start := 0
	for start < min(len(one), len(other)) && one[start] == other[start] {
		at[start] = start
		start++
	}
	a, b := one[start:], other[start:]
	length := make([][]int32, len(a)+1)
	for i := range length {
		length[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			at[start+i] = start + j
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return at
}

// hasMarks: a conflict in it has not been settled.
func hasMarks(text []byte) bool {
	return bytes.HasPrefix(text, []byte(oursMark)) || bytes.Contains(text, []byte("\n"+oursMark))
}
