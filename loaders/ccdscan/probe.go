package ccdscan

import (
	"context"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// Probe asks a question that every GraphQL interface answers, or looks whether the file is there, for people who check a
// configuration. Neither has a time.
func (l *Loader) Probe(ctx context.Context) (what string, at time.Time, err error) {
	if !strings.Contains(l.source.Address, "://") {
		what, err = jsonlines.Probe(l.Source(), l.source.Address, releaseAmounts())
		return what, at, err
	}
	if _, err := l.source.Client(l.source.Bearer()).PostJSON(ctx, l.source.Address, []byte(`{"query": "{ __typename }"}`)); err != nil {
		return "", at, err
	}
	return "answers", at, nil
}
