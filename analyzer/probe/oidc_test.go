package probe

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

func oidcWorld(t *testing.T, secret string) Target {
	s := serving(t, 200, `{"issuer":"https://other.example","jwks_uri":"https://other.example/k?s=`+secret+`"}`)
	g, _ := newGuard(t, "127.0.0.0/8")
	return only(t, "oidc", analyzer.KeyDomain{Name: "jwt-main", Discovery: s.URL + discoveryPath}, &Deps{Guard: g})
}

func TestDiscoveryFaults(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		domain     analyzer.KeyDomain
		status     analyzer.Status
		cause      analyzer.Cause
		says       string
	}{
		{"agrees", `{"issuer":"https://a.example","jwks_uri":"https://a.example/k","id_token_signing_alg_values_supported":["RS256"]}`, analyzer.KeyDomain{Issuer: "https://a.example", JWKS: "https://a.example/k", Algorithms: []string{"RS256"}}, analyzer.StatusOK, "", "agrees"},
		{"a slash more", `{"issuer":"https://a.example/","jwks_uri":"https://a.example/k"}`, analyzer.KeyDomain{Issuer: "https://a.example"}, analyzer.StatusFail, "claim.issuer_mismatch", "a slash at the end"},
		{"http for https", `{"issuer":"http://a.example","jwks_uri":"https://a.example/k"}`, analyzer.KeyDomain{Issuer: "https://a.example"}, analyzer.StatusFail, "claim.issuer_mismatch", "http and https"},
		{"another realm", `{"issuer":"https://a.example/realms/b","jwks_uri":"https://a.example/k"}`, analyzer.KeyDomain{Issuer: "https://a.example/realms/a"}, analyzer.StatusFail, "claim.issuer_mismatch", "another host or path"},
		{"not the issuer of its place", `{"issuer":"https://a.example","jwks_uri":"https://a.example/k"}`, analyzer.KeyDomain{}, analyzer.StatusFail, "claim.issuer_mismatch", "another host or path"},
		{"another key set", `{"issuer":"https://a.example","jwks_uri":"https://a.example/k2"}`, analyzer.KeyDomain{Issuer: "https://a.example", JWKS: "https://a.example/k"}, analyzer.StatusWarn, "", "names the key set"},
		{"no key set", `{"issuer":"https://a.example"}`, analyzer.KeyDomain{Issuer: "https://a.example"}, analyzer.StatusFail, "jwks.invalid_document", "no jwks_uri"},
		{"other algorithms", `{"issuer":"https://a.example","jwks_uri":"https://a.example/k","id_token_signing_alg_values_supported":["ES256"]}`, analyzer.KeyDomain{Issuer: "https://a.example", Algorithms: []string{"RS256"}}, analyzer.StatusFail, "alg.mismatch", "ES256"},
		{"a page", `<html>`, analyzer.KeyDomain{}, analyzer.StatusFail, "jwks.invalid_document", "markup"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, _ := newGuard(t, "127.0.0.0/8")
			tt.domain.Name, tt.domain.Discovery = "jwt-main", serving(t, 200, tt.body).URL+discoveryPath
			target := only(t, "oidc", tt.domain, &Deps{Guard: g})
			rs := target.check(t.Context(), 20*time.Second)
			conform(t, rs, "nothing to find here")
			if w := worst(rs); w.Status != tt.status || w.Cause != tt.cause || !strings.Contains(w.Detail, tt.says) {
				t.Errorf("%s %q: %s; want %s %q: … %s …", w.Status, w.Cause, w.Detail, tt.status, tt.cause, tt.says)
			}
		})
	}
}

// A domain that declares its discovery document alone has its key set found
// there, on the same host only.
func TestKeySetByDiscovery(t *testing.T) {
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	keys := s.URL + "/keys"
	mux.HandleFunc(discoveryPath, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, s.URL, keys)
	})
	body := set(ecJWK(t, "k1"))
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
	g, _ := newGuard(t, "127.0.0.0/8")
	target := only(t, "jwks", analyzer.KeyDomain{Name: "d", Discovery: s.URL + discoveryPath}, &Deps{Guard: g})
	if r := target.check(t.Context(), 20*time.Second)[0]; r.Status != analyzer.StatusOK || r.Facts["kids"] != "k1" {
		t.Errorf("got %+v; want the key set found", r)
	}
	keys = "https://elsewhere.example/keys"
	if r := target.check(t.Context(), 20*time.Second)[0]; r.Status != analyzer.StatusUnknown || !strings.Contains(r.Detail, "another host") {
		t.Errorf("got %+v; want unknown", r)
	}
}
