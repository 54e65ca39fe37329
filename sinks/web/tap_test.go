package web

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// mouth is what findings come from.
type mouth struct {
	mu sync.Mutex
	f  func(analyzer.Finding)
}

func (m *mouth) tap(f func(analyzer.Finding)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.f = f
}

// say reports whether somebody listened.
func (m *mouth) say(f analyzer.Finding) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.f != nil {
		m.f(f)
	}
	return m.f != nil
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to pass that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestFindingsAsTheyCome(t *testing.T) {
	m := &mouth{}
	w := New(Config{Tap: m.tap})
	server := httptest.NewServer(w)
	defer server.Close()
	defer w.EndStreams()
	finding := func(r analyzer.Reason) analyzer.Finding {
		return analyzer.Finding{At: noon, Service: "orders", Reasons: []analyzer.Reason{r}, Excerpt: "line one\nevent: forged"}
	}
	if m.say(finding(analyzer.BadSignature)) {
		t.Error("somebody listens before anybody asked")
	}
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/findings?reason=bad_signature", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	eventually(t, "somebody listens", func() bool { return m.say(finding(analyzer.ExpiredToken)) })
	m.say(finding(analyzer.BadSignature))
	lines := bufio.NewScanner(answer.Body)
	var got []string
	for len(got) < 2 && lines.Scan() {
		if s := lines.Text(); s != "" {
			got = append(got, s)
		}
	}
	if len(got) != 2 || got[0] != "event: finding" || !strings.Contains(got[1], `"reasons":["bad_signature"]`) || !strings.Contains(got[1], `line one\nevent: forged`) {
		t.Errorf("the stream says %q", got)
	}
	leave()
	eventually(t, "nobody listens any more", func() bool { return !m.say(finding(analyzer.BadSignature)) })
	if rw := get(New(Config{}), "/api/v1/findings"); rw.Code != 404 {
		t.Errorf("where no entries are read: %d; want 404", rw.Code)
	}
}

// One who does not read holds nobody up.
func TestSlowReaderMisses(t *testing.T) {
	s := taps{}
	m := &mouth{}
	slow, other := s.open("", m.tap), s.open("", m.tap)
	for range tapBuffer + 10 {
		m.say(analyzer.Finding{})
		<-other.came
	}
	if got := slow.missed.Load(); got != 10 || other.missed.Load() != 0 {
		t.Errorf("the slow one missed %d, the other %d; want 10 and 0", got, other.missed.Load())
	}
	for range maxTaps - 2 {
		s.open("", m.tap)
	}
	if s.open("", m.tap) != nil {
		t.Errorf("more than %d listen", maxTaps)
	}
}
