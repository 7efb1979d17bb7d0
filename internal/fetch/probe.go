package fetch

import (
	"context"
	"errors"
	"net/http"
)

// Probe looks whether a server answers at a URL, for people who check a configuration. That it has nothing there is an
// answer too.
func (c *Client) Probe(ctx context.Context, address string) (what string, err error) {
	_, err = c.Get(ctx, address)
	var status *StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		err = nil
	}
	if err != nil {
		return "", err
	}
	return "answers", nil
}
