package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
	"github.com/why401/why401/analyzer/probe"
	"github.com/why401/why401/rules"
)

// verdict is what a library makes of a token: nothing wrong, or its error.
type verdict struct {
	OK   bool
	Name string // class of the error
	Text string
}

// verifiers start the real libraries of other languages, by their script in
// testdata/verifiers.
var verifiers = map[string][]string{
	"PyJWT":        {"/usr/bin/python3", "verify.py", "PyJWT"},
	"python-jose":  {"/usr/bin/python3", "verify.py", "python-jose"},
	"Authlib":      {"/usr/bin/python3", "verify.py", "Authlib"},
	"ruby-jwt":     {"ruby", "ruby-jwt.rb"},
	"Crypt::JWT":   {"perl", "crypt-jwt.pl"},
	"jsonwebtoken": {"node", "jsonwebtoken.js"},
	"jose":         {"node", "jose.js"},
}

// library starts one of them. Where it is not installed the test goes on
// without, or fails under WHY401_REQUIRE_REAL.
func library(t *testing.T, name string) func(token string, secret []byte) (verdict, error) {
	t.Helper()
	argv := verifiers[name]
	cmd := exec.CommandContext(t.Context(), argv[0], append([]string{"testdata/verifiers/" + argv[1]}, argv[2:]...)...)
	if root, err := exec.Command("npm", "root", "-g").Output(); err == nil && argv[0] == "node" {
		cmd.Env = append(os.Environ(), "NODE_PATH="+strings.TrimSpace(string(root)))
	}
	var failure strings.Builder
	cmd.Stderr = &failure
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	missing := func(why string) func(string, []byte) (verdict, error) {
		if os.Getenv("WHY401_REQUIRE_REAL") != "" {
			t.Fatalf("%s is required and does not run (sh .ci/deps installs it): %s", name, why)
		}
		t.Logf("without %s: %s", name, why)
		return nil
	}
	if err := cmd.Start(); err != nil {
		return missing(err.Error())
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewReader(out)
	var turn sync.Mutex
	ask := func(token string, secret []byte) (verdict, error) {
		turn.Lock()
		defer turn.Unlock()
		if err := json.NewEncoder(in).Encode(map[string]string{"token": token, "secret": base64.StdEncoding.EncodeToString(secret)}); err != nil {
			return verdict{}, err
		}
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return verdict{}, err
		}
		var v verdict
		return v, json.Unmarshal(line, &v)
	}
	if _, err := ask("no.to.ken", []byte("secret")); err != nil {
		return missing(strings.TrimSpace(failure.String()) + " " + err.Error())
	}
	return ask
}

// golangJWT is the library that runs in this process.
func golangJWT(token string, secret []byte) (verdict, error) {
	_, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return secret, nil }, jwt.WithValidMethods([]string{"HS256"}))
	if err != nil {
		return verdict{Text: err.Error()}, nil
	}
	return verdict{OK: true}, nil
}

// bent are things that happen to a secret on its way, and the words in which
// they must be named. An empty result: it cannot happen to this value.
var bent = []struct {
	name, want string
	bend       func(string) string
}{
	{"as it is", "", func(s string) string { return s }},
	{"echo", "with a trailing newline", func(s string) string { return s + "\n" }},
	{"Windows", "with a trailing CRLF", func(s string) string { return s + "\r\n" }},
	{"a space pasted", "with a trailing space", func(s string) string { return s + " " }},
	{"a space before", "with a leading space", func(s string) string { return " " + s }},
	{"double quotes", "in double quotes", func(s string) string { return `"` + s + `"` }},
	{"single quotes", "in single quotes", func(s string) string { return "'" + s + "'" }},
	{"byte order mark", "with a byte order mark", func(s string) string { return "\ufeff" + s }},
	{"base64 not decoded", "encoded as base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"echo | base64", "with a trailing newline and then encoded as base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s + "\n")) }},
	{"base64 decoded", "decoded from base64", func(s string) string { b, _ := base64.StdEncoding.DecodeString(s); return string(b) }},
	{"hex", "encoded as hex", func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{"upper case", "in upper case", strings.ToUpper},
	{"nothing", "the empty value", func(string) string { return "" }},
	{"a default", "a well-known default", func(string) string { return "your-256-bit-secret" }},
}

