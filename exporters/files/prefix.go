package files

import (
	"bufio"
	"errors"
	"io"
	"os"
)

// prefixBefore is how many bytes at the start of a JSON Lines file of ours hold the documents whose `_id` is smaller than
// first. The file is sorted by `_id`, so that a few lines of it are looked at.
func prefixBefore(file *os.File, first string) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	// Lines that start before low are smaller, lines that start at high or behind it are not.
	low, high := int64(0), info.Size()
	for low < high {
		middle := low + (high-low)/2
		start, one, err := lineFrom(file, middle)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if err == nil && start < high && one.id < first {
			low = start + int64(len(one.bytes))
			continue
		}
		// No line that starts between middle and high is smaller.
		high = middle
	}
	return low, nil
}

// lineFrom is the first line that starts at an offset or behind it, and where; io.EOF when there is none.
func lineFrom(file *os.File, offset int64) (int64, document, error) {
	// A line starts at the offset when the byte before it is a line end.
	from := max(offset-1, 0)
	in := bufio.NewReader(io.NewSectionReader(file, from, 1<<62))
	if offset > 0 {
		skipped, err := in.ReadBytes('\n')
		if err != nil {
			return 0, document{}, err
		}
		from += int64(len(skipped))
	}
	one, err := nextLine(in)
	return from, one, err
}
