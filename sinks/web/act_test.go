package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
)

// nobody keeps a journal that takes everything.
type nobody struct{}

func (nobody) Intervene(context.Context, string, analyzer.Intervention) error { return nil }

// journal remembers what it was told.
type journal map[string][]analyzer.Intervention

func (j journal) Intervene(_ context.Context, id string, i analyzer.Intervention) error {
	if id != "abc123" {
		return analyzer.ErrNoIncident
	}
	j[id] = append(j[id], i)
	return nil
}

func TestAct(t *testing.T) {
	type headers map[string]string
	for name, c := range map[string]struct {
		authenticated bool
		path, kind    string
		body          string
		headers       headers
		code          int
		kept          analyzer.InterventionKind
	}{
		"acknowledge in the page": {true, "/incidents/abc123", "application/x-www-form-urlencoded", "do=acknowledge&note=mine", headers{"Sec-Fetch-Site": "same-origin"}, 303, analyzer.Acknowledgement},
		"a note in the page":      {true, "/incidents/abc123", "application/x-www-form-urlencoded", "do=note&note=restarting", nil, 303, analyzer.Annotation},
		"acknowledge by program":  {true, "/api/v1/incidents/abc123/do", "application/json", `{"do":"acknowledge"}`, nil, 204, analyzer.Acknowledgement},
		"no authentication":       {false, "/incidents/abc123", "application/x-www-form-urlencoded", "do=acknowledge", nil, 403, ""},
		"from another site":       {true, "/incidents/abc123", "application/x-www-form-urlencoded", "do=acknowledge", headers{"Sec-Fetch-Site": "cross-site"}, 403, ""},
		"of another origin":       {true, "/incidents/abc123", "application/x-www-form-urlencoded", "do=acknowledge", headers{"Origin": "https://evil.example"}, 403, ""},
		"an empty note":           {true, "/api/v1/incidents/abc123/do", "application/json", `{"do":"note","note":" "}`, nil, 400, ""},
		"no deed":                 {true, "/api/v1/incidents/abc123/do", "application/json", `{"do":"delete"}`, nil, 400, ""},
		"an unknown field":        {true, "/api/v1/incidents/abc123/do", "application/json", `{"do":"note","text":"x"}`, nil, 400, ""},
		"no incident":             {true, "/api/v1/incidents/nope/do", "application/json", `{"do":"acknowledge"}`, nil, 404, ""},
		"too much":                {true, "/api/v1/incidents/abc123/do", "application/json", `{"note":"` + strings.Repeat("x", 2*maxDeed) + `"}`, nil, 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := journal{}
			w := serve(world(harmless), Config{Authenticated: c.authenticated, Journal: j})
			r := httptest.NewRequest("POST", "http://127.0.0.1:9401"+c.path, strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.kind)
			r.SetBasicAuth("ann", "irrelevant here")
			for k, v := range c.headers {
				r.Header.Set(k, v)
			}
			rw := httptest.NewRecorder()
			w.ServeHTTP(rw, r)
			if rw.Code != c.code {
				t.Errorf("%d %s; want %d", rw.Code, rw.Body, c.code)
			}
			if got := len(j["abc123"]); (got == 1) != (c.kept != "") {
				t.Fatalf("%d interventions are kept", got)
			}
			if c.kept == "" {
				return
			}
			if i := j["abc123"][0]; i.Kind != c.kept || i.By != "ann" {
				t.Errorf("kept %+v; want a %s by ann", i, c.kept)
			}
			if page := get(w, "/incidents/abc123").Body.String(); strings.Count(page, string(c.kept)) < 1 || !strings.Contains(page, "ann") {
				t.Error("the page does not show it at once")
			}
		})
	}
}

func TestReloadEndpoint(t *testing.T) {
	post := func(w http.Handler, origin string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "http://127.0.0.1:9401/-/reload", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		rw := httptest.NewRecorder()
		w.ServeHTTP(rw, r)
		return rw
	}
	n := 0
	good := New(Config{Reload: func(context.Context) error { n++; return nil }})
	bad := New(Config{Reload: func(context.Context) error { return errors.New("why401.yaml:3:1: nonsense") }})
	if rw := post(New(Config{}), ""); rw.Code != 403 {
		t.Errorf("not enabled: %d; want 403", rw.Code)
	}
	if rw := post(good, "https://evil.example"); rw.Code != 403 || n != 0 {
		t.Errorf("from another site: %d; want 403", rw.Code)
	}
	if rw := post(good, ""); rw.Code != 200 || n != 1 {
		t.Errorf("%d, %d reloads; want 200 and one", rw.Code, n)
	}
	if rw := post(bad, ""); rw.Code != 500 || !strings.Contains(rw.Body.String(), "why401.yaml:3:1") {
		t.Errorf("a bad configuration: %d %s; want 500 and the place", rw.Code, rw.Body)
	}
	if rw := get(good, "/-/reload"); rw.Code != 405 {
		t.Errorf("GET: %d; want 405", rw.Code)
	}
}
