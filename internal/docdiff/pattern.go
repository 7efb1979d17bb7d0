package docdiff

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// A Pattern of a field: its name, or its path with dots; * stands for any characters.
type Pattern string

// ParsePattern checks a pattern.
func ParsePattern(text string) (Pattern, error) {
	if text == "" {
		return "", fmt.Errorf("a field without a name")
	}
	if _, err := path.Match(text, ""); err != nil {
		return "", fmt.Errorf("%q is no pattern of a field: %w", text, err)
	}
	return Pattern(text), nil
}

func (p Pattern) fits(whole, name string) bool {
	for _, one := range [...]string{whole, name} {
		// ParsePattern has seen that it is one.
		if fits, _ := path.Match(string(p), one); fits {
			return true
		}
	}
	return false
}

// ignores tells of the field of a document at a path.
func (r *Rules) ignores(path, name string) bool {
	for _, one := range r.Ignore {
		if one.fits(join(path, name), name) {
			return true
		}
	}
	return false
}

// A Tolerance of the fields that a pattern fits: numbers are equal within Relative of the larger one, or within Absolute.
type Tolerance struct {
	Field              Pattern
	Relative, Absolute float64
}

// ParseTolerance reads FIELD=N, an absolute difference, or FIELD=N%, a share of the larger number. The name of a field may
// hold = itself.
func ParseTolerance(text string) (Tolerance, error) {
	at := strings.LastIndexByte(text, '=')
	if at < 0 {
		return Tolerance{}, fmt.Errorf("%q does not read FIELD=N or FIELD=N%%", text)
	}
	field, err := ParsePattern(text[:at])
	if err != nil {
		return Tolerance{}, err
	}
	amount, percent := strings.CutSuffix(text[at+1:], "%")
	size, err := strconv.ParseFloat(amount, 64)
	if err != nil || !(size >= 0) || size > 1e300 {
		return Tolerance{}, fmt.Errorf("%q: %q is no number from 0 up", text, text[at+1:])
	}
	if percent {
		return Tolerance{Field: field, Relative: size / 100}, nil
	}
	return Tolerance{Field: field, Absolute: size}, nil
}
