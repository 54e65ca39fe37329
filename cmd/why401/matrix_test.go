package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
	"github.com/why401/why401/analyzer/probe"
	"github.com/why401/why401/rules"
)

// stand is what one service does: it signs with one of two versions, and
// accepts the older, the newer or both.
type stand struct {
	signs   int
	accepts []int
}

var versionValues = map[int]string{1: "older-version-of-the-secret-0815-abcdefg", 2: "newest-version-of-the-secret-4711-abcdef"}

// bothVersions is a reference that can read them.
type bothVersions struct{}

func (bothVersions) Candidates(context.Context, analyzer.KeyDomain) ([]probe.Candidate, error) {
	var out []probe.Candidate
	for _, v := range []int{2, 1} {
		out = append(out, probe.Candidate{Secret: "jwt-main", Version: fmt.Sprint(v), Environment: "staging", Value: healthjwt.NewSecret(versionValues[v])})
	}
	return out, nil
}

// ServeHTTP is a service of golang-jwt that stands so, without /health/jwt.
func (s stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "nobody", "exp": time.Now().Add(time.Minute).Unix()}).SignedString([]byte(versionValues[s.signs]))
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprint(w, token)
		return
	}
	var keys jwt.VerificationKeySet
	for _, v := range s.accepts {
		keys.Keys = append(keys.Keys, []byte(versionValues[v]))
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if _, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return keys, nil }, jwt.WithValidMethods([]string{"HS256"})); err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, err)
	}
}

// observe looks at one service from outside, with real canaries and a token.
func observe(t *testing.T, set *rules.Set, domain analyzer.KeyDomain, m analyzer.Member, s stand) []analyzer.ProbeResult {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	m.URL = server.URL
	domain.Services = []analyzer.Member{m}
	cfg := probe.DefaultConfig()
	cfg.AllowPrivate = []string{"127.0.0.0/8"}
	cfg.Off = slices.DeleteFunc(probe.Kinds(), func(k string) bool { return k == "canary" || k == "mint" })
	guard, err := probe.NewGuard(cfg)
	if err != nil {
		t.Fatal(err)
	}
	targets, err := probe.Build(&probe.Deps{Config: cfg, Domains: []analyzer.KeyDomain{domain}, Guard: guard, Reference: bothVersions{}, Classifier: set})
	if err != nil {
		t.Fatal(err)
	}
	return probe.NewScheduler(targets, cfg).Once(t.Context())
}

// All 1,296 states of four services with two versions are told apart by the
// reference, from outside; by the plain matrix of who takes whose tokens,
// which stands beside it, not a single one.
func TestMatrixOfAllStates(t *testing.T) {
	set, err := rules.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	d := analyzer.KeyDomain{Name: "jwt-main", Environment: "staging"}
	for _, n := range []string{"auth", "orders", "payments", "search"} {
		d.Services = append(d.Services, analyzer.Member{Name: n, Signs: true, Health: "none", Canary: "/whoami", Mint: "/token"})
	}
	var stands []stand
	for _, signs := range []int{1, 2} {
		stands = append(stands, stand{signs, []int{1}}, stand{signs, []int{2}}, stand{signs, []int{1, 2}})
	}
	seen := make([][][]analyzer.ProbeResult, 4) // of each service, in each stand
	for i, m := range d.Services {
		for _, s := range stands {
			seen[i] = append(seen[i], observe(t, set, d, m, s))
		}
	}
	located, forms := 0, map[string]int{}
	var plain []string
	for state := range 6 * 6 * 6 * 6 {
		var truth []stand
		var results []analyzer.ProbeResult
		for i, n := 0, state; i < 4; i, n = i+1, n/6 {
			truth, results = append(truth, stands[n%6]), append(results, seen[i][n%6]...)
		}
		all := matricesOf([]analyzer.KeyDomain{d}, results)
		if len(all) != 1 || len(all[0].Rows) != 4 || !slices.Equal(all[0].Versions, []string{"2", "1"}) {
			t.Fatalf("state %d gives %+v; want one matrix of four rows", state, all)
		}
		exact, form := true, ""
		for i, r := range all[0].Rows {
			exact = exact && r.Signs == fmt.Sprint(truth[i].signs)
			for _, v := range []int{1, 2} {
				exact = exact && r.Accepts[fmt.Sprint(v)] == word(slices.Contains(truth[i].accepts, v))
			}
			for j, from := range d.Services {
				exact = exact && r.Takes[from.Name] == word(slices.Contains(truth[i].accepts, truth[j].signs))
				form += r.Takes[from.Name] + " "
			}
		}
		if exact {
			located++
		}
		plain = append(plain, form)
		forms[form]++
	}
	told := 0
	for _, form := range plain {
		if forms[form] == 1 {
			told++
		}
	}
	t.Logf("with the reference %d of 1,296 states are located; the plain matrix has %d forms and tells %d states from all others", located, len(forms), told)
	if located != 1296 || told != 0 {
		t.Errorf("%d located, %d by the plain matrix; want 1296 and 0", located, told)
	}
}

func word(b bool) string {
	if b {
		return yes
	}
	return no
}

// What nobody saw is shown as such, in the matrix too.
func TestMatrixUnknown(t *testing.T) {
	d := analyzer.KeyDomain{Name: "jwt-main", Environment: "staging", Services: []analyzer.Member{{Name: "auth"}, {Name: "orders"}}}
	of := func(service, kind string, s analyzer.Status, facts map[string]string) analyzer.ProbeResult {
		return analyzer.ProbeResult{Probe: kind, Domain: d.Name, Service: analyzer.Service{Name: service, Environment: d.Environment}, Status: s, Facts: facts}
	}
	results := []analyzer.ProbeResult{
		of("", "secret_manager", analyzer.StatusOK, map[string]string{probe.FactVersionsOn: "10 9"}),
		of("auth", "canary", analyzer.StatusOK, map[string]string{probe.FactAccepts: "10"}),
		of("orders", "canary", analyzer.StatusUnknown, nil),
	}
	all := matricesOf([]analyzer.KeyDomain{d}, results)
	b := &bytes.Buffer{}
	all[0].text(b, false)
	const want = "\n  who verifies what: tokens of why401 by version\n            v10    v9\n  auth        ✓     ?\n  orders      ?     ?\n"
	if b.String() != want {
		t.Errorf("printed\n%q\nwant\n%q", b, want)
	}
	if got := matricesOf([]analyzer.KeyDomain{d}, results[:1]); len(got) != 0 {
		t.Errorf("nobody looked at a service, and there is a matrix %+v", got)
	}
}

// Colours are for terminals that want them.
func TestPainter(t *testing.T) {
	if p := (&environment{stdout: &bytes.Buffer{}, getenv: func(string) string { return "" }}).painter(); p {
		t.Error("what is no terminal is painted")
	}
	if got := painter(true).mark(analyzer.StatusFail); got != "\x1b[31m✗\x1b[0m" {
		t.Errorf("painted %q", got)
	}
	if got := painter(false).mark(analyzer.StatusFail); got != "✗" {
		t.Errorf("plain %q", got)
	}
}
