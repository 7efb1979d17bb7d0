package parity

import (
	"slices"
)

// A calendar numbers the days of a statistic as they come.
type calendar struct {
	numbers map[string]int
	days    []string
}

// number of a day; -1 for "".
func (c *calendar) number(day string) int {
	if day == "" {
		return -1
	}
	n, known := c.numbers[day]
	if !known {
		n = len(c.days)
		c.numbers[day], c.days = n, append(c.days, day)
	}
	return n
}

// A daySet holds numbers of days.
type daySet []uint64

func (s *daySet) add(day int) {
	if day < 0 {
		return
	}
	for len(*s) <= day/64 {
		*s = append(*s, 0)
	}
	(*s)[day/64] |= 1 << (day % 64)
}

func (s daySet) has(day int) bool {
	return day >= 0 && day/64 < len(s) && s[day/64]&(1<<(day%64)) != 0
}

// tell counts the days of a set and writes them as ranges: a range goes on as long as no day between is known that is not in
// the set. So days that nobody has, and weeks, do not break it. nil for none.
func (c *calendar) tell(in func(day int) bool) *Days {
	sorted := slices.Sorted(slices.Values(c.days))
	told := &Days{}
	start := -1
	end := func(last int) {
		if start < 0 {
			return
		}
		if told.Ranges != "" {
			told.Ranges += ", "
		}
		told.Ranges += sorted[start]
		if last > start {
			told.Ranges += " … " + sorted[last]
		}
		start = -1
	}
	for i, day := range sorted {
		if !in(c.numbers[day]) {
			end(i - 1)
			continue
		}
		told.Count++
		if start < 0 {
			start = i
		}
	}
	end(len(sorted) - 1)
	if told.Count == 0 {
		return nil
	}
	return told
}
