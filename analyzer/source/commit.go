package source

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/why401/why401/analyzer"
)

// inFlight is how many groups may be with the handler at a time: while one is
// being written, the next is being decoded.
const inFlight = 2

// committer turns single messages into group commits: keep blocks until the
// group that the message joined was kept or refused.
type committer struct {
	handle analyzer.Handler
	count  int           // messages in a full group
	bytes  int           // bytes in a full group
	wait   time.Duration // from a group's first message until it is offered
	hold   time.Duration // how long a refused group is offered again

	in    chan pending
	slots chan struct{}
	calls sync.WaitGroup

	groups *atomic.Int64 // handed over so far
}

type pending struct {
	message analyzer.Message
	result  chan<- error
}

func newCommitter(handle analyzer.Handler, c PubSubConfig) *committer {
	return &committer{
		handle: handle,
		count:  c.GroupSize, bytes: int(c.GroupBytes), wait: c.GroupWait, hold: c.Hold,
		in:     make(chan pending),
		slots:  make(chan struct{}, inFlight),
		groups: new(atomic.Int64),
	}
}

// keep adds m to a group and returns what became of the group.
func (c *committer) keep(m analyzer.Message) error {
	result := make(chan error, 1)
	c.in <- pending{m, result}
	return <-result
}

// run gathers groups until in is closed, and returns when every group was
// handled. A group is offered when it is full or when wait has passed, and goes
// on growing as long as no slot is free. Once live ends, groups wait for
// nothing but a slot, and a refused one is not offered again. The handler gets
// ctx.
func (c *committer) run(ctx, live context.Context) {
	defer c.calls.Wait()
	var group []pending
	var bytes int
	var due bool
	timer := time.NewTimer(0)
	<-timer.C
	defer timer.Stop()
	in := c.in
	for in != nil || len(group) > 0 {
		full := len(group) >= c.count || bytes >= c.bytes
		intake, slot, urge := in, c.slots, live.Done()
		if full {
			intake = nil
		}
		if !full && !due && in != nil {
			slot = nil
		}
		if due || len(group) == 0 {
			urge = nil
		}
		select {
		case p, open := <-intake:
			if !open {
				in = nil
				continue
			}
			if len(group) == 0 {
				timer.Reset(c.wait)
			}
			group = append(group, p)
			bytes += len(p.message.Data)
		case <-timer.C:
			due = len(group) > 0
		case <-urge:
			due = true
		case slot <- struct{}{}:
			timer.Stop()
			ready := group
			c.calls.Go(func() { c.commit(ctx, live, ready); <-c.slots })
			group, bytes, due = make([]pending, 0, min(2*len(ready), c.count)), 0, false
		}
	}
}

func (c *committer) commit(ctx, live context.Context, group []pending) {
	messages := make([]analyzer.Message, len(group))
	for i := range group {
		messages[i] = group[i].message
	}
	c.groups.Add(1)
	err := offer(ctx, live, c.hold, c.handle, messages)
	for i := range group {
		group[i].result <- err
	}
}
