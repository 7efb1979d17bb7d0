package exporters

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow/array"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Each calls fn with the document of every row, in the rows' order. The bytes are overwritten when fn has returned.
func Each(ctx context.Context, rows array.RecordReader, spread string, fn func(bsoncore.Document) error) error {
	encoder, err := NewEncoder(rows.Schema(), spread)
	if err != nil {
		return err
	}
	var encoded []byte
	for rows.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		record := rows.RecordBatch()
		if err := encoder.Use(record); err != nil {
			return err
		}
		for row := range int(record.NumRows()) {
			if encoded, err = encoder.Append(encoded[:0], row); err != nil {
				return err
			}
			if err := fn(encoded); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}
