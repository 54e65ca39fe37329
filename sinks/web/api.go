package web

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/why401/why401/analyzer"
)

//go:embed openapi.yaml
var openAPIDocument []byte

// openAPI serves the description of the interface.
func openAPI(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "application/yaml")
	_, _ = rw.Write(openAPIDocument) // the client is gone
}

// Problem is an error as the API tells it (RFC 9457).
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func problem(rw http.ResponseWriter, code int, detail string) {
	rw.Header().Set("Content-Type", "application/problem+json")
	rw.WriteHeader(code)
	_ = json.NewEncoder(rw).Encode(Problem{http.StatusText(code), code, detail}) // the client is gone
}

func writeJSON(rw http.ResponseWriter, v any) {
	rw.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(rw)
	e.SetIndent("", " ")
	_ = e.Encode(v) // the client is gone
}

// current is the last update; without one it answers and returns nil.
func (w *Web) current(rw http.ResponseWriter) *shown {
	u := w.last.Load()
	if u == nil {
		problem(rw, http.StatusServiceUnavailable, "no report yet: the first one comes with the first diagnosis")
	}
	return u
}

// api answers with a part of the last update.
func (w *Web) api(part func(*shown) any) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		if u := w.current(rw); u != nil {
			writeJSON(rw, part(u))
		}
	}
}

// mediaTypes are the formats of a report.
var mediaTypes = map[string]string{"json": "application/json", "text": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8"}

// reportAPI answers with the report, as JSON unless another format is asked
// for.
func (w *Web) reportAPI(rw http.ResponseWriter, r *http.Request) {
	u := w.current(rw)
	if u == nil {
		return
	}
	format := r.URL.Query().Get("format")
	switch {
	case format == "" || format == "json":
		writeJSON(rw, u.Report)
		return
	case mediaTypes[format] == "":
		problem(rw, http.StatusBadRequest, fmt.Sprintf("wanted format json, text, md or html, found %.40q", format))
		return
	}
	rw.Header().Set("Content-Type", mediaTypes[format])
	if format != "html" {
		_ = u.Report.Write(rw, format) // the client is gone
		return
	}
	rw.Header().Set("Content-Security-Policy", "default-src 'none'; style-src '"+styleHash()+"'; frame-ancestors 'none'")
	if err := WriteReport(rw, w.cfg, u.Update, w.input(u, 0).series); err != nil {
		problem(rw, http.StatusInternalServerError, err.Error())
	}
}

// IncidentDetail is an incident with its life.
type IncidentDetail struct {
	analyzer.Incident
	Record *analyzer.Record `json:"record,omitempty"`
}

func (w *Web) incidentAPI(rw http.ResponseWriter, r *http.Request) {
	u := w.current(rw)
	if u == nil {
		return
	}
	in, record := find(u.Update, r.PathValue("id"))
	if in == nil {
		problem(rw, http.StatusNotFound, "no incident with this id is known")
		return
	}
	writeJSON(rw, IncidentDetail{*in, record})
}

// seriesAPI answers with the decisions over a span that ends with the last
// entry.
func (w *Web) seriesAPI(rw http.ResponseWriter, r *http.Request) {
	u := w.current(rw)
	if u == nil {
		return
	}
	span, ok := spanOf(r.URL.Query().Get("range"))
	if !ok {
		problem(rw, http.StatusBadRequest, "wanted range: one of 1h, 6h, 24h, 7d, 30d")
		return
	}
	in := w.input(u, span)
	if in.series == nil || u.Report.Span.To.IsZero() {
		writeJSON(rw, []analyzer.Series{})
		return
	}
	list := in.series(later(u.Report.Span.To.Add(-span), u.Report.Span.From), u.Report.Span.To)
	if service := r.URL.Query().Get("service"); service != "" {
		list = slices.DeleteFunc(slices.Clone(list), func(s analyzer.Series) bool { return s.Service != service })
	}
	writeJSON(rw, emptyNotNil(list))
}

func spanOf(name string) (time.Duration, bool) {
	if name == "" {
		name = "6h"
	}
	for _, s := range spans {
		if s.name == name {
			return s.d, true
		}
	}
	return 0, false
}

// beat is how often a silent stream says that it is alive.
const beat = 15 * time.Second

// events is a stream of server-sent events: one "update" for each update,
// with what changed.
func (w *Web) events(rw http.ResponseWriter, r *http.Request) {
	stream := http.NewResponseController(rw)
	rw.Header().Set("Content-Type", "text/event-stream")
	_ = stream.SetWriteDeadline(time.Time{}) // a stream has no end of its own
	for said := uint64(0); ; {
		next := w.wake.wait()
		if u := w.last.Load(); u != nil && u.n > said {
			if said > 0 || r.Header.Get("Last-Event-ID") != "" && r.Header.Get("Last-Event-ID") != strconv.FormatUint(u.n, 10) {
				data, err := json.Marshal(newEvent(u))
				if err != nil {
					return
				}
				fmt.Fprintf(rw, "id: %d\nevent: update\ndata: %s\n\n", u.n, data)
			}
			said = u.n
		}
		if stream.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-w.ends:
			return
		case <-next:
		case <-time.After(beat):
			_, _ = rw.Write([]byte(": alive\n\n")) // the next Flush tells
		}
	}
}

// Event is what the stream says of an update.
type Event struct {
	At      time.Time             `json:"at"`
	Totals  analyzer.ReportTotals `json:"totals"`
	Changed []analyzer.Incident   `json:"changed"`
}

func newEvent(u *shown) Event {
	return Event{u.At, u.Report.Totals, emptyNotNil(u.Changed)}
}

// canAct reports whether something can be written down about an incident.
func (w *Web) canAct() bool { return w.cfg.Authenticated && w.cfg.Journal != nil }

// Deed is what somebody did about an incident.
type Deed struct {
	Do   string `json:"do"`   // acknowledge or note
	Note string `json:"note"` // at most 500 bytes are kept
}

// maxDeed bounds the body of a request.
const maxDeed = 16 << 10

// act takes the form of the page.
func (w *Web) act(rw http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(rw, r.Body, maxDeed)
	if err := r.ParseForm(); err != nil {
		fail(rw, http.StatusBadRequest, "wanted a form")
		return
	}
	if code, err := w.done(r, Deed{r.PostForm.Get("do"), r.PostForm.Get("note")}); err != nil {
		fail(rw, code, err.Error())
		return
	}
	http.Redirect(rw, r, "/incidents/"+r.PathValue("id"), http.StatusSeeOther)
}

// actAPI takes the same as JSON.
func (w *Web) actAPI(rw http.ResponseWriter, r *http.Request) {
	var d Deed
	dec := json.NewDecoder(http.MaxBytesReader(rw, r.Body, maxDeed))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		problem(rw, http.StatusBadRequest, "wanted {\"do\": \"acknowledge\" or \"note\", \"note\": \"…\"}: "+err.Error())
		return
	}
	if code, err := w.done(r, d); err != nil {
		problem(rw, code, err.Error())
		return
	}
	rw.WriteHeader(http.StatusNoContent)
}

// styleHash names the style sheet of a report in a file.
func styleHash() string {
	css, _ := staticFiles.ReadFile("static/style.css") // embedded: it is there
	return hashOf(css)
}
