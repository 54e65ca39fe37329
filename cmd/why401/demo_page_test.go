package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// buffer is written and read at the same time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// The demo opens all of it: the page shows a rotation gone wrong, findings can
// be watched as they come, and a real Alertmanager pages somebody once, with
// the cause.
func TestDemoOpensAllOfIt(t *testing.T) {
	if os.Getenv("WHY401_REQUIRE_REAL") == "" {
		t.Skip("plays for about fifteen seconds; WHY401_REQUIRE_REAL=1 runs it")
	}
	am := startAlertmanager(t)
	until := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(90 * time.Second); !is(); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("it did not come to pass that %s", what)
			}
		}
	}
	until("Alertmanager is ready", func() bool { return reachable(t.Context(), am.url()) == nil })
	address := freeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, log buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"demo", "--web", address, "--stay", "--alertmanager", am.url()}, strings.NewReader(""), &out, &log)
	}()
	until("the page is served", func() bool {
		answer, err := http.Get("http://" + address + "/")
		if err == nil {
			_ = answer.Body.Close()
		}
		return err == nil && answer.StatusCode == http.StatusOK
	})

	var tapped, tapLog buffer
	if code := run(ctx, []string{"tap", "--addr", address, "--reason", "bad_signature", "-n", "3"}, strings.NewReader(""), &tapped, &tapLog); code != exitOK {
		t.Fatalf("tap ended with %d: %s", code, tapLog.String())
	}
	if got := tapped.String(); strings.Count(got, "payments (staging)  bad_signature") != 3 {
		t.Errorf("tap printed %q; want three refusals of payments", got)
	}

	until("the report is printed", func() bool { return strings.Contains(log.String(), "stays until you interrupt") })
	if got := out.String(); !strings.Contains(got, "key.stale_cache") {
		t.Errorf("the report says %.400s", got)
	}
	until("somebody is paged", func() bool {
		for _, p := range am.told("firing") {
			if p.Alerts[0].Annotations["cause"] == "key.stale_cache" && p.Alerts[0].Labels["severity"] == string(analyzer.LevelError) {
				return true
			}
		}
		return false
	})
	var top, topLog buffer
	if code := run(ctx, []string{"top", "--addr", address}, strings.NewReader(""), &top, &topLog); code != exitOK || !strings.Contains(top.String(), "bad_signature") {
		t.Errorf("top ended with %d: %s %s", code, top.String(), topLog.String())
	}
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("the demo ended with %d: %s", code, log.String())
	}
	pages := 0
	for _, p := range am.told("firing") {
		if p.Alerts[0].Annotations["cause"] == "key.stale_cache" {
			pages++
		}
	}
	if pages != 1 {
		t.Errorf("%d pages; want one", pages)
	}
}
