package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer/source"
)

// Reloads under load lose nothing, leak nothing and are quick; a bad
// configuration leaves the one in use as it is. WHY401_RELOADS says how many.
func TestReloads(t *testing.T) {
	n := 30
	if s := os.Getenv("WHY401_RELOADS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "why401.yaml")
	write := func(minCount int, more string) {
		t.Helper()
		text := fmt.Sprintf("source: {pubsub: {project: acme-staging, subscription: why401}}\nweb: {listen: '127.0.0.1:0', enable_reload: true}\nstore: {kind: memory}\ndiagnosis: {tick: 1s, min_count: %d}\nkey_domains: [{name: d%d, services: [{name: orders}]}]\n%s", minCount, minCount, more)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(5, "")
	server, err := source.StartEmbedded(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	subscription := server.Config()
	env := &environment{stdout: t.Output(), stderr: t.Output(), getenv: func(string) string { return "" }}
	again := func() (Config, error) {
		cfg, _, err := env.load(file, nil)
		cfg.Source.PubSub = subscription
		return cfg, err
	}
	cfg, err := again()
	if err != nil {
		t.Fatal(err)
	}
	d, err := env.build(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.reloads.again = again
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	for len(d.waiting()) > 0 {
		time.Sleep(10 * time.Millisecond)
	}

	published := make(chan int)
	stop := make(chan struct{})
	go func() {
		i := 0
		defer func() { published <- i }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			entry := fmt.Sprintf(`{"insertId":"i%d","logName":"projects/p/logs/x","timestamp":%q,"resource":{"type":"cloud_run_revision","labels":{"service_name":"orders"}},"textPayload":"jwt: token signature is invalid"}`, i, time.Now().UTC().Format(time.RFC3339Nano))
			if err := server.Publish(ctx, []byte(entry)); err != nil {
				t.Error(err)
				return
			}
			i++
			time.Sleep(2 * time.Millisecond)
		}
	}()
	post := func() (int, string) {
		rw := httptest.NewRecorder()
		d.web.ServeHTTP(rw, httptest.NewRequest(http.MethodPost, "/-/reload", nil))
		return rw.Code, rw.Body.String()
	}
	post()
	before, longest := runtime.NumGoroutine(), time.Duration(0)
	for i := range n {
		good := i%2 == 0
		write(6+i, map[bool]string{true: "", false: "nonsense: true\n"}[good])
		began := time.Now()
		code, body := post()
		longest = max(longest, time.Since(began))
		if good && code != 200 || !good && (code != 500 || !strings.Contains(body, "nonsense")) {
			t.Fatalf("reload %d: %d %s", i, code, body)
		}
		if want := 6 + i - i%2; d.config().Diagnosis.MinCount != want {
			t.Fatalf("after reload %d min_count is %d; want %d", i, d.config().Diagnosis.MinCount, want)
		}
		rw := httptest.NewRecorder()
		d.web.ServeHTTP(rw, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if want := fmt.Sprintf("\nwhy401_config_last_reload_successful %d\n", 1-i%2); !strings.Contains(rw.Body.String(), want) {
			t.Fatalf("after reload %d the metrics lack %q", i, want)
		}
	}
	t.Logf("%d reloads, the longest took %s", n, longest)
	time.Sleep(100 * time.Millisecond)
	if after := runtime.NumGoroutine(); after > before+20 {
		t.Errorf("%d goroutines after %d reloads; %d before", after, n, before)
	}
	close(stop)
	sent := int64(<-published)
	for deadline := time.Now().Add(20 * time.Second); d.pipeline.Totals().Entries < sent && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	if got := d.pipeline.Totals(); got.Entries-got.Duplicates != sent || got.Malformed != 0 {
		t.Errorf("%d entries arrived (%d twice); %d were sent", got.Entries, got.Duplicates, sent)
	}
	// What only a start reads is refused, whole.
	write(99, "")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "tick: 1s", "tick: 2s", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, body := post(); code != 500 || !strings.Contains(body, "diagnosis.tick changed, which takes a restart") || d.config().Diagnosis.MinCount == 99 {
		t.Errorf("a change that takes a restart: %d %s, min_count %d", code, body, d.config().Diagnosis.MinCount)
	}
	cancel()
	<-ended
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	if code, _ := post(); code != 500 {
		t.Errorf("a reload after the stop: %d; want 500", code)
	}
}
