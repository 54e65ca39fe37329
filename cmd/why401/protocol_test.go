package main

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer/healthjwt"
)

// implementation is one that serves /health/jwt over the variables of its
// process: the chain JWT_SECRET_STAGING, JWT_SECRET, and the pepper in
// WHY401_PEPPER. start returns its base URL.
type implementation struct {
	name  string
	start func(t *testing.T, env map[string]string) string
}

var implementations = []implementation{
	{"Go handler", startHandler},
	{"agent", startAgent},
	{"Python recipe", func(t *testing.T, env map[string]string) string {
		return startRecipe(t, env, "python3", "health_jwt.py")
	}},
	{"Node recipe", func(t *testing.T, env map[string]string) string { return startRecipe(t, env, "node", "health_jwt.mjs") }},
}

func startHandler(t *testing.T, env map[string]string) string {
	lookup := func(n string) (string, bool) { v, ok := env[n]; return v, ok }
	held := healthjwt.FromEnv(lookup, "JWT_SECRET_STAGING", "JWT_SECRET")
	h, err := healthjwt.New(healthjwt.Config{Pepper: healthjwt.NewSecret(env["WHY401_PEPPER"]), Held: func() []healthjwt.Held { return []healthjwt.Held{held} }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/health/jwt", h)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func startAgent(t *testing.T, env map[string]string) string {
	args := []string{"agent", "--env", "JWT_SECRET_STAGING,JWT_SECRET", "--listen", "127.0.0.1:0"}
	if env["WHY401_PEPPER"] != "" {
		args = append(args, "--pepper", "env:WHY401_PEPPER")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(environ(env), "WHY401_TEST_MAIN=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	return startProcess(t, cmd, stderr, regexp.MustCompile(`"listen":"([0-9.:]+)"`))
}

// startRecipe runs a recipe of the README with a real interpreter.
func startRecipe(t *testing.T, env map[string]string, interpreter, file string) string {
	path, err := exec.LookPath(interpreter)
	if err != nil {
		if os.Getenv("WHY401_REQUIRE_REAL") != "" {
			t.Fatalf("WHY401_REQUIRE_REAL is set and %s is missing: %v", interpreter, err)
		}
		t.Skipf("%s is missing", interpreter)
	}
	cmd := exec.Command(path, "testdata/recipes/"+file)
	cmd.Env = append(environ(env), "PORT=0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	return "http://127.0.0.1:" + strings.TrimPrefix(startProcess(t, cmd, stdout, regexp.MustCompile(`listening on (\d+)`)), "http://")
}

// environ is the environment of this process without what the protocol reads,
// and env.
func environ(env map[string]string) []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "JWT_SECRET") && !strings.HasPrefix(v, "WHY401_") {
			out = append(out, v)
		}
	}
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	return out
}

// startProcess runs cmd until the test ends and returns what the first line
// that matches says of its address.
func startProcess(t *testing.T, cmd *exec.Cmd, out io.Reader, address *regexp.Regexp) string {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-done
		_ = cmd.Wait()
	})
	found := make(chan string, 1)
	go func() {
		defer close(done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := address.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case found <- m[1]:
				default:
				}
			}
		}
	}()
	select {
	case a := <-found:
		return "http://" + a
	case <-time.After(30 * time.Second):
		t.Fatalf("%s told no address within 30 s", cmd.Path)
		return ""
	}
}

const (
	protocolSecret = "a secret of the protocol tests, with ümlauts and a newline\n"
	protocolPepper = "  pepper-of-the-protocol-tests-0123456789\n" // white space around it does not count
)

// peer asks an implementation.
type peer struct {
	t      *testing.T
	url    string
	pepper healthjwt.Pepper
	secret string
}

func meet(t *testing.T, i implementation, env map[string]string) *peer {
	t.Helper()
	p, err := healthjwt.NewPepper(healthjwt.NewSecret(protocolPepper))
	if err != nil {
		t.Fatal(err)
	}
	return &peer{t: t, url: i.start(t, env), pepper: p, secret: env["JWT_SECRET"]}
}

func (p *peer) ask(nonce, authorization string) (int, *healthjwt.Answer, string) {
	p.t.Helper()
	target := p.url + "/health/jwt"
	if nonce != "" {
		target += "?nonce=" + url.QueryEscape(nonce)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, target, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if ct := resp.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		p.t.Errorf("content type %q; want application/json", ct)
	}
	if cc := resp.Header.Get("Cache-Control"); cc != "no-store" {
		p.t.Errorf("cache control %q; want no-store", cc)
	}
	for _, secret := range []string{p.secret, strings.TrimSpace(protocolPepper)} {
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret))} {
			if len(secret) > 8 && strings.Contains(string(body), form) {
				p.t.Errorf("the answer holds a secret: %s", body)
			}
		}
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable || strings.HasPrefix(string(body), `{"error"`) {
		return resp.StatusCode, nil, string(body)
	}
	a := &healthjwt.Answer{}
	strict := json.NewDecoder(strings.NewReader(string(body)))
	strict.DisallowUnknownFields()
	if err := strict.Decode(a); err != nil {
		p.t.Fatalf("answer %s: %v", body, err)
	}
	return resp.StatusCode, a, string(body)
}

