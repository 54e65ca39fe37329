package lab

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// plan is what will happen, in the order of virtual time; of two events at
// the same time the one planned first comes first. One goroutine runs the
// events; others may add to them.
type plan struct {
	mu     sync.Mutex
	events events
	seq    int
}

type event struct {
	at  time.Time
	seq int
	run func(context.Context) error
}

// at plans run for the time t.
func (p *plan) at(t time.Time, run func(context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq++
	heap.Push(&p.events, event{t, p.seq, run})
}

// next takes the next event before end off the plan.
func (p *plan) next(end time.Time) (event, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.events) == 0 || p.events[0].at.After(end) {
		return event{}, false
	}
	return heap.Pop(&p.events).(event), true
}

// every plans run again and again: after a first time within the interval,
// always with a jitter of a tenth, for as long as the plan is run.
func (p *plan) every(from time.Time, interval time.Duration, luck *chance, run func(context.Context) error) {
	var again func(context.Context) error
	next := from.Add(luck.between(0, interval))
	again = func(ctx context.Context) error {
		next = next.Add(interval + luck.between(-interval/10, interval/10))
		p.at(next, again)
		return run(ctx)
	}
	p.at(next, again)
}

// run carries out every event before end, at the pace given, each when it has
// the turn. after is asked after each of them; its error ends the run.
func (p *plan) run(ctx context.Context, c *clock, pc pace, end time.Time, turn *sync.Mutex, after func() error) error {
	for {
		e, more := p.next(end)
		if !more {
			break
		}
		// What was at work before may have taken until now.
		if err := pc.until(ctx, later(e.at, c.Now())); err != nil {
			return err
		}
		turn.Lock()
		c.reach(e.at)
		err := e.run(ctx)
		turn.Unlock()
		if err != nil {
			return err
		}
		if err := after(); err != nil {
			return err
		}
	}
	if err := pc.until(ctx, end); err != nil {
		return err
	}
	c.reach(end)
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

type events []event

func (e events) Len() int { return len(e) }

func (e events) Less(i, j int) bool {
	if e[i].at.Equal(e[j].at) {
		return e[i].seq < e[j].seq
	}
	return e[i].at.Before(e[j].at)
}

func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

func (e *events) Push(x any) { *e = append(*e, x.(event)) }

func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
