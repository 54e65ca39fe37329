package main

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
	"github.com/why401/why401/analyzer/store"
)

const (
	// joinSpan is how far apart in event time two entries of one trace may
	// lie and still count as one request.
	joinSpan = 10 * time.Minute
	// sweepEvery is how often what is older than the retention is dropped.
	sweepEvery = 10 * time.Minute
)

// Validate returns what no section can see by itself.
func (c Config) Validate() []conf.FieldError {
	if j := c.Store.JoinRetention; j != 0 && j < joinSpan {
		return []conf.FieldError{{Path: "store.join_retention", Msg: fmt.Sprintf("wanted at least %s, found %s: a restart would split traces that are still growing", joinSpan, j), Hint: "leave it out, or write 24h"}}
	}
	return nil
}

// sweep keeps store and memory within the retention, in event time, until ctx
// ends.
func sweep(ctx context.Context, p *analyzer.Pipeline, held store.Store, cfg store.Config, log zerolog.Logger) {
	keep := cfg.Retention
	if keep == 0 {
		keep = store.DefaultRetention
	}
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := p.Watermark()
		if now.IsZero() {
			continue
		}
		p.Forget(now.Add(-keep))
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = held.Sweep(ctx, now); err != nil {
				log.Error().Err(err).Msg("sweep failed")
				break
			}
		}
	}
}

// background runs f until the returned function is called, which waits for
// its end.
func background(ctx context.Context, f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
