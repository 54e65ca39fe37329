package analyzer

import (
	"maps"
	"slices"
	"time"
)

// Forget drops what is older than before from memory, as a store's retention
// does on disk: minutes, populations, exemplars and changes. Identities and
// joins have bounds of their own. What was exported stays exported.
func (p *Pipeline) Forget(before time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.forget(before)
}

// Watermark is the latest event time seen.
func (p *Pipeline) Watermark() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ledger.Watermark()
}

func (l *Ledger) forget(before time.Time) {
	l.window.Forget(before)
	hour := minute(before.UnixNano()) / 60
	maps.DeleteFunc(l.pops.m, func(k popKey, _ []popValue) bool { return k.hour < hour })
	maps.DeleteFunc(l.bars, func(b bar, _ uint64) bool { return b.hour < hour })
	for k, list := range l.exemplars.m {
		list = slices.DeleteFunc(slices.Clone(list), func(x Exemplar) bool { return x.At.Before(before) })
		if len(list) == 0 {
			delete(l.exemplars.m, k)
			continue
		}
		l.exemplars.m[k] = list
	}
	l.changes.list = slices.DeleteFunc(l.changes.list, func(c KeyedChange) bool { return c.At.Before(before) })
	if l.first.Before(before) && !l.first.IsZero() {
		l.first = before
	}
}
