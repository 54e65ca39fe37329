package web

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// view is all that a page says. It is made of one update and one span, so
// that the page and the report in a file are the same.
type view struct {
	Live     bool // of a running daemon: links and forms work
	CanAct   bool
	Script   bool
	Version  string
	At       time.Time // the present, by the clock that the page goes by
	From, To time.Time // of the pictures
	Ranges   []rangeLink

	State     state
	Worst     *incidentView
	Others    []*incidentView // open ones beside the worst
	Resolved  []recordView
	Report    *analyzer.Report
	Groups    []group
	Checks    []string
	Checked   bool       // some check could look
	Domains   []checkRow // results that concern no single service
	Complains []analyzer.ProbeResult
	Charts    []chart
	Rotation  []lane
	Timeline  chart
	Changes   []analyzer.Change
}

// state is the health in a word and a sentence.
type state struct {
	Class    string // ok, info, warn, bad or unknown
	Word     string
	Sentence string
}

// rangeLink is a span to look at.
type rangeLink struct {
	Name, Href string
	Current    bool
}

// spans are the spans to choose from.
var spans = []struct {
	name string
	d    time.Duration
}{{"1h", time.Hour}, {"6h", 6 * time.Hour}, {"24h", 24 * time.Hour}, {"7d", 7 * 24 * time.Hour}, {"30d", 30 * 24 * time.Hour}}

// staleAfter is how long without an update until nothing is known any more.
const staleAfter = 2 * time.Minute

// input is what a view is made of.
type input struct {
	update *analyzer.Update
	held   map[analyzer.Service][]seenHolding
	span   time.Duration // 0: from the first entry on
	series func(from, to time.Time) []analyzer.Series
	now    time.Time
	stale  time.Duration // since the last update came
}

// newView makes the view of an update.
func newView(cfg *Config, in input) *view {
	r := in.update.Report
	v := &view{At: in.now.UTC(), Report: r, Version: cfg.Version, To: r.Span.To.UTC()}
	v.From = r.Span.From
	if in.span > 0 {
		v.From = later(v.To.Add(-in.span), r.Span.From)
	}
	var series []analyzer.Series
	if in.series != nil && v.To.After(v.From) {
		series = in.series(v.From, v.To)
	}
	v.incidents(cfg, in.update)
	v.State = stateOf(in.update, in.stale)
	v.matrix(in.update, series)
	v.pictures(series)
	v.Rotation = lanes(r, in.held)
	v.Timeline.SVG = rotationPicture("rotation", v.Rotation, r.Span.From, v.To, nil)
	v.Changes = recentChanges(r.Changes)
	return v
}

// incidents sorts the open ones: the most severe first, then those that hit
// most.
func (v *view) incidents(cfg *Config, u *analyzer.Update) {
	records := map[string]*analyzer.Record{}
	for i := range u.Records {
		records[u.Records[i].ID] = &u.Records[i]
	}
	open := openIncidents(u.Report)
	for _, in := range open {
		v.Others = append(v.Others, newIncidentView(cfg, in, records[in.ID], u))
	}
	if len(v.Others) > 0 {
		v.Worst, v.Others = v.Others[0], v.Others[1:]
	}
	v.Resolved = resolvedOf(u)
}

func openIncidents(r *analyzer.Report) []*analyzer.Incident {
	var open []*analyzer.Incident
	for i := range r.Incidents {
		if r.Incidents[i].Resolved == nil {
			open = append(open, &r.Incidents[i])
		}
	}
	slices.SortStableFunc(open, func(a, b *analyzer.Incident) int {
		return cmp.Or(cmp.Compare(rank(b.Severity), rank(a.Severity)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.ID, b.ID))
	})
	return open
}

func rank(l analyzer.Level) int {
	return slices.Index([]analyzer.Level{analyzer.LevelInfo, analyzer.LevelWarning, analyzer.LevelError, analyzer.LevelCritical}, l)
}

// recordView is an incident that is over.
type recordView struct {
	analyzer.Record
	Took  time.Duration
	Acked bool
}

// recentShown bounds the lists of what is over.
const recentShown = 20

// resolvedOf lists what is over: what the journal remembers, else what the
// report holds.
func resolvedOf(u *analyzer.Update) []recordView {
	var out []recordView
	known := map[string]bool{}
	for _, r := range u.Records {
		known[r.ID] = true
		if r.Resolved != nil {
			out = append(out, recordView{Record: r, Took: r.Duration(u.At), Acked: r.Acknowledged()})
		}
	}
	for _, in := range u.Report.Incidents {
		if in.Resolved != nil && !known[in.ID] {
			r := analyzer.Record{ID: in.ID, Cause: in.Cause, Verdict: in.Verdict, KeyDomain: in.KeyDomain, Environment: in.Environment, Services: in.Services,
				Severity: in.Severity, Summary: in.Summary, Opened: in.Opened, Resolved: in.Resolved}
			out = append(out, recordView{Record: r, Took: r.Duration(u.At)})
		}
	}
	slices.SortStableFunc(out, func(a, b recordView) int { return b.Resolved.Compare(*a.Resolved) })
	return out[:min(len(out), recentShown)]
}

