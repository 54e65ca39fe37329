package sinks

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/why401/why401/analyzer"
)

var rewrite = flag.Bool("update", os.Getenv("UPDATE") != "", "write the golden files anew")

// TestConformance holds every kind of sink to the same promises.
func TestConformance(t *testing.T) {
	for _, kind := range Kinds() {
		t.Run(kind, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, string){
				"answers": testAnswers, "payload": testPayload, "timeout": testTimeout, "cancellation": testCancellation, "away": testAway,
				"no secret in errors": testNoSecret, "hostile texts": testHostile, "secret that cannot be read": testUnreadSecret,
			} {
				t.Run(name, func(t *testing.T) { test(t, kind) })
			}
		})
	}
}

// answers lists, for each protocol, what an answer means.
type answer struct {
	code  int
	ok    bool
	retry bool
}

func answersOf(kind string) []answer {
	switch kind {
	case "email": // RFC 5321 section 4.2.3
		return []answer{{0, true, false}, {421, false, true}, {450, false, true}, {451, false, true}, {452, false, true}, {500, false, false}, {535, false, false}, {550, false, false}, {552, false, false}, {554, false, false}}
	case "cloudlogging": // google.rpc.Code
		var out []answer
		for c := codes.Canceled; c <= codes.Unauthenticated; c++ {
			retry := c == codes.DeadlineExceeded || c == codes.Canceled || c == codes.ResourceExhausted || c == codes.Unavailable || c == codes.Internal || c == codes.Aborted || c == codes.Unknown
			if c != codes.Unavailable && c != codes.DeadlineExceeded && c != codes.Internal { // which the library itself tries again until the time is over
				out = append(out, answer{int(c), false, retry})
			}
		}
		return append(out, answer{0, true, false})
	}
	var out []answer
	retried := map[int]bool{408: true, 423: true, 425: true, 429: true, 500: true, 502: true, 503: true, 504: true, 507: true, 511: true, 520: true, 522: true, 529: true, 599: true}
	for _, c := range []int{
		200, 201, 202, 204, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451,
		500, 501, 502, 503, 504, 505, 507, 508, 510, 511, 520, 522, 529, 599,
	} {
		out = append(out, answer{c, c < 300, retried[c]})
	}
	return out
}

func testAnswers(t *testing.T, kind string) {
	r := rig(t, kind)
	for _, a := range answersOf(kind) {
		r.say(a.code, http.Header{"Location": {"http://127.0.0.1:1/elsewhere"}, "Retry-After": {"7"}})
		before := len(r.all())
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := r.send(t, ctx, testAlert(analyzer.AlertFiring))
		cancel()
		var f *Failure
		switch {
		case a.ok && err != nil:
			t.Errorf("answer %d: %v; want success", a.code, err)
		case a.ok:
		case !errors.As(err, &f):
			t.Errorf("answer %d: error %v; want a Failure", a.code, err)
		case f.Retry != a.retry:
			t.Errorf("answer %d: retry %v (%v); want %v", a.code, f.Retry, err, a.retry)
		case strings.HasPrefix(kind, "cloud") || kind == "email":
		case a.code == 429 && f.Reason != failLimited:
			t.Errorf("answer 429: reason %s; want %s", f.Reason, failLimited)
		case f.Retry && f.After != 7*time.Second:
			t.Errorf("answer %d: wait of %v; want the 7 s of Retry-After", a.code, f.After)
		}
		if n := len(r.all()) - before; n != 1 {
			t.Errorf("answer %d: %d requests; want 1", a.code, n)
		}
	}
}

