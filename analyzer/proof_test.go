package analyzer_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// What a verdict calls needed is needed: a story told without it comes to a
// weaker verdict. Whatever else the verdict rests on, and any other change of
// the story, can be left out without harm.
func TestNeededEvidence(t *testing.T) {
	set := ruleset(t)
	needed, spare := 0, 0
	for _, s := range stories(t) {
		if os.Getenv("WHY401_STORIES") != "all" && len(s.script.entries(nil)) > 4500 {
			continue // they take long, and there are enough others
		}
		full := s.tell(t, set, s.probes, nil)
		for i := range full.Incidents {
			in := &full.Incidents[i]
			if in.Verdict == analyzer.Ambiguous || in.Severity == analyzer.LevelInfo {
				continue
			}
			for ref, need := range refs(full, in) {
				now := strength(s.without(t, ref, func(probes []analyzer.ProbeResult, drop func(timed) bool) *analyzer.Report {
					return s.tell(t, set, probes, drop)
				}), in)
				name := strings.TrimSuffix(filepath.Base(s.path), ".txtar")
				switch was := rank(in.Verdict); {
				case need && now >= was:
					t.Errorf("%s: %s %s needs %q, and stands without it", name, in.Verdict, in.Cause, ref)
				case !need && now < was:
					t.Errorf("%s: %s %s does not need %q, and falls without it", name, in.Verdict, in.Cause, ref)
				}
				if need {
					needed++
				} else {
					spare++
				}
			}
		}
	}
	t.Logf("%d needed pieces of evidence left out, %d others", needed, spare)
	if needed < 15 || spare < 15 {
		t.Errorf("%d needed pieces of evidence and %d others are too few to show anything", needed, spare)
	}
}

func rank(v analyzer.Verdict) int {
	return slices.Index([]analyzer.Verdict{analyzer.Ambiguous, analyzer.Probable, analyzer.Confirmed}, v)
}

// strength is how sure a report is of an incident's cause at its services; -1
// when it does not name it.
func strength(r *analyzer.Report, in *analyzer.Incident) int {
	best := -1
	for i := range r.Incidents {
		o := &r.Incidents[i]
		if o.Cause == in.Cause && slices.ContainsFunc(o.Services, func(s string) bool { return slices.Contains(in.Services, s) }) {
			best = max(best, rank(o.Verdict))
		}
	}
	return best
}

// refs are the changes, probes and services of a report, and whether the
// incident needs them.
func refs(r *analyzer.Report, in *analyzer.Incident) map[string]bool {
	out := map[string]bool{}
	for i := range r.Changes {
		c := &r.Changes[i]
		out["change "+string(c.Kind)+" "+c.Target+" "+c.Version+" "+c.At.UTC().Format(time.RFC3339Nano)] = false
	}
	for _, e := range in.Evidence {
		for _, ref := range e.RestsOn {
			out[ref] = out[ref] || e.Needed
		}
	}
	return out
}

// without tells a story as if one change, probe or service were not there.
func (s *story) without(t *testing.T, ref string, tell func([]analyzer.ProbeResult, func(timed) bool) *analyzer.Report) *analyzer.Report {
	t.Helper()
	words := strings.Fields(ref)
	last := words[len(words)-1]
	if words[0] == "service" {
		return tell(s.probes, func(e timed) bool { return e.service == last })
	}
	at, err := time.Parse(time.RFC3339Nano, last)
	if err != nil {
		t.Fatalf("%q: %v", ref, err)
	}
	if words[0] == "probe" {
		return tell(slices.DeleteFunc(slices.Clone(s.probes), func(p analyzer.ProbeResult) bool {
			return p.Probe == words[1] && p.Target == words[2] && p.At.Equal(at)
		}), nil)
	}
	return tell(s.probes, func(e timed) bool {
		return began.Add(e.at).Equal(at) && (strings.Contains(e.entry, "cloudaudit") && strings.Contains(e.entry, "/"+words[2]) || strings.Contains(e.entry, "varlog"))
	})
}