// stateOf says how things stand. What could not be seen is never said to be
// well.
func stateOf(u *analyzer.Update, stale time.Duration) state {
	if stale > staleAfter {
		return state{"unknown", "Unknown", "No report has come for " + ago(stale) + ": what is shown is old."}
	}
	open := openIncidents(u.Report)
	counts := map[analyzer.Level]int{}
	for _, in := range open {
		counts[in.Severity]++
	}
	bad := counts[analyzer.LevelCritical] + counts[analyzer.LevelError]
	blind := len(u.Report.Gaps)
	switch {
	case bad > 0:
		return state{"bad", count(bad, "incident"), count(bad, "incident") + " open in which users are refused or would be."}
	case counts[analyzer.LevelWarning] > 0:
		return state{"warn", count(counts[analyzer.LevelWarning], "warning"), count(counts[analyzer.LevelWarning], "warning") + " open."}
	case u.Report.Totals.Entries == 0:
		return state{"unknown", "Nothing seen", "No log entry has come yet. why401 doctor says what is missing on its way."}
	case blind > 0:
		return state{"unknown", "No incident", "No incident is open, but not everything could be seen: " + count(blind, "gap") + " beneath."}
	}
	return state{"ok", "Healthy", "No incident is open, and everything that was to be looked at was seen."}
}

// pictures draws the rates of the span.
func (v *view) pictures(series []analyzer.Series) {
	if len(series) == 0 {
		return
	}
	var open []analyzer.Incident
	for _, in := range openIncidents(v.Report) {
		if in.Severity != analyzer.LevelInfo {
			open = append(open, *in)
		}
	}
	marks := marksOf(v.Report, open)
	over := timelineOf(&series[0], v.From, v.To)
	v.Charts = []chart{
		stacked("refusals", "Failures by reason", refusals(series), over, marks),
		stacked("decisions", "Decisions", decisions(series), over, nil),
	}
}

// Signs are the statuses of checks, for the key under the matrix.
func (v *view) Signs() []analyzer.Status {
	return []analyzer.Status{analyzer.StatusOK, analyzer.StatusWarn, analyzer.StatusFail, analyzer.StatusUnknown, ""}
}

// recentChanges are the last changes that matter to a reader, the latest
// first; starts and loads show in the timeline.
func recentChanges(all []analyzer.Change) []analyzer.Change {
	var out []analyzer.Change
	for _, c := range slices.Backward(all) {
		switch c.Kind {
		case analyzer.InstanceStarted, analyzer.SecretLoaded, analyzer.SecretAccessed, analyzer.KeySetRefreshed:
			continue
		}
		if out = append(out, c); len(out) == recentShown {
			break
		}
	}
	return out
}

// incidentView is an incident with what belongs to it.
type incidentView struct {
	*analyzer.Incident
	Record  *analyzer.Record // nil: nobody keeps a journal
	Info    analyzer.CauseInfo
	Acked   bool
	Lasted  time.Duration
	Silence string
	Runbook string
	First   string   // what to do first
	Rest    []string // what to do then
	Why     []string // the strongest reasons
	More    int      // how many reasons beside them
	Others  []candidate
}

// candidate is a cause that it may be as well.
type candidate struct {
	Cause, Means string
}

// whyShown is how many reasons stand on the front page.
const whyShown = 3

func newIncidentView(cfg *Config, in *analyzer.Incident, record *analyzer.Record, u *analyzer.Update) *incidentView {
	v := &incidentView{Incident: in, Record: record, Info: in.Cause.Info()}
	v.Acked = record != nil && record.Acknowledged()
	end := u.At
	if in.Resolved != nil {
		end = *in.Resolved
	}
	v.Lasted = max(0, end.Sub(in.Opened))
	if len(in.Do) > 0 {
		v.First, v.Rest = in.Do[0], in.Do[1:]
	}
	v.Why = in.For[:min(len(in.For), whyShown)]
	v.More = len(in.For) - len(v.Why) + len(in.Against)
	if in.Verdict == analyzer.Ambiguous || in.Verdict == analyzer.Probable {
		for _, c := range in.Candidates {
			if c != in.Cause {
				v.Others = append(v.Others, candidate{string(c), c.Info().Means})
			}
		}
	}
	if cfg.Runbooks != "" {
		v.Runbook = cfg.Runbooks + "/" + url.PathEscape(string(in.Cause)) + ".md"
	}
	v.Silence = silence(cfg.Alertmanager, in, u.Alerts)
	return v
}

// plain makes a text of a log harmless to look at: nothing in it reorders,
// hides or moves what stands around it. Templates escape it for HTML.
func plain(s string) string { return analyzer.EscapeTerminal(strings.TrimSpace(s)) }
