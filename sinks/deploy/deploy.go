// Package deploy holds what an operator applies around a running why401, so
// that the binary can print it: alert rules in the forms that Prometheus, its
// operator and Google Cloud take, and the Grafana dashboard. The rules lie in
// one place (rules/*.yaml, with their promtool tests beside); every other form
// is made from them.
package deploy

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed rules/*.yaml grafana/why401.json alertmanager.yml
var files embed.FS

// Links say where the links in alerts lead.
type Links struct {
	Grafana  string // base URL of a Grafana that has the dashboard
	Runbooks string // base URL of the runbooks
}

// The links as they stand in the rules.
const (
	DefaultGrafana  = "https://grafana.example"
	DefaultRunbooks = "https://github.com/why401/why401/blob/main/sinks/deploy/runbooks"
)

func (l Links) in(text string) string {
	for _, r := range []struct{ from, to string }{{DefaultGrafana, l.Grafana}, {DefaultRunbooks, l.Runbooks}} {
		if to := strings.TrimRight(r.to, "/"); to != "" {
			text = strings.ReplaceAll(text, r.from, to)
		}
	}
	return text
}

// forms are the forms of the alerts, one line each. Nobody changes the map at
// run time.
var forms = map[string]func(Links) ([]byte, error){
	"alertmanager":        alertmanagerConfig,
	"cloud-monitoring":    cloudPolicies,
	"gmp":                 managedPrometheus,
	"prometheus":          prometheusRules,
	"prometheus-operator": prometheusOperator,
}

// Forms lists the words that Alerts takes.
func Forms() []string { return slices.Sorted(maps.Keys(forms)) }

// Alerts returns the alerts in one of Forms: prometheus (a rule file),
// prometheus-operator (PrometheusRule and ServiceMonitor), gmp (Rules and
// PodMonitoring of Google's managed Prometheus), cloud-monitoring (alert
// policies in PromQL, one JSON object a line) or alertmanager (routes and
// inhibitions for the configuration of Alertmanager).
func Alerts(form string, l Links) ([]byte, error) {
	f, ok := forms[form]
	if !ok {
		return nil, fmt.Errorf("print alerts: wanted one of %s, found %q", strings.Join(Forms(), ", "), form)
	}
	return f(l)
}

// Dashboard returns the Grafana dashboard as JSON.
func Dashboard() ([]byte, error) { return files.ReadFile("grafana/why401.json") }

// sources returns the rule files in order of name.
func sources() ([]string, error) {
	entries, err := files.ReadDir("rules")
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	var out []string
	for _, e := range entries {
		data, err := files.ReadFile("rules/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
		out = append(out, string(data))
	}
	return out, nil
}

const rulesHead = `# Recording and alerting rules of why401, for Prometheus 2.42 or later, as
# why401 setup alerts prints them.
groups:
`

// prometheusRules is one rule file; the comments of the sources stay.
func prometheusRules(l Links) ([]byte, error) {
	all, err := sources()
	if err != nil {
		return nil, err
	}
	out := rulesHead
	for _, text := range all {
		about, groups, _ := strings.Cut(text, "groups:\n")
		for line := range strings.Lines(about) {
			out += "  " + line
		}
		out += groups
	}
	return []byte(l.in(out)), nil
}

// group and rule are a rule file's; the order of keys is kept.
type group struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval,omitempty"`
	Rules    []rule `yaml:"rules"`
}

type rule struct {
	Record      string        `yaml:"record,omitempty"`
	Alert       string        `yaml:"alert,omitempty"`
	Expr        string        `yaml:"expr"`
	For         string        `yaml:"for,omitempty"`
	Labels      yaml.MapSlice `yaml:"labels,omitempty"`
	Annotations yaml.MapSlice `yaml:"annotations,omitempty"`
}

func (r *rule) annotation(name string) string { return valueOf(r.Annotations, name) }

func valueOf(m yaml.MapSlice, name string) string {
	for _, item := range m {
		if item.Key == name {
			return fmt.Sprint(item.Value)
		}
	}
	return ""
}

func groups(l Links) ([]group, error) {
	all, err := sources()
	if err != nil {
		return nil, err
	}
	var out []group
	for _, text := range all {
		var f struct {
			Groups []group `yaml:"groups"`
		}
		if err := yaml.Unmarshal([]byte(l.in(text)), &f); err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
		out = append(out, f.Groups...)
	}
	return out, nil
}

func alertmanagerConfig(Links) ([]byte, error) { return files.ReadFile("alertmanager.yml") }
