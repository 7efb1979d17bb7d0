// Package wording writes counts for people.
package wording

import "strconv"

// Number with thousands separators: 1,234.
func Number(n int64) string {
	digits, sign := strconv.FormatInt(n, 10), ""
	if n < 0 {
		digits, sign = digits[1:], "-"
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Count of things: "1 row", "1,234 rows". what is one of them.
func Count(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return Number(n) + " " + what
}
