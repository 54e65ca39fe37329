package lab

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
)

// Truth is what really happened in a run, as the servers themselves decided
// it: what an analyzer of the entries should come to.
type Truth struct {
	Scenario string
	Start    time.Time // of virtual time
	End      time.Time
	Entries  int64 // handed to Emit
	Repeated int64 // of them, those that were handed over twice
	Counts   []Count
	Injected []Injected // the timeline as it was carried out
	Expect   []Expect   // what the scenario says is wrong
}

// Count sums up requests that ended alike. Every request is in one Count.
type Count struct {
	Service analyzer.Service
	Outcome analyzer.Outcome // none: nothing was decided about a token (a login, a health check)
	Reason  analyzer.Reason  // of a refusal
	Status  int              // HTTP status
	N       int64
	First   time.Time // arrival of the first and last of them
	Last    time.Time
	// Times are the arrivals of the refused, the first maxTimes of them.
	Times []time.Time
}

// maxTimes is enough to find when a fault began among ordinary refusals.
const maxTimes = 20_000

// Injected is one step of the timeline as it was carried out.
type Injected struct {
	Step
	When time.Time
	Err  string // why it failed, when it did: a roll-out that never became ready
}

// Requests sums the counts of a service over all environments; an empty
// service, outcome none with reason "", or an empty reason match everything.
func (t Truth) Requests(service string, outcome analyzer.Outcome, reason analyzer.Reason) int64 {
	var n int64
	for _, c := range t.Counts {
		if (service == "" || c.Service.Name == service) && (outcome == analyzer.OutcomeNone || c.Outcome == outcome) &&
			(reason == "" || c.Reason == reason) {
			n += c.N
		}
	}
	return n
}

// tally counts requests as they end.
type tally struct {
	mu     sync.Mutex
	counts map[countKey]*Count
}

type countKey struct {
	service analyzer.Service
	outcome analyzer.Outcome
	reason  analyzer.Reason
	status  int
}

func (t *tally) count(s *service, rq *request, status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := countKey{analyzer.Service{Name: s.spec.Name, Environment: s.project.Environment}, rq.outcome, rq.reason, status}
	c := t.counts[key]
	if c == nil {
		c = &Count{Service: key.service, Outcome: key.outcome, Reason: key.reason, Status: key.status, First: rq.arrived}
		t.counts[key] = c
	}
	c.N++
	c.Last = rq.arrived
	if key.outcome == analyzer.OutcomeRefused && len(c.Times) < maxTimes {
		c.Times = append(c.Times, rq.arrived)
	}
}

// tell counts something that a program said of its configuration, and that
// refused no request.
func (t *tally) tell(s *service, r analyzer.Reason, at time.Time) {
	t.count(s, &request{outcome: analyzer.OutcomeRefused, reason: r, arrived: at}, 0)
}

// Telling returns when the fault of e showed for the nth time, counted from
// 1: a request refused for it, or a line of a program that could not start.
// ok is false when it never did so often.
func (t *Truth) Telling(e *Expect, n int) (at time.Time, ok bool) {
	var all []time.Time
	from := t.Start.Add(e.From)
	for i := range t.Counts {
		c := &t.Counts[i]
		if c.Outcome != analyzer.OutcomeRefused || !slices.Contains(e.Reasons, c.Reason) || len(e.Services) > 0 && !slices.Contains(e.Services, c.Service.Name) {
			continue
		}
		for _, at := range c.Times {
			if !at.Before(from) {
				all = append(all, at)
			}
		}
	}
	if len(all) < n {
		return time.Time{}, false
	}
	slices.SortFunc(all, time.Time.Compare)
	return all[n-1], true
}

func (t *tally) sorted() []Count {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []Count
	for _, c := range t.counts {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Service.Environment, b.Service.Environment), cmp.Compare(a.Service.Name, b.Service.Name),
			cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Status, b.Status))
	})
	return list
}
