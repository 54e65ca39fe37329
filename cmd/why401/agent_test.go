package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer/healthjwt"
)

// beside is a sidecar with the options, and somebody who asks it.
func beside(t *testing.T, o agentOptions) *peer {
	t.Helper()
	if len(o.algorithms) == 0 {
		o.algorithms = []string{"HS256"}
	}
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	p, err := healthjwt.NewPepper(healthjwt.NewSecret(protocolPepper))
	if err != nil {
		t.Fatal(err)
	}
	env := &environment{stderr: t.Output()}
	server := httptest.NewServer(&sidecar{options: o, pepper: healthjwt.NewSecret(protocolPepper), log: env.logger("info")})
	t.Cleanup(server.Close)
	return &peer{t: t, url: server.URL, pepper: p}
}

func (p *peer) holds(value string) bool {
	a, s := p.signed()
	return s.Fingerprint == p.pepper.Fingerprint([]byte(value), a.Extension.Nonce)
}

func write(t *testing.T, path, value string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// A mounted file that changes is told as different from what the process
// holds, unless the service reads it again.
func TestAgentFiles(t *testing.T) {
	const first, second = "the first value of a mounted secret", "the second value of a mounted secret"
	path := filepath.Join(t.TempDir(), "key")
	write(t, path, first+"\n", time.Now())
	keeps, reloads := beside(t, agentOptions{files: []string{path}, trim: true}), beside(t, agentOptions{files: []string{path}, reload: true})
	if _, s := keeps.signed(); !keeps.holds(first) || s.Present != healthjwt.Same || s.Name != "key" || s.Source != "file" {
		t.Errorf("the trimmed value is not what it holds: %+v", s)
	}
	if !reloads.holds(first + "\n") {
		t.Error("without --trim it does not hold the bytes of the file")
	}
	write(t, path, second, time.Now())
	if a, s := keeps.signed(); !keeps.holds(first) || s.Present != healthjwt.Differs || a.Status != healthjwt.Degraded {
		t.Errorf("after the change: %s %+v; want the first value, and that its source differs", a.Status, s)
	}
	if _, s := reloads.signed(); !reloads.holds(second) || s.Present != healthjwt.Same {
		t.Errorf("with --reload: %+v; want the second value", s)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, s := keeps.signed(); s.Present != healthjwt.Gone {
		t.Errorf("a file that is gone: present is %s", s.Present)
	}
	if code, a, _ := beside(t, agentOptions{files: []string{path}}).ask("", ""); code != http.StatusServiceUnavailable || a.Details.JWTSecretAvailable {
		t.Errorf("a file that never was: %d %+v; want 503, not available", code, a)
	}
}

func TestAgentBendsValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	write(t, path, " c2VjcmV0IG9mIHRoZSBkZWNvZGluZyB0ZXN0cyE= \n", time.Now())
	if p := beside(t, agentOptions{files: []string{path}, decode: "base64"}); !p.holds("secret of the decoding tests!") {
		t.Error("a decoded value is not what it holds")
	}
	p := beside(t, agentOptions{files: []string{path}, decode: "hex"})
	code, _, body := p.ask("", "")
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "wanted hex") || strings.Contains(body, "c2Vj") {
		t.Errorf("%d %s; want 503 and no part of the value", code, body)
	}
	pair := beside(t, agentOptions{files: []string{path}, previous: []string{"file:" + path, "env:NOT_SET_ANYWHERE"}})
	nonce := healthjwt.NewNonce()
	_, a, _ := pair.ask(nonce, pair.pepper.Authorize(nonce, time.Now()))
	if s := a.Extension.Secrets; len(s) != 2 || s[1].Role != healthjwt.RolePrevious {
		t.Errorf("secrets %+v; want a current and a previous one", s)
	}
}

// program starts a process of its own name with variables of its own, and
// returns how to end it.
func program(t *testing.T, dir string, env ...string) (pid int, end func()) {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	if runtime.GOOS != "linux" || err != nil {
		t.Skip("needs Linux and sleep")
	}
	path := filepath.Join(dir, "payments-service-under-test")
	if _, err := os.Stat(path); err != nil {
		if err := os.Symlink(sleep, path); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, "600")
	cmd.Env = env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill() // it runs until then
			_ = cmd.Wait()
		}
	}
	t.Cleanup(end)
	return cmd.Process.Pid, end
}

