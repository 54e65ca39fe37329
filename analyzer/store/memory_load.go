package store

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/why401/why401/analyzer"
)

func (m *memoryStore) Load(ctx context.Context) (*analyzer.Loaded, error) {
	if err := m.enter(ctx, "load store"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	out := &analyzer.Loaded{Totals: m.totals, Watermark: m.watermark}
	out.Keys, out.Accepted = m.keys.all(), m.accepted.all()
	for cell, n := range m.counts {
		out.Counts = append(out.Counts, analyzer.Count{Cell: cell, N: n})
	}
	for p, n := range m.populations {
		p.N = n
		out.Populations = append(out.Populations, p)
	}
	for _, t := range m.traces {
		t.Data = bytes.Clone(t.Data)
		out.Traces = append(out.Traces, t)
	}
	for _, e := range m.exemplars {
		e.Captures = maps.Clone(e.Captures)
		out.Exemplars = append(out.Exemplars, e)
	}
	for _, c := range m.changes {
		c.Details = maps.Clone(c.Details)
		out.Changes = append(out.Changes, c)
	}
	for key, t := range m.templates {
		if t.n != 0 {
			out.Templates = append(out.Templates, analyzer.Template{Service: key.service, Text: key.text, N: t.n, First: t.first})
		}
	}
	out.Parts = m.parts()
	return out, nil
}

func (m *memoryStore) Quarantine(ctx context.Context, limit int) ([]analyzer.Poison, error) {
	if err := m.enter(ctx, "read quarantine"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if limit <= 0 {
		limit = len(m.poison)
	}
	out := slices.Clone(m.poison[:min(limit, len(m.poison))])
	for i := range out {
		out[i].Data = bytes.Clone(out[i].Data)
	}
	return out, nil
}

func (m *memoryStore) Forget(ctx context.Context, key analyzer.Key) error {
	if err := m.enter(ctx, "forget quarantined entry"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	delete(m.poisoned, key)
	m.poison = slices.DeleteFunc(m.poison, func(p analyzer.Poison) bool { return p.Key == key })
	return nil
}

// Sweep never leaves anything for another call.
func (m *memoryStore) Sweep(ctx context.Context, now time.Time) (more bool, err error) {
	if err := m.enter(ctx, "sweep store"); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	cut := m.config.cutoffs(now)
	maps.DeleteFunc(m.counts, func(c analyzer.Cell, _ int64) bool { return c.Minute < cut.minute })
	maps.DeleteFunc(m.populations, func(p analyzer.Population, _ int64) bool { return p.Hour < cut.hour })
	maps.DeleteFunc(m.traces, func(_ uint64, t analyzer.TraceRow) bool { return t.Minute < cut.join })
	maps.DeleteFunc(m.exemplars, func(_ analyzer.Key, e analyzer.Exemplar) bool { return e.At.Before(cut.at) })
	maps.DeleteFunc(m.templates, func(_ templateKey, t memoryTemplate) bool { return t.last.Before(cut.at) })
	m.changes = slices.DeleteFunc(m.changes, func(c analyzer.KeyedChange) bool {
		old := c.At.Before(cut.at)
		if old {
			delete(m.changed, c.Key)
		}
		return old
	})
	m.keys.sweep(cut.minute)
	m.accepted.sweep(cut.join)
	return false, nil
}

// Close forgets everything.
func (m *memoryStore) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.counts, m.populations, m.traces, m.exemplars, m.templates = nil, nil, nil, nil, nil
	m.changes, m.poison, m.keys, m.accepted = nil, nil, history[analyzer.Key]{}, history[uint64]{}
	return nil
}
