package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"

	"github.com/why401/why401/analyzer"
)

func (s *sqliteStore) Notes(ctx context.Context, topic string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := s.do(ctx, "read notes", func(ctx context.Context, _ *tally) error {
		r := reader{ctx: ctx, conn: s.conn, path: s.config.Path}
		return r.each("SELECT key, data FROM notes WHERE topic = ?", func(rows *sql.Rows) error {
			var key string
			var data []byte
			if err := rows.Scan(&key, &data); err != nil {
				return err
			}
			out[key] = data
			return nil
		}, topic)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *sqliteStore) Note(ctx context.Context, topic, key string, data []byte) error {
	return s.do(ctx, "write note", func(ctx context.Context, _ *tally) error { return s.note(ctx, topic, key, data) })
}

// note is Note inside a transaction.
func (s *sqliteStore) note(ctx context.Context, topic, key string, data []byte) error {
	query, args := "DELETE FROM notes WHERE topic = ? AND key = ?", []any{topic, key}
	if len(data) > 0 {
		query, args = "INSERT INTO notes (topic, key, data) VALUES (?, ?, ?) ON CONFLICT (topic, key) DO UPDATE SET data = excluded.data", append(args, data)
	}
	if _, err := s.conn.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("write %s: %w", topic, err)
	}
	return nil
}

// noteKey names one note.
type noteKey struct{ topic, key string }

func (m *memoryStore) Notes(ctx context.Context, topic string) (map[string][]byte, error) {
	if err := m.enter(ctx, "read notes"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	out := map[string][]byte{}
	for k, data := range m.notes {
		if k.topic == topic {
			out[k.key] = bytes.Clone(data)
		}
	}
	return out, nil
}

func (m *memoryStore) Note(ctx context.Context, topic, key string, data []byte) error {
	if err := m.enter(ctx, "write note"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if len(data) == 0 {
		delete(m.notes, noteKey{topic, key})
		return nil
	}
	m.notes[noteKey{topic, key}] = bytes.Clone(data)
	return nil
}

func (discardStore) Notes(context.Context, string) (map[string][]byte, error) { return nil, nil }
func (discardStore) Note(context.Context, string, string, []byte) error       { return nil }

var (
	_ analyzer.Notes = (*sqliteStore)(nil)
	_ analyzer.Notes = (*memoryStore)(nil)
)
