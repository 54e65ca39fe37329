package store

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
)

// memoryStore is a Store that ends with the process: for analyze, demos and
// tests. It keeps sums, like the SQLite store, and sweeps all at once.
type memoryStore struct {
	config Config

	mu          sync.Mutex
	closed      bool
	counts      map[analyzer.Cell]int64
	populations map[analyzer.Population]int64 // N of the key is 0
	traces      map[uint64]analyzer.TraceRow
	exemplars   map[analyzer.Key]analyzer.Exemplar
	changes     []analyzer.KeyedChange
	changed     map[analyzer.Key]bool // keys of changes
	templates   map[templateKey]memoryTemplate
	notes       map[noteKey][]byte
	poison      []analyzer.Poison // oldest first
	poisoned    map[analyzer.Key]bool
	keys        history[analyzer.Key]
	accepted    history[uint64]
	totals      analyzer.Totals
	dropped     int64 // from the quarantine
	watermark   time.Time
}

type templateKey struct {
	service analyzer.Service
	text    string
}

type memoryTemplate struct {
	n           int64
	first, last time.Time
}

// history holds what batches brought, oldest first.
type history[T any] struct {
	batches []dated[T]
	n       int // items in all
}

type dated[T any] struct {
	minute int64
	items  []T
}

// append adds a batch and cuts the oldest items until limit are left.
func (h *history[T]) append(minute int64, items []T, limit int) {
	if len(items) == 0 {
		return
	}
	h.batches = append(h.batches, dated[T]{minute, slices.Clone(items)})
	h.n += len(items)
	for h.n > limit {
		oldest := &h.batches[0]
		cut := min(h.n-limit, len(oldest.items))
		oldest.items = oldest.items[cut:]
		h.n -= cut
		if len(oldest.items) == 0 {
			h.batches = h.batches[1:]
		}
	}
}

func (h *history[T]) sweep(minute int64) {
	h.batches = slices.DeleteFunc(h.batches, func(d dated[T]) bool {
		old := d.minute < minute
		if old {
			h.n -= len(d.items)
		}
		return old
	})
}

func (h *history[T]) all() []T {
	out := make([]T, 0, h.n)
	for _, d := range h.batches {
		out = append(out, d.items...)
	}
	return out
}

func openMemory(ctx context.Context, c Config) (Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &memoryStore{
		config:      c.withDefaults(),
		counts:      map[analyzer.Cell]int64{},
		populations: map[analyzer.Population]int64{},
		traces:      map[uint64]analyzer.TraceRow{},
		exemplars:   map[analyzer.Key]analyzer.Exemplar{},
		changed:     map[analyzer.Key]bool{},
		poisoned:    map[analyzer.Key]bool{},
		templates:   map[templateKey]memoryTemplate{},
		notes:       map[noteKey][]byte{},
	}, nil
}

// enter takes the lock; the caller releases it when there is no error.
func (m *memoryStore) enter(ctx context.Context, what string) error {
	m.mu.Lock()
	err := ctx.Err()
	if err == nil && m.closed {
		err = ErrClosed
	}
	if err != nil {
		m.mu.Unlock()
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (m *memoryStore) Commit(ctx context.Context, b *analyzer.Batch) error {
	if err := m.enter(ctx, "commit batch"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if b.Watermark.After(m.watermark) {
		m.watermark = b.Watermark.UTC()
	}
	m.addSums(b)
	m.addEvidence(b)
	m.addPoison(b)
	m.addParts(b)
	minute := minuteOf(m.watermark)
	m.keys.append(minute, b.Keys, m.config.KeyRetention)
	m.accepted.append(minute, b.Accepted, m.config.KeyRetention)
	return nil
}

func (m *memoryStore) addSums(b *analyzer.Batch) {
	for _, c := range b.Counts {
		add(m.counts, c.Cell, c.N)
	}
	for _, p := range b.Populations {
		n := p.N
		p.N = 0
		add(m.populations, p, n)
	}
	to := fields(&m.totals)
	for name, n := range fields(&b.Totals) {
		*to[name] += *n
	}
	for _, t := range b.Templates {
		key := templateKey{t.Service, t.Text}
		x, known := m.templates[key]
		if !known || t.First.Before(x.first) {
			x.first = t.First.UTC()
		}
		x.n += t.N
		for _, at := range []time.Time{x.first, m.watermark} {
			if at.After(x.last) {
				x.last = at
			}
		}
		m.templates[key] = x
	}
}

// add keeps no sums of 0.
func add[K comparable](m map[K]int64, key K, n int64) {
	if n += m[key]; n != 0 {
		m[key] = n
	} else {
		delete(m, key)
	}
}

func (m *memoryStore) addEvidence(b *analyzer.Batch) {
	for _, t := range b.Traces {
		t.Data = bytes.Clone(t.Data)
		m.traces[t.Hash] = t
	}
	for _, e := range b.Exemplars {
		e.At = e.At.UTC()
		e.Captures = maps.Clone(e.Captures)
		m.exemplars[e.Key] = e
	}
	for _, key := range b.Dropped {
		delete(m.exemplars, key)
	}
	for _, c := range b.Changes {
		if m.changed[c.Key] {
			continue
		}
		if c.Key != (analyzer.Key{}) {
			m.changed[c.Key] = true
		}
		c.At = c.At.UTC()
		c.Details = maps.Clone(c.Details)
		m.changes = append(m.changes, c)
	}
}

func (m *memoryStore) addPoison(b *analyzer.Batch) {
	for _, p := range b.Poison {
		if m.poisoned[p.Key] {
			continue
		}
		m.poisoned[p.Key] = true
		p.At = p.At.UTC()
		p.Data = bytes.Clone(p.Data)
		m.poison = append(m.poison, p)
	}
	if over := len(m.poison) - m.config.QuarantineMax; over > 0 {
		for i := range over {
			delete(m.poisoned, m.poison[i].Key)
		}
		m.poison = slices.Delete(m.poison, 0, over)
		m.dropped += int64(over)
	}
}
