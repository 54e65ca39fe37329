package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// Judge follows what an analyzer says while a scenario is played, and compares
// it with what the scenario expects.
type Judge struct {
	sc    Scenario
	first map[int]time.Time // index of an Expect: the first tick with any incident of it
	right map[int]time.Time // … with the true cause
	said  map[string]bool   // cause and verdict, of what was told at any time
	wrong map[string]bool
	alarm map[string]bool
	last  []analyzer.Incident

	alerts  *analyzer.Alerts
	journal *analyzer.Journal
	fired   map[string]analyzer.Alert // by fingerprint, of severity warning and above
}

// nowhere keeps notes nowhere.
type nowhere struct{}

func (nowhere) Notes(context.Context, string) (map[string][]byte, error) { return nil, nil }
func (nowhere) Note(context.Context, string, string, []byte) error       { return nil }

// NewJudge begins a run.
func NewJudge(sc Scenario) *Judge {
	journal, _ := analyzer.OpenJournal(context.Background(), analyzer.JournalConfig{}, nowhere{}) // nothing to read, no error
	return &Judge{journal: journal, sc: sc, first: map[int]time.Time{}, right: map[int]time.Time{}, said: map[string]bool{}, wrong: map[string]bool{}, alarm: map[string]bool{},
		alerts: analyzer.NewAlerts(analyzer.AlertConfig{}), fired: map[string]analyzer.Alert{}}
}

// Observe notes the incidents of a tick, the gravest first.
func (j *Judge) Observe(at time.Time, incidents []analyzer.Incident) {
	j.last = slices.Clone(incidents)
	for i := range j.sc.Expect {
		e := &j.sc.Expect[i]
		in := j.top(e, incidents)
		if in == nil {
			continue
		}
		if j.first[i].IsZero() {
			j.first[i] = at
		}
		if j.right[i].IsZero() && e.Right(in.Cause) {
			j.right[i] = at
		}
	}
	for k := range incidents {
		j.weigh(&incidents[k])
	}
	r := &analyzer.Report{Incidents: slices.Clone(incidents), Span: analyzer.Span{To: at}}
	j.journal.Name(r)
	_ = j.journal.Follow(context.Background(), r) // it is written nowhere
	for _, a := range j.alerts.Derive(at, r) {
		if severe(a.Severity) >= severe(analyzer.LevelWarning) {
			j.fired[a.Fingerprint] = a
		}
	}
}

// weigh notes what must not be said.
func (j *Judge) weigh(in *analyzer.Incident) {
	known := slices.Contains(j.sc.Also, in.Cause) || slices.ContainsFunc(j.sc.Expect, func(e Expect) bool { return e.Right(in.Cause) })
	said := fmt.Sprintf("%s %s at %s", in.Verdict, in.Cause, strings.Join(in.Services, ", "))
	j.said[string(in.Verdict)+" "+string(in.Cause)] = true
	grave := severe(in.Severity) >= severe(analyzer.LevelWarning)
	if !known && (in.Verdict == analyzer.Confirmed || in.Verdict == analyzer.Probable && grave) {
		j.wrong[said] = true
	}
	expected := slices.ContainsFunc(j.sc.Expect, func(e Expect) bool { return e.hits(in) })
	if !known && !expected && grave && in.Resolved == nil && configuration(in.Cause) {
		j.alarm[said] = true
	}
}

func severe(l analyzer.Level) int {
	return slices.Index([]analyzer.Level{analyzer.LevelInfo, analyzer.LevelWarning, analyzer.LevelError, analyzer.LevelCritical}, l)
}

// configuration reports whether a cause says that something of ours is set up
// wrong, as far as it says anything.
func configuration(c analyzer.Cause) bool {
	for _, p := range []string{"abuse.", "client.", "form.", "session.", "token.expired_", "authz.insufficient", "meta.pipeline_gap", "meta.probe_blind", "jwks.kid_foreign"} {
		if strings.HasPrefix(string(c), p) {
			return false
		}
	}
	return true
}

// hits reports whether an incident is of the services that e hits. One that
// names no service is of a whole key domain.
func (e *Expect) hits(in *analyzer.Incident) bool {
	return len(e.Services) == 0 || len(in.Services) == 0 || slices.ContainsFunc(e.Services, func(s string) bool { return slices.Contains(in.Services, s) })
}

// top is what an analyzer says first of the services of e, at its severity,
// less what is right for another expectation; nil when it says nothing.
func (j *Judge) top(e *Expect, incidents []analyzer.Incident) *analyzer.Incident {
	floor := severe(analyzer.LevelWarning)
	if level := e.Severity; level != "" {
		floor = severe(level)
	} else if severe(e.Cause.Info().Level) < floor {
		floor = 0
	}
	for i := range incidents {
		in := &incidents[i]
		if severe(in.Severity) < floor || !e.hits(in) {
			continue
		}
		other := slices.Contains(j.sc.Also, in.Cause) || slices.ContainsFunc(j.sc.Expect, func(o Expect) bool { return o.Cause != e.Cause && o.Right(in.Cause) })
		if other && !e.Right(in.Cause) {
			continue
		}
		return in
	}
	return nil
}

