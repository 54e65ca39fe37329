package analyzer

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/zeebo/xxh3"
)

// One failed request is told by a request log, a line of the application and
// perhaps a line of the proxy before it, in any order. What carries the same
// trace is joined here and counts once: under the reason that says most, at
// the service that said it first. When the trace's request was let through in
// the end (a chain of authenticators tried one after the other), nothing
// counts as refused.

// traceJoin is what the entries of one trace have told so far. What it counts
// is a function of that set, so the order of arrival does not matter.
type traceJoin struct {
	Parts []tracePart `json:"p"`
	cells []Count     // what it counts at present
}

// tracePart is one service's share of a trace.
type tracePart struct {
	Service  Service        `json:"s"`
	Refused  int64          `json:"r,omitempty"` // refused request logs
	Started  int64          `json:"t,omitempty"` // latest of their times, unix nanoseconds
	Findings []traceFinding `json:"f,omitempty"`
	accepted bool           // kept in the marks, not here
}

// traceFinding is a reason given, and when first.
type traceFinding struct {
	Reason Reason `json:"r"`
	Rank   int    `json:"k"` // 2 exact, 1 generic, 0 unspecified
	At     int64  `json:"t"`
}

func markOf(trace uint64, s Service) mark {
	h := xxh3.HashString(s.Name)*31 + xxh3.HashString(s.Environment)
	return mark(trace ^ (h | 1))
}

// join finds or opens the join of an entry's trace. It returns nil when the
// entry has none, or comes too late for one, or there is no room.
func (l *Ledger) join(e *effect) *traceJoin {
	if e.trace == 0 {
		return nil
	}
	if j := l.traces[e.trace]; j != nil {
		return j
	}
	if l.cfg.JoinSpan > 0 && time.Unix(0, e.at).Before(l.watermark.Add(-l.cfg.JoinSpan)) {
		l.pending.Totals.Late++
		return nil
	}
	if len(l.traces) >= l.cfg.Traces {
		l.pending.Totals.Overflow++
		return nil
	}
	j := &traceJoin{}
	l.traces[e.trace] = j
	return j
}

// change alters a join and counts the difference that makes.
func (l *Ledger) change(trace uint64, j *traceJoin, alter func()) {
	for _, c := range j.cells {
		l.add(c.Cell, -c.N)
	}
	alter()
	for i := range j.Parts {
		j.Parts[i].accepted = j.Parts[i].accepted || l.marks.has(markOf(trace, j.Parts[i].Service))
	}
	j.cells = j.count(j.cells[:0])
	for _, c := range j.cells {
		l.add(c.Cell, c.N)
	}
	l.touched[trace] = true
}

// at returns the share of a service, making one if need be; shares stay in
// order of service.
func (j *traceJoin) at(s Service) *tracePart {
	i, ok := slices.BinarySearchFunc(j.Parts, s, func(p tracePart, s Service) int { return compareService(p.Service, s) })
	if !ok {
		j.Parts = slices.Insert(j.Parts, i, tracePart{Service: s})
	}
	return &j.Parts[i]
}

func (j *traceJoin) refuse(e *effect) {
	p := j.at(e.origin.Service)
	p.Refused++
	p.Started = max(p.Started, e.at)
}

func (j *traceJoin) find(e *effect, r Reason) {
	f := traceFinding{Reason: r, At: e.at, Rank: 2}
	if e.class.Match == MatchGeneric {
		f.Rank = 1
	}
	if r == Unspecified {
		f.Rank = 0
	}
	p := j.at(e.origin.Service)
	if e.request == OutcomeRefused {
		p.Refused++
		p.Started = max(p.Started, e.at)
	}
	for i := range p.Findings {
		if p.Findings[i].Reason == r {
			p.Findings[i].At = min(p.Findings[i].At, f.At)
			p.Findings[i].Rank = max(p.Findings[i].Rank, f.Rank)
			return
		}
	}
	p.Findings = append(p.Findings, f)
	slices.SortFunc(p.Findings, func(a, b traceFinding) int { return cmp.Compare(a.Reason, b.Reason) })
}

// count says what the trace amounts to.
func (j *traceJoin) count(into []Count) []Count {
	var best *traceFinding
	var at *tracePart
	var last *tracePart
	refused := int64(0)
	for i := range j.Parts {
		p := &j.Parts[i]
		refused = max(refused, p.Refused)
		if p.Refused > 0 && (last == nil || p.Started > last.Started) {
			last = p // the innermost service began last
		}
		for k := range p.Findings {
			f := &p.Findings[k]
			if best == nil || f.Rank > best.Rank || f.Rank == best.Rank && f.At < best.At {
				best, at = f, p
			}
		}
	}
	switch {
	case best == nil && last != nil:
		return append(into, Count{Cell{minute(last.Started), last.Service, KindRequest, Unspecified}, refused})
	case best == nil:
		return into
	case refused > 0 || best.Reason.Refusal() && !at.accepted:
		return append(into, Count{Cell{minute(best.At), at.Service, KindJoined, best.Reason}, max(1, refused)})
	case !best.Reason.Refusal():
		return append(into, Count{Cell{minute(best.At), at.Service, KindNotice, best.Reason}, 1})
	}
	return into
}

// first is the earliest minute that the join touches, for retention.
func (j *traceJoin) first() int64 {
	m := int64(1<<62 - 1)
	for _, p := range j.Parts {
		if p.Started != 0 {
			m = min(m, minute(p.Started))
		}
		for _, f := range p.Findings {
			m = min(m, minute(f.At))
		}
	}
	return m
}

func (j *traceJoin) encode() []byte {
	b, err := json.Marshal(j)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	return b
}

// expire closes the joins that lie more than JoinSpan behind the watermark.
func (l *Ledger) expire() {
	if l.cfg.JoinSpan <= 0 {
		return
	}
	edge := minute(l.watermark.Add(-l.cfg.JoinSpan).UnixNano())
	for h, j := range l.traces {
		if j.first() < edge {
			delete(l.traces, h)
		}
	}
}
