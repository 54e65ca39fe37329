package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/why401/why401/analyzer"
)

func (s *sqliteStore) Quarantine(ctx context.Context, limit int) ([]analyzer.Poison, error) {
	if limit <= 0 {
		limit = -1 // SQLite's word for all
	}
	var out []analyzer.Poison
	err := s.do(ctx, "read quarantine", func(ctx context.Context, _ *tally) error {
		r := reader{ctx: ctx, conn: s.conn, path: s.config.Path}
		const query = "SELECT key, at, place, reason, bytes, data FROM quarantine ORDER BY id LIMIT ?"
		return r.each(query, func(rows *sql.Rows) error {
			var key []byte
			var at string
			var p analyzer.Poison
			err := rows.Scan(&key, &at, &p.Where, &p.Reason, &p.Bytes, &p.Data)
			if err != nil {
				return err
			}
			if p.Key, err = decodeKey(key); err != nil {
				return err
			}
			if p.At, err = parseTime(at); err != nil {
				return err
			}
			out = append(out, p)
			return nil
		}, limit)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *sqliteStore) Forget(ctx context.Context, key analyzer.Key) error {
	return s.do(ctx, "forget quarantined entry", func(ctx context.Context, t *tally) error {
		result, err := s.conn.ExecContext(ctx, "DELETE FROM quarantine WHERE key = ?", key[:])
		if err != nil {
			return fmt.Errorf("delete row: %w", err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("count rows: %w", err)
		}
		t.quarantined -= n
		return nil
	})
}
