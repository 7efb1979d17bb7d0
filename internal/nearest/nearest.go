// Package nearest finds the word that somebody who mistyped one may have meant.
package nearest

// To is the candidate most like word, the first in the alphabet among equals; "" when none is like it: more than a third of
// the letters would have to change.
func To(word string, candidates []string) string {
	best, distance := "", max(2, len(word)/3)+1
	for _, one := range candidates {
		if d := Edits(word, one); d < distance || d == distance && best != "" && one < best {
			best, distance = one, d
		}
	}
	return best
}

// Edits is the Levenshtein distance, in bytes.
func Edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		previous := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := previous
			if a[i-1] != b[j-1] {
				cost++
			}
			previous = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
