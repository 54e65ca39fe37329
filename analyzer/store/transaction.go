package store

import (
	"context"
	"database/sql"
	"fmt"
)

// do runs f alone and within a transaction, whose tally becomes the store's
// when it commits.
func (s *sqliteStore) do(ctx context.Context, what string, f func(context.Context, *tally) error) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	defer func() { <-s.turn }()
	if s.closed {
		return fmt.Errorf("%s: %w", what, ErrClosed)
	}
	after, begin := s.tally, beginWrite
	if s.config.ReadOnly {
		begin = beginRead
	}
	err := transact(ctx, s.conn, begin, func(ctx context.Context) error { return f(ctx, &after) })
	if err != nil {
		s.ids.reset() // may name rows that were rolled back
		return fmt.Errorf("%s: %w", what, explain(s.config.Path, err))
	}
	s.tally = after
	return nil
}

// beginWrite takes the right to write at once: a transaction that first reads
// may find that another has written since, and cannot go on. Both see one
// state of the file from their first read on.
const (
	beginRead  = "BEGIN"
	beginWrite = "BEGIN IMMEDIATE"
)

// transact runs f within a transaction. The statements get a context without
// cancellation: watching it costs a goroutine each, and a batch is short.
func transact(ctx context.Context, conn *sql.Conn, begin string, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	inner := context.WithoutCancel(ctx)
	if _, err := conn.ExecContext(inner, begin); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	err := f(inner)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		if _, err = conn.ExecContext(inner, "COMMIT"); err == nil {
			return nil
		}
		err = fmt.Errorf("commit: %w", err)
	}
	// SQLite has already rolled back after some errors, and says so here. A
	// rollback that truly fails makes the next BEGIN fail and be reported.
	_, _ = conn.ExecContext(inner, "ROLLBACK")
	return err
}
