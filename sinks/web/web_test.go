package web

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/why401/why401/analyzer"
)

// shape lists the elements of a document with the names of their attributes,
// and the values of those that a browser acts on.
func shape(t *testing.T, page []byte) []string {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for n := range doc.Descendants() {
		switch n.Type {
		case html.CommentNode:
			out = append(out, "<!-- -->")
		case html.ElementNode:
			s := n.Data
			for _, a := range n.Attr {
				s += " " + a.Key
				switch a.Key {
				case "href", "src", "action", "http-equiv", "content", "class", "d", "method", "name", "value":
					if cause, ok := strings.CutPrefix(a.Val, runbooks); ok && !strings.Contains(cause, "/") {
						a.Val = runbooks // its last part names a cause
					}
					if a.Key == "d" { // how wide the names beside it are moves a bar, and nothing else
						a.Val = regexp.MustCompile(`[0-9]+`).ReplaceAllString(a.Val, "0")
					}
					s += "=" + a.Val
				}
			}
			out = append(out, s)
		}
	}
	return out
}

const runbooks = "http://127.0.0.1/runbooks/"

// documents are the pages and the file that are made of a world.
func documents(t *testing.T, u *analyzer.Update) map[string][]byte {
	t.Helper()
	w := serve(u, Config{Authenticated: true, Journal: nobody{}, Alertmanager: "http://127.0.0.1:9093/", Runbooks: runbooks})
	out := map[string][]byte{}
	for _, path := range []string{"/", "/?range=24h", "/incidents/abc123", "/incidents/old", "/api/v1/report?format=html"} {
		rw := get(w, path)
		if rw.Code != 200 {
			t.Fatalf("%s: %d %s", path, rw.Code, rw.Body)
		}
		out[path] = rw.Body.Bytes()
	}
	return out
}

// Whatever stands in a log, the page has the same elements, links and
// attributes: it is text and nothing else.
func TestHostileTextsAreText(t *testing.T) {
	// Names stand in pictures where there is room for them.
	trim := func(list []string) []string {
		return slices.DeleteFunc(list, func(s string) bool {
			return slices.Contains([]string{"text class=lbl on beg x y", "text class=mark lbl mid x y", "text class=bad lbl mid x y", "text class=mark lbl beg x y", "text class=bad lbl beg x y"}, s)
		})
	}
	want := map[string][]string{}
	for path, page := range documents(t, world(harmless)) {
		want[path] = trim(shape(t, page))
	}
	all := payloads()
	if len(all) != 200 {
		t.Fatalf("%d payloads; want 200", len(all))
	}
	for i, p := range all {
		// Each text differs, as the harmless ones do, so that none is merged.
		u := world(func(k int) string {
			return p + strings.Repeat("\u00a0", k%7) + string(rune('a'+k%26)) + string(rune('a'+k/26))
		})
		for path, page := range documents(t, u) {
			got := trim(shape(t, page))
			if !slices.Equal(got, want[path]) {
				k := 0
				for k < len(got) && k < len(want[path]) && got[k] == want[path][k] {
					k++
				}
				t.Errorf("payload %d %q changes %s from element %d on: got %.300q; want %.300q", i, p, path, k, got[k:min(k+3, len(got))], want[path][k:min(k+3, len(want[path]))])
			}
			if bytes.ContainsAny(page, "\x00\x1b\u202e\u2066\ufeff") {
				t.Errorf("payload %d: %s holds characters that hide or reorder text", i, path)
			}
		}
		if t.Failed() {
			return
		}
	}
}

// What somebody must see first stands first: the sentence and the step, before
// any picture.
func TestWorstComesFirst(t *testing.T) {
	u := world(harmless)
	in := &u.Report.Incidents[0]
	in.Summary, in.Do[0] = "payments refuses tokens", "restart payments"
	u.Report.Incidents[0], u.Report.Incidents[1] = u.Report.Incidents[1], u.Report.Incidents[0]
	page := get(serve(u, Config{}), "/").Body.String()
	at := func(s string) int {
		i := strings.Index(page, s)
		if i < 0 {
			t.Fatalf("the page lacks %q", s)
		}
		return i
	}
	if !(at("<h1") < at("payments refuses tokens") && at("payments refuses tokens") < at("restart payments") && at("restart payments") < at("<svg") && at("restart payments") < at("<table")) {
		t.Error("the worst incident's sentence and first step do not stand on top")
	}
	for _, want := range []string{"1 incident", "What could not be seen", "unknown", "✕", "Rotation", "Resolved lately", "acknowledged"} {
		at(want)
	}
}

