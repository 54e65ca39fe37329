package analyzer

import (
	"cmp"
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
	cfg = cfg.defaults()
	scenes := l.scenes(cfg)
	r.Incidents = diagnose(scenes)
	for _, sc := range scenes {
		r.Secrets = append(r.Secrets, sc.holdings()...)
	}
	r.Scores = Scores(cfg.KeyDomains, cfg.Probes)
	r.Score = OverallScore(r.Scores)
	r.Gaps = l.gaps(r, scenes, cfg.Probes)
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
	case rates.Requests && l.window.share < 1:
		out.Denominator = "sampled requests"
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
