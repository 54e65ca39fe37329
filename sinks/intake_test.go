package sinks

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/why401/why401/analyzer"
)

func TestIntakeMeasures(t *testing.T) {
	registry := prometheus.NewRegistry()
	in := NewIntake(registry)
	s := &brokenStore{err: errors.New("disk full")}
	measured := in.Store(s)
	if err := measured.Commit(t.Context(), nil); err == nil {
		t.Error("the store's error is gone")
	}
	s.err = nil
	handle := in.Handler(func(ctx context.Context, _ []analyzer.Message) error { return measured.Commit(ctx, nil) })
	if err := handle(t.Context(), []analyzer.Message{{Published: time.Now()}, {Published: time.Now().Add(-time.Minute)}}); err != nil {
		t.Fatal(err)
	}
	in.Rules("a")
	in.Rules("b")
	_, body := get(MetricsHandler(registry), "/metrics")
	mustHave(t, body, "why401_store_errors_total 1", "why401_store_commit_duration_seconds_count 1", `why401_commit_delay_seconds_bucket{le="15"} 0`, `why401_commit_delay_seconds_bucket{le="300"} 1`, `why401_rules_info{hash="b"} 1`)
	if strings.Contains(body, `hash="a"`) {
		t.Error("the former rule set is still shown")
	}
}

type brokenStore struct {
	analyzer.Store
	err error
}

func (s *brokenStore) Commit(context.Context, *analyzer.Batch) error { return s.err }
