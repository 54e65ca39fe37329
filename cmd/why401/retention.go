package main

import (
	"context"
	"time"

	"github.com/why401/why401/analyzer/store"
)

const (
	// joinSpan is how far apart in event time two entries of one trace may
	// lie and still count as one request.
	joinSpan = 10 * time.Minute
	// sweepEvery is how often what is older than the retention is dropped.
	sweepEvery = 10 * time.Minute
)

// sweep keeps store and memory within the retention, in event time, until ctx
// ends.
func (d *daemon) sweep(ctx context.Context) {
	keep := d.config().Store.Retention
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
		now := d.pipeline.Watermark()
		if now.IsZero() {
			continue
		}
		d.pipeline.Forget(now.Add(-keep))
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = d.held.Sweep(ctx, now); err != nil {
				d.log.Error().Err(err).Msg("sweep failed")
				break
			}
		}
	}
}
