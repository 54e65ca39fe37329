package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/store"
	"github.com/why401/why401/rules"
	"github.com/why401/why401/sinks/logexport"
)

// patient is a configuration with a platform of real services behind it.
type patient struct {
	*platform
	dir, config string
}

func (p *patient) path(name string) string { return filepath.Join(p.dir, name) }

// change replaces a part of the configuration, which must be there.
func (p *patient) change(t *testing.T, old, new string) {
	t.Helper()
	if !strings.Contains(p.config, old) {
		t.Fatalf("the configuration has no %q:\n%s", old, p.config)
	}
	p.config = strings.Replace(p.config, old, new, 1)
}

func admitPatient(t *testing.T) *patient {
	t.Helper()
	dir := t.TempDir()
	services, stop, err := newPlatform(dir, "auth", "orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	p := &patient{platform: services, dir: dir}
	p.config = "store: {path: " + p.path("why401.db") + "}\nweb: {listen: \"127.0.0.1:0\"}\n" + services.config()
	return p
}

func (p *patient) examine(t *testing.T) *checkup {
	t.Helper()
	if err := os.WriteFile(p.path("why401.yaml"), []byte(p.config), 0o600); err != nil {
		t.Fatal(err)
	}
	env := &environment{getenv: func(string) string { return "" }}
	d, err := env.doctor(t.Context(), &doctorOptions{file: p.path("why401.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What is broken on this machine and on the way to the services is named with
// what mends it; what is sound is not blamed.
func TestDoctorOfBrokenMachines(t *testing.T) {
	cases := []struct {
		name   string
		how    func(t *testing.T, p *patient)
		check  string
		status analyzer.Status
		detail string
		fix    string
	}{
		{"the pepper is gone", func(t *testing.T, p *patient) { mustDo(t, os.Remove(p.pepper)) }, "pepper", analyzer.StatusFail, "is not there", "openssl rand -base64 48 > "},
		{"the pepper is short", func(t *testing.T, p *patient) { mustDo(t, os.WriteFile(p.pepper, []byte("short\n"), 0o600)) }, "pepper", analyzer.StatusFail, "pepper", "openssl rand -base64 48 > "},
		{"the pepper is a directory", func(t *testing.T, p *patient) {
			mustDo(t, os.Remove(p.pepper))
			mustDo(t, os.Mkdir(p.pepper, 0o700))
		}, "pepper", analyzer.StatusFail, "found a directory", "ls -la "},
		{"everybody may read the pepper", func(t *testing.T, p *patient) { mustDo(t, os.Chmod(p.pepper, 0o644)) }, "pepper", analyzer.StatusWarn, "everybody on this machine", "chmod 600 "},
		{"the services have another pepper", func(t *testing.T, p *patient) {
			mustDo(t, os.WriteFile(p.pepper, []byte("another pepper of more than thirty-two bytes\n"), 0o600))
		}, "service", analyzer.StatusFail, "auth answers 401 to the signed request", "kubectl create secret generic"},
		{"a service has no handler", func(_ *testing.T, p *patient) { p.service("orders").silent.Store(true) }, "service", analyzer.StatusFail, "orders has nothing at ", "curl -sS -i --max-time 5 http"},
		{"a service is not there", func(t *testing.T, p *patient) { p.change(t, p.service("orders").url, "http://127.0.0.1:1") }, "service", analyzer.StatusFail, "orders could not be asked", "curl -sS -i --max-time 5 http://127.0.0.1:1/health/jwt"},
		{"the guard lets nobody go there", func(t *testing.T, p *patient) { p.change(t, "127.0.0.0/8", "10.0.0.0/8") }, "service", analyzer.StatusFail, "auth could not be asked", "probes.allow_private"},
		{"no directory for the store", func(t *testing.T, p *patient) { p.change(t, p.path("why401.db"), p.path("gone/why401.db")) }, "store", analyzer.StatusFail, "is not there", "mkdir -p "},
		{"the store cannot be written", func(t *testing.T, p *patient) { p.change(t, p.path("why401.db"), "/proc/why401.db") }, "store", analyzer.StatusFail, "nothing can be written", "sudo chown "},
		{"the store is damaged", func(t *testing.T, p *patient) {
			mustDo(t, os.WriteFile(p.path("why401.db"), bytes.Repeat([]byte("no database "), 1000), 0o600))
		}, "store", analyzer.StatusFail, "cannot be read", "mv "},
		{"somebody else listens", func(t *testing.T, p *patient) {
			p.change(t, "127.0.0.1:0", p.secrets.Addr())
		}, "web", analyzer.StatusFail, "another program listens there", "ss -ltnp 'sport = :"},
		{"the page is open to the network", func(t *testing.T, p *patient) { p.change(t, "127.0.0.1:0", "0.0.0.0:9401") }, "configuration", analyzer.StatusFail, "the reports would be open to everybody", "why401 check config -c "},
		{"a key that nobody knows", func(_ *testing.T, p *patient) { p.config += "stroe: {}\n" }, "configuration", analyzer.StatusFail, "unknown key", "why401 check config -c "},
		{"pushed to by nobody that is named", func(_ *testing.T, p *patient) {
			p.config += "source: {push: {audience: x, email: p@acme.iam.gserviceaccount.com}}\n"
		}, "subscription", analyzer.StatusWarn, "does not name the subscription", "--subscription projects/PROJECT/subscriptions/why401"},
		{"no subscription", func(*testing.T, *patient) {}, "subscription", analyzer.StatusWarn, "no subscription is configured", "why401 setup gcp --project=PROJECT --apply"},
	}
	named := 0
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := admitPatient(t)
			c.how(t, p)
			d := p.examine(t)
			found := false
			for _, f := range d.Checks {
				found = found || f.Check == c.check && f.Status == c.status && strings.Contains(f.Detail, c.detail) && strings.Contains(strings.Join(f.Fix, "\n"), c.fix)
				for _, fix := range f.Fix {
					if out, err := exec.Command("sh", "-n", "-c", fix).CombinedOutput(); err != nil {
						t.Errorf("a shell does not read %s: %v\n%s", fix, err, out)
					}
				}
				if f.Status == analyzer.StatusFail && f.Check != c.check && c.check != "pepper" {
					t.Errorf("%s %s is blamed, too: %s", f.Check, f.Target, f.Detail)
				}
			}
			if !found {
				var b strings.Builder
				_ = d.text(&b, false, true)
				t.Errorf("not named: want %s %s, %q, mended by %q; told:\n%s", c.status, c.check, c.detail, c.fix, &b)
				return
			}
			if want := map[analyzer.Status]int{analyzer.StatusFail: exitUnhealthy, analyzer.StatusWarn: exitDegraded}[c.status]; codeOf(d.exit()) != want {
				t.Errorf("exit code %d; want %d", codeOf(d.exit()), want)
			}
			named++
		})
	}
	t.Logf("%d of %d broken machines named with what mends them", named, len(cases))
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A full disk is told before it is one.
func TestDoctorOfDisks(t *testing.T) {
	for free, want := range map[uint64]analyzer.Status{10 << 20: analyzer.StatusFail, 500 << 20: analyzer.StatusWarn, 50 << 30: analyzer.StatusOK} {
		f := checkStore(store.Config{Path: filepath.Join(t.TempDir(), "why401.db")}, func(string) (uint64, error) { return free, nil })[0]
		if f.Status != want || want != analyzer.StatusOK && !strings.HasPrefix(strings.Join(f.Fix, "\n"), "df -h ") {
			t.Errorf("%d bytes free: %s, %s, %v; want %s", free, f.Status, f.Detail, f.Fix, want)
		}
	}
}

// dated answers with a Date header that is off.
func dated(t *testing.T, off time.Duration) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// The clock of this machine is wrong when most others say so.
func TestDoctorOfClocks(t *testing.T) {
	for _, c := range []struct {
		name   string
		others []time.Duration
		google time.Duration
		want   analyzer.Status
		detail string
	}{
		{"all agree", []time.Duration{0, 0}, 0, analyzer.StatusOK, "of"},
		{"Google says otherwise", nil, 90 * time.Second, analyzer.StatusFail, "s behind of Google"},
		{"most say otherwise", []time.Duration{-time.Minute, -time.Minute}, 0, analyzer.StatusFail, "s ahead of"},
		{"one service is off", []time.Duration{time.Hour, 0}, 0, analyzer.StatusOK, "3 clocks"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := defaultConfig()
			cfg.Probes.AllowPrivate = []string{"127.0.0.0/8"}
			cfg.Source.PubSub.Project, cfg.Source.PubSub.Subscription = "acme-prod", "why401"
			d := analyzer.KeyDomain{Name: "jwt-main"}
			for _, off := range c.others {
				d.Services = append(d.Services, analyzer.Member{Name: "orders", URL: dated(t, off)})
			}
			cfg.KeyDomains = []analyzer.KeyDomain{d}
			f := checkClock(t.Context(), cfg, dated(t, c.google))[0]
			if f.Status != c.want || !strings.Contains(f.Detail, c.detail) || (c.want == analyzer.StatusFail) != (len(f.Fix) > 0) {
				t.Errorf("%s: %s %v; want %s with %q", f.Status, f.Detail, f.Fix, c.want, c.detail)
			}
		})
	}
	cfg := defaultConfig()
	if f := checkClock(t.Context(), cfg, "")[0]; f.Status != analyzer.StatusUnknown {
		t.Errorf("with nobody to ask: %s %s", f.Status, f.Detail)
	}
}

// A running why401 on its own port is no stranger.
func TestDoctorKnowsItself(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	mustDo(t, err)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"healthy","details":{"jwt_secret_available":true}}`))
	}))
	s.Listener = l
	s.Start()
	defer s.Close()
	if f := checkWeb(context.Background(), WebConfig{Listen: l.Addr().String()})[0]; f.Status != analyzer.StatusOK {
		t.Errorf("%s: %s", f.Status, f.Detail)
	}
}

// The filter that setup gcp compiles passes the doctor's judgement, and one
// for errors of one platform does not.
func TestDoctorJudgesFilters(t *testing.T) {
	env := &environment{getenv: func(string) string { return "" }}
	set, err := env.rules()
	mustDo(t, err)
	ours, err := set.SinkFilter(rules.SinkFilterConfig{Requests: 1})
	mustDo(t, err)
	e, err := env.judge("")(ours.Text, nil)
	mustDo(t, err)
	for _, p := range e.On {
		if p.Kept*100 < p.Of*99 || p.Of < 4000 {
			t.Errorf("our filter keeps %d of %d from %s", p.Kept, p.Of, p.Name)
		}
	}
	if e.Accepted != 1 && (e.Accepted < .999 || e.Accepted > 1.001) || e.Own {
		t.Errorf("our filter exports %.3f of the accepted requests, our own entries %v", e.Accepted, e.Own)
	}
	if e, err = env.judge("")(`resource.type="k8s_container" severity>=ERROR`, nil); err != nil || e.On[0].Kept > e.On[0].Of/5 {
		t.Errorf("a filter for one platform: %+v (%v)", e, err)
	}
}

// For machines the same checks, as JSON.
func TestDoctorAsJSON(t *testing.T) {
	p := admitPatient(t)
	d := p.examine(t)
	var b bytes.Buffer
	mustDo(t, d.json(&b))
	var got struct {
		Verdict string
		Checks  []logexport.Finding
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || got.Verdict != "warnings" || len(got.Checks) < 6 {
		t.Errorf("%s (%v)", &b, err)
	}
	if strings.Contains(b.String(), platformTwo) || strings.Contains(b.String(), "pepper of at least") {
		t.Error("it prints a secret")
	}
}
