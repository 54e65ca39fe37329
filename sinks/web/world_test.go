package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// noon is when the worlds of the tests are.
var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// world is an update in which everything that a log or an operator can write
// is text.
func world(text func(i int) string) *analyzer.Update {
	n := 0
	t := func() string { n++; return text(n) }
	resolved := noon.Add(-2 * time.Hour)
	svc, env := t(), t()
	in := analyzer.Incident{
		ID: "abc123", Cause: "key.stale_cache", Verdict: analyzer.Probable, Candidates: []analyzer.Cause{"key.stale_cache", "key.cross_service_drift", analyzer.Cause(t())}, NextProbe: t(),
		KeyDomain: t(), Environment: env, Services: []string{svc, t()}, Severity: analyzer.LevelError, Opened: noon.Add(-8 * time.Minute), LastSeen: noon, Count: 266, Rate: 0.59,
		Summary: t(), For: []string{t(), t(), t(), t()}, Against: []string{t()}, Do: []string{t(), t(), t()},
		Exemplars: []analyzer.Exemplar{{Reason: analyzer.BadSignature, At: noon.Add(-7 * time.Minute), Rule: t(), Library: t(), Excerpt: t(), InsertID: t(), Captures: map[string]string{t(): t()}}},
	}
	other := in
	other.ID, other.Severity, other.Cause, other.Summary = "def456", analyzer.LevelInfo, analyzer.Cause(t()), t()
	service := analyzer.Service{Name: svc, Environment: env}
	return &analyzer.Update{
		At: noon,
		Report: &analyzer.Report{
			Span:   analyzer.Span{From: noon.Add(-6 * time.Hour), To: noon},
			Totals: analyzer.ReportTotals{Entries: 4653, Accepted: 2634, Refused: 309},
			Services: []analyzer.ServiceReport{
				{Name: svc, Environment: env, Accepted: 485, Refused: 269, Reasons: map[analyzer.Reason]int64{analyzer.BadSignature: 266, analyzer.ExpiredToken: 3}, Denominator: "requests"},
				{Name: t(), Environment: env, Accepted: 603, Reasons: map[analyzer.Reason]int64{}, Denominator: "requests"},
			},
			Incidents: []analyzer.Incident{in, other},
			Changes: []analyzer.Change{
				{Kind: analyzer.SecretLoaded, Target: "JWT_SECRET", Service: service, At: noon.Add(-5 * time.Hour), Evidence: t()},
				{Kind: analyzer.SecretVersionAdded, Target: t(), Version: t(), At: noon.Add(-9 * time.Minute), By: t(), Evidence: t(), Service: analyzer.Service{Environment: env}},
				{Kind: analyzer.RevisionDeployed, Target: t(), Version: t(), At: noon.Add(-8 * time.Minute), By: t(), Evidence: t()},
			},
			Score:     analyzer.Score{Total: 60, Availability: 40, Consistency: 0, Format: 10, Alignment: 10, Lost: []analyzer.Lost{{Part: "consistency", Points: 30, Check: t(), Why: t()}}},
			Gaps:      []analyzer.Gap{{Kind: t(), Service: t(), Detail: t()}},
			Unmatched: []analyzer.UnmatchedReport{{Service: t(), Template: t(), Count: 7}},
		},
		Probes: []analyzer.ProbeResult{
			{Probe: "canary", Target: svc, Domain: t(), Service: service, Status: analyzer.StatusFail, Detail: t(), Facts: map[string]string{"holds": t()}, At: noon.Add(-time.Minute)},
			{Probe: "environment", Target: svc, Service: service, Status: analyzer.StatusUnknown, Detail: t(), At: noon.Add(-time.Minute)},
			{Probe: "jwks", Target: t(), Domain: t(), Status: analyzer.StatusWarn, Detail: t(), At: noon.Add(-time.Minute)},
		},
		Records: []analyzer.Record{
			{ID: "abc123", Cause: "key.stale_cache", Verdict: analyzer.Probable, Services: []string{svc}, Summary: t(), Opened: noon.Add(-8 * time.Minute), Severity: analyzer.LevelError, Interventions: []analyzer.Intervention{{Kind: analyzer.Acknowledgement, At: noon, By: t(), What: t()}}},
			{ID: "old", Cause: "key.secret_missing", Verdict: analyzer.Confirmed, Services: []string{svc}, Summary: t(), Opened: noon.Add(-3 * time.Hour), Resolved: &resolved, Severity: analyzer.LevelWarning, Returns: 2, Interventions: []analyzer.Intervention{{Kind: analyzer.ManualChange, At: resolved, By: t(), What: t()}}},
		},
	}
}

