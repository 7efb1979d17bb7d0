package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

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
	v.Find = func(ctx context.Context, ids []string) (map[string]bson.Raw, error) {
		if count == 0 {
			return nil, nil
		}
		return e.find(ctx, place, ids)
	}
	return v, nil
}