// Result is how well a run was understood.
type Result struct {
	Scenario string
	Seed     uint64
	Findings []Finding // one for each Expect
	// Wrong are confirmed causes, and probable ones of severity warning and
	// above, that are not true, told at any time.
	Wrong []string
	// Alarms are incidents of severity warning and above of services that
	// nothing was wrong with.
	Alarms []string
	// Probable counts the causes told as probable at any time, and how many
	// of them were right.
	Probable, ProbableRight int
	// Fired is what the alerts of severity warning and above were last about,
	// one for each that people would have been told of.
	Fired   []string
	Entries int64
}

// Finding is what came of one Expect.
type Finding struct {
	Expect   *Expect
	Cause    analyzer.Cause   // told first at the end; empty: nothing was
	Verdict  analyzer.Verdict // at the end
	Right    bool             // the true cause; with evidence withheld: among the candidates, and a next probe named
	Verdicts bool             // within AtLeast and AtMost
	Shown    bool             // the fault showed in the log at all
	After    time.Duration    // from the first telling entry to the incident; negative: before
	Fifth    time.Duration    // from the fifth, with which an incident may open, likewise
	Known    time.Duration    // from the first telling entry to the true cause
	Before   bool             // an incident stood before the first user was refused
}

// Result judges the run.
func (j *Judge) Result(truth *Truth, seed uint64) Result {
	r := Result{Scenario: j.sc.Name, Seed: seed, Entries: truth.Entries, Wrong: sortedKeys(j.wrong), Alarms: sortedKeys(j.alarm)}
	for said := range j.said {
		cause, ok := strings.CutPrefix(said, string(analyzer.Probable)+" ")
		if !ok || severe(analyzer.Cause(cause).Info().Level) < severe(analyzer.LevelWarning) {
			continue
		}
		r.Probable++
		if slices.Contains(j.sc.Also, analyzer.Cause(cause)) || slices.ContainsFunc(j.sc.Expect, func(e Expect) bool { return e.Right(analyzer.Cause(cause)) }) {
			r.ProbableRight++
		}
	}
	for i := range j.sc.Expect {
		r.Findings = append(r.Findings, j.finding(i, truth))
	}
	for _, f := range sortedKeys(j.fired) {
		a := j.fired[f]
		r.Fired = append(r.Fired, fmt.Sprintf("%s %s %s at %s", a.Severity, a.Annotations["verdict"], a.Annotations["cause"], a.Annotations["services"]))
	}
	return r
}

func (j *Judge) finding(i int, truth *Truth) Finding {
	e := &j.sc.Expect[i]
	f := Finding{Expect: e, Verdicts: true}
	in := j.top(e, j.last)
	if in != nil {
		f.Cause, f.Verdict = in.Cause, in.Verdict
		f.Right = e.Right(in.Cause)
		if e.Withheld() {
			f.Right = in.Verdict == analyzer.Ambiguous && in.NextProbe != "" && slices.ContainsFunc(in.Candidates, e.Right)
		}
		least, most := e.AtLeast, e.AtMost
		if least == "" && most == "" {
			least = analyzer.Probable
		}
		f.Verdicts = (least == "" || sure(in.Verdict) >= sure(least)) && (most == "" || sure(in.Verdict) <= sure(most))
	}
	first, opened := j.first[i]
	known, named := j.right[i]
	telling, shown := truth.Telling(e, 1)
	f.Shown = shown
	f.Before = opened && (!shown || !first.After(telling))
	if shown && opened {
		f.After = first.Sub(telling)
		if fifth, ok := truth.Telling(e, 5); ok {
			f.Fifth = first.Sub(fifth)
		}
	}
	if shown && named {
		f.Known = known.Sub(telling)
	}
	return f
}

func sure(v analyzer.Verdict) int {
	return slices.Index([]analyzer.Verdict{analyzer.Ambiguous, analyzer.Probable, analyzer.Confirmed}, v)
}

// Told puts a finding into words.
func (f *Finding) Told() string {
	what := "the true cause is " + string(f.Expect.Cause)
	if len(f.Expect.Services) > 0 {
		what += " at " + strings.Join(f.Expect.Services, ", ")
	}
	switch {
	case f.Cause == "":
		return what + ": not found"
	case f.Right:
		return what + ": found, " + string(f.Verdict)
	}
	return fmt.Sprintf("%s: found %s instead, %s", what, f.Cause, f.Verdict)
}
