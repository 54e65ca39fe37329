package sinks

import (
	"slices"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// maxBatch bounds the alerts of one request.
const maxBatch = 256

// standing repeats what stands, for a receiver that forgets: every alert at
// each change and every resend, ends for resolvedRetention. It needs no notes,
// because the alerts themselves survive a restart.
type standing struct {
	least    analyzer.Level
	resend   time.Duration
	watchdog bool
	held     map[string]*standingAlert // by fingerprint
	heard    time.Time                 // when the last update came
	began    time.Time                 // when the first did
}

type standingAlert struct {
	alert analyzer.Alert
	sent  string // version that was delivered
	at    time.Time
}

func (b *standing) offer(now time.Time, alerts []analyzer.Alert) {
	b.heard = now
	if b.began.IsZero() {
		b.began = now
	}
	if b.watchdog {
		alerts = append(alerts[:len(alerts):len(alerts)], watchdog(b.began))
	}
	stands := map[string]bool{}
	for _, a := range alerts {
		ended := a.State == analyzer.AlertResolved && now.Sub(a.EndsAt) > resolvedRetention
		if ended || a.Fingerprint != watchdogName && rank(a.Severity) < rank(b.least) {
			continue
		}
		stands[a.Fingerprint] = true
		if h := b.held[a.Fingerprint]; h != nil {
			h.alert = a
		} else {
			b.held[a.Fingerprint] = &standingAlert{alert: a}
		}
	}
	for f := range b.held {
		if !stands[f] {
			delete(b.held, f)
		}
	}
}

func (b *standing) due(now time.Time) (batch []analyzer.Alert, next time.Time) {
	if now.Sub(b.heard) > 2*b.resend {
		delete(b.held, watchdogName) // no update comes: that is what it watches for
	}
	for f, h := range b.held {
		if h.alert.State == analyzer.AlertResolved && now.Sub(h.alert.EndsAt) > resolvedRetention && h.sent == h.alert.Version() {
			delete(b.held, f)
			continue
		}
		again := h.at.Add(b.resend)
		if h.sent != h.alert.Version() || !now.Before(again) {
			batch = append(batch, h.alert)
		} else if next.IsZero() || again.Before(next) {
			next = again
		}
	}
	slices.SortFunc(batch, func(x, y analyzer.Alert) int {
		if d := rank(y.Severity) - rank(x.Severity); d != 0 {
			return d
		}
		return strings.Compare(x.Fingerprint, y.Fingerprint)
	})
	return batch[:min(len(batch), maxBatch)], next
}

func (b *standing) settle(now time.Time, batch []analyzer.Alert, f *Failure) {
	if f != nil && f.Retry {
		return
	}
	for _, a := range batch {
		if h := b.held[a.Fingerprint]; h != nil { // what was rejected comes again with the next repeat
			h.sent, h.at = a.Version(), now
		}
	}
}

func (b *standing) waiting() int {
	n := 0
	for _, h := range b.held {
		if h.sent != h.alert.Version() {
			n++
		}
	}
	return n
}

func (b *standing) lost() int                    { return 0 }
func (b *standing) unsaved() map[string][]byte   { return nil }
func (b *standing) saved(string)                 {}
func (b *standing) restore(string, []byte) error { return nil }
