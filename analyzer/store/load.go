package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/why401/why401/analyzer"
)

// Load reads everything but the quarantine. It reads every table whole and is
// therefore also the check of the file.
func (s *sqliteStore) Load(ctx context.Context) (*analyzer.Loaded, error) {
	out := &analyzer.Loaded{}
	err := s.do(ctx, "read tables", func(inner context.Context, _ *tally) error {
		services, err := s.readServices(inner)
		if err != nil {
			return fmt.Errorf("read services: %w", err)
		}
		r := reader{ctx: inner, conn: s.conn, path: s.config.Path, services: services, out: out}
		limit := int64(s.config.KeyRetention)
		for _, step := range []struct {
			table string
			read  func() error
		}{
			{"keys", func() error { return r.readKeys(limit) }},
			{"accepted", func() error { return r.readAccepted(limit) }},
			{"counts", r.readCounts},
			{"populations", r.readPopulations},
			{"traces", r.readTraces},
			{"exemplars", r.readExemplars},
			{"changes", r.readChanges},
			{"templates", r.readTemplates},
			{"parts", r.readParts},
			{"progress", r.readProgress},
		} {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := step.read(); err != nil {
				return fmt.Errorf("read %s: %w", step.table, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *sqliteStore) readServices(ctx context.Context) (map[int64]analyzer.Service, error) {
	r := reader{ctx: ctx, conn: s.conn, path: s.config.Path}
	services := map[int64]analyzer.Service{}
	err := r.each("SELECT id, name, environment FROM services", func(rows *sql.Rows) error {
		var id int64
		var v analyzer.Service
		if err := rows.Scan(&id, &v.Name, &v.Environment); err != nil {
			return err
		}
		services[id] = v
		return nil
	})
	return services, err
}

// reader fills out, one table at a time.
type reader struct {
	ctx      context.Context // without cancellation, for the length of one Load
	conn     *sql.Conn
	path     string
	services map[int64]analyzer.Service
	out      *analyzer.Loaded
}

// each calls f on every row. What f cannot make sense of is damage: nobody
// else writes these tables.
func (r *reader) each(query string, f func(*sql.Rows) error, args ...any) error {
	rows, err := r.conn.QueryContext(r.ctx, query, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := f(rows); err != nil {
			_ = rows.Close() // the damage is the error to tell
			return corrupt(r.path, err)
		}
	}
	if err := rows.Err(); err != nil {
		_ = rows.Close()
		return err
	}
	return rows.Close()
}

func (r *reader) service(id int64) (analyzer.Service, error) {
	v, ok := r.services[id]
	if !ok {
		return v, fmt.Errorf("no service has id %d", id)
	}
	return v, nil
}

func (r *reader) readKeys(limit int64) error {
	return r.readBlobs("keys", keyBytes, limit, func(room int64, blob []byte) {
		if r.out.Keys == nil {
			r.out.Keys = make([]analyzer.Key, 0, room)
		}
		r.out.Keys = decodeKeys(r.out.Keys, blob)
	})
}

func (r *reader) readAccepted(limit int64) error {
	return r.readBlobs("accepted", markBytes, limit, func(room int64, blob []byte) {
		if r.out.Accepted == nil {
			r.out.Accepted = make([]uint64, 0, room)
		}
		r.out.Accepted = decodeMarks(r.out.Accepted, blob)
	})
}

// readBlobs gives the newest limit of the items of table to take, oldest
// first. room is their number, which damage cannot raise above limit.
func (r *reader) readBlobs(table string, size, limit int64, take func(room int64, blob []byte)) error {
	var stored int64
	if err := r.conn.QueryRowContext(r.ctx, "SELECT coalesce(sum(count), 0) FROM "+table).Scan(&stored); err != nil {
		return err
	}
	room, skip := max(0, min(stored, limit)), max(0, stored-limit)
	return r.each("SELECT count, blob FROM "+table+" ORDER BY id", func(rows *sql.Rows) error {
		var count int64
		var blob sql.RawBytes
		if err := rows.Scan(&count, &blob); err != nil {
			return err
		}
		if int64(len(blob)) != count*size {
			return fmt.Errorf("want %d items of %d bytes, found %d bytes", count, size, len(blob))
		}
		over := min(skip, count)
		skip -= over
		take(room, blob[over*size:])
		return nil
	})
}

func (r *reader) readCounts() error {
	cells := map[int64]analyzer.Cell{}
	err := r.each("SELECT id, service, kind, reason FROM series", func(rows *sql.Rows) error {
		var id, service int64
		var c analyzer.Cell
		err := rows.Scan(&id, &service, &c.Kind, &c.Reason)
		if err == nil {
			c.Service, err = r.service(service)
		}
		cells[id] = c
		return err
	})
	if err != nil {
		return err
	}
	return r.each("SELECT minute, series, n FROM counts ORDER BY minute, series", func(rows *sql.Rows) error {
		var minute, series, n int64
		if err := rows.Scan(&minute, &series, &n); err != nil {
			return err
		}
		c, ok := cells[series]
		if !ok {
			return fmt.Errorf("no series has id %d", series)
		}
		if n != 0 {
			c.Minute = minute
			r.out.Counts = append(r.out.Counts, analyzer.Count{Cell: c, N: n})
		}
		return nil
	})
}

func (r *reader) readPopulations() error {
	const query = `SELECT hour, service, reason, dimension, value, n FROM populations
		ORDER BY hour, service, reason, dimension, value`
	return r.each(query, func(rows *sql.Rows) error {
		var service int64
		var p analyzer.Population
		err := rows.Scan(&p.Hour, &service, &p.Reason, &p.Dimension, &p.Value, &p.N)
		if err == nil {
			p.Service, err = r.service(service)
		}
		if err == nil && p.N != 0 {
			r.out.Populations = append(r.out.Populations, p)
		}
		return err
	})
}
