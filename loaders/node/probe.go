package node

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
	"github.com/ccdexplorer/nightrunner/loaders/node/nodepb"
)

// Probe asks the node about its last finalized block, or looks which files are there, for people who check a
// configuration. Neither has a time.
func (l *Loader) Probe(ctx context.Context) (what string, at time.Time, err error) {
	if !strings.Contains(l.o.Address, "://") {
		what, err = jsonlines.Probe(l.Source(), l.o.Address, tokenomics(), chainParameters(), tokenInfo())
		return what, at, err
	}
	client, err := dial(l.o.Source, l.o.Roots)
	if err != nil {
		return "", at, err
	}
	defer func() { _ = client.connection.Close() }()
	last := &nodepb.BlockHashInput{BlockHashInput: &nodepb.BlockHashInput_LastFinal{LastFinal: &nodepb.Empty{}}}
	info, err := client.queries.GetTokenomicsInfo(ctx, last)
	if err != nil {
		return "", at, (&asking{client: client}).plain(err)
	}
	version := info.GetV0().GetProtocolVersion()
	if info.GetV1() != nil {
		version = info.GetV1().GetProtocolVersion()
	}
	return fmt.Sprintf("a node, PROTOCOL_VERSION_%d", version+1), at, nil
}
