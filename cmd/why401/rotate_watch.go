package main

import (
	"bytes"
	"context"
	"os"
	"time"

	"golang.org/x/term"
)

// redrawEvery is how often a table on a terminal is drawn anew. The daemon notes what it
// knows of a rotation about as often as it probes.
const redrawEvery = 2 * time.Second

// watch draws the status until the old version may go. On a terminal each
// table takes the place of the one before; else only those that differ are
// printed.
func (r *rotating) watch(ctx context.Context) error {
	out, live := r.env.stdout.(*os.File)
	live = live && term.IsTerminal(int(out.Fd()))
	var shown []byte
	for {
		table := &bytes.Buffer{}
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
		if !bytes.Equal(table.Bytes(), shown) {
			shown = table.Bytes()
			if live {
				shown = append([]byte("\x1b[H\x1b[2J"), shown...)
			}
			if _, err := r.env.stdout.Write(shown); err != nil {
				return err
			}
			shown = table.Bytes()
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
