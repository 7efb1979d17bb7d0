package rates

import (
	"context"
	"strings"
	"time"

	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// Probe looks whether CoinGecko answers, or which files are there, for people who check a configuration. Neither has a time.
func (c *CoinGecko) Probe(ctx context.Context) (what string, at time.Time, err error) {
	if !strings.Contains(c.o.Address, "://") {
		k := &known{}
		what, err = jsonlines.Probe(c.Source(), c.o.Address, k.charts(), k.histories())
		return what, at, err
	}
	what, err = c.o.Client(geckoKey(c.o.Source)).Probe(ctx, strings.TrimSuffix(c.o.Address, "/")+"/ping")
	return what, at, err
}

// Probe looks whether exchange-api's first URL answers, or whether the file is there, for people who check a configuration.
// Neither has a time.
func (c *Currencies) Probe(ctx context.Context) (what string, at time.Time, err error) {
	if len(c.urls) == 0 {
		what, err = jsonlines.Probe(c.Source(), c.o.Address, (&known{}).currencies(nil, nil))
		return what, at, err
	}
	what, err = c.o.Client(c.o.Bearer()).Probe(ctx, ratesURL(c.urls[0], "latest"))
	return what, at, err
}