// words of a world that mean no harm.
func harmless(i int) string { return fmt.Sprintf("word%d", i) }

// ratesOf are series for every service of an update.
func ratesOf(u *analyzer.Update) func(from, to time.Time) []analyzer.Series {
	return func(from, to time.Time) []analyzer.Series {
		const n = 60
		out := []analyzer.Series{}
		for _, s := range u.Report.Services {
			se := analyzer.Series{Service: s.Name, Environment: s.Environment, From: from, Step: int64(to.Sub(from).Seconds() / n), Accepted: make([]int64, n), Refused: make([]int64, n), Reasons: map[analyzer.Reason][]int64{}}
			for r := range s.Reasons {
				se.Reasons[r] = make([]int64, n)
			}
			for i := range n {
				se.Accepted[i] = int64(8 + i%3)
				for r := range s.Reasons {
					se.Reasons[r][i] = int64(i / 10)
					se.Refused[i] += int64(i / 10)
				}
			}
			out = append(out, se)
		}
		return out
	}
}

// payloads are 200 texts that would do something if one medium forgot to
// escape them.
func payloads() []string {
	cores := []string{
		`<script>window.hit=1</script>`, `</script><script>window.hit=1</script>`, `<img src=x onerror=window.hit=1>`, `<svg onload=window.hit=1>`, `<svg><script>window.hit=1</script></svg>`,
		`<iframe srcdoc="<script>parent.hit=1</script>">`, `<body onload=window.hit=1>`, `<details open ontoggle=window.hit=1>x`, `<a href="javascript:window.hit=1">x</a>`, `javascript:window.hit=1`,
		`data:text/html,<script>window.hit=1</script>`, `<meta http-equiv=refresh content="0;url=https://evil.example">`, `<base href=https://evil.example/>`, `<link rel=stylesheet href=https://evil.example/a.css>`,
		`<style>*{background:url(https://evil.example)}</style>`, `<form action=https://evil.example><button>x</button></form>`, `<math><mtext><table><mglyph><style><img src=x onerror=window.hit=1>`,
		`{{.Report}}`, `{{template "foot" .}}`, `${window.hit=1}`, `<!--`, `-->`, `<![CDATA[`, `]]>`, `<?xml version="1.0"?>`, `&lt;script&gt;window.hit=1&lt;/script&gt;`, `&#60;script&#62;`, `\u003cscript\u003ewindow.hit=1`,
		`<noscript><p title="</noscript><img src=x onerror=window.hit=1>">`, `<textarea></textarea><script>window.hit=1</script>`, `<title></title><script>window.hit=1</script>`, `<xmp><script>window.hit=1</script></xmp>`,
		`<template><script>window.hit=1</script></template>`, `<object data=javascript:window.hit=1>`, `<embed src=javascript:window.hit=1>`, `<input autofocus onfocus=window.hit=1>`, `<video><source onerror=window.hit=1>`,
		`<foreignObject><script>window.hit=1</script></foreignObject>`, `<set attributeName=href to=javascript:window.hit=1>`, `</desc></svg><script>window.hit=1</script>`,
	}
	wraps := []func(string) string{
		func(s string) string { return s },
		func(s string) string { return `"` + s },
		func(s string) string { return `'>` + s + `<'` },
		func(s string) string { return "`\"' " + strings.ToUpper(s) + "\x00\x1b[31m" },
		func(s string) string { return "\u202e" + s + "\u2066\ufeff\r\n\xff" },
	}
	var out []string
	for _, w := range wraps {
		for _, c := range cores {
			out = append(out, w(c))
		}
	}
	return out
}

// serve gives a page to look at.
func serve(u *analyzer.Update, cfg Config) *Web {
	if cfg.Series == nil {
		cfg.Series = ratesOf(u)
	}
	w := New(cfg)
	if err := w.Deliver(context.Background(), u); err != nil {
		panic(err)
	}
	return w
}

func get(w http.Handler, path string) *httptest.ResponseRecorder {
	rw := httptest.NewRecorder()
	w.ServeHTTP(rw, httptest.NewRequest("GET", path, nil))
	return rw
}
