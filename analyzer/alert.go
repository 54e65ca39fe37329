package analyzer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// AlertState tells whether an alert still asks for somebody.
type AlertState string

// The states of an alert.
const (
	AlertFiring   AlertState = "firing"
	AlertResolved AlertState = "resolved"
)

// alertSettling is the state of an alert that nobody hears of yet.
const alertSettling AlertState = "settling"

// AlertName is the alertname of every alert that is made of an incident.
const AlertName = "Why401Incident"

// Alert is what people are told of one incident: one alert per root cause,
// however many services it hits. Its labels name the incident and never who
// speaks (no replica, instance or version), so that the alerts of several
// replicas are one. All texts are safe on a terminal; a sink escapes them
// for its own medium.
type Alert struct {
	Fingerprint string            `json:"fingerprint"` // of the incident; the same when it comes back
	Name        string            `json:"name"`
	Severity    Level             `json:"severity"` // the highest since StartsAt: it never falls while the alert fires
	State       AlertState        `json:"state"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"starts_at"`
	EndsAt      time.Time         `json:"ends_at,omitzero"` // wall clock; zero while it fires
	ReportURL   string            `json:"report_url,omitempty"`
	// Former lists the lower severities that the alert had since StartsAt,
	// and Raised tells when it left the last of them. Where the severity is
	// part of an alert's identity, as it is for Alertmanager, those ended.
	Former []Level   `json:"former,omitempty"`
	Raised time.Time `json:"raised,omitzero"`
}

// Version tells apart the states of an alert that people are told of: a new
// episode, a higher severity, the end. Numbers in texts may change without.
func (a *Alert) Version() string {
	return string(a.State) + "/" + string(a.Severity) + "/" + a.StartsAt.UTC().Format(time.RFC3339Nano)
}

// AlertConfig says when an incident becomes an alert and when that ends.
type AlertConfig struct {
	// Quiet is how long an incident must stay resolved before its alert is;
	// 0 means 5 minutes. It doubles each time the incident comes back within
	// an hour, up to an hour: whatever flaps costs few notifications.
	Quiet time.Duration
	// Fresh bounds the age of an incident's last failure when its alert
	// begins; 0 means an hour. A replay of last week wakes nobody.
	Fresh time.Duration
	// Settle is how long an incident may gather evidence before its alert
	// begins, so that the first and often only message names the right cause;
	// 0 means 30 seconds by the wall clock. It holds for what is less than
	// critical while the cause cannot be told, and for all that is not
	// confirmed and that we learn of minutes late: who reads a backlog has
	// seen half of everything.
	Settle time.Duration
	// Keep is how long a resolved alert stays in the updates, so that a sink
	// that was away can still be told; 0 means 24 hours.
	Keep time.Duration
	// URL is where people reach our page, such as https://why401.example;
	// empty means that alerts carry no link.
	URL string
	// Runbooks is the base URL of the pages about causes; empty means none.
	Runbooks string
}

func (c AlertConfig) defaults() AlertConfig {
	for _, d := range []struct {
		v *time.Duration
		n time.Duration
	}{{&c.Quiet, 5 * time.Minute}, {&c.Fresh, time.Hour}, {&c.Settle, 30 * time.Second}, {&c.Keep, 24 * time.Hour}} {
		if *d.v <= 0 {
			*d.v = d.n
		}
	}
	c.URL, c.Runbooks = strings.TrimRight(c.URL, "/"), strings.TrimRight(c.Runbooks, "/")
	return c
}

// flapSpan is the time in which a return counts as flapping, and the longest
// that Quiet grows to.
const flapSpan = time.Hour

// Alerts follows incidents from report to report and says which alerts stand.
// It is not safe for concurrent use.
type Alerts struct {
	cfg  AlertConfig
	held map[string]*heldAlert // by fingerprint
	gone map[string]bool       // forgotten here, but still written down
}

// learntLate is the age of an incident at first sight from which on we take
// ourselves for reading a backlog, whose entries come in no order. Incidents
// open at whole minutes.
const learntLate = 2 * time.Minute

// settling reports whether an alert should not begin yet.
func (a *Alerts) settling(now time.Time, h *heldAlert, in *Incident) bool {
	if h.Alert.State != alertSettling || now.Sub(h.Alert.StartsAt) >= a.cfg.Settle || in.Verdict == Confirmed {
		return false
	}
	return h.Alert.StartsAt.Sub(in.Opened) > learntLate || in.Verdict == Ambiguous && in.Severity != LevelCritical
}

// heldAlert is the memory of one alert; as JSON it survives a restart.
type heldAlert struct {
	Alert   Alert     `json:"alert"`
	Since   time.Time `json:"since,omitzero"` // since when the incident is resolved, by the wall clock; zero while it is open
	Returns int       `json:"returns"`        // how often it came back within flapSpan

	saved string // state as it was last written
}

// NewAlerts begins without any alert.
func NewAlerts(cfg AlertConfig) *Alerts {
	return &Alerts{cfg: cfg.defaults(), held: map[string]*heldAlert{}, gone: map[string]bool{}}
}

