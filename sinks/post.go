package sinks

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"time"

	"github.com/why401/why401/analyzer"
)

// poster sends one body with one request. Each sink has its own, so that a
// connection that hangs is nobody else's.
type poster struct {
	client *http.Client
	kind   string
	url    secret // or plain
	plain  string
	token  secret
	user   string
	pass   secret
}

// newClient returns a client that follows no redirection: it would carry our
// credentials elsewhere.
func newClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	t.MaxIdleConnsPerHost = 1
	t.IdleConnTimeout = 30 * time.Second
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func newPoster(c *Config, o *Outside, plain string) *poster {
	return &poster{
		client: newClient(), kind: c.Kind, plain: plain, url: secret{c.URL, o.Getenv},
		token: secret{c.Token, o.Getenv}, user: c.Username, pass: secret{c.Password, o.Getenv},
	}
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 4 << 10

// post sends a body. The error is a Failure. More secrets of the body go into
// hide, in case the other side repeats them.
func (p *poster) post(ctx context.Context, contentType string, body []byte, hide ...string) error {
	doing := "post to " + p.kind
	target, token, pass := p.plain, "", ""
	for _, s := range []struct {
		to   *string
		read func() (string, error)
		has  bool
	}{{&target, p.url.readURL, p.url.ref != ""}, {&token, p.token.read, true}, {&pass, p.pass.read, true}} {
		if !s.has {
			continue
		}
		v, err := s.read()
		if err != nil {
			return unread(err)
		}
		*s.to = v
	}
	hide = append(hide, token, pass, p.user+":"+pass)
	if p.url.ref != "" {
		hide = append(hide, target)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return &Failure{Reason: failPayload, text: failed(doing, err, hide...).text}
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", "why401/"+version())
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if p.user != "" {
		r.SetBasicAuth(p.user, pass)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return failed(doing, err, hide...)
	}
	defer answer.Body.Close() // read as far as we want
	said, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil && answer.StatusCode < 300 {
		return failed(doing, err, hide...)
	}
	return answered(doing, answer, string(said), hide...)
}

// title is the first line of a message.
func title(a *analyzer.Alert) string {
	t := "FIRING " + string(a.Severity)
	if a.State == analyzer.AlertResolved {
		t = "RESOLVED"
	}
	if cause := a.Annotations["cause"]; cause != "" {
		t += ": " + cause
		if v := a.Annotations["verdict"]; v != "" {
			t += " (" + v + ")"
		}
	}
	for _, k := range []string{"key_domain", "environment"} {
		if v := a.Labels[k]; v != "" {
			t += " " + v
		}
	}
	return analyzer.Excerpt(t, 150)
}

// span says from when to when, in UTC.
func span(a *analyzer.Alert) string {
	const layout = "2006-01-02 15:04:05Z"
	s := "since " + a.StartsAt.UTC().Format(layout)
	if a.State == analyzer.AlertResolved {
		s = "from " + a.StartsAt.UTC().Format(layout) + " to " + a.EndsAt.UTC().Format(layout)
	}
	return s
}

// part is one paragraph of a message.
type part struct{ title, text string }

// parts are the paragraphs of a message, the most important first. What is
// empty is left out.
func parts(a *analyzer.Alert) []part {
	all := []part{
		{"", a.Annotations["summary"]}, {"When", span(a)}, {"Services", a.Annotations["services"]}, {"Could be", a.Annotations["candidates"]},
		{"Why we say so", a.Annotations["description"]}, {"Do", a.Annotations["do"]},
	}
	if a.State == analyzer.AlertResolved {
		all = all[:3]
	}
	out := all[:0]
	for _, p := range all {
		if p.text != "" {
			out = append(out, p)
		}
	}
	return out
}
