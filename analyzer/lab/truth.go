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
	Counts   []Count
	Injected []Injected // the timeline as it was carried out
	Faults   []Fault    // what the scenario says is wrong
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
}

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
