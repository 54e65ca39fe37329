package sinks

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/why401/why401/analyzer"
)

// book decides what a queue sends next. Only the queue's goroutine uses it.
type book interface {
	// offer takes the alerts that stand; an update holds all of them, so that
	// one which nobody looked at is no loss.
	offer(now time.Time, alerts []analyzer.Alert)
	// due returns what is to be sent now, or when to ask again: zero for
	// never.
	due(now time.Time) (batch []analyzer.Alert, next time.Time)
	// settle notes how an attempt at a batch went; nil is success.
	settle(now time.Time, batch []analyzer.Alert, f *Failure)
	// waiting counts what has not been delivered.
	waiting() int
	// lost counts, since the last call, what was given up.
	lost() int
	// unsaved returns what must be noted, by alert; no data removes a note.
	unsaved() map[string][]byte
	saved(fingerprint string)
	restore(fingerprint string, data []byte) error
}

// queue is all that stands between an update and one outlet.
type queue struct {
	name, kind string
	outlet     outlet
	timeout    time.Duration
	simulate   bool
	book       book
	notes      analyzer.Notes
	log        zerolog.Logger
	meter      *Meter

	wake chan struct{} // holds at most one
	mu   sync.Mutex    // guards what follows
	news *[]analyzer.Alert
	last SinkHealth
}

func newQueue(_ context.Context, c *Config, x outlet, least analyzer.Level, o *Outside) (*queue, error) {
	q := &queue{
		name: c.name() + x.suffix, kind: c.Kind, outlet: x, timeout: cmp.Or(c.Timeout, defaultTimeout), simulate: c.Simulate,
		notes: o.Notes, log: o.Log.With().Str("sink", c.name()+x.suffix).Logger(), meter: o.Meter, wake: make(chan struct{}, 1),
	}
	q.last = SinkHealth{Name: q.name, Kind: q.kind, OK: true}
	if x.resend > 0 {
		q.book = &standing{least: least, resend: x.resend, watchdog: x.watchdog, held: map[string]*standingAlert{}}
	} else {
		q.book = newNotices(least)
	}
	if q.simulate {
		q.outlet.send = q.pretend
	}
	return q, nil
}

// offer leaves the alerts for the queue's goroutine. It never waits.
func (q *queue) offer(alerts []analyzer.Alert) {
	q.mu.Lock()
	q.news = &alerts
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default: // it is awake
	}
}

// Pauses after an attempt that may succeed later: the first, and the longest
// where nothing else bounds it.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// pause is how long to leave a sink alone after n failures in a row: half of
// it fixed, half by chance, so that several replicas do not come at once.
func pause(n int, longest time.Duration) time.Duration {
	d := longest
	if n < 20 {
		d = min(longest, firstPause<<max(n-1, 0))
	}
	return d/2 + rand.N(d/2+1)
}

