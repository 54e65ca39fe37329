// Package web is the page that people open at three in the morning, and the
// interface that programs read: what broke, since when, for whom, why we say
// so, what speaks against it and what to do first.
//
// It promises: every request is answered from the last update, without work
// that grows with the input; nothing of a log reaches a browser but as text,
// under a content security policy that allows no inline script and nothing
// from elsewhere; the page works without JavaScript and without colours;
// nothing can be changed through it unless requests are authenticated.
package web

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/why401/why401/analyzer"
)

// Config is what the endpoint shows and to whom. The zero value shows reports
// and changes nothing.
type Config struct {
	// Metrics answers /metrics; nil: there are none.
	Metrics http.Handler
	// Series are the decisions over a span of event time, for the pictures;
	// nil: there are none.
	Series func(from, to time.Time) []analyzer.Series
	// Authenticated says that whatever stands before the handler lets only
	// known people through. Without it nothing can be changed.
	Authenticated bool
	// Journal keeps what people did about incidents; nil: nothing can be
	// written down.
	Journal Journal
	// Alertmanager is the address of an Alertmanager's own page, for links to
	// a new silence; empty: no links.
	Alertmanager string
	// Runbooks is the address under which a runbook for each cause lies, such
	// as https://wiki.example/why401/; empty: no links.
	Runbooks string
	// KeyDomains tell which services share which secret.
	KeyDomains []analyzer.KeyDomain
	// Waiting lists what is missing before the daemon is ready, beside the
	// first update and what that says; nil: nothing.
	Waiting func() []string
	// Reload reads the configuration anew; nil: /-/reload refuses.
	Reload func(context.Context) error
	// Tap has a function called with every finding, or no more with nil; nil:
	// no entries are read here.
	Tap func(func(analyzer.Finding))
	// Push takes entries that Pub/Sub pushes to /push, and sees itself who may;
	// nil: nothing is taken.
	Push http.Handler
	// Version is the release, for the footer and /health.
	Version string
}

// Journal takes down what people did about an incident.
type Journal interface {
	Intervene(ctx context.Context, id string, i analyzer.Intervention) error
}

// Web is the endpoint. It is a sink: it shows the last update that it was
// given.
type Web struct {
	cfg  Config
	mux  *http.ServeMux
	last atomic.Pointer[shown]
	held heldSince
	wake wakeup
	ends chan struct{} // closed when streams must end
	end  func()
	// origin refuses what a browser sends on behalf of another site.
	origin *http.CrossOriginProtection
	rate   rateCache
	taps   taps
}

var _ analyzer.Sink = (*Web)(nil)

// shown is an update together with when it came.
type shown struct {
	*analyzer.Update
	came time.Time
	n    uint64
	held map[analyzer.Service][]seenHolding
}

// New builds the handler.
func New(cfg Config) *Web {
	cfg.Alertmanager, cfg.Runbooks = strings.TrimRight(cfg.Alertmanager, "/"), strings.TrimRight(cfg.Runbooks, "/")
	w := &Web{cfg: cfg, mux: http.NewServeMux(), wake: wakeup{next: make(chan struct{})}, ends: make(chan struct{}), origin: http.NewCrossOriginProtection()}
	w.end = sync.OnceFunc(func() { close(w.ends) })
	for pattern, h := range w.routes() {
		w.mux.HandleFunc(pattern, h)
	}
	if cfg.Push != nil {
		w.mux.Handle("/push", cfg.Push)
	}
	return w
}

// routes lists every endpoint. The OpenAPI document is held against it.
func (w *Web) routes() map[string]http.HandlerFunc {
	r := map[string]http.HandlerFunc{
		"GET /{$}":                       w.page,
		"GET /incidents/{id}":            w.incidentPage,
		"POST /incidents/{id}":           w.act,
		"GET /static/{name}":             static,
		"GET /health":                    w.health,
		"GET /health/jwt":                w.healthJWT,
		"GET /-/healthy":                 healthy,
		"GET /-/ready":                   w.ready,
		"POST /-/reload":                 w.reload,
		"GET /api/v1/report":             w.reportAPI,
		"GET /api/v1/incidents":          w.api(func(u *shown) any { return u.Report.Incidents }),
		"GET /api/v1/incidents/{id}":     w.incidentAPI,
		"GET /api/v1/changes":            w.api(func(u *shown) any { return u.Report.Changes }),
		"GET /api/v1/records":            w.api(func(u *shown) any { return emptyNotNil(u.Records) }),
		"GET /api/v1/probes":             w.api(func(u *shown) any { return emptyNotNil(u.Probes) }),
		"GET /api/v1/series":             w.seriesAPI,
		"GET /api/v1/events":             w.events,
		"GET /api/v1/findings":           w.findings,
		"GET /api/v1/openapi.yaml":       openAPI,
		"POST /api/v1/incidents/{id}/do": w.actAPI,
	}
	if w.cfg.Metrics != nil {
		r["GET /metrics"] = w.cfg.Metrics.ServeHTTP
	}
	return r
}

// policy lets a page use our style sheet and our script, talk to us, and
// nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers a request.
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	h := rw.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.mux.ServeHTTP(rw, r)
}

// Deliver makes u what is shown from now on.
func (w *Web) Deliver(_ context.Context, u *analyzer.Update) error {
	s := &shown{Update: u, came: time.Now(), n: 1, held: w.held.follow(u.Probes)}
	if before := w.last.Load(); before != nil {
		s.n = before.n + 1
	}
	w.last.Store(s)
	w.wake.all()
	return nil
}

// EndStreams ends the streams of events, which have no end of their own, when
// the server shuts down.
func (w *Web) EndStreams() { w.end() }

// wakeup tells everybody who waits that an update came.
type wakeup struct {
	mu   sync.Mutex
	next chan struct{}
}

func (k *wakeup) all() {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.next)
	k.next = make(chan struct{})
}

func (k *wakeup) wait() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.next
}

func emptyNotNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
