package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/probe"
)

// Four services sign with one of two versions each and accept one or both:
// in all 1,296 states the matrix says who is refused by whom.
func TestMatrixOfAllStates(t *testing.T) {
	d := analyzer.KeyDomain{Name: "jwt-main", Environment: "staging"}
	names := []string{"a", "b", "c", "d"}
	for _, n := range names {
		d.Services = append(d.Services, analyzer.Member{Name: n, Signs: true})
	}
	accepts := []string{"1", "2", "2 1"}
	for state := range 6 * 6 * 6 * 6 {
		var signs, takes [4]string
		var results []analyzer.ProbeResult
		for i, n := 0, state; i < 4; i, n = i+1, n/6 {
			signs[i], takes[i] = fmt.Sprint(n%2+1), accepts[n/2%3]
			results = append(results, analyzer.ProbeResult{Probe: "fingerprint", Domain: d.Name, Service: analyzer.Service{Name: names[i], Environment: d.Environment}, Status: analyzer.StatusOK,
				Facts: map[string]string{probe.FactAccepts: takes[i], probe.FactSigns: signs[i]}})
		}
		all := matricesOf([]analyzer.KeyDomain{d}, results)
		if len(all) != 1 || len(all[0].Rows) != 4 {
			t.Fatalf("state %d gives %+v; want one matrix of four rows", state, all)
		}
		for i, r := range all[0].Rows {
			for _, v := range all[0].Versions {
				if want := word(slices.Contains(strings.Fields(takes[i]), v)); r.Accepts[v] != want {
					t.Fatalf("state %d: %s accepts version %s: %s; want %s", state, r.Service, v, r.Accepts[v], want)
				}
			}
			for j, from := range names {
				if want := word(slices.Contains(strings.Fields(takes[i]), signs[j])); r.Takes[from] != want {
					t.Fatalf("state %d: %s takes the tokens of %s: %s; want %s", state, r.Service, from, r.Takes[from], want)
				}
			}
		}
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
