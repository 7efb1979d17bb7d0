package mongo

import (
	"context"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/exporters"
)

// Preview compares with what the collection holds. Nothing is written, no index is made.
func (e *Exporter) Preview(ctx context.Context, p *engine.Publication, o engine.PreviewOptions) (engine.Writer, error) {
	place := e.place(p.Statistic)
	count, err := e.count(ctx, place)
	if err != nil {
		return nil, err
	}
	v := exporters.NewPreviewer(p, o)
	v.Find = func(ctx context.Context, ids []string, found exporters.Found) error {
		if count == 0 {
			return found(ids, nil)
		}
		return e.eachFound(ctx, place, ids, found)
	}
	return v, nil
}