// placed is one service of the test: the value it holds and what that is.
type placed struct {
	library string
	value   string
	version int // 1 to 4, 4 is the newest
	bend    string
	want    string
	logs    bool // it tells why in its log alone
	secrets []string
	asked   atomic.Int64
}

// place makes a service at random.
func place(r *rand.Rand, library string, n int) *placed {
	p := &placed{library: library, logs: n%2 == 1}
	for range 4 {
		b := make([]byte, 32)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if r.IntN(2) == 0 {
			p.secrets = append(p.secrets, base64.StdEncoding.EncodeToString(b))
		} else {
			p.secrets = append(p.secrets, hex.EncodeToString(b))
		}
	}
	for {
		k := bent[r.IntN(len(bent))]
		p.version, p.bend, p.want = 1+r.IntN(4), k.name, k.want
		p.value = k.bend(p.secrets[p.version-1])
		if library == "python-jose" && k.name == "double quotes" {
			p.want = "" // it reads a key that is a JSON string as that string
		}
		if (p.value != "" || k.name == "nothing") && (k.want == "" || p.value != p.secrets[p.version-1]) {
			return p
		}
	}
}

// Candidates implements [probe.Reference] for the service alone.
func (p *placed) Candidates(context.Context, analyzer.KeyDomain) ([]probe.Candidate, error) {
	var out []probe.Candidate
	for v := 4; v > 0; v-- {
		out = append(out, probe.Candidate{Secret: "jwt-main", Version: fmt.Sprint(v), Environment: "staging", Value: healthjwt.NewSecret(p.secrets[v-1])})
	}
	return out, nil
}

// each hands every key domain the versions of its own service.
type each map[string]*placed

func (e each) Candidates(ctx context.Context, d analyzer.KeyDomain) ([]probe.Candidate, error) {
	return e[d.Name].Candidates(ctx, d)
}

// Services that serve no /health/jwt, on real libraries of five languages, are
// asked for nothing but a refusal: most of what they hold is named, and what
// is named is true. WHY401_CANARIES sets how many services there are.
func TestNamedByRealLibraries(t *testing.T) {
	total := 40
	if text := os.Getenv("WHY401_CANARIES"); text != "" {
		if _, err := fmt.Sscan(text, &total); err != nil {
			t.Fatalf("WHY401_CANARIES: wanted a number of services, found %q", text)
		}
	}
	set, err := rules.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	libraries := map[string]func(string, []byte) (verdict, error){"golang-jwt": golangJWT}
	for name := range verifiers {
		if ask := library(t, name); ask != nil {
			libraries[name] = ask
		}
	}
	traces := probe.NewTraces()
	export := &exporter{t: t, classifier: traces.Listen(set), dec: analyzer.NewDecoder(nil)}
	r := rand.New(rand.NewPCG(2000, 4))
	services := each{}
	list := slices.Sorted(maps.Keys(libraries))
	mux := http.NewServeMux()
	var domains []analyzer.KeyDomain
	server := httptest.NewServer(mux)
	defer server.Close()
	for i := range total {
		name := list[i%len(list)]
		p := place(r, name, i/len(list))
		id := fmt.Sprintf("s%04d", i)
		services[id] = p
		mux.Handle("/"+id+"/whoami", export.serve(p, libraries[name]))
		domains = append(domains, analyzer.KeyDomain{Name: id, Environment: "staging", Services: []analyzer.Member{{Name: id, URL: server.URL + "/" + id, Canary: "/whoami"}}})
	}
	tally := canaryRound(t, domains, services, traces, set)
	named, wrong, most := 0, 0, int64(0)
	for _, name := range list {
		c := tally[name]
		named, wrong = named+c.named, wrong+c.wrong
		t.Logf("%-12s %4d services: %5.1f %% named, %d unknown %v, %d wrong", name, c.all, 100*float64(c.named)/float64(c.all), c.all-c.named-c.wrong, c.unknown, c.wrong)
	}
	for _, p := range services {
		most = max(most, p.asked.Load())
	}
	t.Logf("all libraries %4d services: %5.1f %% named, %d wrong; at most %d requests to one", total, 100*float64(named)/float64(total), wrong, most)
	if wrong > 0 || float64(named) < 0.95*float64(total) || most > 60 {
		t.Errorf("%d of %d named, %d wrong, %d requests; want at least 95 %%, none and at most 60", named, total, wrong, most)
	}
}

