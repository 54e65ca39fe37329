package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// statements are those of Commit, prepared once: preparing costs more than
// running.
type statements struct {
	service, series, count, population, traces, exemplar, drop, change,
	template, poison, oldestPoison, total, watermark *sql.Stmt
	keys, accepted blobStatements
	all            []*sql.Stmt
}

func (s *statements) prepare(ctx context.Context, conn *sql.Conn) error {
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&s.service, `INSERT INTO services (name, environment, day) VALUES (?, ?, ?)
			ON CONFLICT (name, environment) DO UPDATE SET day = max(day, excluded.day) RETURNING id`},
		{&s.series, `INSERT INTO series (service, kind, reason, day) VALUES (?, ?, ?, ?)
			ON CONFLICT (service, kind, reason) DO UPDATE SET day = max(day, excluded.day) RETURNING id`},
		{&s.keys.insert, `INSERT INTO keys (minute, count, blob) VALUES (?, ?, ?)`},
		{&s.keys.extend, `UPDATE keys SET minute = ?, count = ?, blob = ? WHERE id = ?`},
		{&s.accepted.insert, `INSERT INTO accepted (minute, count, blob) VALUES (?, ?, ?)`},
		{&s.accepted.extend, `UPDATE accepted SET minute = ?, count = ?, blob = ? WHERE id = ?`},
		{&s.count, `INSERT INTO counts (minute, series, n) VALUES (?, ?, ?)
			ON CONFLICT (minute, series) DO UPDATE SET n = n + excluded.n`},
		{&s.population, `INSERT INTO populations (hour, service, reason, dimension, value, n) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (hour, service, reason, dimension, value) DO UPDATE SET n = n + excluded.n`},
		{&s.traces, `INSERT INTO traces (minute, count, blob) VALUES (?, ?, ?)`},
		{&s.exemplar, `INSERT OR REPLACE INTO exemplars (key, service, reason, at, rule, library, excerpt, insert_id, captures)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&s.drop, `DELETE FROM exemplars WHERE key = ?`},
		{&s.change, `INSERT INTO changes (key, kind, target, version, service, project, at, actor, evidence, details)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`},
		{&s.template, `INSERT INTO templates (service, text, n, first, last) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (service, text) DO UPDATE SET n = n + excluded.n,
				first = min(first, excluded.first), last = max(last, excluded.last)`},
		{&s.poison, `INSERT INTO quarantine (key, at, place, reason, bytes, data) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (key) DO NOTHING`},
		{&s.oldestPoison, `DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine ORDER BY id LIMIT ?)`},
		{&s.total, `INSERT INTO totals (name, n) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n`},
		{&s.watermark, `INSERT INTO progress (id, watermark) VALUES (1, ?)
			ON CONFLICT (id) DO UPDATE SET watermark = max(watermark, excluded.watermark)`},
	} {
		stmt, err := conn.PrepareContext(ctx, p.text)
		if err != nil {
			return fmt.Errorf("prepare statement: %w", err)
		}
		*p.to = stmt
		s.all = append(s.all, stmt)
	}
	return nil
}

func (s *statements) close() error {
	var errs []error
	for _, stmt := range s.all {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}
