package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// edge is a time series at the edge of an alert: just beyond a threshold, or
// just below it, and the minutes at which the alert still keeps quiet and at
// which it fires.
type edge struct {
	alert  string
	series string // one a line, as promtool writes them: name values
	quiet  string // eval times, "" for none
	fires  string
}

// decides are the decisions of a service, in counts a minute, in as many
// phases of "minutes accepted refused" as there are lines.
func decides(phases ...[3]float64) string {
	accepted, refused, a, r := "", "", 0.0, 0.0
	for _, p := range phases {
		n := int(p[0])
		accepted += fmt.Sprintf(" %g+%gx%d", a, p[1], n-1)
		refused += fmt.Sprintf(" %g+%gx%d", r, p[2], n-1)
		a, r = a+p[1]*p[0], r+p[2]*p[0]
	}
	const at = `service="a",environment="p"`
	return `why401_auth_outcomes_total{outcome="accepted",` + at + `}` + accepted + "\n" +
		`why401_auth_outcomes_total{outcome="refused",` + at + `}` + refused + "\n" +
		`why401_auth_refusals_total{reason="bad_signature",` + at + `}` + refused
}

const probed = "\nwhy401_probe_status{probe=\"jwks\",service=\"a\",status=\"ok\"} 1x200"

// edges hold every threshold and every wait from both sides.
var edges = []edge{
	// 14.4 times the budget in an hour and in five minutes, of more than 60 decisions.
	{"Why401AuthFailureRate", decides([3]float64{90, 1.696, 0.304}), "", "89m"},
	{"Why401AuthFailureRate", decides([3]float64{90, 1.724, 0.276}), "70m 89m", ""},
	{"Why401AuthFailureRate", decides([3]float64{80, 1.6, 0.4}, [3]float64{8, 1.73, 0.27}), "87m", "75m"},
	{"Why401AuthFailureRate", decides([3]float64{80, 1.74, 0.26}, [3]float64{8, 1.6, 0.4}), "80m 87m", ""},
	{"Why401AuthFailureRate", decides([3]float64{90, 0.45, 0.45}), "89m", ""},
	{"Why401AuthFailureRate", decides([3]float64{90, 0.6, 0.6}), "", "89m"},
	{"Why401AuthFailureRate", decides([3]float64{90, 0, 5}), "89m", ""},
	// Six times the budget in six hours and in thirty minutes, of more than 300.
	{"Why401AuthFailureRate", decides([3]float64{400, 0.888, 0.062}), "", "399m"},
	{"Why401AuthFailureRate", decides([3]float64{380, 0.905, 0.045}, [3]float64{40, 0.85, 0.1}), "419m", ""},
	{"Why401AuthFailureRate", decides([3]float64{380, 0.85, 0.1}, [3]float64{40, 0.896, 0.054}), "419m", "370m"},
	{"Why401AuthFailureRate", decides([3]float64{400, 0.4, 0.4}), "399m", ""},
	// It waits two minutes.
	{"Why401AuthFailureRate", decides([3]float64{60, 20, 0}, [3]float64{60, 0, 20}), "65m", "66m"},

	{"Why401AuthFailureRateSlow", decides([3]float64{500, 2.966, 0.034}), "", "490m"},
	{"Why401AuthFailureRateSlow", decides([3]float64{840, 2.982, 0.018}, [3]float64{360, 2.955, 0.045}), "1199m", ""},
	{"Why401AuthFailureRateSlow", decides([3]float64{840, 2.94, 0.06}, [3]float64{380, 2.973, 0.027}), "1219m", "800m"},
	{"Why401AuthFailureRateSlow", decides([3]float64{490, 1.9, 0.1}), "489m", ""},
	{"Why401AuthFailureRateSlow", decides([3]float64{490, 0, 4}), "489m", ""},
	{"Why401AuthFailureRateSlow", decides([3]float64{500, 2.7, 0.3}), "393m", "394m"},

	{"Why401RefusalsJump", decides([3]float64{300, 20, 0}, [3]float64{20, 18.8, 1.2}), "", "319m"},
	{"Why401RefusalsJump", decides([3]float64{300, 20, 0}, [3]float64{20, 19.2, 0.8}), "319m", ""},
	{"Why401RefusalsJump", decides([3]float64{300, 19.6, 0.4}, [3]float64{20, 18.86, 1.14}), "319m", ""},
	{"Why401RefusalsJump", decides([3]float64{300, 19.8, 0.2}, [3]float64{15, 18.8, 1.2}), "", "314m"},
	{"Why401RefusalsJump", decides([3]float64{300, 11, 0}, [3]float64{20, 5.5, 5.5}), "", "319m"},
	{"Why401RefusalsJump", decides([3]float64{300, 9, 0}, [3]float64{20, 4.5, 4.5}), "319m", ""},
	{"Why401RefusalsJump", decides([3]float64{300, 20, 0}, [3]float64{20, 0, 20}), "305m", "306m"},

	{"Why401HealthScoreLow", `why401_config_health_score{environment="p"} 79x60` + probed, "14m", "15m"},
	{"Why401HealthScoreLow", `why401_config_health_score{environment="p"} 81x60` + probed, "40m", ""},
	{"Why401HealthScoreLow", `why401_config_health_score{environment="p"} 10x60`, "40m", ""},
	{"Why401HealthScoreCritical", `why401_config_health_score{environment="p"} 49x60` + probed, "4m", "5m"},
	{"Why401HealthScoreCritical", `why401_config_health_score{environment="p"} 51x60` + probed, "40m", ""},
	{"Why401ProbeFailing", `why401_probe_status{probe="jwks",service="a",status="fail"} 1x60`, "9m", "10m"},
	{"Why401ProbeFailing", `why401_probe_status{probe="jwks",service="a",status="fail"} 0x60`, "40m", ""},
	{"Why401ProbeBlind", `why401_probe_status{probe="jwks",service="a",status="unknown"} 1x60`, "29m", "30m"},
	{"Why401ProbeBlind", `why401_probe_status{probe="jwks",service="a",status="unknown"} 0x60`, "40m", ""},

	{"Why401SecretUnavailable", `why401_incidents_open{cause="key.secret_missing",severity="critical",verdict="probable"} 0 1x5`, "0m", "1m"},
	{"Why401SecretUnavailable", "why401_incidents_open{cause=\"key.secret_missing\",severity=\"critical\",verdict=\"probable\"} 1x5\nwhy401_alerting_direct 1x5", "3m", ""},
	{"Why401SecretTooShort", `why401_incidents_open{cause="key.too_short",severity="critical",verdict="probable"} 0 1x5`, "0m", "1m"},
	{"Why401SecretTooShort", "why401_incidents_open{cause=\"key.too_short\",severity=\"critical\",verdict=\"probable\"} 1x5\nwhy401_alerting_direct 1x5", "3m", ""},
	{"Why401ConfigDrift", `why401_incidents_open{cause="key.stale_cache",severity="error",verdict="probable"} 0 1x5`, "0m", "1m"},
	{"Why401ConfigDrift", "why401_incidents_open{cause=\"key.stale_cache\",severity=\"error\",verdict=\"probable\"} 1x5\nwhy401_alerting_direct 1x5", "3m", ""},
	{"Why401IncidentOpen", `why401_incidents_open{cause="claim.type_invalid",severity="error",verdict="probable"} 0 1x5`, "0m 1m", "2m"},
	{"Why401IncidentOpen", "why401_incidents_open{cause=\"claim.type_invalid\",severity=\"error\",verdict=\"probable\"} 1x5\nwhy401_alerting_direct 1x5", "3m", ""},
	{"Why401RotationDetected", `why401_secret_last_rotation_timestamp_seconds{secret="s"} 0x60`, "15m", "14m"},

	{"Why401Watchdog", `why401_diagnosis_timestamp_seconds 0x20`, "2m", "1m"},
	{"Why401Down", `up 0x20`, "4m", "5m"},
	{"Why401DiagnosisStuck", `why401_diagnosis_timestamp_seconds 0x20`, "4m", "5m"},
	{"Why401InputStale", "why401_ingest_lag_seconds 840+60x20\nwhy401_build_info 1x20", "6m", "7m"},
	{"Why401Backlog", "why401_commit_delay_seconds_bucket{le=\"60\"} 0+8x30\nwhy401_commit_delay_seconds_bucket{le=\"120\"} 0+10x30\nwhy401_commit_delay_seconds_bucket{le=\"+Inf\"} 0+10x30", "10m", "11m"},
	{"Why401Backlog", "why401_commit_delay_seconds_bucket{le=\"30\"} 0+8x30\nwhy401_commit_delay_seconds_bucket{le=\"60\"} 0+10x30\nwhy401_commit_delay_seconds_bucket{le=\"+Inf\"} 0+10x30", "29m", ""},
	{"Why401QuarantineGrowing", `why401_entries_total{result="malformed"} 0+0.2x90`, "", "90m"},
	{"Why401QuarantineGrowing", `why401_entries_total{result="malformed"} 0+0.15x90`, "90m", ""},
	{"Why401QuarantineGrowing", "why401_entries_total{result=\"malformed\"} 0+1x90\nwhy401_entries_total{result=\"committed\"} 0+900x90", "", "90m"},
	{"Why401QuarantineGrowing", "why401_entries_total{result=\"malformed\"} 0+1x90\nwhy401_entries_total{result=\"committed\"} 0+1100x90", "90m", ""},
	{"Why401QuarantineGrowing", `why401_entries_total{result="malformed"} 0x60 20x30`, "65m", "66m"},
	{"Why401UnmatchedGrowing", `why401_entries_unmatched_total{service="a"} 0x400 110x60`, "430m", "431m"},
	{"Why401UnmatchedGrowing", `why401_entries_unmatched_total{service="a"} 0x400 90x60`, "450m", ""},
	{"Why401SinkFailing", `why401_sink_up{sink="slack"} 0x20`, "9m", "10m"},
	{"Why401SinkFailing", `why401_sink_up{sink="slack"} 1x20`, "15m", ""},
	{"Why401StoreFailing", `why401_store_errors_total 0x5 1x20`, "7m", "8m"},
	{"Why401RuleSetsDiffer", "why401_rules_info{hash=\"a\"} 1x20\nwhy401_rules_info{hash=\"b\"} 1x20", "9m", "10m"},
	{"Why401RuleSetsDiffer", `why401_rules_info{hash="a"} 1x20`, "15m", ""},
	{"Why401LabelOverflow", `why401_label_overflow_total{label="service"} 1x20`, "14m", "15m"},
}

