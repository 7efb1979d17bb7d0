// Package node loads what a Concordium node says of the last block of each day: from the node itself over gRPC, or from a
// folder of JSON Lines files as a recording writes them. Both are read alike: what the node says is made a line first.
// Amounts are microCCD or units of a token, as numbers or texts beyond 2^53: they never pass through a double.
package node

import (
	"context"
	"strings"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// A Loader reads one folder, or asks one node.
type Loader struct{ o Options }

// New loads from a folder or a node.
func New(o Options) *Loader { return &Loader{o} }

// Source is "node".
func (*Loader) Source() string { return "node" }

// Load brings the folder's files into their tables, those that changed; or asks the node about the days that are missing.
func (l *Loader) Load(ctx context.Context, in *engine.Intake) error {
	if strings.Contains(l.o.Address, "://") {
		return l.ask(ctx, in)
	}
	return jsonlines.Load(ctx, in, l.o.Address, tokenomics(), chainParameters(), tokenInfo())
}
