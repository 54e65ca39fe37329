package analyzer

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Finding is what one entry says, for somebody who looks on. Nothing of it is
// kept; all texts are redacted.
type Finding struct {
	At          time.Time         `json:"at"`
	Service     string            `json:"service"`
	Environment string            `json:"environment"`
	Reasons     []Reason          `json:"reasons"` // primary first
	Rule        string            `json:"rule"`
	Library     string            `json:"library,omitempty"`
	Excerpt     string            `json:"excerpt"` // at most 300 bytes
	InsertID    string            `json:"insert_id,omitempty"`
	Captures    map[string]string `json:"captures,omitempty"`
}

// Tap has f called with every finding from now on, each entry's once, in the
// order of arrival. f must return at once: everything waits for it. nil ends
// it; while nobody listens it costs nothing.
func (p *Pipeline) Tap(f func(Finding)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.tap = f
}

// tell gives an effect's finding to whoever listens.
func (l *Ledger) tell(e *effect, at time.Time) {
	if l.tap == nil || e.entry == nil {
		return
	}
	l.tap(Finding{
		At: at, Service: e.origin.Service.Name, Environment: e.origin.Service.Environment, Reasons: slices.Clone(e.class.Reasons), Rule: e.class.Rule, Library: e.class.Library,
		Excerpt: Excerpt(cmp.Or(e.class.Text, e.entry.Message), 300), InsertID: e.entry.InsertID, Captures: maps.Clone(e.class.Captures),
	})
}