// promtoolOf writes edges as a file of promtool: whether an alert fires is
// whether Prometheus says so.
func promtoolOf(t *testing.T, rules string, list []edge) []byte {
	t.Helper()
	type expr struct {
		Expr    string           `yaml:"expr"`
		At      string           `yaml:"eval_time"`
		Samples []map[string]any `yaml:"exp_samples"`
	}
	type unit struct {
		Name     string              `yaml:"name"`
		Interval string              `yaml:"interval"`
		Series   []map[string]string `yaml:"input_series"`
		Exprs    []expr              `yaml:"promql_expr_test"`
	}
	var units []unit
	for i, e := range list {
		u := unit{Name: fmt.Sprintf("%s %d", e.alert, i), Interval: "1m"}
		for line := range strings.Lines(e.series) {
			name, values, _ := strings.Cut(strings.TrimSpace(line), " ")
			u.Series = append(u.Series, map[string]string{"series": name, "values": values})
		}
		for value, times := range map[int]string{0: e.quiet, 1: e.fires} {
			for _, at := range strings.Fields(times) {
				u.Exprs = append(u.Exprs, expr{fmt.Sprintf(`count(ALERTS{alertname=%q,alertstate="firing"}) or vector(0)`, e.alert), at, []map[string]any{{"labels": "{}", "value": value}}})
			}
		}
		units = append(units, u)
	}
	data, err := yaml.Marshal(map[string]any{"rule_files": []string{rules}, "evaluation_interval": "1m", "tests": units})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// passes lets promtool judge edges under rules.
func passes(t *testing.T, promtool, rules string, list []edge) (string, bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "edges.yaml")
	if err := os.WriteFile(path, promtoolOf(t, rules, list), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(promtool, "test", "rules", path).CombinedOutput()
	return string(out), err == nil
}

// ruleOf finds the file that holds an alert.
func ruleOf(t *testing.T, alert string) string {
	t.Helper()
	files, _ := filepath.Glob("rules/*.yaml")
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "alert: "+alert+"\n") {
			path, err := filepath.Abs(f)
			if err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	t.Fatalf("no rule %s", alert)
	return ""
}

func edgesOf(alert string) []edge {
	var out []edge
	for _, e := range edges {
		if e.alert == alert {
			out = append(out, e)
		}
	}
	return out
}

// Every alert fires just beyond its thresholds and waits, and keeps quiet
// just below them.
func TestAlertEdges(t *testing.T) {
	promtool := program(t, "promtool")
	for _, r := range alertRules(t) {
		t.Run(r.Alert, func(t *testing.T) {
			if strings.HasSuffix(ruleOf(t, r.Alert), "failure_rate.yaml") && os.Getenv("WHY401_REQUIRE_REAL") == "" {
				t.Skip("evaluates days; WHY401_REQUIRE_REAL=1 runs it")
			}
			t.Parallel()
			list := edgesOf(r.Alert)
			quiet, fires := 0, 0
			for _, e := range list {
				quiet, fires = quiet+len(strings.Fields(e.quiet)), fires+len(strings.Fields(e.fires))
			}
			if quiet == 0 || fires == 0 {
				t.Fatalf("%d edges at which it keeps quiet, %d at which it fires; want both", quiet, fires)
			}
			if out, ok := passes(t, promtool, ruleOf(t, r.Alert), list); !ok {
				t.Error(out)
			}
		})
	}
}

// numbers of an alert's rule that can be wrong: what is compared with, what
// it is multiplied by, and how long it waits.
var numbers = regexp.MustCompile(`(?:[<>]=?|==|\*) \(?([0-9.]+)\b|([0-9.]+) \*|\bfor: ([0-9]+)`)

// changed lists the rule files that result from half and twice each number of
// an alert's rule, by what was changed. Zeros, and the lengths of windows in
// seconds, are left alone: they are no choice.
func changed(t *testing.T, text, alert string) map[string]string {
	t.Helper()
	begin := strings.Index(text, "alert: "+alert+"\n")
	end := begin + strings.Index(text[begin:], "labels:")
	out := map[string]string{}
	for _, m := range numbers.FindAllStringSubmatchIndex(text[begin:end], -1) {
		for g := 2; g < len(m); g += 2 {
			if m[g] < 0 {
				continue
			}
			from, to := begin+m[g], begin+m[g+1]
			old, err := strconv.ParseFloat(text[from:to], 64)
			if err != nil || old == 0 || strings.Contains(" 300 3600 21600 259200 ", " "+text[from:to]+" ") && strings.HasSuffix(text[:from], "* ") {
				continue
			}
			for _, factor := range []float64{0.5, 2} {
				now := strconv.FormatFloat(old*factor, 'f', -1, 64)
				if g == 6 && old*factor < 1 {
					continue // a wait is a whole number
				}
				if g == 6 {
					now = strconv.Itoa(int(old * factor))
				}
				line := text[strings.LastIndexByte(text[:from], '\n')+1 : to+strings.IndexByte(text[to:], '\n')]
				out[fmt.Sprintf("%s for %s at %d in: %s", now, text[from:to], from, strings.TrimSpace(line))] = text[:from] + now + text[to:]
			}
		}
	}
	return out
}

// Half or twice any number of any alert, and an edge is missed
// (make mutation).
func TestAlertMutation(t *testing.T) {
	if os.Getenv("WHY401_MUTATION") == "" {
		t.Skip("takes minutes: make mutation")
	}
	promtool, total := program(t, "promtool"), 0
	for _, r := range alertRules(t) {
		file := ruleOf(t, r.Alert)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range changed(t, string(data), r.Alert) {
			path := filepath.Join(t.TempDir(), "rules.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			total++
			if _, ok := passes(t, promtool, path, edgesOf(r.Alert)); ok {
				t.Errorf("%s: nobody misses %s", r.Alert, what)
			}
		}
	}
	t.Logf("%d changes of thresholds and waits", total)
}
