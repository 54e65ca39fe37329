package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/why401/why401/analyzer"
)

// program returns the path of a real component, or ends the test.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	if os.Getenv("WHY401_REQUIRE_REAL") != "" {
		t.Fatalf("%s is required and not installed: run make deps", names[0])
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %v: %v\n%.4000s", filepath.Base(name), args, err, out)
	}
	return string(out)
}

func mustAlerts(t *testing.T, form string) []byte {
	t.Helper()
	out, err := Alerts(form, Links{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func mustGroups(t *testing.T) []group {
	t.Helper()
	all, err := groups(Links{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func alertRules(t *testing.T) []rule {
	t.Helper()
	var out []rule
	for _, g := range mustGroups(t) {
		for _, r := range g.Rules {
			if r.Alert != "" {
				out = append(out, r)
			}
		}
	}
	return out
}

func TestPromtoolTakesTheRules(t *testing.T) {
	promtool, dir := program(t, "promtool"), t.TempDir()
	path := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(path, mustAlerts(t, "prometheus"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, promtool, "check", "rules", path)
}

func TestRuleTests(t *testing.T) {
	promtool := program(t, "promtool")
	files, err := filepath.Glob("rules/tests/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no rule tests (%v)", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			t.Parallel()
			run(t, "rules/tests", promtool, "test", "rules", filepath.Base(f))
		})
	}
}

// ruleTest is a promtool test file, as far as we look at it.
type ruleTest struct {
	Tests []struct {
		Name   string `yaml:"name"`
		Alerts []struct {
			At       string `yaml:"eval_time"`
			Name     string `yaml:"alertname"`
			Expected []any  `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	} `yaml:"tests"`
}

// TestEveryAlertIsTested wants a test for each alert in which it fires, one in
// which it fires and is quiet later, and one in which it stays quiet.
func TestEveryAlertIsTested(t *testing.T) {
	type seen struct{ fires, resolves, quiet bool }
	got := map[string]*seen{}
	files, _ := filepath.Glob("rules/tests/*.yaml")
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var tests ruleTest
		if err := yaml.Unmarshal(data, &tests); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		for _, c := range tests.Tests {
			fired := map[string]bool{}
			for _, a := range c.Alerts {
				s := got[a.Name]
				if s == nil {
					s = &seen{}
					got[a.Name] = s
				}
				s.resolves = s.resolves || fired[a.Name] && len(a.Expected) == 0
				fired[a.Name] = fired[a.Name] || len(a.Expected) > 0
				s.fires = s.fires || len(a.Expected) > 0
			}
			for _, a := range c.Alerts {
				got[a.Name].quiet = got[a.Name].quiet || !fired[a.Name]
			}
		}
	}
	for _, r := range alertRules(t) {
		s := got[r.Alert]
		if s == nil {
			s = &seen{}
		}
		if r.Alert == "Why401Watchdog" {
			s.quiet = true // it always fires
		}
		if *s != (seen{true, true, true}) {
			t.Errorf("%s: fires %v, resolves %v, stays quiet %v in the tests; want all three", r.Alert, s.fires, s.resolves, s.quiet)
		}
	}
}

// TestAlertsAreComplete holds every alert to what somebody needs at 3 a.m.,
// and its links to pages that exist.
func TestAlertsAreComplete(t *testing.T) {
	levels := regexp.MustCompile(`^(critical|error|warning|info|none|\{\{ \$labels\.severity \}\})$`)
	template := regexp.MustCompile(`\{\{[^}]*\}\}`)
	for _, r := range alertRules(t) {
		if level := valueOf(r.Labels, "severity"); !levels.MatchString(level) {
			t.Errorf("%s: severity %q", r.Alert, level)
		}
		for _, name := range []string{"summary", "description", "runbook_url", "dashboard"} {
			if r.annotation(name) == "" {
				t.Errorf("%s lacks the annotation %s", r.Alert, name)
			}
		}
		if !strings.HasPrefix(r.annotation("dashboard"), DefaultGrafana+"/d/"+dashboardUID(t)) {
			t.Errorf("%s: dashboard %s", r.Alert, r.annotation("dashboard"))
		}
		page, ok := strings.CutPrefix(r.annotation("runbook_url"), DefaultRunbooks+"/")
		if !ok {
			t.Errorf("%s: runbook %s", r.Alert, r.annotation("runbook_url"))
			continue
		}
		if template.MatchString(page) {
			if page != "{{ $labels.cause }}.md" {
				t.Errorf("%s: runbook %s", r.Alert, page)
			}
			continue // every cause has a page, see TestRunbooks
		}
		file, anchor, _ := strings.Cut(page, "#")
		if !anchors(t, file)[anchor] {
			t.Errorf("%s: %s has no heading %s", r.Alert, file, anchor)
		}
	}
}

// anchors are the headings of a page as links name them.
func anchors(t *testing.T, file string) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("runbooks", file))
	if err != nil {
		t.Error(err)
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			out[strings.ReplaceAll(strings.ToLower(strings.TrimSpace(heading)), " ", "-")] = true
		}
	}
	return out
}

// TestRulesNameWhatExists: causes and reasons in rules are of the catalogue.
func TestRulesNameWhatExists(t *testing.T) {
	known := map[string]map[string]bool{"cause": {}, "reason": {}}
	for _, c := range analyzer.Causes() {
		known["cause"][string(c.ID)] = true
	}
	for _, r := range analyzer.Reasons() {
		known["reason"][string(r)] = true
	}
	matcher := regexp.MustCompile(`(cause|reason)[!=]~?"([^"]+)"`)
	found := 0
	for _, g := range mustGroups(t) {
		for _, r := range g.Rules {
			for _, m := range matcher.FindAllStringSubmatch(r.Expr, -1) {
				for _, name := range strings.Split(m[2], "|") {
					found++
					if !known[m[1]][name] {
						t.Errorf("%s%s: there is no %s %s", r.Alert, r.Record, m[1], name)
					}
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("%d causes and reasons in the rules; want 50 or more", found)
	}
}

func TestAlertmanagerTakesTheRoutes(t *testing.T) {
	amtool, dir := program(t, "amtool"), t.TempDir()
	path := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(path, mustAlerts(t, "alertmanager"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, amtool, "check-config", path)
	for _, c := range []struct{ name, severity, want string }{
		{"Why401Watchdog", "none", "dead-man"}, {"Why401SecretUnavailable", "critical", "pager"}, {"Why401Incident", "error", "pager"}, {"Why401ConfigDrift", "warning", "chat"}, {"Why401RotationDetected", "info", "nobody"},
	} {
		out := run(t, dir, amtool, "config", "routes", "test", "--config.file="+path, "alertname="+c.name, "severity="+c.severity)
		if got := lastLine(out); got != c.want {
			t.Errorf("%s of severity %s goes to %q; want %q", c.name, c.severity, got, c.want)
		}
	}
}

// TestKubernetesForms: the manifests carry the very rules, and kubectl can
// render them.
func TestKubernetesForms(t *testing.T) {
	want := mustGroups(t)
	for form, kinds := range map[string][]string{"prometheus-operator": {"PrometheusRule", "ServiceMonitor"}, "gmp": {"Rules", "PodMonitoring"}} {
		t.Run(form, func(t *testing.T) {
			out := mustAlerts(t, form)
			docs := strings.Split(string(out), "\n---\n")
			if len(docs) != len(kinds) {
				t.Fatalf("%d documents; want %v", len(docs), kinds)
			}
			for i, doc := range docs {
				if !strings.Contains(doc, "kind: "+kinds[i]+"\n") {
					t.Errorf("document %d is no %s", i, kinds[i])
				}
			}
			var o object
			if err := yaml.UnmarshalWithOptions([]byte(docs[0]), &o, yaml.Strict()); err != nil {
				t.Fatal(err)
			}
			for i, g := range o.Spec.Groups {
				if g.Interval != scrapeEvery {
					t.Errorf("group %s has the interval %q", g.Name, g.Interval)
				}
				for j, r := range g.Rules {
					if w := want[i].Rules[j]; r.Expr != w.Expr || r.Alert != w.Alert || r.For != w.For || fmt.Sprint(r.Annotations) != fmt.Sprint(w.Annotations) {
						t.Errorf("rule %s%s changed on its way", r.Alert, r.Record)
					}
				}
			}
			dir := t.TempDir()
			for name, data := range map[string]string{"kustomization.yaml": "resources: [why401.yaml]\n", "why401.yaml": string(out)} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Run("kubectl", func(t *testing.T) { run(t, dir, program(t, "kubectl"), "kustomize", dir) })
			t.Run("promtool", func(t *testing.T) {
				rules, err := yaml.Marshal(map[string]any{"groups": o.Spec.Groups})
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, "rules.yaml")
				if err := os.WriteFile(path, rules, 0o600); err != nil {
					t.Fatal(err)
				}
				run(t, dir, program(t, "promtool"), "check", "rules", path)
			})
		})
	}
}

// TestCloudPolicies: the policies stand alone and are valid PromQL.
func TestCloudPolicies(t *testing.T) {
	rules := map[string]rule{}
	for _, r := range alertRules(t) {
		rules[r.Alert] = r
	}
	var check struct {
		Groups []group `yaml:"groups"`
	}
	check.Groups = []group{{Name: "policies"}}
	n := 0
	for line := range bytes.Lines(mustAlerts(t, "cloud-monitoring")) {
		n++
		var p policy
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		q := p.Conditions[0].Query
		r := rules[q.AlertRule]
		if strings.Contains(q.Query, ":rate") || strings.Contains(q.Query, ":ratio") {
			t.Errorf("%s needs a recording rule: %s", q.AlertRule, q.Query)
		}
		if text := p.Documentation.Content + p.Documentation.Subject; strings.Contains(text, "{{") || text == "" {
			t.Errorf("%s: %q", q.AlertRule, text)
		}
		var wait time.Duration
		if r.For != "" {
			if wait, _ = time.ParseDuration(r.For); wait == 0 {
				t.Errorf("%s: no duration in %q", q.AlertRule, r.For)
			}
		}
		if want := fmt.Sprintf("%ds", int(wait.Seconds())); q.Duration != want || int(wait.Seconds())%60 != 0 {
			t.Errorf("%s: duration %s; want %s, in whole minutes", q.AlertRule, q.Duration, want)
		}
		check.Groups[0].Rules = append(check.Groups[0].Rules, rule{Alert: q.AlertRule, Expr: q.Query})
	}
	if n != len(rules)-1 {
		t.Errorf("%d policies of %d alerts; want all but the Watchdog", n, len(rules))
	}
	promtool := program(t, "promtool")
	data, err := yaml.Marshal(check)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, ".", promtool, "check", "rules", path)
}

func TestLinksCanBeChanged(t *testing.T) {
	for _, form := range []string{"prometheus", "gmp", "cloud-monitoring"} {
		out, err := Alerts(form, Links{Grafana: "https://g.acme.test/", Runbooks: "https://r.acme.test/auth"})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"https://g.acme.test/d/why401", "https://r.acme.test/auth/alerts.md#"} {
			if !bytes.Contains(out, []byte(want)) {
				t.Errorf("%s lacks %s", form, want)
			}
		}
		if bytes.Contains(out, []byte(DefaultGrafana)) {
			t.Errorf("%s still links to %s", form, DefaultGrafana)
		}
	}
	if _, err := Alerts("nagios", Links{}); err == nil || !strings.Contains(err.Error(), "prometheus-operator") {
		t.Errorf("unknown form: %v; want the list of forms", err)
	}
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
