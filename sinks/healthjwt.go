package sinks

import (
	"encoding/json"
	"net/http"

	"github.com/why401/why401/analyzer"
)

// healthJWT answers GET /health/jwt for all key domains together, from the
// last round of probes: nobody is asked on request. As with the handlers of
// services, an unhealthy answer has status 503.
func (h *HTTP) healthJWT(w http.ResponseWriter, _ *http.Request) {
	answer := analyzer.JWTHealth{Status: analyzer.Degraded} // nothing was seen yet
	if u := h.last.Load(); u != nil && u.JWT != nil {
		answer = *u.JWT
	}
	code := http.StatusOK
	if answer.Status == analyzer.Unhealthy {
		code = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // the client is gone
}
