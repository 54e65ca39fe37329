package web

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// templates are parsed once; a mistake in one shows in the first test.
var templates = template.Must(template.New("").Funcs(words).ParseFS(templateFiles, "templates/*.html"))

// static serves our style sheet and our script.
func static(rw http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	data, err := staticFiles.ReadFile("static/" + name)
	if err != nil {
		fail(rw, http.StatusNotFound, "no such file")
		return
	}
	rw.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	rw.Header().Set("Cache-Control", "max-age=300")
	_, _ = rw.Write(data) // the client is gone
}

// page shows everything.
func (w *Web) page(rw http.ResponseWriter, r *http.Request) {
	u := w.last.Load()
	if u == nil {
		w.render(rw, http.StatusOK, "empty.html", w.frame(&view{State: state{"unknown", "Starting", "No report yet: the first one comes with the first diagnosis."}, At: time.Now()}))
		return
	}
	chosen := r.URL.Query().Get("range")
	span := w.span(u, chosen)
	v := newView(&w.cfg, w.input(u, span))
	for _, s := range spans {
		v.Ranges = append(v.Ranges, rangeLink{s.name, "/?range=" + s.name, s.d == span})
	}
	w.render(rw, http.StatusOK, "page.html", w.frame(v))
}

// span is the chosen one, else the shortest that holds all that there is and
// the beginning of the worst incident, at most a day.
func (w *Web) span(u *shown, chosen string) time.Duration {
	for _, s := range spans {
		if s.name == chosen {
			return s.d
		}
	}
	need := min(6*time.Hour, u.Report.Span.To.Sub(u.Report.Span.From))
	if open := openIncidents(u.Report); len(open) > 0 {
		need = max(need, u.Report.Span.To.Sub(open[0].Opened)*5/4)
	}
	for _, s := range spans[:3] {
		if s.d >= need {
			return s.d
		}
	}
	return 24 * time.Hour
}

func (w *Web) input(u *shown, span time.Duration) input {
	in := input{update: u.Update, held: u.held, span: span, now: u.At, stale: time.Since(u.came)}
	if w.cfg.Series != nil {
		in.series = func(from, to time.Time) []analyzer.Series { return w.rate.get(u.n, span, from, to, w.cfg.Series) }
	}
	return in
}

// rateCache keeps the series of the last update, so that many readers cost no
// more than one.
type rateCache struct {
	mu sync.Mutex
	n  uint64
	m  map[time.Duration][]analyzer.Series
}

func (c *rateCache) get(n uint64, span time.Duration, from, to time.Time, make func(from, to time.Time) []analyzer.Series) []analyzer.Series {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n != n || c.m == nil {
		c.n, c.m = n, map[time.Duration][]analyzer.Series{}
	}
	if _, ok := c.m[span]; !ok {
		c.m[span] = make(from, to)
	}
	return c.m[span]
}

// frame completes a view with what only the endpoint knows.
func (w *Web) frame(v *view) *view {
	v.Live, v.Script, v.CanAct, v.Version = true, true, w.canAct(), w.cfg.Version
	return v
}

// incidentView of one page.
type incidentPage struct {
	*view
	It      *incidentView
	Picture chart
}

// incidentPage shows all that is known of one incident.
func (w *Web) incidentPage(rw http.ResponseWriter, r *http.Request) {
	u := w.last.Load()
	if u == nil {
		fail(rw, http.StatusServiceUnavailable, "no report yet")
		return
	}
	p := w.incidentOf(u, r.PathValue("id"))
	if p == nil {
		fail(rw, http.StatusNotFound, "no incident with this id is known")
		return
	}
	w.frame(p.view)
	w.render(rw, http.StatusOK, "incident.html", p)
}

func (w *Web) incidentOf(u *shown, id string) *incidentPage {
	in, record := find(u.Update, id)
	if in == nil {
		return nil
	}
	v := &view{At: u.At.UTC(), Report: u.Report, To: u.Report.Span.To, State: stateOf(u.Update, time.Since(u.came))}
	p := &incidentPage{view: v, It: newIncidentView(&w.cfg, in, record, u.Update)}
	if w.cfg.Series != nil {
		p.Picture = incidentPicture(in, u.Report, w.cfg.Series)
	}
	return p
}

