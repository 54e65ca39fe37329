package analyzer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// templatesShown is how many unmatched clusters a report lists.
const templatesShown = 20

// Report says what the ledger knows of the span between the first and the
// last entry. The same set of entries gives the same report.
func (l *Ledger) Report(cfg DiagnosisConfig) *Report {
	r := &Report{
		Span:     Span{l.first.Truncate(time.Second), l.watermark},
		Totals:   ReportTotals{Entries: l.totals.Entries, Duplicates: l.totals.Duplicates, Malformed: l.totals.Malformed, Self: l.totals.Self},
		Services: []ServiceReport{}, Incidents: []Incident{}, Changes: l.Changes(), Gaps: []Gap{}, Unmatched: []UnmatchedReport{},
	}
	for _, s := range l.window.Services() {
		sr := l.serviceReport(s)
		if sr.Denominator == "none" && len(sr.Reasons) == 0 && strings.HasSuffix(s.Name, ".googleapis.com") {
			continue // a Google API in its audit log: it told of a change, and serves no users of ours
		}
		r.Totals.Accepted += sr.Accepted
		r.Totals.Refused += sr.Refused
		r.Services = append(r.Services, sr)
	}
	for _, n := range l.unclaimed {
		r.Totals.Unmatched += n
	}
	r.Unmatched = l.unmatchedReport()
	if found := l.Diagnose(cfg); found != nil {
		r.Incidents = found
	}
	r.Scores = Scores(cfg.KeyDomains, cfg.Probes)
	r.Score = OverallScore(r.Scores)
	r.Gaps = l.gaps(r, cfg.Probes)
	return r
}

func (l *Ledger) serviceReport(s Service) ServiceReport {
	sr := l.window.services[s]
	rates := l.window.Service(s, sr.first, sr.last+1)
	out := ServiceReport{
		Name: s.Name, Environment: s.Environment, Accepted: rates.Accepted, Refused: rates.Refused, Reasons: rates.Reasons, Unmatched: l.unclaimed[s],
		FirstSeen: time.Unix(sr.first*60, 0).UTC(), LastSeen: time.Unix(sr.last*60, 0).UTC(),
	}
	switch {
	case rates.Requests:
		out.Denominator = "requests"
	case rates.Accepted > 0:
		out.Denominator = "success lines"
	default:
		out.Denominator = "none"
	}
	return out
}

func (l *Ledger) unmatchedReport() []UnmatchedReport {
	out := []UnmatchedReport{}
	for k, vs := range l.templates.m {
		for _, v := range vs {
			out = append(out, UnmatchedReport{k.service.Name, v.value, v.n})
		}
	}
	slices.SortFunc(out, func(a, b UnmatchedReport) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Template, b.Template))
	})
	return out[:min(len(out), templatesShown)]
}

// gaps lists what could not be seen.
func (l *Ledger) gaps(r *Report, probes []ProbeResult) []Gap {
	out := blindness(probes)
	for _, s := range r.Services {
		if s.Refused > 0 && s.Denominator == "none" {
			out = append(out, Gap{"no_denominator", s.Name, "no request log and no success line: refusals are counted, a rate cannot be"})
		}
	}
	for _, g := range []struct {
		n            int64
		kind, detail string
	}{
		{l.totals.Malformed, "quarantine", "%d entries could not be decoded; what they say is missing here"},
		{l.totals.Late, "late", "%d entries came after their trace was closed; a request that several lines tell may count more than once"},
		{l.totals.Overflow, "join_overflow", "%d entries found no room in the joins; a request that several lines tell may count more than once"},
	} {
		if g.n > 0 {
			out = append(out, Gap{Kind: g.kind, Detail: fmt.Sprintf(g.detail, g.n)})
		}
	}
	return out
}

// blindness lists what probes could not see.
func blindness(probes []ProbeResult) []Gap {
	if len(probes) == 0 {
		return []Gap{{Kind: "no_probes", Detail: "no configuration probe has run: causes that need one stay probable or ambiguous, and the health score is unknown"}}
	}
	out := []Gap{}
	for i := range probes {
		if p := &probes[i]; p.Status == StatusUnknown {
			out = append(out, Gap{"probe_blind", p.Service.Name, Excerpt(p.Probe+" of "+p.Target+": "+p.Detail, 300)})
		}
	}
	return out
}