// run sends until ctx ends, then gives what waits one last attempt.
func (q *queue) run(ctx context.Context, drain time.Duration) {
	q.load(ctx)
	defer q.end()
	longest, failures := longestPause, 0
	if q.outlet.resend > 0 {
		longest = min(longest, q.outlet.resend)
	}
	var rest time.Time // the sink is left alone until then
	for ctx.Err() == nil {
		q.take()
		now := time.Now()
		batch, next := []analyzer.Alert(nil), rest
		if !now.Before(rest) {
			batch, next = q.book.due(now)
		}
		if len(batch) == 0 {
			q.save(ctx)
			q.sleep(ctx, next)
			continue
		}
		f := q.attempt(ctx, batch)
		switch {
		case f == nil || f.Reason == failCancelled:
			failures, rest = 0, time.Time{}
		case f.Retry:
			failures++
			rest = time.Now().Add(max(pause(failures, longest), f.After))
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	q.take()
	for n := q.book.waiting(); n > 0 && last.Err() == nil; n-- {
		batch, _ := q.book.due(time.Now())
		if len(batch) == 0 || q.attempt(last, batch) != nil {
			return
		}
	}
}

// take hands the latest news to the book.
func (q *queue) take() {
	q.mu.Lock()
	news := q.news
	q.news = nil
	q.mu.Unlock()
	if news != nil {
		q.book.offer(time.Now(), *news)
	}
	q.show()
}

func (q *queue) show() {
	n := q.book.waiting()
	q.meter.pending.WithLabelValues(q.name).Set(float64(n))
	if lost := q.book.lost(); lost > 0 {
		q.meter.notifications.WithLabelValues(q.name, resultDropped).Add(float64(lost))
		q.log.Error().Int("alerts", lost).Msg("gave up alerts that this sink refuses and that are long over")
	}
	q.mu.Lock()
	q.last.Pending = n
	q.mu.Unlock()
}

// sleep waits for news, for next unless it is zero, or for the end.
func (q *queue) sleep(ctx context.Context, next time.Time) {
	var timer <-chan time.Time
	if !next.IsZero() {
		t := time.NewTimer(max(time.Until(next), time.Millisecond))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
	case <-q.wake:
	case <-timer:
	}
}

// attempt sends a batch once and notes the outcome.
func (q *queue) attempt(ctx context.Context, batch []analyzer.Alert) *Failure {
	q.save(ctx) // that it was tried: the end must follow, whatever becomes of us
	limited, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	start := time.Now()
	err := q.outlet.send(limited, batch)
	var f *Failure
	if err != nil && !errors.As(err, &f) {
		f = failed("notify "+q.kind, err)
	}
	if f != nil && ctx.Err() != nil && f.Reason != failSecret {
		f = &Failure{Reason: failCancelled, Retry: true, text: "notify " + q.kind + ": cancelled"}
	}
	q.book.settle(time.Now(), batch, f)
	q.count(f, len(batch), time.Since(start))
	q.save(ctx)
	q.show()
	return f
}

func (q *queue) count(f *Failure, n int, took time.Duration) {
	result := resultDelivered
	switch {
	case f != nil && f.Retry:
		result = resultRetried
	case f != nil:
		result = resultRejected
	case q.simulate:
		result = resultSimulated
	}
	q.meter.notifications.WithLabelValues(q.name, result).Add(float64(n))
	q.meter.took.WithLabelValues(q.name).Observe(took.Seconds())
	if f != nil {
		q.meter.failures.WithLabelValues(q.name, f.Reason).Inc()
	}
	if f != nil && f.Reason == failCancelled {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if f == nil {
		q.last.OK, q.last.LastSuccess, q.last.LastError = true, time.Now().UTC(), ""
		q.meter.up.WithLabelValues(q.name).Set(1)
		q.meter.last.WithLabelValues(q.name).SetToCurrentTime()
		return
	}
	if q.last.OK || q.last.LastError != f.text {
		q.log.Error().Str("reason", f.Reason).Bool("retry", f.Retry).Msg(f.text)
	}
	q.last.OK, q.last.LastError = false, f.text
	q.meter.up.WithLabelValues(q.name).Set(0)
}

// pretend is what a simulated sink does instead of sending.
func (q *queue) pretend(_ context.Context, alerts []analyzer.Alert) error {
	for i := range alerts {
		a := &alerts[i]
		q.log.Warn().Str("fingerprint", a.Fingerprint).Str("state", string(a.State)).Str("severity", string(a.Severity)).
			Msg("would have notified: " + title(a) + ": " + a.Annotations["summary"])
	}
	return nil
}

// topic is where it is noted who was told what; what was only simulated was
// told to nobody.
func (q *queue) topic() string { return "told/" + q.name }

func (q *queue) load(ctx context.Context) {
	if q.simulate {
		return
	}
	held, err := q.notes.Notes(ctx, q.topic())
	if err != nil {
		q.log.Error().Err(err).Msg("cannot read who was told; what stands is told again")
	}
	for f, data := range held {
		if err := q.book.restore(f, data); err != nil {
			q.log.Error().Err(err).Msg("cannot read who was told of an alert")
		}
	}
}

// save notes what changed, even when we are asked to stop. People are told
// even if it fails: once too often is better than never.
func (q *queue) save(ctx context.Context) {
	if q.simulate {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), defaultTimeout)
	defer cancel()
	for f, data := range q.book.unsaved() {
		if err := q.notes.Note(ctx, q.topic(), f, data); err != nil {
			q.log.Error().Err(err).Msg("cannot note who was told; a restart may tell it again")
			return
		}
		q.book.saved(f)
	}
}

func (q *queue) end() {
	if q.outlet.close == nil {
		return
	}
	if err := q.outlet.close(); err != nil {
		q.log.Error().Err(err).Msg("cannot close sink")
	}
}

func (q *queue) health() SinkHealth {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.last
}
