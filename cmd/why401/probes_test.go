package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/lab"
	"github.com/why401/why401/analyzer/source"
)

// serving is a daemon that runs over the embedded Pub/Sub.
type serving struct {
	*daemon
	stop func()
}

// serveFor runs the daemon for the platform until the test ends or stop is
// called. What the services log comes back through the subscription.
func serveFor(t *testing.T, p *platform, db string) *serving {
	t.Helper()
	file := filepath.Join(t.TempDir(), "why401.yaml")
	if err := os.WriteFile(file, []byte(p.config()), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := source.StartEmbedded(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.log = func(entry string) {
		if err := server.Publish(context.Background(), []byte(entry)); err != nil {
			t.Log(err)
		}
	}
	env := &environment{stdout: t.Output(), stderr: t.Output(), getenv: func(string) string { return "" }}
	cfg, _, err := env.load(file, map[string]string{"store.path": db, "web.listen": "127.0.0.1:0", "diagnosis.tick": "1s"})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Source.PubSub = server.Config()
	d, err := env.build(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = d.run(ctx) // ends with ctx
	}()
	s := &serving{daemon: d}
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		<-done
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		_ = server.Close()
	}
	t.Cleanup(s.stop)
	return s
}

func (s *serving) get(path string) (int, string) {
	w := httptest.NewRecorder()
	s.web.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func (s *serving) report(t *testing.T) *analyzer.Report {
	t.Helper()
	_, body := s.get("/api/v1/report")
	r := &analyzer.Report{}
	if err := json.Unmarshal([]byte(body), r); err != nil {
		t.Fatal(err)
	}
	return r
}

// A service that holds the secret of before a rotation is found before any
// user is refused, and the daemon answers for it without asking anybody.
func TestServeProbes(t *testing.T) {
	p := startPlatform(t, "auth", "orders", "payments")
	p.service("payments").hold("JWT_SECRET", platformOne)
	p.service("payments").silent.Store(true) // its log lines alone tell
	p.service("payments").terse.Store(true)
	db := filepath.Join(t.TempDir(), "why401.db")
	s := serveFor(t, p, db)
	eventually(t, "readiness", func() bool { code, _ := s.get("/-/ready"); return code == http.StatusOK })

	t.Run("the report", func(t *testing.T) {
		r := s.report(t)
		i := slices.IndexFunc(r.Incidents, func(in analyzer.Incident) bool { return in.Cause == "key.stale_cache" })
		if i < 0 || r.Incidents[i].Verdict != analyzer.Confirmed || !slices.Equal(r.Incidents[i].Services, []string{"payments"}) {
			t.Errorf("incidents %+v; want key.stale_cache of payments, confirmed", r.Incidents)
		}
		if score := r.Scores["staging"]; score.Total == 0 || score.Total >= 100 || score.Availability == 0 || len(score.Lost) == 0 || r.Score.Total != score.Total {
			t.Errorf("score %+v, overall %d", score, r.Score.Total)
		}
		for _, sr := range r.Services {
			if sr.Refused != 0 || sr.Accepted != 0 {
				t.Errorf("%s has %d refused and %d accepted requests; want none: they were canaries", sr.Name, sr.Refused, sr.Accepted)
			}
		}
		if r.Totals.Entries == 0 {
			t.Error("no log line of the canaries came back: the test shows nothing")
		}
	})
	t.Run("health without asking", func(t *testing.T) {
		before, reads := p.asked(), p.secrets.Calls()["AccessSecretVersion"]
		for range 500 {
			s.get("/health")
			if code, body := s.get("/health/jwt"); code != http.StatusServiceUnavailable || !strings.Contains(body, `"status":"unhealthy"`) || !strings.Contains(body, `"cross_service_consistency":false`) || !strings.Contains(body, `"last_validated":"20`) {
				t.Fatalf("/health/jwt %d %s", code, body)
			}
		}
		if after := p.asked(); after != before || p.secrets.Calls()["AccessSecretVersion"] != reads {
			t.Errorf("%d requests went out while health was asked for; want none", after-before)
		}
	})
	told := changesBy(s.report(t))
	if !slices.Contains(told, "secret_version_added jwt-main 2") {
		t.Errorf("changes %q; want the versions that Secret Manager told", told)
	}
	s.stop()

	p.store.SetState("kim@acme.example", "projects/acme/secrets/jwt-main/versions/1", lab.VersionDisabled)
	p.secrets.SetFaults(lab.StoreFault{Delay: 1500 * time.Millisecond}) // so long the first round takes
	again := serveFor(t, p, db)
	eventually(t, "a report", func() bool { code, _ := again.get("/api/v1/report"); return code == http.StatusOK })
	if code, _ := again.get("/-/ready"); code != http.StatusServiceUnavailable || again.report(t).Scores["staging"].Total == 0 {
		t.Errorf("after a restart readiness is %d and the score %+v; want 503, and the score of before until the first round is over", code, again.report(t).Scores["staging"])
	}
	eventually(t, "readiness", func() bool { code, _ := again.get("/-/ready"); return code == http.StatusOK })
	now := changesBy(again.report(t))
	if want := append(slices.Clone(told), "secret_version_disabled jwt-main 1"); !slices.Equal(now, want) {
		t.Errorf("after a restart the changes are %q; want %q", now, want)
	}
}

func changesBy(r *analyzer.Report) []string {
	var out []string
	for _, c := range r.Changes {
		out = append(out, strings.TrimSpace(string(c.Kind)+" "+c.Target+" "+c.Version))
	}
	return out
}

// Results that are older than two rounds are not taken for the present.
func TestRecallForgets(t *testing.T) {
	m := &memory{}
	notes := noteBook{}
	old := analyzer.ProbeResult{Probe: "secret", Target: "a", Status: analyzer.StatusOK, At: time.Now().Add(-3 * time.Hour)}
	fresh := analyzer.ProbeResult{Probe: "secret", Target: "b", Status: analyzer.StatusOK, At: time.Now().Add(-time.Hour)}
	if err := m.learn(t.Context(), notes, []analyzer.ProbeResult{old, fresh}); err != nil {
		t.Fatal(err)
	}
	next := &memory{}
	if err := next.recall(t.Context(), notes, 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, ready := next.latest(); ready || len(got) != 1 || got[0].Target != "b" {
		t.Errorf("recalled %+v, ready %v; want b, not ready", got, ready)
	}
	notes[probeKey] = []byte("{")
	if err := (&memory{}).recall(t.Context(), notes, time.Hour); err == nil {
		t.Error("damaged notes give no error")
	}
}

// noteBook keeps the notes of one topic.
type noteBook map[string][]byte

func (n noteBook) Notes(context.Context, string) (map[string][]byte, error) { return n, nil }
func (n noteBook) Note(_ context.Context, _, key string, data []byte) error {
	n[key] = data
	return nil
}
