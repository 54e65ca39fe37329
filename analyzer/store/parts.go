package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/why401/why401/analyzer"
)

// partTopic is where parts of split entries wait, as notes that are written in
// the batch's own transaction.
const partTopic = "part"

func (s *sqliteStore) writeParts(ctx context.Context, b *analyzer.Batch, _ *tally) error {
	for _, p := range b.Parts {
		if err := s.note(ctx, partTopic, hex.EncodeToString(p.Key[:]), p.Data); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) readParts() error {
	return r.each("SELECT key, data FROM notes WHERE topic = ? ORDER BY key", func(rows *sql.Rows) error {
		var key string
		var p analyzer.Part
		if err := rows.Scan(&key, &p.Data); err != nil {
			return err
		}
		if n, err := hex.Decode(p.Key[:], []byte(key)); err != nil || n != len(p.Key) {
			return fmt.Errorf("decode key of a part: wanted %d hexadecimal bytes, found %d", len(p.Key), n)
		}
		r.out.Parts = append(r.out.Parts, p)
		return nil
	}, partTopic)
}

func (m *memoryStore) addParts(b *analyzer.Batch) {
	for _, p := range b.Parts {
		k := noteKey{partTopic, hex.EncodeToString(p.Key[:])}
		if len(p.Data) == 0 {
			delete(m.notes, k)
		} else {
			m.notes[k] = bytes.Clone(p.Data)
		}
	}
}

func (m *memoryStore) parts() (out []analyzer.Part) {
	for k, data := range m.notes {
		if k.topic == partTopic {
			p := analyzer.Part{Data: bytes.Clone(data)}
			_, _ = hex.Decode(p.Key[:], []byte(k.key)) // written by addParts
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b analyzer.Part) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	return out
}
