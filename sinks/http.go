package sinks

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/why401/why401/analyzer"
)

// HTTP serves metrics, health and the latest report as JSON. It answers from
// the last update and never does work on request.
type HTTP struct {
	mux  *http.ServeMux
	last atomic.Pointer[analyzer.Update]
}

var _ analyzer.Sink = (*HTTP)(nil)

// NewHTTP builds the handler over a registry.
func NewHTTP(registry *prometheus.Registry) *HTTP {
	h := &HTTP{mux: http.NewServeMux()}
	h.mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	h.mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "healthy\n") })
	h.mux.HandleFunc("GET /-/ready", h.ready)
	h.mux.HandleFunc("GET /health", h.health)
	h.mux.HandleFunc("GET /health/jwt", h.healthJWT)
	h.mux.HandleFunc("GET /api/v1/report", h.json(func(r *analyzer.Report) any { return r }))
	h.mux.HandleFunc("GET /api/v1/incidents", h.json(func(r *analyzer.Report) any { return r.Incidents }))
	h.mux.HandleFunc("GET /api/v1/changes", h.json(func(r *analyzer.Report) any { return r.Changes }))
	h.mux.HandleFunc("GET /api/v1/incidents/{id}", h.incident)
	h.mux.HandleFunc("GET /{$}", h.page)
	return h
}

// ServeHTTP answers a request.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	h.mux.ServeHTTP(w, r)
}

// Deliver makes u what is served from now on.
func (h *HTTP) Deliver(_ context.Context, u *analyzer.Update) error {
	h.last.Store(u)
	return nil
}

func (h *HTTP) ready(w http.ResponseWriter, _ *http.Request) {
	u := h.last.Load()
	if u == nil {
		text(w, http.StatusServiceUnavailable, "not ready: no report yet\n")
		return
	}
	if u.Unready != "" {
		text(w, http.StatusServiceUnavailable, "not ready: "+u.Unready+"\n")
		return
	}
	text(w, http.StatusOK, "ready\n")
}

// health answers in the shape of draft-inadarei-api-health-check-06. Without
// an update in the last two minutes it warns: silence is not health.
func (h *HTTP) health(w http.ResponseWriter, _ *http.Request) {
	status, output := "pass", ""
	u := h.last.Load()
	switch {
	case u == nil:
		status, output = "warn", "no report yet"
	case hasOpen(u.Report, analyzer.LevelCritical):
		status, output = "warn", "a critical incident is open"
	}
	w.Header().Set("Content-Type", "application/health+json")
	_ = json.NewEncoder(w).Encode(map[string]string{"status": status, "output": output, "time": time.Now().UTC().Format(time.RFC3339)}) // the client is gone
}

func hasOpen(r *analyzer.Report, level analyzer.Level) bool {
	for _, in := range r.Incidents {
		if in.Resolved == nil && in.Severity == level {
			return true
		}
	}
	return false
}

func (h *HTTP) json(part func(*analyzer.Report) any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		u := h.last.Load()
		if u == nil {
			text(w, http.StatusServiceUnavailable, "no report yet\n")
			return
		}
		writeJSON(w, part(u.Report))
	}
}

func (h *HTTP) incident(w http.ResponseWriter, r *http.Request) {
	if u := h.last.Load(); u != nil {
		for _, in := range u.Report.Incidents {
			if in.ID == r.PathValue("id") {
				writeJSON(w, in)
				return
			}
		}
	}
	text(w, http.StatusNotFound, "no incident with this id\n")
}

// page is the report as plain text, for a browser or curl.
func (h *HTTP) page(w http.ResponseWriter, _ *http.Request) {
	u := h.last.Load()
	if u == nil {
		text(w, http.StatusOK, "why401: no report yet\n")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_ = u.Report.Write(w, "text") // the client is gone
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}

func text(w http.ResponseWriter, code int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(s)) // the client is gone
}
