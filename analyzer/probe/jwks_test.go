package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func rsaJWK(t testing.TB, bits int, kid string) map[string]any {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": b64(k.N.Bytes()), "e": "AQAB"}
}

func ecJWK(t testing.TB, kid string) map[string]any {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := k.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", "x": b64(point[1:33]), "y": b64(point[33:])}
}

func with(m map[string]any, key string, value any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	out[key] = value
	return out
}

func set(keys ...map[string]any) string {
	b, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// serving answers every request with the same body.
func serving(t testing.TB, status int, body string, header ...string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

// only returns the one target of a kind for a domain.
func only(t testing.TB, kind string, domain analyzer.KeyDomain, d *Deps) Target {
	t.Helper()
	ts, err := kinds[kind](domain, d)
	if err != nil || len(ts) != 1 {
		t.Fatalf("%d targets, %v; want one", len(ts), err)
	}
	ts[0].Kind, ts[0].Domain = kind, domain.Name
	return ts[0]
}

func worst(rs []analyzer.ProbeResult) analyzer.ProbeResult {
	w := rs[0]
	for _, r := range rs {
		if badness(r.Status) > badness(w.Status) {
			w = r
		}
	}
	return w
}

func jwksWorld(t *testing.T, secret string) Target {
	s := serving(t, 200, set(with(ecJWK(t, "k1"), "d", secret), ecJWK(t, "k2")))
	g, _ := newGuard(t, "127.0.0.0/8")
	return only(t, "jwks", analyzer.KeyDomain{Name: "jwt-main", JWKS: s.URL + "/jwks.json"}, &Deps{Guard: g})
}

// Every fault of a key set is named, and a sound one is left alone.
func TestKeySetFaults(t *testing.T) {
	good, ec := rsaJWK(t, 2048, "a"), ecJWK(t, "b")
	for _, tt := range []struct {
		name   string
		body   string
		header []string
		domain analyzer.KeyDomain
		code   int
		status analyzer.Status
		cause  analyzer.Cause
		says   string
	}{
		{name: "sound", body: set(good, ec), header: []string{"Cache-Control", "public, max-age=3600"}, status: analyzer.StatusOK, says: "2 keys, cached for 1h0m0s"},
		{name: "sound beside an unknown type", body: set(good, map[string]any{"kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AA"}), status: analyzer.StatusOK, says: "1 keys"},
		{name: "a login page", body: "<!DOCTYPE html><html>", status: analyzer.StatusFail, cause: "jwks.invalid_document", says: "found markup"},
		{name: "no key set", body: `{"status":"ok"}`, status: analyzer.StatusFail, cause: "jwks.invalid_document", says: "a member keys"},
		{name: "empty", body: `{"keys":[]}`, status: analyzer.StatusFail, cause: "jwks.invalid_document", says: "none can verify"},
		{name: "encryption keys alone", body: set(with(good, "use", "enc")), status: analyzer.StatusFail, cause: "jwks.invalid_document", says: "none can verify"},
		{name: "a key without its members", body: set(good, map[string]any{"kty": "RSA", "kid": "half", "e": "AQAB"}), status: analyzer.StatusFail, cause: "jwks.invalid_document", says: "half cannot be used"},
		{name: "a point off its curve", body: set(good, with(ec, "y", b64(make([]byte, 32)))), status: analyzer.StatusFail, cause: "jwks.invalid_document", says: "no point of its curve"},
		{name: "a private key", body: set(good, with(ec, "d", b64(make([]byte, 32)))), status: analyzer.StatusFail, cause: "jwks.private_key_published", says: "private part"},
		{name: "a shared secret", body: set(good, map[string]any{"kty": "oct", "kid": "s", "k": "AAAA"}), status: analyzer.StatusFail, cause: "jwks.private_key_published", says: "shared secret"},
		{name: "two keys under one kid", body: set(good, with(ec, "kid", "a")), status: analyzer.StatusFail, cause: "jwks.kid_reused", says: "two different keys"},
		{name: "keys without a kid", body: set(with(good, "kid", ""), ec), status: analyzer.StatusWarn, says: "has no kid"},
		{name: "a weak key", body: set(rsaJWK(t, 1024, "old")), status: analyzer.StatusFail, cause: "key.too_short", says: "1024 bits"},
		{name: "an alg of another type", body: set(with(good, "alg", "ES256")), status: analyzer.StatusFail, cause: "key.key_type_or_parse", says: "alg ES256"},
		{name: "algorithms that nobody accepts", body: set(ec), domain: analyzer.KeyDomain{Algorithms: []string{"RS256"}}, status: analyzer.StatusFail, cause: "alg.mismatch", says: "verifiers want RS256"},
		{name: "cached for a year", body: set(good), header: []string{"Cache-Control", "max-age=31536000"}, status: analyzer.StatusWarn, says: "cached for 8760h"},
		{name: "gone", body: "no", code: 404, status: analyzer.StatusFail, cause: "jwks.unreachable", says: "404"},
		{name: "behind a login", body: "no", code: 401, status: analyzer.StatusFail, cause: "jwks.unreachable", says: "open to verifiers"},
		{name: "limited", body: "no", code: 429, status: analyzer.StatusWarn, cause: "idp.rate_limited", says: "429"},
		{name: "huge", body: `{"keys":[` + strings.Repeat(" ", maxBody+1) + `]}`, status: analyzer.StatusFail, cause: "jwks.invalid_document", says: "over"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, _ := newGuard(t, "127.0.0.0/8")
			tt.domain.Name, tt.domain.JWKS = "jwt-main", serving(t, max(tt.code, 200), tt.body, tt.header...).URL+"/jwks.json"
			target := only(t, "jwks", tt.domain, &Deps{Guard: g})
			rs := target.check(t.Context(), 20*time.Second)
			conform(t, rs, "nothing to find here")
			if w := worst(rs); w.Status != tt.status || w.Cause != tt.cause || !strings.Contains(w.Detail, tt.says) {
				t.Errorf("%s %q: %s; want %s %q: … %s …", w.Status, w.Cause, w.Detail, tt.status, tt.cause, tt.says)
			}
		})
	}
}

// certified serves a key set over TLS with a certificate of its own making,
// and returns its URL and the file that makes it trusted.
func certified(t *testing.T, until time.Time, host net.IP) (address, ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, NotBefore: until.Add(-90 * 24 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{host}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	body := set(ecJWK(t, "k1"))
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL + "/jwks.json", ca
}

// What is wrong with the certificate of a key set's host is told apart.
func TestKeySetTransport(t *testing.T) {
	here, now := net.IPv4(127, 0, 0, 1), time.Now()
	for _, tt := range []struct {
		name   string
		until  time.Time
		host   net.IP
		trust  bool
		status analyzer.Status
		says   string
	}{
		{"sound", now.Add(60 * 24 * time.Hour), here, true, analyzer.StatusOK, "sound"},
		{"ends soon", now.Add(3*24*time.Hour + time.Hour), here, true, analyzer.StatusWarn, "ends in 3 days"},
		{"has ended", now.Add(-time.Hour), here, true, analyzer.StatusFail, "not valid at this time"},
		{"of another host", now.Add(60 * 24 * time.Hour), net.IPv4(127, 0, 0, 9), true, analyzer.StatusFail, "of another name"},
		{"of nobody we know", now.Add(60 * 24 * time.Hour), here, false, analyzer.StatusFail, "unknown authority"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, ca := certified(t, tt.until, tt.host)
			c := DefaultConfig()
			c.AllowPrivate = []string{"127.0.0.0/8"}
			if tt.trust {
				c.CAFile = ca
			}
			g, err := NewGuard(c)
			if err != nil {
				t.Fatal(err)
			}
			target := only(t, "jwks", analyzer.KeyDomain{Name: "jwt-main", JWKS: address}, &Deps{Guard: g})
			r := target.check(t.Context(), 20*time.Second)[0]
			if r.Status != tt.status || !strings.Contains(r.Detail, tt.says) {
				t.Errorf("%s: %s; want %s: … %s …", r.Status, r.Detail, tt.status, tt.says)
			}
			if (r.Status == analyzer.StatusFail) != (r.Cause == "jwks.unreachable") {
				t.Errorf("status %s with cause %q", r.Status, r.Cause)
			}
		})
	}
}

func TestKeySetDown(t *testing.T) {
	s := serving(t, 200, "")
	address := s.URL
	s.Close()
	g, _ := newGuard(t, "127.0.0.0/8")
	target := only(t, "jwks", analyzer.KeyDomain{Name: "jwt-main", JWKS: address + "/jwks.json"}, &Deps{Guard: g})
	if r := target.check(t.Context(), 20*time.Second)[0]; r.Status != analyzer.StatusFail || r.Cause != "jwks.unreachable" {
		t.Errorf("a host that refuses gives %+v; want fail", r)
	}
	blind, _ := newGuard(t)
	target = only(t, "jwks", analyzer.KeyDomain{Name: "jwt-main", JWKS: "https://127.0.0.1/jwks.json"}, &Deps{Guard: blind})
	if r := target.check(t.Context(), 20*time.Second)[0]; r.Status != analyzer.StatusUnknown {
		t.Errorf("an address that is not allowed gives %+v; want unknown", r)
	}
}

// A key set is a stranger's text.
func FuzzKeySet(f *testing.F) {
	f.Add([]byte(set(ecJWK(f, "k"))))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-521","x":"AA","y":"AA"},{"kty":"oct","k":"AA"},{"kty":"OKP","crv":"Ed25519","x":""},7]}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, faults, _ := readKeySet(body)
		for _, k := range keys {
			if k.thumbprint == "" {
				t.Error("a key without a thumbprint")
			}
		}
		d := document{url: "https://a.example/k", name: "key set"}
		for _, r := range d.results(faults, nil, "the key set is sound and everything is well") {
			r.Probe, r.Domain, r.At = "jwks", "d", time.Now()
			conform(t, []analyzer.ProbeResult{r}, "planted-secret-4f9c2e71d0b8a653")
		}
		_, _ = readDiscovery(body)
	})
}
