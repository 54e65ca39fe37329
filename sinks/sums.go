package sinks

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/why401/why401/analyzer"
)

func outcomeSums(r *analyzer.Report, l *labels) sums {
	out := sums{}
	for i := range r.Services {
		s := &r.Services[i]
		id := l.service(s.Name, s.Environment)
		out.add(s.Accepted, id.service, id.environment, "accepted")
		out.add(s.Refused, id.service, id.environment, "refused")
	}
	return out
}

// refusalSums counts by reason. While there is room every reason of every
// service begins at zero, so that its first failure is a step; what has no
// room is counted under the service other. Who has a place keeps it.
func refusalSums(u *analyzer.Update, l *labels, held map[string]*counted) sums {
	out := sums{}
	if all := analyzer.Reasons(); len(l.services)*len(all) <= maxRefusals {
		for id := range l.services {
			for _, reason := range all {
				out.add(0, id.service, id.environment, string(reason))
			}
		}
	}
	var fresh []*counted
	for i := range u.Report.Services {
		s := &u.Report.Services[i]
		id := l.service(s.Name, s.Environment)
		for reason, n := range s.Reasons {
			c := &counted{Labels: []string{id.service, id.environment, string(reason)}, Sum: n}
			if k := key(c.Labels); id.service == other || held[k] != nil || out[k] != nil {
				out.add(n, c.Labels...)
			} else {
				fresh = append(fresh, c)
			}
		}
	}
	slices.SortFunc(fresh, func(a, b *counted) int { return slices.Compare(a.Labels, b.Labels) })
	for _, c := range fresh {
		if len(out) >= maxRefusals {
			l.overflow("reason", 1)
			c.Labels[0] = other
		}
		out.add(c.Sum, c.Labels...)
	}
	for i := range u.Report.Incidents {
		if u.Report.Incidents[i].Resolved == nil {
			exemplify(out, &u.Report.Incidents[i], l)
		}
	}
	return out
}

// exemplify makes an open incident the exemplar of the refusals that it is
// made of.
func exemplify(out sums, in *analyzer.Incident, l *labels) {
	reasons := in.Cause.Info().Reasons
	for _, c := range in.Candidates {
		reasons = append(reasons[:len(reasons):len(reasons)], c.Info().Reasons...)
	}
	x := &prometheus.Exemplar{Value: 1, Labels: prometheus.Labels{"incident": in.ID}, Timestamp: in.LastSeen}
	if now := time.Now(); x.Timestamp.IsZero() || x.Timestamp.After(now) {
		x.Timestamp = now
	}
	for _, name := range in.Services {
		id := l.service(name, in.Environment)
		for _, reason := range reasons {
			if s := out[key([]string{id.service, id.environment, string(reason)})]; s != nil && s.Sum > 0 {
				s.exemplar = x
			}
		}
	}
}

func entrySums(r *analyzer.Report) sums {
	out, t := sums{}, r.Totals
	out.add(t.Entries-t.Duplicates-t.Malformed-t.Self, "committed")
	out.add(t.Duplicates, "duplicate")
	out.add(t.Malformed, "malformed")
	out.add(t.Self, "self")
	return out
}

func unmatchedSums(r *analyzer.Report, l *labels) sums {
	out := sums{}
	for i := range r.Services {
		s := &r.Services[i]
		out.add(s.Unmatched, l.service(s.Name, s.Environment).service)
	}
	return out
}

// driftCauses are those in which a service holds or demands something else
// than the others do.
var driftCauses = []analyzer.Cause{
	"alg.mismatch", "claim.audience_mismatch", "claim.issuer_mismatch", "env.fallback_used", "env.precedence_conflict", "jwks.kid_stale_cache", "key.cross_service_drift",
	"key.encoding_mismatch", "key.per_process_random", "key.split_replicas", "key.stale_cache", "key.whitespace_mutation", "key.wrong_environment", "rotation.incomplete", "rotation.no_overlap",
}

func driftSums(records []analyzer.Record) sums {
	out := sums{}
	for _, c := range driftCauses {
		out.add(0, string(c))
	}
	for i := range records {
		if s := out[string(records[i].Cause)]; s != nil {
			s.Sum += int64(1 + records[i].Returns)
		}
	}
	return out
}
