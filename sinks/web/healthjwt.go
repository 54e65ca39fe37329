package web

import (
	"encoding/json"
	"net/http"

	"github.com/why401/why401/analyzer"
)

// healthJWT answers GET /health/jwt for all key domains together, from the
// last round of probes: nobody is asked on request. As with the handlers of
// services, an unhealthy answer has status 503.
func (w *Web) healthJWT(rw http.ResponseWriter, _ *http.Request) {
	answer := analyzer.JWTHealth{Status: analyzer.Degraded} // nothing was seen yet
	if u := w.last.Load(); u != nil && u.JWT != nil {
		answer = *u.JWT
	}
	code := http.StatusOK
	if answer.Status == analyzer.Unhealthy {
		code = http.StatusServiceUnavailable
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(code)
	_ = json.NewEncoder(rw).Encode(answer) // the client is gone
}
