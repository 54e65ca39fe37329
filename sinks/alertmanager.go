package sinks

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-openapi/strfmt"
	"github.com/prometheus/alertmanager/api/v2/models"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

// What Alertmanager is told must be told again: an answer of 200 does not
// outlive a crash of it, and what is not repeated ends by itself. So active
// alerts go out every defaultResend and end four times that after the last
// repeat, and ends are repeated for resolvedRetention, as Prometheus does
// (prometheus/rules/alerting.go).
const (
	defaultResend     = 30 * time.Second
	resendsUntilEnd   = 4
	resolvedRetention = 15 * time.Minute
)

// watchdogName is the alertname of the alert that always fires.
const watchdogName = "Why401Watchdog"

func checkAlertmanager(c *Config) []conf.FieldError {
	out := append(c.missing("urls", "the URL of every Alertmanager instance"), c.loginProblems()...)
	seen := map[string]int{}
	for i, u := range c.URLs {
		path := fmt.Sprintf("urls[%d]", i)
		out = append(out, addressProblem(path, u)...)
		if first, ok := seen[u]; ok {
			out = append(out, conf.FieldError{Path: path, Msg: fmt.Sprintf("wanted an instance of its own, found that of urls[%d] again", first), Hint: "list each instance once, and not a load balancer before them"})
		}
		seen[u] = i
	}
	if c.Resend != 0 {
		out = append(out, conf.Between("resend", c.Resend, time.Second, 5*time.Minute)...)
	}
	return out
}

// openAlertmanager gives every instance a queue of its own: each of them must
// hear everything, and they agree among themselves who notifies.
func openAlertmanager(c *Config, o *Outside) ([]outlet, error) {
	resend := cmp.Or(c.Resend, defaultResend)
	var out []outlet
	for i, u := range c.URLs {
		p := newPoster(c, o, strings.TrimRight(u, "/")+"/api/v2/alerts")
		x := outlet{resend: resend, watchdog: c.Watchdog, send: func(ctx context.Context, alerts []analyzer.Alert) error {
			body, err := json.Marshal(alertmanagerAlerts(alerts, time.Now(), resend))
			if err != nil {
				return &Failure{Reason: failPayload, text: "encode alerts: " + err.Error()}
			}
			return p.post(ctx, jsonType, body)
		}}
		if i > 0 {
			x.suffix = fmt.Sprintf("-%d", i+1)
		}
		out = append(out, x)
	}
	return out, nil
}

// alertmanagerQuiet keeps texts from becoming mentions where Alertmanager's
// templates hand them on to a chat without escaping.
var alertmanagerQuiet = strings.NewReplacer("<", "‹", ">", "›")

func alertmanagerAlerts(alerts []analyzer.Alert, now time.Time, resend time.Duration) models.PostableAlerts {
	out := models.PostableAlerts{}
	for i := range alerts {
		a := &alerts[i]
		ends := now.Add(resendsUntilEnd * resend)
		if a.State == analyzer.AlertResolved {
			ends = a.EndsAt
		}
		out = append(out, postable(a, a.Severity, ends))
		if now.Sub(a.Raised) > resolvedRetention {
			continue
		}
		for _, former := range a.Former { // the severity is part of the identity: the milder alert is over
			out = append(out, postable(a, former, a.Raised))
		}
	}
	return out
}

func postable(a *analyzer.Alert, severity analyzer.Level, ends time.Time) *models.PostableAlert {
	p := &models.PostableAlert{
		Annotations: models.LabelSet{}, StartsAt: strfmt.DateTime(a.StartsAt), EndsAt: strfmt.DateTime(ends),
		Alert: models.Alert{Labels: models.LabelSet{}, GeneratorURL: strfmt.URI(a.ReportURL)},
	}
	for k, v := range a.Labels {
		p.Labels[k] = alertmanagerQuiet.Replace(v)
	}
	for k, v := range a.Annotations {
		p.Annotations[k] = alertmanagerQuiet.Replace(v)
	}
	if severity != "" {
		p.Labels["severity"] = string(severity)
	}
	if a.ReportURL != "" {
		p.Annotations["dashboard"] = a.ReportURL
	}
	return p
}

// watchdog always fires, for as long as updates come: when it ends, either
// why401 or the way to Alertmanager is stuck.
func watchdog(start time.Time) analyzer.Alert {
	return analyzer.Alert{
		Fingerprint: watchdogName, Name: watchdogName, State: analyzer.AlertFiring, StartsAt: start,
		Labels:      map[string]string{"alertname": watchdogName, "severity": "none"},
		Annotations: map[string]string{"summary": "why401 looks at the logs and reaches this Alertmanager; tell somebody when this alert ends"},
	}
}