// Derive returns the alerts that stand at now, the wall clock, after a
// report: those that fire and those that were resolved within Keep. The most
// severe come first.
func (a *Alerts) Derive(now time.Time, r *Report) []Alert {
	now = now.UTC()
	open := map[string]bool{}
	for i := range r.Incidents {
		in := &r.Incidents[i]
		if in.Resolved == nil {
			f := in.fingerprint()
			open[f] = true
			a.open(now, f, in)
		}
	}
	out := []Alert{}
	for f, h := range a.held {
		if !open[f] {
			h.quiet(now, a.cfg.Quiet)
		}
		if h.Alert.State == AlertResolved && now.Sub(h.Alert.EndsAt) > a.cfg.Keep || h.Alert.State == alertSettling && !open[f] {
			delete(a.held, f)
			a.gone[f] = true
			continue
		}
		if h.Alert.State != alertSettling {
			out = append(out, h.Alert.clone())
		}
	}
	slices.SortFunc(out, func(x, y Alert) int {
		return cmp.Or(cmp.Compare(severityRank(y.Severity), severityRank(x.Severity)), x.StartsAt.Compare(y.StartsAt), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	return out
}

// open notes that an incident is open.
func (a *Alerts) open(now time.Time, f string, in *Incident) {
	h := a.held[f]
	firing := h != nil && h.Alert.State == AlertFiring
	if !firing && now.Sub(in.LastSeen) > a.cfg.Fresh {
		return // history
	}
	if h == nil {
		h = &heldAlert{Alert: Alert{Fingerprint: f, State: alertSettling, StartsAt: now}}
		a.held[f] = h
		delete(a.gone, f)
	}
	h.Since = time.Time{}
	if a.settling(now, h, in) {
		return
	}
	if !firing {
		if ended := h.Alert.EndsAt; ended.IsZero() || now.Sub(ended) > flapSpan {
			h.Returns = 0
		} else {
			h.Returns++
		}
		starts := in.Opened.UTC()
		if starts.IsZero() || starts.After(now) || starts.Before(h.Alert.EndsAt) {
			starts = now // a clock ahead of ours, or an episode that began after the last one ended
		}
		h.Alert = Alert{Fingerprint: f, State: AlertFiring, Severity: in.Severity, StartsAt: starts}
	}
	if was := h.Alert.Severity; severityRank(in.Severity) > severityRank(was) {
		h.Alert.Former = append(slices.Clone(h.Alert.Former), was)
		h.Alert.Severity, h.Alert.Raised = in.Severity, now
	}
	h.Alert.describe(in, a.cfg)
}

// quiet notes that an incident is resolved, or no longer a cause of its own.
func (h *heldAlert) quiet(now time.Time, quiet time.Duration) {
	if h.Alert.State != AlertFiring {
		return
	}
	if h.Since.IsZero() {
		h.Since = now
	}
	for range h.Returns {
		quiet = max(quiet, min(2*quiet, flapSpan))
	}
	if now.Sub(h.Since) >= quiet {
		h.Alert.State, h.Alert.EndsAt = AlertResolved, now
	}
}

func (a Alert) clone() Alert {
	a.Labels, a.Annotations, a.Former = maps.Clone(a.Labels), maps.Clone(a.Annotations), slices.Clone(a.Former)
	return a
}

// Changed returns, as JSON by fingerprint, what must be written down so that
// the next process goes on where this one stops. Forgotten alerts have no
// data. Every change is returned until Saved says that it is written.
func (a *Alerts) Changed() (map[string][]byte, error) {
	out := map[string][]byte{}
	for f := range a.gone {
		out[f] = nil
	}
	for f, h := range a.held {
		if h.state() == h.saved {
			continue
		}
		data, err := json.Marshal(h)
		if err != nil {
			return nil, fmt.Errorf("encode alert %s: %w", f, err)
		}
		out[f] = data
	}
	return out, nil
}

// Saved notes that the state of an alert as it is now was written.
func (a *Alerts) Saved(fingerprint string) {
	delete(a.gone, fingerprint)
	if h := a.held[fingerprint]; h != nil {
		h.saved = h.state()
	}
}

// state is what a restart must not lose; texts come anew with each report.
func (h *heldAlert) state() string {
	return fmt.Sprint(h.Alert.Version(), h.Alert.EndsAt.UnixNano(), h.Since.UnixNano(), h.Returns)
}

// Restore puts back what Changed returned to an earlier process.
func (a *Alerts) Restore(fingerprint string, data []byte) error {
	h := &heldAlert{}
	if err := json.Unmarshal(data, h); err != nil {
		return fmt.Errorf("decode alert %s: %w", fingerprint, err)
	}
	if h.Alert.Fingerprint != fingerprint || h.Alert.State != AlertFiring && h.Alert.State != AlertResolved && h.Alert.State != alertSettling {
		return fmt.Errorf("decode alert %s: wanted a firing, resolved or settling alert of this fingerprint, found %q of %q", fingerprint, h.Alert.State, h.Alert.Fingerprint)
	}
	h.saved = h.state()
	a.held[fingerprint] = h
	return nil
}
