package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// policy is an alert policy of Cloud Monitoring (google.monitoring.v3
// AlertPolicy), as far as we fill it in.
type policy struct {
	DisplayName   string            `json:"displayName"`
	Severity      string            `json:"severity,omitempty"`
	Combiner      string            `json:"combiner"`
	UserLabels    map[string]string `json:"userLabels"`
	Documentation documentation     `json:"documentation"`
	Conditions    []condition       `json:"conditions"`
}

type documentation struct {
	Subject  string `json:"subject"`
	Content  string `json:"content"`
	MimeType string `json:"mimeType"`
}

type condition struct {
	DisplayName string `json:"displayName"`
	Query       promql `json:"conditionPrometheusQueryLanguage"`
}

type promql struct {
	Query              string `json:"query"`
	Duration           string `json:"duration"`
	EvaluationInterval string `json:"evaluationInterval"`
	RuleGroup          string `json:"ruleGroup"`
	AlertRule          string `json:"alertRule"`
	// DisableMetricValidation lets a policy be created before the first
	// sample of its metrics arrives.
	DisableMetricValidation bool `json:"disableMetricValidation"`
}

// severities of Cloud Monitoring for ours.
var severities = map[string]string{"critical": "CRITICAL", "error": "ERROR", "warning": "WARNING"}

// cloudPolicies are the alert rules as alert policies, one JSON object a
// line, for gcloud monitoring policies create --policy. What the recording
// rules compute stands in the queries themselves, so that no rule evaluation
// is needed. The Watchdog is left out: a policy that is always met helps
// nobody here.
func cloudPolicies(l Links) ([]byte, error) {
	all, err := groups(l)
	if err != nil {
		return nil, err
	}
	recorded := recordings(all)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, g := range all {
		for i := range g.Rules {
			r := &g.Rules[i]
			if r.Alert == "" || r.Alert == "Why401Watchdog" {
				continue
			}
			p, err := r.policy(g.Name, recorded)
			if err != nil {
				return nil, err
			}
			if err := encoder.Encode(p); err != nil {
				return nil, fmt.Errorf("print policy %s: %w", r.Alert, err)
			}
		}
	}
	return out.Bytes(), nil
}

func (r *rule) policy(group string, recorded *strings.Replacer) (*policy, error) {
	wait := time.Duration(0)
	if r.For != "" {
		var err error
		if wait, err = time.ParseDuration(r.For); err != nil {
			return nil, fmt.Errorf("print policy %s: %w", r.Alert, err)
		}
	}
	level := valueOf(r.Labels, "severity")
	query := r.Expr
	for before := ""; before != query; { // a recording may use another
		before = query
		query = recorded.Replace(query)
	}
	p := &policy{
		DisplayName: "why401: " + r.Alert, Severity: severities[level], Combiner: "OR", UserLabels: map[string]string{"source": "why401"},
		Documentation: documentation{
			Subject: cloudText(r.annotation("summary")), MimeType: "text/markdown",
			Content: cloudText(fmt.Sprintf("%s\n\n%s\n\n- [Runbook](%s)\n- [Dashboard](%s)", r.annotation("summary"), r.annotation("description"), r.annotation("runbook_url"), r.annotation("dashboard"))),
		},
		Conditions: []condition{{DisplayName: r.Alert, Query: promql{
			Query: query, Duration: fmt.Sprintf("%ds", int(wait.Seconds())), EvaluationInterval: scrapeEvery, RuleGroup: group, AlertRule: r.Alert, DisableMetricValidation: true,
		}}},
	}
	if p.Severity != "" {
		p.UserLabels["severity"] = level
	}
	return p, nil
}

// recordings replaces the names of recording rules by what they compute, the
// longest name first.
func recordings(all []group) *strings.Replacer {
	var names []rule
	for _, g := range all {
		for _, r := range g.Rules {
			if r.Record != "" {
				names = append(names, r)
			}
		}
	}
	slices.SortFunc(names, func(a, b rule) int { return len(b.Record) - len(a.Record) })
	var pairs []string
	for _, r := range names {
		pairs = append(pairs, r.Record, "("+r.Expr+")")
	}
	return strings.NewReplacer(pairs...)
}

var (
	labelTemplate = regexp.MustCompile(`\{\{ \$labels\.(\w+) \}\}`)
	valueTemplate = regexp.MustCompile(`\{\{ \$value[^}]*\}\}`)
)

// cloudText turns templates of Prometheus into variables of Cloud Monitoring,
// which has none for the value.
func cloudText(s string) string {
	s = labelTemplate.ReplaceAllString(s, "$${metric.label.$1}")
	return valueTemplate.ReplaceAllString(s, "(value: see the chart)")
}