type counts struct {
	all, named, wrong int
	unknown           map[string]int
}

// canaryRound runs the canary probes until no service is being asked any
// more, and compares what they name with what is held.
func canaryRound(t *testing.T, domains []analyzer.KeyDomain, services each, traces *probe.Traces, set *rules.Set) map[string]*counts {
	t.Helper()
	c := probe.DefaultConfig()
	c.AllowPrivate, c.Concurrency = []string{"127.0.0.0/8"}, 8
	guard, err := probe.NewGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	c.Off = slices.DeleteFunc(probe.Kinds(), func(k string) bool { return k == "canary" })
	targets, err := probe.Build(&probe.Deps{Config: c, Domains: domains, Guard: guard, Reference: services, Classifier: set, Traces: traces})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*counts{}
	for _, res := range probe.NewScheduler(targets, c).Once(t.Context()) {
		p := services[res.Domain]
		if out[p.library] == nil {
			out[p.library] = &counts{unknown: map[string]int{}}
		}
		n := out[p.library]
		n.all++
		want := fmt.Sprintf("version %d of jwt-main (staging)", p.version)
		if p.want != "" {
			want = strings.TrimSpace(want + " " + p.want)
		}
		switch holds := res.Facts["holds"]; {
		case p.value == "" && (res.Cause == "key.secret_missing" || res.Cause == "key.too_short"): // some libraries refuse an empty key
			n.named++
		case res.Status == analyzer.StatusOK && p.want == "" && p.version == 4, holds == want, holds == p.want && holds != "":
			n.named++
		case holds == "" && res.Cause == "" && res.Status != analyzer.StatusOK:
			n.unknown[p.bend]++
		default:
			n.wrong++
			t.Errorf("%s holds %s of version %d, and %s: %s", p.library, p.bend, p.version, res.Status, res.Detail)
		}
	}
	return out
}

// exporter runs services and exports what they log.
type exporter struct {
	t          *testing.T
	classifier analyzer.Classifier
	mu         sync.Mutex
	dec        *analyzer.Decoder
}

// serve is a service that lets a real library look at its tokens.
func (f *exporter) serve(p *placed, look func(string, []byte) (verdict, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		v, err := look(token, []byte(p.value))
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		if v.OK {
			fmt.Fprint(w, `{"ok":true}`)
			return
		}
		text := "Unauthorized"
		if p.logs {
			line := v.Text
			if v.Name != "" {
				line = v.Name + ": " + v.Text
			}
			f.export(r, line)
		} else {
			text = v.Text
		}
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": text})
	})
}

// export sends a log line the way that Cloud Logging does.
func (f *exporter) export(r *http.Request, text string) {
	trace := strings.Split(r.Header.Get("Traceparent")+"--", "-")[1]
	data, err := json.Marshal(map[string]any{
		"insertId": trace, "timestamp": time.Now().UTC().Format(time.RFC3339Nano), "severity": "WARNING", "textPayload": text, "trace": "projects/shop/traces/" + trace,
		"logName": "projects/shop/logs/run.googleapis.com%2Fstderr", "resource": map[string]any{"type": "cloud_run_revision", "labels": map[string]string{"service_name": "orders"}},
	})
	if err != nil {
		f.t.Error(err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m := analyzer.Message{Data: data}
	var h analyzer.Header
	if err = f.dec.Scan(&m, &h); err == nil {
		var e *analyzer.Entry
		if e, err = f.dec.Entry(&m); err == nil {
			if c := f.classifier.Classify(e); c.Outcome != analyzer.OutcomeNone || len(c.Reasons) > 0 {
				f.t.Errorf("the line of a canary counts as %v", c.Reasons)
			}
		}
	}
	if err != nil {
		f.t.Errorf("decode %s: %v", data, err)
	}
}