func testTimeout(t *testing.T, kind string) {
	r := rig(t, kind)
	r.stall(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := r.send(t, ctx, testAlert(analyzer.AlertFiring))
	var f *Failure
	if !errors.As(err, &f) || !f.Retry || f.Reason != failTimeout {
		t.Errorf("a receiver that hangs: %#v; want a timeout that is tried again", err)
	}
}

func testCancellation(t *testing.T, kind string) {
	r := rig(t, kind)
	r.stall(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	done := make(chan error, 1)
	go func() { done <- r.send(t, ctx, testAlert(analyzer.AlertFiring)) }()
	select {
	case err := <-done:
		var f *Failure
		if !errors.As(err, &f) || f.Reason != failCancelled {
			t.Errorf("cancelled: %v; want reason %s", err, failCancelled)
		}
	case <-time.After(30 * time.Second):
		t.Error("cancelling did not end the attempt within 30 s")
	}
}

// testAway: nobody listens.
func testAway(t *testing.T, kind string) {
	r := rig(t, kind)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // so that nobody does
	r.redirect(t, address)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err = r.send(t, ctx, testAlert(analyzer.AlertFiring))
	var f *Failure
	if !errors.As(err, &f) || !f.Retry || f.Reason != failNetwork && f.Reason != failTimeout {
		t.Errorf("nobody listens: %#v; want a network failure that is tried again", err)
	}
	r.mustHide(t, fmt.Sprint(err))
}

// redirect leads the sink to another address.
func (r *receiver) redirect(t *testing.T, address string) {
	old := ""
	if r.roots != nil && r.config.Kind != "email" {
		old = strings.TrimPrefix(r.roots.URL, "http://")
	}
	c := &r.config
	switch {
	case c.Kind == "email":
		c.Host = address
	case c.Kind == "cloudlogging":
		c.Endpoint = address
	case strings.HasPrefix(c.URL, "file:"):
		name := strings.TrimPrefix(c.URL, "file:")
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(strings.Replace(string(data), old, address, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range c.URLs {
		c.URLs[i] = strings.Replace(c.URLs[i], old, address, 1)
	}
	if old != "" {
		c.Endpoint = strings.Replace(c.Endpoint, old, address, 1)
		for k, v := range r.env {
			r.env[k] = strings.Replace(v, old, address, 1)
		}
	}
}

func (r *receiver) mustHide(t *testing.T, text string) {
	t.Helper()
	for _, h := range r.hidden {
		if strings.Contains(text, h) {
			t.Errorf("shows a secret: %s", text)
		}
	}
}

// testNoSecret lets the receiver repeat all that it was sent.
func testNoSecret(t *testing.T, kind string) {
	r := rig(t, kind)
	r.echo = true
	for _, code := range []int{400, 401, 500, 503} {
		if kind == "cloudlogging" {
			code = int(codes.PermissionDenied)
		}
		r.say(code, nil)
		err := r.send(t, t.Context(), testAlert(analyzer.AlertFiring))
		if err == nil {
			t.Fatalf("answer %d: no error", code)
		}
		r.mustHide(t, err.Error())
		r.mustHide(t, fmt.Sprintf("%+v %#v", err, err))
		if len(err.Error()) > 400 {
			t.Errorf("error of %d bytes; want a bounded one", len(err.Error()))
		}
	}
	// The server turns away a wrong password and shows it.
	if name, ok := strings.CutPrefix(r.config.Password, "env:"); ok && kind == "email" {
		right := r.env[name]
		outlets, err := openEmail(&r.config, &Outside{Getenv: func(string) string { return "wrong-" + right }, mailTLS: r.outside(nil, nil).mailTLS})
		if err != nil {
			t.Fatal(err)
		}
		err = outlets[0].send(t.Context(), []analyzer.Alert{testAlert(analyzer.AlertFiring)})
		var f *Failure
		if !errors.As(err, &f) || f.Retry {
			t.Errorf("wrong password: %v; want a failure that is not tried again soon", err)
		}
		r.mustHide(t, fmt.Sprint(err))
	}
}

func testUnreadSecret(t *testing.T, kind string) {
	r := rig(t, kind)
	if len(r.env) == 0 && r.config.URL == "" {
		return // needs none
	}
	clear(r.env)
	if strings.HasPrefix(r.config.URL, "file:") {
		r.config.URL = "file:" + filepath.Join(t.TempDir(), "none")
	}
	err := r.send(t, t.Context(), testAlert(analyzer.AlertFiring))
	var f *Failure
	if !errors.As(err, &f) || f.Reason != failSecret || f.Retry {
		t.Errorf("without its secret: %v; want reason %s", err, failSecret)
	}
	if len(r.all()) > 0 {
		t.Error("something was sent without the secret")
	}
}

// testHostile sends what logs may hold; each medium must show it as text.
func testHostile(t *testing.T, kind string) {
	for _, text := range []string{
		"<!channel> <@U123> @everyone <http://evil.example|click>", "\"}],\"x\":[{\"", "a\r\nBcc: evil@example.com\r\n\r\nbody", "\x1b[2J\x00\x07", "\u202egpj.exe", "</pre><script>alert(1)</script>",
		"{{ .Secret }} ${HOME} %s%n", "[x](http://evil.example) *b* _i_ `c`", "\xff\xfe", strings.Repeat("A", 100_000), ".\r\nQUIT",
	} {
		r := rig(t, kind)
		a := testAlert(analyzer.AlertFiring)
		for k := range a.Annotations {
			a.Annotations[k] = analyzer.Excerpt(text, 1000) // as Derive does
		}
		a.Labels["key_domain"] = analyzer.Excerpt(text, 200)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := r.send(t, ctx, a)
		cancel()
		if err != nil {
			t.Errorf("%.40q: %v", text, err)
			continue
		}
		got := r.all()[0]
		if strings.ContainsAny(got, "\x00\x1b\x07\u202e") {
			t.Errorf("%.40q: control characters come through: %.200q", text, got)
		}
		head, body, _ := strings.Cut(got, "\n\n")
		switch kind {
		case "email":
			if strings.Contains(head, "\nBcc:") || !strings.Contains(head, "Content-Type: text/plain") {
				t.Errorf("%.40q: headers %s", text, head)
			}
		case "slack":
			var m slackBody
			if err := json.Unmarshal([]byte(body), &m); err != nil {
				t.Errorf("%.40q: no JSON: %v", text, err)
			}
			if strings.ContainsAny(m.Text, "<>") || strings.Contains(m.Text, "@everyone") || strings.Contains(m.Text, "://evil") {
				t.Errorf("%.40q: markup comes through: %s", text, m.Text)
			}
			for _, b := range m.Blocks {
				if b.Text.Type == "mrkdwn" && strings.Contains(b.Text.Text, "evil") {
					t.Errorf("%.40q: a text became markup: %+v", text, b)
				}
			}
		case "alertmanager":
			if strings.Contains(body, "<") || strings.Contains(body, `\u003c`) {
				t.Errorf("%.40q: markup comes through: %s", text, body)
			}
			fallthrough
		case "pagerduty", "webhook":
			if !json.Valid([]byte(body)) {
				t.Errorf("%.40q: no JSON: %.300s", text, body)
			}
		}
	}
}

// volatile is what differs from run to run.
var volatile = regexp.MustCompile(`(?m)^(Date|User-Agent|X-Mailer|Authorization): .*$|"endsAt": "20[^"]*"`)

func testPayload(t *testing.T, kind string) {
	r := rig(t, kind)
	var out strings.Builder
	for _, state := range []analyzer.AlertState{analyzer.AlertFiring, analyzer.AlertResolved} {
		if err := r.send(t, t.Context(), testAlert(state)); err != nil {
			t.Fatal(err)
		}
	}
	for _, got := range r.all() {
		head, body, _ := strings.Cut(got, "\n\n")
		var v any
		if json.Unmarshal([]byte(body), &v) == nil {
			data, err := json.MarshalIndent(v, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			body = string(data)
		} else if json.Unmarshal([]byte(got), &v) == nil { // protojson varies its spaces
			data, err := json.MarshalIndent(v, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			head, body = "WriteLogEntries", string(data)
		}
		fmt.Fprintf(&out, "%s\n\n%s\n----\n", head, body)
	}
	text := out.String()
	for _, h := range r.hidden {
		text = strings.ReplaceAll(text, h, "SECRET")
	}
	text = volatile.ReplaceAllStringFunc(text, func(s string) string {
		if name, _, ok := strings.Cut(s, ": "); ok && !strings.Contains(s, "2026-11-23T14:21") {
			return name + ": …"
		}
		return s
	})
	file := filepath.Join("testdata", "payload", kind+".golden")
	if *rewrite {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("payload (-want +got); UPDATE=1 writes %s anew:\n%s", file, diff)
	}
}
