package sinks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"cmp"

	"github.com/rs/zerolog"
	"google.golang.org/api/option"

	"github.com/why401/why401/analyzer"
)

// Outside is what sinks need of the world around them.
type Outside struct {
	Getenv func(string) string // for env:NAME
	Stdout io.Writer           // for cloudlogging without a project
	Notes  analyzer.Notes      // remembers who was told what
	Log    zerolog.Logger
	Meter  *Meter
	Cloud  []option.ClientOption // for cloudlogging with a project

	mailTLS *tls.Config // trusted roots of a test's server
}

// outlet is one place that a sink sends to; only alertmanager has several.
type outlet struct {
	suffix   string // of the name
	send     func(context.Context, []analyzer.Alert) error
	resend   time.Duration // 0: each version of an alert is sent once
	watchdog bool
	close    func() error
}

// single is a sink that takes one alert at a time, once.
func single(send func(context.Context, *analyzer.Alert) error) []outlet {
	return []outlet{{send: func(ctx context.Context, alerts []analyzer.Alert) error { return send(ctx, &alerts[0]) }}}
}

// Notifier tells people. Each sink has a queue and a goroutine of its own, so
// that a slow one delays nobody.
type Notifier struct {
	queues []*queue
}

var _ analyzer.Sink = (*Notifier)(nil)

// Open builds the sinks of a configuration that Validate found nothing wrong
// with, and reads what was noted of earlier notifications. Nothing is sent
// before Run.
func Open(ctx context.Context, all []Config, o *Outside) (*Notifier, error) {
	n := &Notifier{}
	var errs []error
	for i := range all {
		c := all[i]
		k, ok := kinds[c.Kind]
		if !ok {
			errs = append(errs, fmt.Errorf("open sink %s: unknown kind %q", c.name(), c.Kind))
			continue
		}
		outlets, err := k.open(&c, o)
		if err != nil {
			errs = append(errs, fmt.Errorf("open sink %s: %w", c.name(), err))
			continue
		}
		for _, x := range outlets {
			q, err := newQueue(ctx, &c, x, cmp.Or(c.MinSeverity, k.min), o)
			if err != nil {
				errs = append(errs, fmt.Errorf("open sink %s: %w", c.name(), err))
				continue
			}
			n.queues = append(n.queues, q)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return n, nil
}

// Deliver hands the alerts of an update to every queue and returns at once.
func (n *Notifier) Deliver(_ context.Context, u *analyzer.Update) error {
	for _, q := range n.queues {
		q.offer(u.Alerts)
	}
	return nil
}

// Run sends until ctx ends; what waits then gets one last attempt within
// drain. It returns when every queue has stopped.
func (n *Notifier) Run(ctx context.Context, drain time.Duration) {
	var wg sync.WaitGroup
	for _, q := range n.queues {
		wg.Go(func() { q.run(ctx, drain) })
	}
	wg.Wait()
}

// SinkHealth is how one sink does.
type SinkHealth struct {
	Name        string    `json:"name"`
	Kind        string    `json:"kind"`
	OK          bool      `json:"ok"`
	Pending     int       `json:"pending"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastError   string    `json:"last_error,omitempty"` // of the attempts since; never with a secret
}

// Health tells how each sink does.
func (n *Notifier) Health() []SinkHealth {
	out := make([]SinkHealth, len(n.queues))
	for i, q := range n.queues {
		out[i] = q.health()
	}
	return out
}
