package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// What one Sweep removes at most from each table: some tens of milliseconds
// during which commits wait.
const (
	sweepRows  = 2_000
	sweepBlobs = 256
)

// Sweep removes services and series last, when no row can name them any more.
func (s *sqliteStore) Sweep(ctx context.Context, now time.Time) (more bool, err error) {
	cut := s.config.cutoffs(now)
	err = s.do(ctx, "sweep store", func(ctx context.Context, t *tally) error {
		w := sweeper{ctx: ctx, s: s}
		w.rows("counts", "minute, series", "minute < ?", cut.minute)
		w.rows("populations", "hour, service, reason, dimension, value", "hour < ?", cut.hour)
		w.rows("exemplars", "key", "at < ?", timeText(cut.at))
		w.rows("changes", "id", "at < ?", timeText(cut.at))
		w.rows("templates", "service, text", "last < ?", timeText(cut.at))
		w.blobs("keys", &t.keys, cut.minute)
		w.blobs("accepted", &t.accepted, cut.join)
		w.blobs("traces", &t.traces, cut.join)
		if w.err == nil && !w.more {
			w.rows("series", "id", "day < ?", cut.day)
			w.rows("services", "id", "day < ?", cut.day)
			s.ids.reset()
		}
		more = w.more
		return w.err
	})
	if err != nil {
		return false, err
	}
	return more, nil
}

// sweeper carries the first error past the steps that follow it.
type sweeper struct {
	ctx  context.Context // of one Sweep
	s    *sqliteStore
	more bool
	err  error
}

// rows deletes the oldest rows of table that old, a condition on one value,
// holds for.
func (w *sweeper) rows(table, key, old string, value any) {
	query := fmt.Sprintf("DELETE FROM %s WHERE (%s) IN (SELECT %s FROM %s WHERE %s LIMIT ?)", table, key, key, table, old)
	if w.delete(table, query, value, sweepRows) == sweepRows {
		w.more = true
	}
}

// blobs deletes the oldest rows of table that are past minute or, whatever
// their age, that kept exceeds the greatest number by.
func (w *sweeper) blobs(table string, kept *int64, minute int64) {
	if w.err != nil {
		return
	}
	r := reader{ctx: w.ctx, conn: w.s.conn, path: w.s.config.Path}
	var last, gone, rows int64
	query := fmt.Sprintf("SELECT id, minute, count FROM %s ORDER BY id LIMIT %d", table, sweepBlobs)
	over := *kept - int64(w.s.config.KeyRetention)
	old := true // blobs lie in the order of their age: the first to stay ends it
	w.err = r.each(query, func(heads *sql.Rows) error {
		var id, at, count int64
		if err := heads.Scan(&id, &at, &count); err != nil {
			return err
		}
		if old = old && (at < minute || gone < over); old {
			last, gone, rows = id, gone+count, rows+1
		}
		return nil
	})
	if rows == 0 || w.err != nil {
		return
	}
	w.delete(table, fmt.Sprintf("DELETE FROM %s WHERE id <= ?", table), last)
	*kept -= gone
	if rows == sweepBlobs {
		w.more = true
	}
}

func (w *sweeper) delete(table, query string, args ...any) int64 {
	if w.err != nil {
		return 0
	}
	result, err := w.s.conn.ExecContext(w.ctx, query, args...)
	if err != nil {
		w.err = fmt.Errorf("sweep %s: %w", table, err)
		return 0
	}
	n, err := result.RowsAffected()
	if err != nil {
		w.err = fmt.Errorf("sweep %s: %w", table, err)
	}
	return n
}