// find looks an incident up in the report, and in the journal when the report
// has forgotten it.
func find(u *analyzer.Update, id string) (in *analyzer.Incident, record *analyzer.Record) {
	for i := range u.Records {
		if u.Records[i].ID == id {
			record = &u.Records[i]
		}
	}
	for i := range u.Report.Incidents {
		if u.Report.Incidents[i].ID == id {
			return &u.Report.Incidents[i], record
		}
	}
	if record == nil {
		return nil, nil
	}
	return &analyzer.Incident{
		ID: record.ID, Cause: record.Cause, Verdict: record.Verdict, KeyDomain: record.KeyDomain, Environment: record.Environment, Services: record.Services,
		Severity: record.Severity, Opened: record.Opened, Resolved: record.Resolved, Summary: record.Summary,
		Candidates: []analyzer.Cause{}, For: []string{}, Against: []string{}, Do: slices.Concat([]string{}, record.Cause.Info().Do),
	}, record
}

// incidentPicture draws what the affected services refused, from well before
// the incident on.
func incidentPicture(in *analyzer.Incident, r *analyzer.Report, series func(from, to time.Time) []analyzer.Series) chart {
	to := r.Span.To
	if in.Resolved != nil {
		to = earlier(in.Resolved.Add(30*time.Minute), to)
	}
	lead := min(max(to.Sub(in.Opened)/2, 20*time.Minute), 6*time.Hour)
	from := later(in.Opened.Add(-lead), r.Span.From)
	if !to.After(from) {
		return chart{Empty: true}
	}
	mine := slices.DeleteFunc(series(from, to), func(s analyzer.Series) bool {
		return !slices.Contains(in.Services, s.Service) || in.Environment != "" && s.Environment != in.Environment
	})
	slices.SortStableFunc(mine, func(a, b analyzer.Series) int { return cmp.Compare(total(b.Refused), total(a.Refused)) })
	if len(mine) == 0 {
		return chart{Empty: true}
	}
	return stacked("incident", "Failures of the affected services, by reason", refusals(mine), timelineOf(&mine[0], from, to), marksOf(r, []analyzer.Incident{*in}))
}

// render writes a page, whole or not at all.
func (w *Web) render(rw http.ResponseWriter, code int, name string, data any) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		fail(rw, http.StatusInternalServerError, "the page could not be made: "+err.Error())
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(code)
	_, _ = rw.Write(b.Bytes()) // the client is gone
}

func fail(rw http.ResponseWriter, code int, words string) { text(rw, code, words+"\n") }

// document is a report in one file.
type document struct {
	*view
	Style     template.CSS
	StyleHash string
	Incidents []incidentPage
}

// WriteReport writes an update as one HTML file that needs nothing else: no
// script, no other file, no network. series may be nil.
func WriteReport(out io.Writer, cfg Config, u *analyzer.Update, series func(from, to time.Time) []analyzer.Series) error {
	var h heldSince
	doc := document{view: newView(&cfg, input{update: u, held: h.follow(u.Probes), series: series, now: u.At})}
	css, err := staticFiles.ReadFile("static/style.css")
	if err != nil {
		return fmt.Errorf("read style sheet: %w", err)
	}
	doc.Style, doc.StyleHash = template.CSS(css), hashOf(css) //nolint:gosec // our own style sheet
	for i := range u.Report.Incidents {
		in := &u.Report.Incidents[i]
		_, record := find(u, in.ID)
		p := incidentPage{view: doc.view, It: newIncidentView(&cfg, in, record, u)}
		if series != nil {
			p.Picture = incidentPicture(in, u.Report, series)
			p.Picture.ID = "incident-" + in.ID
		}
		doc.Incidents = append(doc.Incidents, p)
	}
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, "report.html", doc); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	_, err = out.Write(b.Bytes())
	return err
}
