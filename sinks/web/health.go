package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/why401/why401/analyzer"
)

// Health is the answer of /health, in the shape of
// draft-inadarei-api-health-check-06.
type Health struct {
	Status  string                   `json:"status"` // pass, warn or fail
	Version string                   `json:"version,omitempty"`
	Output  string                   `json:"output,omitempty"`
	Checks  map[string][]HealthCheck `json:"checks"`
}

// HealthCheck is one thing that was looked at.
type HealthCheck struct {
	ComponentType string    `json:"componentType"`
	ObservedValue any       `json:"observedValue,omitempty"`
	ObservedUnit  string    `json:"observedUnit,omitempty"`
	Status        string    `json:"status"`
	Time          time.Time `json:"time"`
	Output        string    `json:"output,omitempty"`
}

// health says how authentication is, as far as we can see: fail while an
// incident of severity error or critical is open, warn while a warning is or
// when something could not be seen. By the draft, fail is told with a status
// of 503; whether the process lives is asked of /-/healthy.
func (w *Web) health(rw http.ResponseWriter, _ *http.Request) {
	h := w.healthNow(time.Now())
	rw.Header().Set("Content-Type", "application/health+json")
	if h.Status == "fail" {
		rw.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(rw).Encode(h) // the client is gone
}

func (w *Web) healthNow(now time.Time) Health {
	now = now.UTC()
	h := Health{Status: "pass", Version: w.cfg.Version, Checks: map[string][]HealthCheck{}}
	add := func(name string, c HealthCheck) {
		c.Time = now
		h.Checks[name] = append(h.Checks[name], c)
		if worse(c.Status, h.Status) {
			h.Status, h.Output = c.Status, c.Output
		}
	}
	u := w.last.Load()
	if u == nil {
		add("report:age", HealthCheck{ComponentType: "component", Status: "warn", Output: "no report yet"})
		return h
	}
	age := HealthCheck{ComponentType: "component", ObservedValue: now.Sub(u.came).Seconds(), ObservedUnit: "s", Status: "pass"}
	if now.Sub(u.came) > staleAfter {
		age.Status, age.Output = "warn", "the last report is old"
	}
	add("report:age", age)
	open := openIncidents(u.Report)
	incidents := HealthCheck{ComponentType: "system", ObservedValue: len(open), ObservedUnit: "incidents", Status: "pass"}
	if len(open) > 0 {
		switch worst := open[0]; worst.Severity {
		case analyzer.LevelCritical, analyzer.LevelError:
			incidents.Status, incidents.Output = "fail", plain(worst.Summary)
		case analyzer.LevelWarning:
			incidents.Status, incidents.Output = "warn", plain(worst.Summary)
		}
	}
	add("authentication:incidents", incidents)
	score := HealthCheck{ComponentType: "system", ObservedValue: u.Report.Score.Total, ObservedUnit: "of 100", Status: "pass"}
	if u.Report.Score.Total < 100 {
		score.Status, score.Output = "warn", fmt.Sprintf("the configuration health score is %d of 100", u.Report.Score.Total)
	}
	add("configuration:score", score)
	blind := HealthCheck{ComponentType: "system", ObservedValue: len(u.Report.Gaps), ObservedUnit: "gaps", Status: "pass"}
	if len(u.Report.Gaps) > 0 {
		blind.Status, blind.Output = "warn", count(len(u.Report.Gaps), "thing")+" could not be seen: "+plain(u.Report.Gaps[0].Detail)
	}
	add("sight:gaps", blind)
	return h
}

func worse(a, b string) bool {
	order := map[string]int{"pass": 0, "warn": 1, "fail": 2}
	return order[a] > order[b]
}

// healthy says that the process answers; nothing outside can make it fail.
func healthy(rw http.ResponseWriter, _ *http.Request) { text(rw, http.StatusOK, "healthy\n") }

// ready says whether the daemon does its work.
func (w *Web) ready(rw http.ResponseWriter, _ *http.Request) {
	var waiting []string
	if w.cfg.Waiting != nil {
		waiting = w.cfg.Waiting()
	}
	switch u := w.last.Load(); {
	case u == nil:
		waiting = append(waiting, "the first report")
	case u.Unready != "":
		waiting = append(waiting, u.Unready)
	}
	if len(waiting) > 0 {
		words := "not ready; waiting for:\n"
		for _, what := range waiting {
			words += "  " + what + "\n"
		}
		text(rw, http.StatusServiceUnavailable, words)
		return
	}
	text(rw, http.StatusOK, "ready\n")
}

// reload reads the configuration anew, when that is enabled.
func (w *Web) reload(rw http.ResponseWriter, r *http.Request) {
	switch {
	case w.cfg.Reload == nil:
		text(rw, http.StatusForbidden, "reloading is not enabled: set web.enable_reload, or send SIGHUP\n")
	case w.origin.Check(r) != nil:
		text(rw, http.StatusForbidden, "the request comes from another site\n")
	default:
		if err := w.cfg.Reload(r.Context()); err != nil {
			text(rw, http.StatusInternalServerError, "the configuration in use stays: "+err.Error()+"\n")
			return
		}
		text(rw, http.StatusOK, "reloaded\n")
	}
}

func text(rw http.ResponseWriter, code int, s string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.WriteHeader(code)
	_, _ = rw.Write([]byte(s)) // the client is gone
}