// signed asks with a new nonce and returns the only secret of the answer.
func (p *peer) signed() (*healthjwt.Answer, healthjwt.State) {
	p.t.Helper()
	nonce := healthjwt.NewNonce()
	code, a, body := p.ask(nonce, p.pepper.Authorize(nonce, time.Now()))
	if a == nil || a.Extension == nil || len(a.Extension.Secrets) != 1 || a.Extension.Nonce != nonce {
		p.t.Fatalf("%d %s; want the extension with one secret", code, body)
	}
	return a, a.Extension.Secrets[0]
}

// Whoever serves /health/jwt does it alike.
func TestProtocol(t *testing.T) {
	for _, i := range implementations {
		t.Run(i.name, func(t *testing.T) {
			t.Parallel()
			t.Run("the agreed shape", func(t *testing.T) { protocolShape(t, i) })
			t.Run("a signed request", func(t *testing.T) { protocolSigned(t, i) })
			t.Run("who is refused", func(t *testing.T) { protocolRefusals(t, i) })
			t.Run("secrets that are not fit", func(t *testing.T) { protocolUnfit(t, i) })
			t.Run("the rate", func(t *testing.T) { protocolRate(t, i) })
		})
	}
}

func protocolShape(t *testing.T, i implementation) {
	p := meet(t, i, map[string]string{"JWT_SECRET": protocolSecret, "WHY401_PEPPER": protocolPepper})
	code, a, body := p.ask("", "")
	if code != 200 || a.Status != healthjwt.Healthy || !a.Details.JWTSecretAvailable || !a.Details.SecretLengthValid || !a.Details.CrossServiceConsistency || time.Since(a.Details.LastValidated).Abs() > time.Minute {
		t.Errorf("%d %s; want 200, healthy", code, body)
	}
	if a.Extension != nil {
		t.Error("an unsigned request got the extension")
	}
	resp, err := http.Post(p.url+"/health/jwt", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode < 400 {
		t.Errorf("POST gives %d; want a refusal", resp.StatusCode)
	}
}

func protocolSigned(t *testing.T, i implementation) {
	p := meet(t, i, map[string]string{"JWT_SECRET": protocolSecret, "WHY401_PEPPER": protocolPepper})
	a, s := p.signed()
	e := a.Extension
	if s.Fingerprint != p.pepper.Fingerprint([]byte(protocolSecret), e.Nonce) {
		t.Errorf("fingerprint %q; want that of the exact bytes", s.Fingerprint)
	}
	if e.Version != 1 || e.Instance == "" || time.Since(e.Now).Abs() > time.Minute || time.Since(e.Started).Abs() > time.Minute || e.Settings == nil || len(e.Settings.Algorithms) != 1 || e.Settings.Algorithms[0] != "HS256" {
		t.Errorf("extension %+v", e)
	}
	chain := fmt.Sprint(s.Chain)
	if s.Name != "JWT_SECRET" || s.Role != healthjwt.RoleCurrent || s.Kind != "hmac" || s.Source != "env" || s.Length["HS256"] != healthjwt.LengthOK || chain != "[{JWT_SECRET_STAGING absent} {JWT_SECRET wins}]" || time.Since(s.Loaded).Abs() > time.Minute {
		t.Errorf("secret %+v", s)
	}
	other, again := p.signed()
	if again.Fingerprint == s.Fingerprint || other.Extension.Instance != e.Instance {
		t.Error("a new nonce gives the same fingerprint, or another instance")
	}
	header := p.pepper.Authorize(e.Nonce, time.Now())
	for range 2 {
		if _, same, _ := p.ask(e.Nonce, header); same == nil || same.Extension.Secrets[0].Fingerprint != s.Fingerprint {
			t.Error("the same nonce gives another fingerprint")
		}
	}
	for _, off := range []time.Duration{-4 * time.Minute, 4 * time.Minute} {
		nonce := healthjwt.NewNonce()
		if code, _, _ := p.ask(nonce, p.pepper.Authorize(nonce, time.Now().Add(off))); code != 200 {
			t.Errorf("a clock that is %s off gets %d; want 200", off, code)
		}
	}
}

func protocolRefusals(t *testing.T, i implementation) {
	p := meet(t, i, map[string]string{"JWT_SECRET": protocolSecret, "WHY401_PEPPER": protocolPepper})
	wrong, err := healthjwt.NewPepper(healthjwt.NewSecret("another pepper that is long enough, though"))
	if err != nil {
		t.Fatal(err)
	}
	nonce, now := healthjwt.NewNonce(), time.Now()
	good := p.pepper.Authorize(nonce, now)
	for name, r := range map[string][2]string{
		"no signature": {nonce, ""}, "another pepper": {nonce, wrong.Authorize(nonce, now)}, "another nonce": {healthjwt.NewNonce(), good},
		"a clock that is behind": {nonce, p.pepper.Authorize(nonce, now.Add(-6*time.Minute))}, "a clock that is ahead": {nonce, p.pepper.Authorize(nonce, now.Add(6*time.Minute))},
		"a bearer": {nonce, strings.Replace(good, "Why401", "Bearer", 1)}, "no time": {nonce, "Why401 ." + strings.Repeat("A", 22)}, "a word for time": {nonce, "Why401 now." + strings.Repeat("A", 22)},
		"half a signature": {nonce, good[:len(good)-11]}, "more than a signature": {nonce, good + "A"}, "no dot": {nonce, strings.Replace(good, ".", "", 1)},
		"a short nonce": {nonce[:21], p.pepper.Authorize(nonce[:21], now)}, "a long nonce": {strings.Repeat("n", 87), p.pepper.Authorize(strings.Repeat("n", 87), now)},
		"a nonce of other characters": {nonce[:21] + "+/=", p.pepper.Authorize(nonce[:21]+"+/=", now)}, "a nonce with a newline": {nonce + "\n", p.pepper.Authorize(nonce+"\n", now)},
	} {
		if code, a, body := p.ask(r[0], r[1]); code != http.StatusUnauthorized || a != nil {
			t.Errorf("%s: %d %s; want 401", name, code, body)
		}
	}
	bare := meet(t, i, map[string]string{"JWT_SECRET": protocolSecret})
	if code, _, body := bare.ask(nonce, good); code != http.StatusUnauthorized {
		t.Errorf("without a pepper: %d %s; want 401", code, body)
	}
	if code, _, body := bare.ask("", ""); code != 200 {
		t.Errorf("without a pepper, unsigned: %d %s; want 200", code, body)
	}
}

func protocolUnfit(t *testing.T, i implementation) {
	p := meet(t, i, map[string]string{"JWT_SECRET": "too short for HS256", "WHY401_PEPPER": protocolPepper})
	a, s := p.signed()
	if a.Status != healthjwt.Degraded || a.Details.SecretLengthValid || !a.Details.JWTSecretAvailable || s.Length["HS256"] != healthjwt.TooShort {
		t.Errorf("a short secret gives %s %+v %v", a.Status, a.Details, s.Length)
	}
	for name, env := range map[string]map[string]string{"missing": {}, "empty": {"JWT_SECRET": ""}, "blank": {"JWT_SECRET": " \n "}} {
		env["WHY401_PEPPER"] = protocolPepper
		p := meet(t, i, env)
		code, a, body := p.ask("", "")
		if code != http.StatusServiceUnavailable || a.Status != healthjwt.Unhealthy || a.Details.JWTSecretAvailable || a.Details.SecretLengthValid {
			t.Errorf("%s: %d %s; want 503, unhealthy", name, code, body)
		}
		if a, s := p.signed(); s.Fingerprint != p.pepper.Fingerprint([]byte(env["JWT_SECRET"]), a.Extension.Nonce) {
			t.Errorf("%s: fingerprint %q; want that of nothing", name, s.Fingerprint)
		}
	}
	both := meet(t, i, map[string]string{"JWT_SECRET": protocolSecret, "JWT_SECRET_STAGING": protocolSecret + "other", "WHY401_PEPPER": protocolPepper})
	a, s = both.signed()
	if chain := fmt.Sprint(s.Chain); a.Status != healthjwt.Degraded || a.Details.CrossServiceConsistency || s.Name != "JWT_SECRET_STAGING" || chain != "[{JWT_SECRET_STAGING wins} {JWT_SECRET differs}]" {
		t.Errorf("two values give %s %+v %s %s", a.Status, a.Details, s.Name, chain)
	}
}

func protocolRate(t *testing.T, i implementation) {
	p := meet(t, i, map[string]string{"JWT_SECRET": protocolSecret, "WHY401_PEPPER": protocolPepper})
	limited := 0
	for range 200 {
		if code, _, body := p.ask("", ""); code == http.StatusTooManyRequests {
			limited++
		} else if code != 200 {
			t.Fatalf("%d %s", code, body)
		}
	}
	if limited == 0 {
		t.Error("200 requests in a row were all answered; want a limit of 120 a minute")
	}
	nonce := healthjwt.NewNonce()
	if code, _, body := p.ask(nonce, p.pepper.Authorize(nonce, time.Now())); code != 200 {
		t.Errorf("a signed request after a flood of others: %d %s; want 200", code, body)
	}
}
