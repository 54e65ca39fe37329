package source

import (
	"context"
	"io"
	"time"
)

// linger is how long a read from a pipe waits for more once it has something:
// long enough to fill a group while a program writes, too short to be felt by
// who watches.
const linger = 20 * time.Millisecond

// pump reads from pipes and terminals in a goroutine of its own, so that a
// read that blocks can be left when ctx ends.
type pump struct {
	ctx   context.Context
	full  chan chunk
	empty chan []byte
	rest  chunk // what the last chunk still holds
	whole []byte
	calm  func() bool // calls off waking the reader
}

type chunk struct {
	data []byte
	err  error
}

func newPump(ctx context.Context, r io.Reader) *pump {
	p := &pump{ctx: ctx, full: make(chan chunk), empty: make(chan []byte, 2)}
	p.empty <- make([]byte, 64<<10)
	p.empty <- make([]byte, 64<<10)
	p.calm = context.AfterFunc(ctx, func() { wake(r) })
	go p.work(r)
	return p
}

// close leaves the reader alone when it has been read to its end. If not, a
// read may be under way, and the end of ctx will end it.
func (p *pump) close() {
	if p.rest.err != nil {
		p.calm()
	}
}

// wake ends a Read of r that is under way, where that can be done.
func wake(r io.Reader) {
	if d, ok := r.(interface{ SetReadDeadline(time.Time) error }); ok && d.SetReadDeadline(time.Unix(1, 0)) == nil {
		return
	}
	if c, ok := r.(io.Closer); ok {
		_ = c.Close() // only to end the Read, whose own error is the one that counts
	}
}

func (p *pump) work(r io.Reader) {
	for {
		select {
		case buf := <-p.empty:
			n, err := r.Read(buf)
			select {
			case p.full <- chunk{buf[:n], err}:
			case <-p.ctx.Done():
				return
			}
			if err != nil {
				return
			}
		case <-p.ctx.Done():
			return
		}
	}
}

// Read waits for the first bytes and then gathers those that follow closely.
func (p *pump) Read(out []byte) (int, error) {
	var n int
	var late <-chan time.Time
	for n < len(out) {
		if len(p.rest.data) > 0 {
			k := copy(out[n:], p.rest.data)
			p.rest.data = p.rest.data[k:]
			n += k
			continue
		}
		if p.whole != nil {
			p.empty <- p.whole[:cap(p.whole)]
			p.whole = nil
		}
		if p.rest.err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, p.rest.err
		}
		if n > 0 && late == nil {
			t := time.NewTimer(linger)
			defer t.Stop()
			late = t.C
		}
		select {
		case p.rest = <-p.full:
			p.whole = p.rest.data
		case <-late:
			return n, nil
		case <-p.ctx.Done():
			return n, p.ctx.Err()
		}
	}
	return n, nil
}
