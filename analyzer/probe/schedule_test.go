package probe

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/why401/why401/analyzer"
)

// probeFunc is a probe in one function.
type probeFunc func(ctx context.Context) []analyzer.ProbeResult

func (f probeFunc) Check(ctx context.Context) []analyzer.ProbeResult { return f(ctx) }

func answer(s analyzer.Status) []analyzer.ProbeResult {
	return []analyzer.ProbeResult{{Status: s, Detail: "seen"}}
}

func nobody(context.Context, []analyzer.ProbeResult) error { return nil }

// Every target is checked exactly once in each of its intervals, at moments
// that differ.
func TestOnceAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const targets, intervals = 20, 50
		began := time.Now().Truncate(time.Minute).Add(time.Minute) // the first whole interval
		var counts [targets][intervals]int
		offsets := map[time.Duration]bool{}
		var list []Target
		for i := range targets {
			list = append(list, Target{Name: fmt.Sprint(i), Every: time.Minute, Probe: probeFunc(func(context.Context) []analyzer.ProbeResult {
				now := time.Now()
				counts[i][int(now.Sub(began)/time.Minute)]++
				if i == 0 {
					offsets[now.Sub(now.Truncate(time.Minute))] = true
				}
				return answer(analyzer.StatusOK)
			})})
		}
		c := DefaultConfig()
		c.Concurrency = targets
		ctx, cancel := context.WithDeadline(t.Context(), began.Add(intervals*time.Minute))
		defer cancel()
		if err := NewScheduler(list, c).Run(ctx, nobody); err != nil {
			t.Fatal(err)
		}
		for i := range counts {
			for k, n := range counts[i] {
				if n != 1 {
					t.Fatalf("target %d was checked %d times in interval %d; want once", i, n, k)
				}
			}
		}
		if len(offsets) < intervals/2 {
			t.Errorf("%d different moments in %d intervals; want jitter", len(offsets), intervals)
		}
	})
}

func TestConcurrencyAndDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		slow := probeFunc(func(ctx context.Context) []analyzer.ProbeResult {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			<-ctx.Done()
			return answer(analyzer.StatusUnknown)
		})
		var list []Target
		for range 30 {
			list = append(list, Target{Every: time.Minute, Probe: slow})
		}
		c := DefaultConfig()
		c.Concurrency = 3
		began := time.Now()
		got := NewScheduler(list, c).Once(t.Context())
		if most.Load() != 3 || len(got) != 30 {
			t.Errorf("%d at a time, %d results; want 3 and 30", most.Load(), len(got))
		}
		if took := time.Since(began); took != 10*c.checkTimeout() {
			t.Errorf("took %s; want ten times the deadline, %s", took, 10*c.checkTimeout())
		}
	})
}

// A target that does not answer is asked less and less; one answer ends that.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		var up atomic.Bool
		target := Target{Every: time.Minute, Probe: probeFunc(func(context.Context) []analyzer.ProbeResult {
			asked.Add(1)
			if up.Load() {
				return answer(analyzer.StatusFail)
			}
			return answer(analyzer.StatusUnknown)
		})}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		s := NewScheduler([]Target{target}, DefaultConfig())
		go func() { done <- s.Run(ctx, nobody) }()
		time.Sleep(2 * time.Hour)
		if n := asked.Swap(0); n < 8 || n > 14 {
			t.Errorf("asked a silent target %d times in two hours; want about ten", n)
		}
		up.Store(true)
		time.Sleep(time.Hour + 18*time.Minute)
		if n := asked.Load(); n < 60 || n > 78 {
			t.Errorf("asked %d times after it came back; want every minute again", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// The end of the program is no finding, and the last round stays readable.
func TestLastRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		hang := false
		target := Target{Kind: "k", Domain: "d", Name: "n", Every: time.Minute, Probe: probeFunc(func(ctx context.Context) []analyzer.ProbeResult {
			if hang {
				<-ctx.Done()
				return answer(analyzer.StatusUnknown)
			}
			return answer(analyzer.StatusOK)
		})}
		s := NewScheduler([]Target{target}, DefaultConfig())
		s.Once(ctx)
		hang = true
		go func() {
			time.Sleep(2*time.Minute - time.Nanosecond)
			cancel()
		}()
		if err := s.Run(ctx, nobody); err != nil {
			t.Fatal(err)
		}
		got := s.Last()
		if len(got) != 1 || got[0].Probe != "k" || got[0].Domain != "d" || got[0].Target != "n" || got[0].At.IsZero() {
			t.Errorf("last round %+v; want the completed result", got)
		}
		broken := errors.New("store is away")
		if err := NewScheduler([]Target{{Every: time.Minute, Probe: probeFunc(func(context.Context) []analyzer.ProbeResult { return nil })}}, DefaultConfig()).
			Run(t.Context(), func(context.Context, []analyzer.ProbeResult) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("Run: %v; want the error of publish", err)
		}
	})
}
