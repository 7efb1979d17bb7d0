package modeltest

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Result is what came of a case; without problems it passed.
type Result struct {
	Case     *Case
	Problems []Problem
	// got are the rows of the wanted sections that differ.
	got map[*section][][]string
}

// A Problem is a difference between a wanted row and what the model has, or, with a Message, what kept the case from
// being compared.
type Problem struct {
	File, Case string
	// Line is that of the wanted row, or of its section.
	Line  int
	Model string
	// Row counts from 1 within the wanted rows, 0 for a row that is not wanted.
	Row               int
	Column, Want, Got string
	Message           string
}

func (p Problem) String() string {
	text := fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Case)
	if p.Model != "" {
		text += ": " + p.Model
	}
	switch {
	case p.Message != "":
		return text + ": " + p.Message
	case p.Row == 0:
		return text + ": not wanted: " + p.Got
	case p.Column == "":
		return fmt.Sprintf("%s: row %d: missing: %s", text, p.Row, p.Want)
	}
	return fmt.Sprintf("%s: row %d: %s: want %s, got %s", text, p.Row, p.Column, shown(p.Want), shown(p.Got))
}

func shown(cell string) string {
	if cell == "" {
		return "null"
	}
	return cell
}

func (r *Result) problem(line int, model, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{File: r.Case.File, Case: r.Case.Name, Line: line, Model: model, Message: fmt.Sprintf(format, args...)})
}

// compare tells the differences of a wanted section. Rows between two that are equal are compared in their order.
func (r *Result) compare(want *section, got [][]string) {
	before := len(r.Problems)
	w, g := 0, 0
	for _, pair := range append(r.equalRows(want.rows, got), [2]int{len(want.rows), len(got)}) {
		for ; w < pair[0] && g < pair[1]; w, g = w+1, g+1 {
			r.compareRow(want, w, got[g])
		}
		for ; w < pair[0]; w++ {
			p := r.at(want, w)
			p.Want = strings.Join(want.rows[w].cells, ",")
			r.Problems = append(r.Problems, p)
		}
		for ; g < pair[1]; g++ {
			r.Problems = append(r.Problems, Problem{File: r.Case.File, Case: r.Case.Name, Line: want.line, Model: want.relation, Got: strings.Join(got[g], ",")})
		}
		w, g = pair[0]+1, pair[1]+1
	}
	if len(r.Problems) > before {
		r.got[want] = got
	}
}

func (r *Result) at(want *section, row int) Problem {
	return Problem{File: r.Case.File, Case: r.Case.Name, Line: want.rows[row].line, Model: want.relation, Row: row + 1}
}

func (r *Result) compareRow(want *section, row int, got []string) {
	for i, cell := range want.rows[row].cells {
		if !r.same(cell, got[i]) {
			p := r.at(want, row)
			p.Column, p.Want, p.Got = want.columns[i], cell, got[i]
			r.Problems = append(r.Problems, p)
		}
	}
}

// equalRows are the places of a longest common subsequence.
func (r *Result) equalRows(want []row, got [][]string) [][2]int {
	length := make([][]int, len(want)+1)
	length[len(want)] = make([]int, len(got)+1)
	for i := len(want) - 1; i >= 0; i-- {
		length[i] = make([]int, len(got)+1)
		for j := len(got) - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if r.sameRow(want[i].cells, got[j]) {
				length[i][j] = length[i+1][j+1] + 1
			}
		}
	}
	var pairs [][2]int
	for i, j := 0, 0; i < len(want) && j < len(got); {
		switch {
		case r.sameRow(want[i].cells, got[j]):
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

func (r *Result) sameRow(want, got []string) bool {
	for i, cell := range want {
		if !r.same(cell, got[i]) {
			return false
		}
	}
	return true
}

// same compares texts, and numbers within the case's tolerance.
func (r *Result) same(want, got string) bool {
	if want == got || r.Case.tolerance == 0 {
		return want == got
	}
	a, errA := strconv.ParseFloat(want, 64)
	b, errB := strconv.ParseFloat(got, 64)
	return errA == nil && errB == nil && math.Abs(a-b) <= r.Case.tolerance*max(math.Abs(a), math.Abs(b))
}
