package lab

import (
	"context"
	"sync"
	"time"
)

// clock is the virtual time of a platform. It goes back only for what happens
// aside: the order in which all else happens is the order of its timestamps.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is a time source for token libraries.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// advance lets d pass: the work of a handler, the way over the network.
func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// reach moves the clock on to t. A t that has passed already changes nothing:
// an event that comes while the one before it is still at work waits.
func (c *clock) reach(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.now) {
		c.now = t
	}
}

// aside lets f happen beside what comes next: the time that it takes passes
// for itself alone.
func (c *clock) aside(f func() error) error {
	return c.beside(c.Now(), f)
}

// beside is aside for what began at a time that may have passed already.
func (c *clock) beside(at time.Time, f func() error) error {
	now := c.Now()
	c.mu.Lock()
	c.now = at
	c.mu.Unlock()
	err := f()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
	return err
}

// pace keeps virtual time at speed times wall time.
type pace struct {
	speed   float64 // virtual seconds per second of wall time; 0 never waits
	virtual time.Time
	wall    time.Time
}

// until waits for the moment of wall time that belongs to the virtual time t.
func (p pace) until(ctx context.Context, t time.Time) error {
	if p.speed <= 0 {
		return ctx.Err()
	}
	due := p.wall.Add(time.Duration(float64(t.Sub(p.virtual)) / p.speed))
	wait := time.Until(due)
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
