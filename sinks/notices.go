package sinks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// maxPending bounds the alerts that wait for one sink. What there is no room
// for is offered again with the next update; ends of alerts always have room.
const maxPending = 1000

// rejectedPause is how long an alert waits that a sink will not take: a wrong
// key or a wrong URL may be put right without us.
const rejectedPause = 10 * time.Minute

// notices tells each version of an alert once: a beginning, a higher
// severity, an end. Of what waits only the newest version counts.
type notices struct {
	least   analyzer.Level
	pending map[string]*notice // by fingerprint
	told    map[string]told
	dirty   map[string]bool
	turn    int
	dropped int
}

// notice waits to be sent.
type notice struct {
	alert    analyzer.Alert
	turn     int // the lowest goes first among equals
	after    time.Time
	rejected bool
}

// told is what a sink knows of an alert; as JSON it survives a restart.
type told struct {
	Done  string `json:"done,omitempty"`  // version that was delivered
	Tried string `json:"tried,omitempty"` // version of which an attempt has begun since; it may have arrived
}

// firing reports whether the sink may hold the alert for firing.
func (t told) firing() bool {
	return t.Tried != "" || strings.HasPrefix(t.Done, string(analyzer.AlertFiring)+"/")
}

func newNotices(least analyzer.Level) *notices {
	return &notices{least: least, pending: map[string]*notice{}, told: map[string]told{}, dirty: map[string]bool{}}
}

func (b *notices) offer(_ time.Time, alerts []analyzer.Alert) {
	stands := map[string]bool{}
	for _, a := range alerts {
		stands[a.Fingerprint] = true
		b.one(a)
	}
	for f, p := range b.pending {
		if !stands[f] && p.rejected { // nobody remembers it, and nobody takes it
			delete(b.pending, f)
			b.dropped++
		}
	}
	for f := range b.told {
		if !stands[f] && b.pending[f] == nil {
			delete(b.told, f)
			b.dirty[f] = true
		}
	}
}

func (b *notices) one(a analyzer.Alert) {
	f := a.Fingerprint
	t, p := b.told[f], b.pending[f]
	switch {
	case t.Done == a.Version():
		delete(b.pending, f)
	case p != nil:
		if p.alert.Version() != a.Version() {
			p.after, p.rejected = time.Time{}, false
		}
		p.alert = a
	case t.firing() || a.State == analyzer.AlertFiring && rank(a.Severity) >= rank(b.least):
		if len(b.pending) >= maxPending && a.State == analyzer.AlertFiring && !b.makeRoom(a.Severity) {
			return
		}
		b.turn++
		b.pending[f] = &notice{alert: a, turn: b.turn}
	}
}

// makeRoom puts off the mildest beginning that waits, if it is milder than l.
func (b *notices) makeRoom(l analyzer.Level) bool {
	worst := ""
	for f, p := range b.pending {
		if p.alert.State == analyzer.AlertFiring && rank(p.alert.Severity) < rank(l) && (worst == "" || rank(p.alert.Severity) < rank(b.pending[worst].alert.Severity)) {
			worst = f
		}
	}
	delete(b.pending, worst)
	return worst != ""
}

func rank(l analyzer.Level) int {
	return slices.Index([]analyzer.Level{analyzer.LevelInfo, analyzer.LevelWarning, analyzer.LevelError, analyzer.LevelCritical}, l)
}

func (b *notices) due(now time.Time) (batch []analyzer.Alert, next time.Time) {
	var best *notice
	for _, p := range b.pending {
		if now.Before(p.after) {
			if next.IsZero() || p.after.Before(next) {
				next = p.after
			}
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(rank(best.alert.Severity), rank(p.alert.Severity)), cmp.Compare(p.turn, best.turn)) < 0 {
			best = p
		}
	}
	if best == nil {
		return nil, next
	}
	f := best.alert.Fingerprint
	if t := b.told[f]; best.alert.State == analyzer.AlertFiring && t.Tried == "" {
		t.Tried = best.alert.Version()
		b.told[f], b.dirty[f] = t, true
	}
	return []analyzer.Alert{best.alert}, time.Time{}
}

func (b *notices) settle(now time.Time, batch []analyzer.Alert, f *Failure) {
	a := batch[0]
	p := b.pending[a.Fingerprint]
	switch {
	case f == nil:
		b.told[a.Fingerprint], b.dirty[a.Fingerprint] = told{Done: a.Version()}, true
		if p != nil && p.alert.Version() == a.Version() {
			delete(b.pending, a.Fingerprint)
		}
	case p == nil:
	case f.Retry:
		b.turn++
		p.turn = b.turn // whatever is wrong with this one, the others get their turn
	default:
		p.rejected, p.after = true, now.Add(rejectedPause)
	}
}

func (b *notices) waiting() int { return len(b.pending) }

func (b *notices) lost() int {
	n := b.dropped
	b.dropped = 0
	return n
}

func (b *notices) unsaved() map[string][]byte {
	out := map[string][]byte{}
	for f := range b.dirty {
		t, ok := b.told[f]
		if !ok {
			out[f] = nil
			continue
		}
		out[f], _ = json.Marshal(t) // two strings
	}
	return out
}

func (b *notices) saved(fingerprint string) { delete(b.dirty, fingerprint) }

func (b *notices) restore(fingerprint string, data []byte) error {
	var t told
	if err := json.Unmarshal(data, &t); err != nil {
		return fmt.Errorf("decode what was told of alert %s: %w", fingerprint, err)
	}
	b.told[fingerprint] = t
	return nil
}
