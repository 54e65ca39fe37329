package sinks

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

// pagerDutyEndpoint is that of the Events API v2 in the US service region;
// the EU's is https://events.eu.pagerduty.com/v2/enqueue.
const pagerDutyEndpoint = "https://events.pagerduty.com/v2/enqueue"

func checkPagerDuty(c *Config) []conf.FieldError {
	out := c.missing("key", "env:NAME or file:PATH of the routing key")
	if c.Endpoint != "" {
		out = append(out, addressProblem("endpoint", c.Endpoint)...)
	}
	return out
}

// openPagerDuty triggers and resolves an incident of PagerDuty for each alert.
func openPagerDuty(c *Config, o *Outside) ([]outlet, error) {
	p := newPoster(c, o, cmp.Or(c.Endpoint, pagerDutyEndpoint))
	routing := secret{c.Key, o.Getenv}
	return single(func(ctx context.Context, a *analyzer.Alert) error {
		key, err := routing.read()
		if err != nil {
			return unread(err)
		}
		event := pagerDutyMessage(a)
		event.RoutingKey = key
		body, err := json.Marshal(event)
		if err != nil {
			return &Failure{Reason: failPayload, text: "encode event: " + err.Error()}
		}
		return p.post(ctx, "application/json", body, key)
	}), nil
}

type pagerDutyEvent struct {
	RoutingKey string            `json:"routing_key"`
	Action     string            `json:"event_action"`
	DedupKey   string            `json:"dedup_key"` // what makes trigger and resolve one incident
	Client     string            `json:"client,omitempty"`
	ClientURL  string            `json:"client_url,omitempty"`
	Payload    *pagerDutyPayload `json:"payload,omitempty"`
	Links      []pagerDutyLink   `json:"links,omitempty"`
}

type pagerDutyPayload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  analyzer.Level    `json:"severity"` // the same four words as ours
	Timestamp string            `json:"timestamp"`
	Component string            `json:"component,omitempty"`
	Group     string            `json:"group,omitempty"`
	Class     string            `json:"class,omitempty"`
	Details   map[string]string `json:"custom_details"`
}

type pagerDutyLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

func pagerDutyMessage(a *analyzer.Alert) pagerDutyEvent {
	e := pagerDutyEvent{Action: "trigger", DedupKey: "why401-" + a.Fingerprint}
	if a.State == analyzer.AlertResolved {
		e.Action = "resolve"
		return e
	}
	e.Client, e.ClientURL = "why401", a.ReportURL
	details := map[string]string{}
	for _, p := range parts(a) {
		if p.title != "" {
			details[p.title] = p.text
		}
	}
	e.Payload = &pagerDutyPayload{
		Summary: analyzer.Excerpt(title(a)+": "+a.Annotations["summary"], 1024), Source: cmp.Or(a.Labels["environment"], "why401"), Severity: a.Severity,
		Timestamp: a.StartsAt.UTC().Format(time.RFC3339), Component: a.Annotations["services"], Group: a.Labels["key_domain"], Class: a.Annotations["cause"], Details: details,
	}
	if a.ReportURL != "" {
		e.Links = []pagerDutyLink{{a.ReportURL, "Report"}}
	}
	return e
}
