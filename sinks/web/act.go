package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// done writes down what somebody did, and who by the name they signed in
// with. The code says why not.
func (w *Web) done(r *http.Request, d Deed) (code int, err error) {
	switch {
	case !w.cfg.Authenticated:
		return http.StatusForbidden, errors.New("nothing can be changed while requests are not authenticated: set web.config_file")
	case w.cfg.Journal == nil:
		return http.StatusNotFound, errors.New("nobody keeps a journal here")
	}
	if err := w.origin.Check(r); err != nil {
		return http.StatusForbidden, fmt.Errorf("the request comes from another site: %w", err)
	}
	note := strings.TrimSpace(d.Note)
	i := analyzer.Intervention{Kind: analyzer.Acknowledgement, At: time.Now(), By: userOf(r), What: note}
	switch d.Do {
	case "acknowledge":
	case "note":
		i.Kind = analyzer.Annotation
		if note == "" {
			return http.StatusBadRequest, errors.New("wanted a note, found none")
		}
	default:
		return http.StatusBadRequest, fmt.Errorf("wanted do: acknowledge or note, found %.40q", d.Do)
	}
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	switch err := w.cfg.Journal.Intervene(ctx, r.PathValue("id"), i); {
	case errors.Is(err, analyzer.ErrNoIncident):
		return http.StatusNotFound, errors.New("no incident with this id is known")
	case err != nil:
		return http.StatusInternalServerError, fmt.Errorf("it could not be written down: %w", err)
	}
	w.acted(r.PathValue("id"), i)
	return 0, nil
}

// userOf is the name that somebody signed in with.
func userOf(r *http.Request) string {
	if name, _, ok := r.BasicAuth(); ok {
		return name
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return r.TLS.PeerCertificates[0].Subject.CommonName
	}
	return ""
}

// acted shows an intervention at once, until the next update brings it.
func (w *Web) acted(id string, i analyzer.Intervention) {
	u := w.last.Load()
	if u == nil {
		return
	}
	next, fresh := *u, *u.Update
	fresh.Records = nil
	for _, r := range u.Records {
		if r.ID == id {
			r.Interventions = append(r.Interventions[:len(r.Interventions):len(r.Interventions)], i)
		}
		fresh.Records = append(fresh.Records, r)
	}
	next.Update = &fresh
	w.last.CompareAndSwap(u, &next)
}
