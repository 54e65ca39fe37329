package main

import (
	"context"
	"io"
	"strings"
	"time"
)

// redrawEvery is how often a table on a terminal is drawn anew. The daemon notes what it
// knows of a rotation about as often as it probes.
const redrawEvery = 2 * time.Second

// clearScreen lets the next table take the place of the one before.
const clearScreen = "\x1b[H\x1b[2J"

// watch draws the status until the old version may go. On a terminal each
// table takes the place of the one before; else only those that differ are
// printed.
func (r *rotating) watch(ctx context.Context) error {
	before := ""
	if r.env.onTerminal() {
		before = clearScreen
	}
	shown := ""
	for {
		table := &strings.Builder{}
		env := *r.env
		env.stdout = table
		now, err := env.rotating(ctx, r.o)
		if err != nil {
			return err
		}
		ready := now.ready(now.forward)
		if ready == nil {
			return errNoRotation
		}
		if err := now.write(now.forward, ready); err != nil {
			return err
		}
		if table.String() != shown {
			shown = table.String()
			if _, err := io.WriteString(r.env.stdout, before+shown); err != nil {
				return err
			}
		}
		if ready.MayRetire {
			return nil
		}
		select {
		case <-ctx.Done():
			return exitWith(exitInterrupted, ctx.Err())
		case <-time.After(redrawEvery):
		}
	}
}
