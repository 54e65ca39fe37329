package analyzer

import (
	"context"
	"maps"
	"time"

	"github.com/zeebo/xxh3"
)

// toldDetail is the key of Change.Details that names who told a change that
// no entry told, such as probe.
const toldDetail = "told_by"

// echo is how far apart a log and a probe may place the same change: a probe
// sees it with its next round.
const echo = 15 * time.Minute

// Tell adds a change that was seen by other means than an entry, and commits
// it. by is one word, such as probe. The same change again counts once.
func (p *Pipeline) Tell(ctx context.Context, by string, c Change) error {
	c.Details = maps.Clone(c.Details)
	if c.Details == nil {
		c.Details = map[string]string{}
	}
	c.Details[toldDetail] = by
	c.Evidence = Excerpt(c.Evidence, 200)
	k := KeyedChange{Change: c}
	k.Key = Key(xxh3.HashString128("told\x00" + by + "\x00" + string(c.Kind) + "\x00" + c.Target + "\x00" + c.Version + "\x00" + c.At.String()).Bytes())
	return p.change(ctx, func() bool {
		if !p.ledger.changes.add(k) {
			return false
		}
		p.ledger.pending.Changes = append(p.ledger.pending.Changes, k)
		return true
	})
}

// Told returns the changes that Tell was told by somebody, the earliest first.
func (p *Pipeline) Told(by string) []Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Change
	for i := len(p.ledger.changes.list) - 1; i >= 0; i-- {
		if c := &p.ledger.changes.list[i].Change; c.Details[toldDetail] == by {
			out = append(out, *c)
		}
	}
	return out
}

// known are the changes, the earliest first, without those that a probe told
// as well as an entry, which knows more of them.
func (l *Ledger) known() []*Change {
	type what struct {
		kind            ChangeKind
		target, version string
	}
	of := func(c *Change) what { return what{c.Kind, shortName(c.Target), c.Version} }
	logged := map[what][]time.Time{}
	for i := range l.changes.list {
		if c := &l.changes.list[i].Change; c.Details[toldDetail] == "" && c.Version != "" {
			logged[of(c)] = append(logged[of(c)], c.At)
		}
	}
	out := make([]*Change, 0, len(l.changes.list))
next:
	for i := len(l.changes.list) - 1; i >= 0; i-- {
		c := &l.changes.list[i].Change
		if c.Details[toldDetail] != "" {
			for _, at := range logged[of(c)] {
				if c.At.Sub(at).Abs() <= echo {
					continue next
				}
			}
		}
		out = append(out, c)
	}
	return out
}
