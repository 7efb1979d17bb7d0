package projects

import (
	"context"
	"fmt"
	"time"
)

// Probe looks whether the list is there and is one, for people who check a configuration. It has no time.
func (l *Loader) Probe(ctx context.Context) (what string, at time.Time, err error) {
	now, err := l.fetch(ctx, "")
	if err != nil {
		return "", at, err
	}
	read, err := readList(now.content, l.o.Network)
	if err != nil {
		return "", at, err
	}
	return fmt.Sprintf("lists %d accounts and modules of %s", len(read.entries), l.o.Network), at, nil
}
