package probe

import (
	"slices"
	"time"
)

// Programs that write plain text log no trace: their lines about canaries
// look like those about users. For each canary whose line has not come under
// its trace, one refusal without a trace, of the same service and the same
// moment, is taken for its own. Should that be a user's, the canary's stands
// in for it: the counts stay right.

// The moment of a canary: its line is written while it is answered. Clocks
// may differ a little.
const (
	lineBefore = time.Second
	lineAfter  = 3 * time.Second
)

// expect notes that a line of the service may come. The lock is held.
func (t *Traces) expect(service string, s *said) {
	list := t.sent[service]
	old := slices.IndexFunc(list, func(x *said) bool { return s.at.Sub(x.at) < traceLife })
	if old < 0 {
		old = len(list)
	}
	t.sent[service] = append(slices.Delete(list, 0, old), s)
}

// claim reports whether a refusal that a service logged at a time, without a
// trace, is a canary's.
func (t *Traces) claim(service string, at time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sent[service] {
		if s.at.After(at.Add(lineBefore)) {
			break
		}
		if !s.come && !s.claimed && at.Sub(s.at) <= lineAfter {
			s.claimed = true
			return true
		}
	}
	return false
}
