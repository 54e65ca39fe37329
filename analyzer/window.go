package analyzer

import (
	"maps"
	"math"
	"slices"
	"time"
)

// Window holds counts per minute of event time, and answers how many requests
// of a service were accepted and refused, and why. All time is event time.
type Window struct {
	share    float64 // of the accepted requests whose logs come in
	services map[Service]*series
	oldest   int64
}

// series is one service's minutes.
type series struct {
	minutes map[int64]*tally
	first   int64
	last    int64
	hours   map[int64]*hourSum // what whole hours come to, see sum
	// What the service ever told, so that the healthy ones cost a diagnosis
	// nothing.
	reasons map[Reason]bool
	success bool
}

// tally is one minute of one service.
type tally struct {
	seen, accepted, success, stack int64
	failed                         int64
	logged                         int64 // accepted requests whose logs came; accepted is what they stand for
	request                        int64
	reasons                        []reasonTally
}

// reasonTally is one reason's share of a minute.
type reasonTally struct {
	reason                            Reason
	finding, stackEnd, joined, notice int64
}

// NewWindow returns an empty window.
func NewWindow() *Window { return &Window{services: map[Service]*series{}, share: 1} }

// estimate is how many accepted requests n of their logs stand for.
func (w *Window) estimate(n int64) int64 {
	if w.share == 1 {
		return n
	}
	return int64(math.Round(float64(n) / w.share))
}

// Add adds n to a cell.
func (w *Window) Add(c Cell, n int64) {
	s := w.services[c.Service]
	if s == nil {
		s = &series{minutes: map[int64]*tally{}, first: c.Minute, last: c.Minute, reasons: map[Reason]bool{}}
		w.services[c.Service] = s
	}
	s.first, s.last = min(s.first, c.Minute), max(s.last, c.Minute)
	delete(s.hours, hourOf(c.Minute))
	t := s.minutes[c.Minute]
	if t == nil {
		t = &tally{}
		s.minutes[c.Minute] = t
	}
	switch c.Kind {
	case KindSeen:
		t.seen += n
	case KindAccepted:
		t.logged += n
		t.accepted = w.estimate(t.logged)
	case KindSuccess:
		t.success += n
		s.success = true
	case KindStack:
		t.stack += n
	case KindFailed:
		t.failed += n
	case KindRequest:
		t.request += n
		s.reasons[Unspecified] = true
	default:
		s.reasons[c.Reason] = true
		r := t.reason(c.Reason)
		switch c.Kind {
		case KindFinding:
			r.finding += n
		case KindStackEnd:
			r.stackEnd += n
		case KindJoined:
			r.joined += n
		case KindNotice:
			r.notice += n
		}
	}
}

func (t *tally) reason(r Reason) *reasonTally {
	for i := range t.reasons {
		if t.reasons[i].reason == r {
			return &t.reasons[i]
		}
	}
	t.reasons = append(t.reasons, reasonTally{reason: r})
	return &t.reasons[len(t.reasons)-1]
}

// Forget drops the minutes before a time. Their counts leave the rates; what
// is exported and stored stays.
func (w *Window) Forget(before time.Time) {
	edge := minute(before.UnixNano())
	if edge <= w.oldest {
		return
	}
	w.oldest = edge
	for name, s := range w.services {
		maps.DeleteFunc(s.minutes, func(m int64, _ *tally) bool { return m < edge })
		maps.DeleteFunc(s.hours, func(h int64, _ *hourSum) bool { return h*60 < edge })
		s.first = max(s.first, edge)
		if len(s.minutes) == 0 {
			delete(w.services, name)
		}
	}
}

// Services lists every service seen, by environment and name.
func (w *Window) Services() []Service {
	return slices.SortedFunc(maps.Keys(w.services), compareService)
}

// environments lists the environments of the services seen.
func (l *Ledger) environments() []string {
	seen := map[string]bool{}
	for s := range l.window.services {
		if s.Environment != "" {
			seen[s.Environment] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Rates are the decisions of one service over a span.
type Rates struct {
	Accepted int64
	Refused  int64
	Reasons  map[Reason]int64 // failures by primary reason, notices included
	// Requests is true when request logs gave the accepted count, false
	// when success lines did.
	Requests bool
	Seen     int64
}

// Share is the refused share of all decisions, 0 when there were none.
func (r Rates) Share() float64 {
	if n := r.Accepted + r.Refused; n > 0 {
		return float64(r.Refused) / float64(n)
	}
	return 0
}

// Service sums up a service over the minutes [from, to). What carried a trace
// is exact. What did not is paired by time: an application's line (which comes
// at or after the start of its request, hence in that minute or the next)
// explains a refused request of the same service; the end of a cut traceback
// belongs to the line that led into it. What no line explains is counted as
// unspecified, never guessed at.
func (w *Window) Service(s Service, from, to int64) Rates {
	sr := w.services[s]
	if sr == nil {
		return Rates{Reasons: map[Reason]int64{}}
	}
	sum := rateSum{Rates: Rates{Reasons: map[Reason]int64{}}}
	sum.unexplained(sr.sum(&sum, from, to, 0))
	r := sum.Rates
	r.Requests = sum.requests > 0
	if !r.Requests || sum.success > r.Accepted {
		r.Accepted = max(r.Accepted, sum.success)
	}
	return r
}

// accepts reports whether a service let any request through in [from, to).
func (w *Window) accepts(s Service, from, to int64) bool {
	sr := w.services[s]
	if sr == nil {
		return false
	}
	for m := max(from, sr.first); m < to && m <= sr.last; m++ {
		if sr.accepts(m) > 0 {
			return true
		}
	}
	return false
}

// failing sums up the requests of a service that failed by its own fault, and
// all that were let through or failed so.
func (w *Window) failing(s Service, from, to int64) (failed, all int64) {
	sr := w.services[s]
	if sr == nil {
		return 0, 0
	}
	for m := max(from, sr.first); m < to && m <= sr.last; m++ {
		if t := sr.minutes[m]; t != nil {
			failed, all = failed+t.failed, all+t.failed+t.accepted
		}
	}
	return failed, all
}

// unexplained counts n refused requests without a reason and returns 0.
func (r *Rates) unexplained(n int64) int64 {
	if n > 0 {
		r.Refused += n
		r.count(Unspecified, n)
	}
	return 0
}

// tell adds a minute's reasons to r and returns how many refused requests
// were told by lines without a trace.
func (t *tally) tell(r *Rates) (told int64) {
	stacks := t.stack
	for i := range t.reasons {
		x := &t.reasons[i]
		paired := min(x.finding, x.stackEnd, stacks)
		stacks -= paired
		untraced := x.finding + x.stackEnd - paired
		if n := untraced + x.joined + x.notice; n > 0 {
			r.count(x.reason, n)
		}
		r.Refused += x.joined
		if x.reason.Refusal() {
			told += untraced
		}
	}
	return told
}
