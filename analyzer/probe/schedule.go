package probe

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
)

// Scheduler runs targets: each exactly once in every interval of its own, at
// a random moment of it, so that many targets and many replicas of the
// program spread their load. Intervals are counted from the epoch.
type Scheduler struct {
	targets []Target
	timeout time.Duration
	slots   chan struct{} // one for each check under way

	mu     sync.Mutex
	states []state
}

// state is what is known of a target.
type state struct {
	last    []analyzer.ProbeResult
	failed  int       // rounds in a row in which nothing could be seen
	resumes time.Time // a target that does not answer is left alone until then
}

// The breaker: a target that could not be looked at so many times in a row is
// left alone for twice as long each time, at most maxRest intervals.
const (
	breakAfter = 3
	maxRest    = 16
)

// NewScheduler makes a scheduler; nothing is asked before Once or Run.
func NewScheduler(targets []Target, c Config) *Scheduler {
	return &Scheduler{targets: targets, timeout: c.checkTimeout(), slots: make(chan struct{}, max(c.Concurrency, 1)), states: make([]state, len(targets))}
}

// Once checks every target once, as many at a time as the configuration
// allows, and returns what is known then. It is the round at start-up and the
// one of `why401 validate`. The instances are counted first: how much one
// answer says depends on how many there are.
func (s *Scheduler) Once(ctx context.Context) []analyzer.ProbeResult {
	for _, counts := range []bool{true, false} {
		var wg sync.WaitGroup
		for i := range s.targets {
			if (s.targets[i].Kind == "replicas") == counts {
				wg.Go(func() { s.check(ctx, i) })
			}
		}
		wg.Wait()
	}
	return s.Last()
}

// Last returns the latest results of every target, without asking anybody.
func (s *Scheduler) Last() []analyzer.ProbeResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []analyzer.ProbeResult
	for i := range s.states {
		out = append(out, s.states[i].last...)
	}
	return out
}

// Run checks the targets until ctx ends, which is no error, and gives publish
// all that is known each time that something new is: never two calls at the
// same time. An error of publish ends the run.
func (s *Scheduler) Run(ctx context.Context, publish func(ctx context.Context, known []analyzer.ProbeResult) error) error {
	ctx, cancel := context.WithCancel(ctx)
	fresh := make(chan struct{}, 1)
	var wg sync.WaitGroup
	for i := range s.targets {
		wg.Go(func() { s.loop(ctx, i, fresh) })
	}
	defer wg.Wait()
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-fresh:
		}
		if err := publish(ctx, s.Last()); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil
			}
			return err
		}
	}
}

// loop runs one target, from the interval after the present one on.
func (s *Scheduler) loop(ctx context.Context, i int, fresh chan<- struct{}) {
	every := s.targets[i].Every
	for slot := time.Now().Truncate(every).Add(every); ; slot = slot.Add(every) {
		// A check may last longer than its interval: those it missed are gone.
		if now := time.Now(); slot.Before(now.Truncate(every)) {
			slot = now.Truncate(every).Add(every)
		}
		if !wait(ctx, time.Until(slot.Add(jitter(every)))) {
			return
		}
		if s.rests(i) {
			continue
		}
		if !s.check(ctx, i) {
			return
		}
		select {
		case fresh <- struct{}{}:
		default: // a publication is due anyway
		}
	}
}

// jitter is a random part of the interval. The last tenth is left out, so
// that a check ends within its own interval.
func jitter(every time.Duration) time.Duration { return rand.N(every*9/10 + 1) }

func (s *Scheduler) rests(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.states[i].resumes)
}

// check runs one target when there is a place for it; false when ctx ended.
func (s *Scheduler) check(ctx context.Context, i int) bool {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	results := s.targets[i].check(ctx, s.timeout)
	<-s.slots
	if ctx.Err() != nil && !known(results) {
		return false // the end of the program says nothing about the target
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.states[i]
	st.last = results
	st.failed++
	if known(results) {
		st.failed = 0
	}
	st.resumes = time.Time{}
	if n := st.failed - breakAfter; n >= 0 {
		rest := min(1<<min(n, 8), maxRest)
		st.resumes = time.Now().Truncate(s.targets[i].Every).Add(time.Duration(rest+1) * s.targets[i].Every)
	}
	return true
}

// known reports whether any of the results says something.
func known(results []analyzer.ProbeResult) bool {
	return slices.ContainsFunc(results, func(r analyzer.ProbeResult) bool { return r.Status != analyzer.StatusUnknown })
}

// wait sleeps for d and tells whether it did; it returns at once when ctx ends.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
