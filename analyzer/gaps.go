package analyzer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// gaps lists what could not be seen, and what that hides.
func (l *Ledger) gaps(r *Report, scenes []*scene, probes []ProbeResult) []Gap {
	out := blindness(probes)
	add := func(kind, service, format string, args ...any) {
		out = append(out, Gap{kind, service, fmt.Sprintf(format, args...)})
	}
	for _, sc := range scenes {
		for s, since := range sc.silent() {
			add("silent_service", s.Name, "its entries stopped at %s while others went on: it is idle, or its log is cut; its rates since are unknown", clock(since))
		}
	}
	if share := l.window.share; share < 1 {
		add("sampled_requests", "", "the log export carries the logs of accepted requests at a share of %g: counts of accepted requests and rates are estimates", share)
	}
	l.unseenChanges(r, add)
	for _, s := range r.Services {
		if s.Refused > 0 && s.Denominator == "none" {
			add("no_denominator", s.Name, "no request log and no success line: refusals are counted, a rate cannot be")
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
			add(g.kind, "", g.detail, g.n)
		}
	}
	slices.SortStableFunc(out, func(a, b Gap) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Service, b.Service)) })
	return slices.Compact(out)
}

// unseenChanges tells which kinds of change the log export does not carry.
func (l *Ledger) unseenChanges(r *Report, add func(kind, service, format string, args ...any)) {
	seen := map[ChangeKind]bool{}
	projects := map[string]bool{}
	for i := range r.Changes {
		c := &r.Changes[i]
		seen[c.Kind] = true
		if c.ofSecret() && c.Project != "" {
			projects[c.Project] = true
		}
	}
	secrets := seen[SecretVersionAdded] || seen[SecretVersionEnabled] || seen[SecretVersionDisabled] || seen[SecretVersionDestroyed]
	if secrets && !seen[SecretAccessed] {
		var names []string
		for p := range projects {
			names = append(names, p)
		}
		slices.Sort(names)
		add("no_data_read", "", "no entry tells who read which version of a secret: Secret Manager's DATA_READ audit log is off, as by default, or not exported. Enable it in %s (IAM & Admin, Audit Logs, Secret Manager API, Data Read; or auditConfigs of the IAM policy: service secretmanager.googleapis.com, logType DATA_READ) and let the log sink take cloudaudit.googleapis.com%%2Fdata_access of that service",
			cmp.Or(strings.Join(names, ", "), "the secrets' project"))
	}
	if len(r.Services) > 0 && !seen[RevisionDeployed] && !seen[InstanceStarted] {
		add("no_deploys", "", "no entry tells of a deploy or a start: what a service holds since when cannot be told, and a fault cannot be tied to one. Let the log sink take cloudaudit.googleapis.com%%2Factivity and run.googleapis.com%%2Fvarlog%%2Fsystem (on GKE the events log)")
	}
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