// The variables are those of the service's process, whatever the agent's own
// are, and a new run of it is a new instance.
func TestAgentProcess(t *testing.T) {
	t.Setenv("JWT_SECRET", "the value of the agent's own environment")
	dir := t.TempDir()
	const first, second = "the value of the first run of it", "the value of the second run of it"
	_, end := program(t, dir, "JWT_SECRET="+first, "JWT_SECRET_OLD=x")
	p := beside(t, agentOptions{env: []string{"JWT_SECRET_STAGING", "JWT_SECRET"}, process: "payments-service-under-test"})
	before, s := p.signed()
	if !p.holds(first) || fmt.Sprint(s.Chain) != "[{JWT_SECRET_STAGING absent} {JWT_SECRET wins}]" || time.Since(before.Extension.Started).Abs() > time.Minute {
		t.Errorf("%+v; want the variables of the process", s)
	}
	end()
	if code, a, body := p.ask("", ""); code != http.StatusServiceUnavailable || a != nil || !strings.Contains(body, "none is running here") {
		t.Errorf("no process: %d %s; want 503 and the reason", code, body)
	}
	program(t, dir, "JWT_SECRET="+first, "JWT_SECRET_STAGING="+second)
	after, s := p.signed()
	if !p.holds(second) || s.Name != "JWT_SECRET_STAGING" || after.Status != healthjwt.Degraded || after.Extension.Instance == before.Extension.Instance {
		t.Errorf("%s %+v; want the value of the second run, in conflict with another", after.Status, s)
	}
	old := beside(t, agentOptions{env: []string{"JWT_SECRET"}, pid: 1 << 30})
	if code, _, body := old.ask("", ""); code != http.StatusServiceUnavailable || !strings.Contains(body, "look at process 1073741824") {
		t.Errorf("no such pid: %d %s", code, body)
	}
}

// A file that was written after the process began says nothing of what the
// process holds, even when the agent never saw the old value.
func TestAgentComesLate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	pid, _ := program(t, dir)
	write(t, path, "a value of after the start of the process", time.Now().Add(time.Minute))
	p := beside(t, agentOptions{files: []string{path}, pid: pid})
	if a, s := p.signed(); s.Fingerprint != "" || s.Present != healthjwt.Differs || a.Status != healthjwt.Degraded {
		t.Errorf("%s %+v; want no fingerprint, and that the source differs", a.Status, s)
	}
	write(t, path, "a value of before the start of the process", time.Now().Add(-time.Hour))
	if p := beside(t, agentOptions{files: []string{path}, pid: pid}); !p.holds("a value of before the start of the process") {
		t.Error("a file of before the start is not what the process holds")
	}
}

func TestReadPepper(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pepper")
	write(t, path, protocolPepper, time.Now())
	getenv := func(n string) string {
		return map[string]string{"LONG": protocolPepper, "SHORT": "a pepper that is short"}[n]
	}
	for text, want := range map[string]string{
		"": "", "env:LONG": "", "file:" + path: "", "env:SHORT": "at least 32 bytes", "env:NONE": "at least 32 bytes", "file:/none/at/all": "no such file",
		protocolPepper: "must not stand in a command line", "projects/p/secrets/pepper": "must not stand",
	} {
		got, err := readPepper(text, getenv)
		switch {
		case want == "" && (err != nil || text != "" && got.Empty()):
			t.Errorf("%q: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: error %v; want %q", text, err, want)
		case err != nil && strings.Contains(err.Error(), "short"), err != nil && strings.Contains(err.Error(), "pepper-of"):
			t.Errorf("%q: the error shows the pepper: %v", text, err)
		}
	}
}

// What the agent logs tells that a source changed, once, and no value.
func TestAgentWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	write(t, path, "the first value of a mounted secret", time.Now())
	var log bytes.Buffer
	env := &environment{stderr: &log}
	s := &sidecar{options: agentOptions{files: []string{path}, algorithms: []string{"HS256"}}, log: env.logger("info")}
	s.watch()
	s.watch()
	write(t, path, "the second value of a mounted secret", time.Now())
	s.watch()
	s.watch()
	if got := log.String(); strings.Count(got, "\n") != 2 || strings.Count(got, "restart it") != 1 || strings.Contains(got, "mounted secret") {
		t.Errorf("logged\n%s\nwant that all is the same, then that it changed", got)
	}
}
