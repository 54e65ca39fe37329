package analyzer

import (
	"fmt"
	"strings"

	"github.com/zeebo/xxh3"
)

// fingerprint names the incident for as long as its cause may be learnt: the
// cause itself, its verdict and the services may change.
func (in *Incident) fingerprint() string {
	return fmt.Sprintf("%016x", xxh3.HashString(AlertName+"\x00"+in.ID))
}

// maxNamed is how many services an alert names; the others are counted.
const maxNamed = 10

// describe puts an incident into labels and words.
func (a *Alert) describe(in *Incident, cfg AlertConfig) {
	a.Name = AlertName
	a.Labels = map[string]string{"alertname": AlertName, "severity": string(a.Severity), "incident": Excerpt(in.ID, 64)}
	for k, v := range map[string]string{"environment": in.Environment, "key_domain": in.KeyDomain} {
		if v != "" {
			a.Labels[k] = Excerpt(v, 200)
		}
	}
	services := in.Services[:min(len(in.Services), maxNamed)]
	named := strings.Join(services, ", ")
	if n := len(in.Services) - len(services); n > 0 {
		named += fmt.Sprintf(" and %d more", n)
	}
	a.Annotations = map[string]string{}
	for k, v := range map[string]string{
		"summary": in.Summary, "description": in.words(), "cause": string(in.Cause), "verdict": string(in.Verdict), "services": named, "do": strings.Join(in.Do, "; "),
		"candidates": strings.Join(causeNames(in.Candidates), ", "),
	} {
		if v != "" && (k != "candidates" || in.Verdict == Ambiguous) {
			a.Annotations[k] = Excerpt(v, 1000)
		}
	}
	if cfg.Runbooks != "" {
		a.Annotations["runbook_url"] = cfg.Runbooks + "/" + string(in.Cause) + ".md"
	}
	if cfg.URL != "" {
		a.ReportURL = cfg.URL + "/incidents/" + in.ID
	}
}

// words are the reasons for a diagnosis, in one paragraph.
func (in *Incident) words() string {
	var b strings.Builder
	b.WriteString(strings.Join(in.For[:min(len(in.For), 5)], "; "))
	if n := len(in.For) - 5; n > 0 {
		fmt.Fprintf(&b, "; and %d more signs", n)
	}
	if len(in.Exemplars) > 0 {
		fmt.Fprintf(&b, ". First seen as: %s", Excerpt(in.Exemplars[0].Excerpt, 200))
	}
	return b.String()
}

func causeNames(cs []Cause) []string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = string(c)
	}
	return out
}
