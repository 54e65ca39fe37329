package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

func TestHealthJWT(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		update *analyzer.Update
		code   int
		body   string
	}{
		{"no report yet", nil, 200, `{"status":"degraded","details":{"jwt_secret_available":false,"secret_length_valid":false,"cross_service_consistency":false,"last_validated":null}}`},
		{"no probes", &analyzer.Update{Report: &analyzer.Report{}}, 200, `{"status":"degraded","details":{"jwt_secret_available":false,"secret_length_valid":false,"cross_service_consistency":false,"last_validated":null}}`},
		{"unhealthy", &analyzer.Update{Report: &analyzer.Report{}, JWT: &analyzer.JWTHealth{Status: analyzer.Unhealthy, Details: analyzer.JWTHealthDetails{JWTSecretAvailable: true, LastValidated: &at}}}, 503,
			`{"status":"unhealthy","details":{"jwt_secret_available":true,"secret_length_valid":false,"cross_service_consistency":false,"last_validated":"2026-11-23T08:00:00Z"}}`},
	} {
		h := New(Config{})
		if tt.update != nil {
			if err := h.Deliver(t.Context(), tt.update); err != nil {
				t.Fatal(err)
			}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/health/jwt", nil))
		if w.Code != tt.code || strings.TrimSpace(w.Body.String()) != tt.body {
			t.Errorf("%s: %d %s; want %d %s", tt.name, w.Code, w.Body, tt.code, tt.body)
		}
	}
}

// While the first round of probes is under way nobody sends traffic here.
func TestReadyWaitsForProbes(t *testing.T) {
	h := New(Config{})
	ready := func(u *analyzer.Update) (int, string) {
		if u != nil {
			if err := h.Deliver(t.Context(), u); err != nil {
				t.Fatal(err)
			}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/-/ready", nil))
		return w.Code, w.Body.String()
	}
	if code, _ := ready(nil); code != 503 {
		t.Errorf("without a report %d; want 503", code)
	}
	if code, body := ready(&analyzer.Update{Report: &analyzer.Report{}, Unready: "the first round of probes is under way"}); code != 503 || !strings.Contains(body, "first round") {
		t.Errorf("during the first round %d %q", code, body)
	}
	if code, _ := ready(&analyzer.Update{Report: &analyzer.Report{}}); code != 200 {
		t.Errorf("afterwards %d; want 200", code)
	}
}
