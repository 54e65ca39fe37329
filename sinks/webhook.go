package sinks

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

const jsonType = "application/json"

// defaultBody is the alert as JSON, under a version of its own.
const defaultBody = `{"version":1,"alert":{{ json . }}}`

// maxBody bounds what a template may write, in bytes.
const maxBody = 1 << 20

func checkWebhook(c *Config) []conf.FieldError {
	out := append(c.missing("url", "env:NAME or file:PATH of the URL"), c.loginProblems()...)
	t, err := webhookTemplate(c)
	if err != nil {
		return append(out, conf.FieldError{Path: "template", Msg: "wanted a text/template: " + err.Error()})
	}
	hostile := sampleAlert(`"}],<!channel>\` + "\n{{")
	for _, a := range []analyzer.Alert{sampleAlert("x"), hostile} {
		body, err := render(t, &a)
		switch {
		case err != nil:
			return append(out, conf.FieldError{Path: "template", Msg: "wanted a template over an alert: " + err.Error(), Hint: "fields: Fingerprint, Name, Severity, State, Labels, Annotations, StartsAt, EndsAt, ReportURL; functions: json, title, text"})
		case strings.HasPrefix(cmp.Or(c.Type, jsonType), jsonType) && !json.Valid(body):
			return append(out, conf.FieldError{Path: "template", Msg: "wanted JSON whatever the texts hold, found something else", Hint: `write {{ json .Annotations.summary }} without quotes around it, or set content_type`})
		}
	}
	return out
}

// openWebhook posts the alert as JSON, or as what a template makes of it.
func openWebhook(c *Config, o *Outside) ([]outlet, error) {
	t, err := webhookTemplate(c)
	if err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	p := newPoster(c, o, "")
	contentType := cmp.Or(c.Type, jsonType)
	return single(func(ctx context.Context, a *analyzer.Alert) error {
		body, err := render(t, a)
		if err != nil {
			return &Failure{Reason: failPayload, text: "write body: " + err.Error()}
		}
		return p.post(ctx, contentType, body)
	}), nil
}

func webhookTemplate(c *Config) (*template.Template, error) {
	return template.New("webhook").Option("missingkey=zero").Funcs(template.FuncMap{
		"json": func(v any) (string, error) {
			data, err := json.Marshal(v)
			return string(data), err
		},
		"title": func(a *analyzer.Alert) string { return title(a) },
		"text":  message,
	}).Parse(cmp.Or(c.Template, defaultBody))
}

// message is an alert as lines of plain text.
func message(a *analyzer.Alert) string {
	lines := []string{title(a), ""}
	for _, p := range parts(a) {
		if p.title != "" {
			p.title += ": "
		}
		lines = append(lines, p.title+analyzer.EscapeTerminal(p.text), "")
	}
	if a.ReportURL != "" {
		lines = append(lines, "Report: "+a.ReportURL)
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
}

func render(t *template.Template, a *analyzer.Alert) ([]byte, error) {
	var b bytes.Buffer
	if err := t.Execute(&bounded{&b, maxBody}, a); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// bounded refuses to grow beyond n bytes.
type bounded struct {
	b *bytes.Buffer
	n int
}

func (w *bounded) Write(p []byte) (int, error) {
	if w.b.Len()+len(p) > w.n {
		return 0, fmt.Errorf("more than %d bytes", w.n)
	}
	return w.b.Write(p)
}

// sampleAlert has all that an alert can have, with one text everywhere.
func sampleAlert(s string) analyzer.Alert {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	a := analyzer.Alert{
		Fingerprint: "0123456789abcdef", Name: analyzer.AlertName, Severity: analyzer.LevelError, State: analyzer.AlertFiring, StartsAt: at, EndsAt: at,
		ReportURL: "https://why401.example/incidents/0123", Labels: map[string]string{}, Annotations: map[string]string{},
	}
	for _, k := range []string{"alertname", "severity", "incident", "environment", "key_domain"} {
		a.Labels[k] = s
	}
	for _, k := range []string{"summary", "description", "cause", "verdict", "services", "do", "candidates"} {
		a.Annotations[k] = s
	}
	return a
}
