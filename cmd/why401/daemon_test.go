package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/source"
	"github.com/why401/why401/analyzer/store"
	"github.com/why401/why401/sinks"
)

func testDaemonConfig(t *testing.T) Config {
	t.Helper()
	cfg := defaultConfig()
	cfg.Source.PubSub = source.PubSubConfig{Project: "acme-staging", Subscription: "why401"}
	cfg.Store.Path = filepath.Join(t.TempDir(), "why401.db")
	cfg.Web.Listen = "127.0.0.1:0"
	return cfg
}

// A start that fails half-way leaves nothing behind: the store is free again.
func TestFailedStartEndsWhatItBuilt(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cases := map[string]struct {
		spoil func(*Config)
		want  string
		code  int
	}{
		"the address is taken":    {func(c *Config) { c.Web.Listen = taken.Addr().String() }, "listen", exitBackend},
		"a sink of no known kind": {func(c *Config) { c.Sinks = []sinks.Config{{Kind: "pigeon"}} }, "open sink pigeon", exitConfig},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			env := &environment{stdout: &log, stderr: &log, getenv: func(string) string { return "" }}
			cfg := testDaemonConfig(t)
			c.spoil(&cfg)
			d, err := env.build(t.Context(), cfg)
			if err == nil {
				_ = d.stop()
				t.Fatal("the daemon was built")
			}
			if codeOf(err) != c.code || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q with exit code %d; want %q and %d", err, codeOf(err), c.want, c.code)
			}
			held, err := store.Open(t.Context(), cfg.Store)
			if err != nil {
				t.Fatalf("the store is still in use: %v", err)
			}
			_ = held.Close()
		})
	}
}

// Parts end in the reverse of the order in which they were built, and one
// that fails does not keep the others.
func TestPartsEndInReverse(t *testing.T) {
	var log bytes.Buffer
	env := &environment{stderr: &log, getenv: func(string) string { return "" }}
	d := &daemon{env: env, log: env.logger("error")}
	var order []string
	for _, name := range []string{"store", "sinks", "web"} {
		d.onStop(name, func(context.Context) error {
			order = append(order, name)
			if name == "sinks" {
				return context.DeadlineExceeded
			}
			return nil
		})
	}
	err := d.stop()
	if want := []string{"web", "sinks", "store"}; !slices.Equal(order, want) {
		t.Errorf("ended %v; want %v", order, want)
	}
	if err == nil || !strings.Contains(err.Error(), "stop sinks") || codeOf(err) != exitBackend {
		t.Errorf("error %v; want that of sinks", err)
	}
}

func TestChangedIncidents(t *testing.T) {
	var log bytes.Buffer
	env := &environment{stderr: &log}
	d := &daemon{env: env, log: env.logger("error"), told: map[string]analyzer.Verdict{}}
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	open, sure, over := analyzer.Incident{ID: "a", Verdict: analyzer.Ambiguous}, analyzer.Incident{ID: "a", Verdict: analyzer.Confirmed}, analyzer.Incident{ID: "a", Verdict: analyzer.Confirmed, Resolved: &at}
	steps := []struct {
		name string
		all  []analyzer.Incident
		want int
	}{
		{"opened", []analyzer.Incident{open}, 1}, {"the same", []analyzer.Incident{open}, 0}, {"surer", []analyzer.Incident{sure}, 1},
		{"resolved", []analyzer.Incident{over}, 1}, {"still resolved", []analyzer.Incident{over}, 0}, {"back", []analyzer.Incident{sure}, 1}, {"forgotten", nil, 0}, {"anew", []analyzer.Incident{sure}, 1},
	}
	for _, s := range steps {
		if got := d.changed(s.all); len(got) != s.want {
			t.Errorf("%s: %d changed; want %d", s.name, len(got), s.want)
		}
	}
}

// A daemon that is pushed to has the endpoint for it, and a stranger is
// refused there.
func TestPushIsMounted(t *testing.T) {
	var log bytes.Buffer
	env := &environment{stdout: &log, stderr: &log, getenv: func(string) string { return "" }}
	cfg := testDaemonConfig(t)
	cfg.Source = source.Config{Push: source.PushConfig{Audience: "https://why401.example/push", Email: "p@acme-prod.iam.gserviceaccount.com"}, RequestShare: 1}
	d, err := env.build(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.source.Run(ctx, d.pipeline.Handle) }()
	code := http.StatusServiceUnavailable
	for code == http.StatusServiceUnavailable {
		w := httptest.NewRecorder()
		d.web.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/push", strings.NewReader("{}")))
		code = w.Code
	}
	if code != http.StatusUnauthorized {
		t.Errorf("status %d; want 401", code)
	}
	cancel()
	<-ended
	if err := d.stop(); err != nil {
		t.Error(err)
	}
}
