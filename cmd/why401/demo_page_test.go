package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
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
	until("the page shows all of it", func() bool {
		lacks := lackingOfDemoPage(t, "http://"+address)
		if lacks != "" {
			t.Logf("the page lacks %q", lacks)
		}
		return lacks == ""
	})
	var top, topLog buffer
	if code := run(ctx, []string{"top", "--addr", address}, strings.NewReader(""), &top, &topLog); code != exitOK || !strings.Contains(top.String(), "bad_signature") {
		t.Errorf("top ended with %d: %s %s", code, top.String(), topLog.String())
	}
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("the demo ended with %d: %s", code, log.String())
	}
	if n := am.pagesOf("key.stale_cache"); n != 1 {
		t.Errorf("%d pages; want one", n)
	}
}

// lackingOfDemoPage is what the page of a demo that has played does not show
// yet: what probes confirmed, each service by each check, who holds which
// version.
func lackingOfDemoPage(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"confirmed cause: a process still holds the value of before the rotation", "restart or redeploy payments", "/runbooks/key.stale_cache.md",
		`<span>fingerprint</span></th>`, "holds version 1 of jwt-main", "secret_manager", `<b>90</b>`, `aria-label="Rotation timeline"`, "secret version added",
	} {
		if !strings.Contains(string(body), want) {
			return want
		}
	}
	return ""
}

// A demo that does not stay tells its Alertmanager before it ends.
func TestDemoTellsBeforeItEnds(t *testing.T) {
	t.Parallel()
	am := startAlertmanager(t)
	eventually(t, "a start of Alertmanager", func() bool { return reachable(t.Context(), am.url()) == nil })
	scenario := filepath.Join(t.TempDir(), "short.yaml")
	if err := os.WriteFile(scenario, []byte(`
name: short
about: a release of payments takes another secret
platform: shop
duration: 3m
secrets:
  - {name: jwt-payments}
timeline:
  - {at: 40s, do: deploy, target: payments, env: [{name: JWT_SECRET, secret: jwt-payments}]}
expect:
  - {cause: key.cross_service_drift, services: [payments], reasons: [bad_signature], from: 40s}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, log buffer
	if code := run(t.Context(), []string{"demo", "--scenario", scenario, "--alertmanager", am.url()}, strings.NewReader(""), &out, &log); code != exitOK {
		t.Fatalf("the demo ended with %d: %s", code, log.String())
	}
	eventually(t, "a page", func() bool { return am.pagesOf("key.cross_service_drift") == 1 })
}
