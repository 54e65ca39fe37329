package analyzer

import (
	"encoding/json"
	"fmt"
	"time"
)

// Restore puts back what a store holds. It is called once, on an empty ledger.
func (l *Ledger) Restore(b *Loaded) error {
	if b == nil {
		return nil
	}
	for _, k := range b.Keys {
		l.seen.add(k)
	}
	for _, m := range b.Accepted {
		l.marks.add(mark(m))
	}
	for _, c := range b.Counts {
		l.window.Add(c.Cell, c.N)
	}
	for _, p := range b.Populations {
		l.pops.add(popCell{popKey{p.Hour, p.Service, p.Reason, p.Dimension}, p.Value}, p.N)
	}
	for _, t := range b.Traces {
		j := &traceJoin{}
		if err := json.Unmarshal(t.Data, j); err != nil {
			return fmt.Errorf("decode join of trace %016x: %w", t.Hash, err)
		}
		for i := range j.Parts {
			j.Parts[i].accepted = l.marks.has(markOf(t.Hash, j.Parts[i].Service))
		}
		j.cells = j.count(nil)
		l.traces[t.Hash] = j
	}
	for _, x := range b.Exemplars {
		l.exemplars.insert(exemplarKeyOf(&x), x)
	}
	for _, c := range b.Changes {
		l.changes.add(c)
	}
	for _, t := range b.Templates {
		l.unclaimed[t.Service] += t.N
		if t.Text != otherTemplates {
			l.templates.add(popCell{popKey{service: t.Service}, t.Text}, t.N)
		}
	}
	l.totals.add(b.Totals)
	l.watermark = b.Watermark
	for _, s := range l.window.Services() {
		at := time.Unix(l.window.services[s].first*60, 0).UTC()
		if l.first.IsZero() || at.Before(l.first) {
			l.first = at
		}
	}
	return nil
}

// Watermark is the latest event time seen.
func (l *Ledger) Watermark() time.Time { return l.watermark }

// Totals are the counts of entries by what became of them.
func (l *Ledger) Totals() Totals { return l.totals }

// Window gives the counts per minute.
func (l *Ledger) Window() *Window { return l.window }

// Changes lists the changes seen, the earliest first.
func (l *Ledger) Changes() []Change {
	known := l.known()
	out := make([]Change, len(known))
	for i, c := range known {
		out[i] = *c
	}
	return out
}

// Exemplars returns the earliest entries of a service and reason in each of
// the hours [from, to), redacted.
func (l *Ledger) Exemplars(s Service, r Reason, from, to int64) []Exemplar {
	var out []Exemplar
	for h := from; h < to; h++ {
		out = append(out, l.exemplars.m[exemplarKey{s, r, h}]...)
	}
	return out
}

// Population returns how often each value of a dimension was met among the
// findings of a service and reason in the hours [from, to).
func (l *Ledger) Population(s Service, r Reason, d Dimension, from, to int64) map[string]int64 {
	out := map[string]int64{}
	for h := from; h < to; h++ {
		for _, v := range l.pops.m[popKey{h, s, r, d}] {
			out[v.value] += v.n
		}
	}
	return out
}
