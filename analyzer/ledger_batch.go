package analyzer

import (
	"cmp"
	"slices"
)

// take ends the batch under way and returns it. Its slices are in a fixed
// order. A volatile ledger returns a batch of totals only.
func (l *Ledger) take() *Batch {
	l.fold()
	b := l.pending
	b.Watermark = l.watermark
	l.totals.add(b.Totals)
	for c, n := range l.counts {
		if n != 0 {
			l.window.Add(c, n)
		}
	}
	if l.cfg.Volatile {
		l.pending = Batch{Keys: b.Keys[:0], Accepted: b.Accepted[:0]}
		b = Batch{Totals: b.Totals, Watermark: b.Watermark}
	} else {
		l.pending = Batch{}
		l.rows(&b)
	}
	clear(l.counts)
	clear(l.popDiff)
	clear(l.touched)
	return &b
}

// rows puts what a store keeps of the maps into b.
func (l *Ledger) rows(b *Batch) {
	for c, n := range l.counts {
		if n != 0 {
			b.Counts = append(b.Counts, Count{c, n})
		}
	}
	slices.SortFunc(b.Counts, func(x, y Count) int { return compareCell(x.Cell, y.Cell) })
	for c, n := range l.popDiff {
		b.Populations = append(b.Populations, Population{c.hour, c.service, c.reason, c.dim, c.value, n})
	}
	slices.SortFunc(b.Populations, func(x, y Population) int {
		if c := cmp.Or(cmp.Compare(x.Hour, y.Hour), cmp.Compare(x.Dimension, y.Dimension)); c != 0 {
			return c
		}
		if x.Service != y.Service {
			return compareService(x.Service, y.Service)
		}
		return cmp.Or(cmp.Compare(x.Reason, y.Reason), cmp.Compare(x.Value, y.Value))
	})
	for h := range l.touched {
		if j := l.traces[h]; j != nil {
			b.Traces = append(b.Traces, TraceRow{h, j.first(), j.encode()})
		}
	}
	slices.SortFunc(b.Traces, func(x, y TraceRow) int { return cmp.Compare(x.Hash, y.Hash) })
}
