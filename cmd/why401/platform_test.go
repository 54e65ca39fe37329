package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer/healthjwt"
	"github.com/why401/why401/analyzer/lab"
)

// platform is a small platform of real services on loopback, as the commands
// that probe meet it: Google's Secret Manager API, and services that verify
// tokens with golang-jwt and serve /health/jwt.
type platform struct {
	store    *lab.SecretStore
	secrets  *lab.SecretServer
	pepper   string // file
	services []*member
	log      func(entry string) // gets what services log; nil: nobody
	extra    string             // sections that its configuration has besides
}

// member is one service of the platform.
type member struct {
	name   string
	url    string
	held   atomic.Pointer[healthjwt.Held]
	asked  atomic.Int64 // requests, of whatever kind
	signs  bool
	silent atomic.Bool // it has no /health/jwt
	terse  atomic.Bool // it answers without a reason
}

// The secrets of the platform; version 2 of staging is the newest.
const (
	platformOne        = "staging-version-one-0123456789abcdefgh"
	platformTwo        = "staging-version-two-0123456789abcdefgh"
	platformProduction = "production-version-one-0123456789abcde"
)

// newPlatform starts services that all hold the newest version.
func newPlatform(dir string, names ...string) (p *platform, stop func(), err error) {
	p = &platform{pepper: filepath.Join(dir, "pepper")}
	p.store = lab.NewSecretStore(func() time.Time { return time.Now().Add(-time.Hour) }, func(lab.StoreEvent) {})
	p.store.AddProject("acme", "42")
	for secret, values := range map[string][]string{"jwt-main": {platformOne, platformTwo}, "jwt-production": {platformProduction}} {
		if _, err := p.store.CreateSecret("acme", secret); err != nil {
			return nil, nil, err
		}
		for _, v := range values {
			if _, err := p.store.AddVersion("kim@acme.example", "projects/acme/secrets/"+secret, []byte(v)); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := os.WriteFile(p.pepper, []byte("a pepper of at least thirty-two bytes\n"), 0o600); err != nil {
		return nil, nil, err
	}
	if p.secrets, err = lab.ServeSecrets(p.store, "why401@acme.example"); err != nil {
		return nil, nil, err
	}
	stops := []func(){p.secrets.Close}
	for i, name := range names {
		m := &member{name: name, signs: i == 0}
		m.hold("JWT_SECRET", platformTwo)
		handler, err := p.handler(m)
		if err != nil {
			return nil, nil, err
		}
		server := httptest.NewServer(handler)
		m.url = server.URL
		p.services = append(p.services, m)
		stops = append(stops, server.Close)
	}
	return p, sync.OnceFunc(func() {
		for _, s := range stops {
			s()
		}
	}), nil
}

// hold gives the service another value.
func (m *member) hold(variable, value string) {
	h := healthjwt.Held{Name: variable, Value: healthjwt.NewSecret(value), Source: "env", Loaded: time.Now().Add(-2 * time.Hour),
		Chain: []healthjwt.Variable{{Name: variable, State: healthjwt.Wins}}}
	m.held.Store(&h)
}

func (p *platform) service(name string) *member {
	for _, m := range p.services {
		if m.name == name {
			return m
		}
	}
	return nil
}

// handler is the service: a path that needs a token, and its health.
func (p *platform) handler(m *member) (http.Handler, error) {
	pepper, err := os.ReadFile(p.pepper)
	if err != nil {
		return nil, err
	}
	health, err := healthjwt.New(healthjwt.Config{Pepper: healthjwt.NewSecret(pepper), Held: func() []healthjwt.Held { return []healthjwt.Held{*m.held.Load()} }})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health/jwt", func(w http.ResponseWriter, r *http.Request) {
		if m.silent.Load() {
			http.NotFound(w, r)
			return
		}
		health.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /whoami", func(w http.ResponseWriter, r *http.Request) { p.whoami(m, w, r) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.asked.Add(1)
		mux.ServeHTTP(w, r)
	}), nil
}

func (p *platform) whoami(m *member, w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	_, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return m.held.Load().Value.Bytes(), nil }, jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	status := http.StatusOK
	if err != nil {
		status = http.StatusUnauthorized
	}
	w.WriteHeader(status)
	if err != nil && !m.terse.Load() {
		fmt.Fprintln(w, err)
	}
	if p.log == nil {
		return
	}
	trace := strings.Split(r.Header.Get("Traceparent")+"--", "-")[1]
	entry := func(id, log, rest string) string {
		return fmt.Sprintf(`{"insertId":"%s-%s-%d","logName":"projects/acme-staging/logs/run.googleapis.com%%2F%s","timestamp":%q,"trace":"projects/acme-staging/traces/%s","resource":{"type":"cloud_run_revision","labels":{"project_id":"acme-staging","service_name":%q,"revision_name":"%s-1"}},%s}`,
			id, m.name, m.asked.Load(), log, time.Now().UTC().Format(time.RFC3339Nano), trace, m.name, m.name, rest)
	}
	if err != nil {
		text, _ := json.Marshal(err.Error())
		p.log(entry("line", "stderr", fmt.Sprintf(`"severity":"WARNING","textPayload":%s`, text)))
	}
	p.log(entry("request", "requests", fmt.Sprintf(`"httpRequest":{"requestMethod":"GET","requestUrl":"https://x/whoami","status":%d}`, status)))
}

// config is the platform's configuration file.
func (p *platform) config() string {
	b := &strings.Builder{}
	b.WriteString(p.extra)
	fmt.Fprintf(b, "environments: {acme-staging: staging}\nprobes:\n  interval: 1h\n  timeout: 2s\n  off: [replicas, negative]\n  allow_private: [127.0.0.0/8]\n  pepper_file: %s\n  secret_manager: {endpoint: %q}\nkey_domains:\n", p.pepper, p.secrets.Addr())
	fmt.Fprintf(b, "  - name: jwt-main\n    environment: staging\n    secret: projects/acme/secrets/jwt-main\n    algorithms: [HS256]\n    services:\n")
	for _, m := range p.services {
		fmt.Fprintf(b, "      - {name: %s, url: %q, canary: /whoami, env: [JWT_SECRET], signs: %v}\n", m.name, m.url, m.signs)
	}
	return b.String()
}

// startPlatform is newPlatform for a test.
func startPlatform(t *testing.T, names ...string) *platform {
	t.Helper()
	p, stop, err := newPlatform(t.TempDir(), names...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return p
}

// asked sums up the requests that the services got.
func (p *platform) asked() (n int64) {
	for _, m := range p.services {
		n += m.asked.Load()
	}
	return n
}

// eventually waits for what a loaded machine may take long for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not come about within a minute", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