// Nothing that a probe did not see is shown as well.
func TestUnknownIsNotHealthy(t *testing.T) {
	u := world(harmless)
	u.Report.Incidents, u.Probes = nil, nil
	for name, c := range map[string]struct {
		spoil func()
		class string
	}{
		"gaps":    {func() {}, "unknown"},
		"nothing": {func() { u.Report.Gaps = nil; u.Report.Totals.Entries = 0 }, "unknown"},
		"seen":    {func() { u.Report.Gaps = nil; u.Report.Totals.Entries = 9 }, "ok"},
	} {
		c.spoil()
		if got := stateOf(u, 0).Class; got != c.class {
			t.Errorf("%s: %s; want %s", name, got, c.class)
		}
		u.Report.Gaps, u.Report.Totals.Entries = []analyzer.Gap{{Kind: "no_probes"}}, 9
	}
	u.Report.Gaps = nil
	if got := stateOf(u, staleAfter+1).Class; got != "unknown" {
		t.Errorf("an old report: %s; want unknown", got)
	}
}

func TestAPI(t *testing.T) {
	u := world(harmless)
	w := serve(u, Config{})
	for path, want := range map[string]string{
		"/api/v1/report": `"name": "word1"`, "/api/v1/incidents": `"cause": "key.stale_cache"`, "/api/v1/incidents/abc123": `"acknowledgement"`, "/api/v1/incidents/old": `"key.secret_missing"`,
		"/api/v1/changes": `"secret_version_added"`, "/api/v1/probes": `"canary"`, "/api/v1/records": `"returns": 2`, "/api/v1/series?range=1h": `"step_seconds": 60`, "/api/v1/series?service=nope": `[]`,
		"/api/v1/report?format=text": "ERROR  key.stale", "/api/v1/report?format=md": "# Authentication report", "/-/healthy": "healthy", "/-/ready": "ready",
	} {
		if rw := get(w, path); rw.Code != 200 || !strings.Contains(rw.Body.String(), want) {
			t.Errorf("%s: %d %.300s; want 200 and %s", path, rw.Code, rw.Body, want)
		}
	}
	for path, want := range map[string]int{"/api/v1/incidents/nope": 404, "/incidents/nope": 404, "/api/v1/report?format=pdf": 400, "/api/v1/series?range=1y": 400, "/static/nope.css": 404, "/nope": 404} {
		if rw := get(w, path); rw.Code != want {
			t.Errorf("%s: %d; want %d", path, rw.Code, want)
		}
	}
	before := New(Config{})
	for _, path := range []string{"/api/v1/report", "/api/v1/incidents", "/api/v1/series", "/-/ready"} {
		if rw := get(before, path); rw.Code != 503 {
			t.Errorf("%s before the first report: %d; want 503", path, rw.Code)
		}
	}
	if rw := get(before, "/"); rw.Code != 200 || !strings.Contains(rw.Body.String(), "No report yet") {
		t.Errorf("/ before the first report: %d %.200s", rw.Code, rw.Body)
	}
}

func TestHealth(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*analyzer.Update)
		status string
		code   int
	}{
		"an error is open":    {func(*analyzer.Update) {}, "fail", 503},
		"a warning is open":   {func(u *analyzer.Update) { u.Report.Incidents[0].Severity = analyzer.LevelWarning }, "warn", 200},
		"only infos are open": {func(u *analyzer.Update) { u.Report.Incidents = u.Report.Incidents[1:] }, "warn", 200}, // by its gaps and its score
		"all was seen": {func(u *analyzer.Update) {
			u.Report.Incidents, u.Report.Gaps, u.Report.Score.Total = nil, nil, 100
		}, "pass", 200},
	} {
		u := world(harmless)
		c.spoil(u)
		rw := get(serve(u, Config{Version: "v1"}), "/health")
		var h Health
		if err := json.Unmarshal(rw.Body.Bytes(), &h); err != nil {
			t.Fatal(err)
		}
		if h.Status != c.status || rw.Code != c.code || rw.Header().Get("Content-Type") != "application/health+json" || len(h.Checks) != 4 {
			t.Errorf("%s: %s, %d, %s; want %s, %d", name, h.Status, rw.Code, rw.Body, c.status, c.code)
		}
	}
}

// The axis of a picture ends at a round number not far above what it shows.
func TestTopOfTheAxis(t *testing.T) {
	for _, x := range []struct{ most, want float64 }{{0, 3}, {1, 1.2}, {3, 3}, {7, 7.5}, {62, 75}, {75.6, 90}, {301, 450}, {100_000, 120_000}} {
		if got := top([][]float64{{0, x.most / 2}, {0, x.most / 2}}); math.Abs(got-x.want) > 1e-9*x.want {
			t.Errorf("%v is shown up to %v; want %v", x.most, got, x.want)
		}
	}
}
