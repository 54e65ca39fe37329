package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/lab"
	"github.com/why401/why401/analyzer/store"
)

// rotatePlatform is real services, a secret store, and a store that has seen a
// rotation from version 1 to 2 as the daemon would: by its probes.
func rotatePlatform(t *testing.T, ttl time.Duration) (p *platform, config string, tick func(changes ...analyzer.Change)) {
	t.Helper()
	p = startPlatform(t, "auth", "orders")
	dir := t.TempDir()
	config = filepath.Join(dir, "why401.yaml")
	text := strings.Replace(p.config(), "    algorithms:", fmt.Sprintf("    token_ttl: %s\n    algorithms:", ttl), 1) + "store:\n  path: " + filepath.Join(dir, "why401.db") + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := &environment{getenv: func(string) string { return "" }}
	cfg, _, err := env.load(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := env.running()
	if err != nil {
		t.Fatal(err)
	}
	r := &rotations{held: map[string]*analyzer.Rotation{}, seen: map[string][]analyzer.Sighting{}}
	return p, config, func(changes ...analyzer.Change) {
		probes, err := newProber(cfg, set, hearing{sighted: r.see})
		if err != nil {
			t.Fatal(err)
		}
		results := probes.scheduler.Once(t.Context())
		if err := probes.close(); err != nil {
			t.Fatal(err)
		}
		held, err := store.Open(t.Context(), cfg.Store)
		if err != nil {
			t.Fatal(err)
		}
		r.noted = time.Time{}
		if err := r.follow(t.Context(), held, cfg.KeyDomains, changes, results); err != nil {
			t.Fatal(err)
		}
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func rotate(t *testing.T, stdin string, args ...string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	code = run(context.Background(), append([]string{"rotate"}, args...), strings.NewReader(stdin), &b, &b)
	return code, b.String()
}

func wantRotate(t *testing.T, code, wantCode int, out string, words ...string) {
	t.Helper()
	if code != wantCode {
		t.Errorf("exit code %d; want %d: %s", code, wantCode, out)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("output lacks %q:\n%s", w, out)
		}
	}
}

var rotationBegan = analyzer.Change{Kind: analyzer.SecretVersionAdded, Target: "jwt-main", Version: "2", Service: analyzer.Service{Environment: "staging"}, At: time.Now().Add(-time.Hour).UTC()}

// A rotation from its first service to the end of the old version, which goes
// only when nobody needs it.
func TestRotate(t *testing.T) {
	p, config, tick := rotatePlatform(t, time.Second)
	const old = "projects/acme/secrets/jwt-main/versions/1"
	state := func() lab.VersionState {
		v, err := p.store.Get(old)
		if err != nil {
			t.Fatal(err)
		}
		return v.State
	}
	code, out := rotate(t, "", "status", "-c", config)
	wantRotate(t, code, exitBackend, out, "no rotation is known")
	damaged := filepath.Join(filepath.Dir(config), "why401.db")
	mustDo(t, os.WriteFile(damaged, []byte("no database, and long enough to see that it is none"), 0o600))
	code, out = rotate(t, "", "status", "-c", config)
	wantRotate(t, code, exitBackend, out, "read what the daemon knows: ", "try: why401 doctor")
	mustDo(t, os.Remove(damaged))
	code, out = rotate(t, "", "plan", "-c", config)
	wantRotate(t, code, exitOK, out, "1. add the new version", "let the signers go over to the new version, all of them: auth", "wait 1s")

	code, out = rotate(t, "", "plan", "-c", config, "--format", "json")
	wantRotate(t, code, exitOK, out, `"key_domain": "jwt-main"`, `"do": "let every service verify with both versions: auth, orders"`, `"name": "orders"`, `"objections": []`)

	p.service("orders").hold("JWT_SECRET", platformOne)
	tick(rotationBegan)
	code, out = rotate(t, "", "status", "-c", config)
	wantRotate(t, code, exitOK, out, "from version 1 to 2", "phase: distribute", "instances of orders do not accept version 2", "version 1 may not go yet")
	code, out = rotate(t, "", "retire", "-c", config, "--apply", "--yes")
	wantRotate(t, code, exitNotYet, out, "nothing was changed")
	if state() != lab.VersionEnabled {
		t.Fatal("the old version was disabled while a service needs it")
	}

	p.service("orders").hold("JWT_SECRET", platformTwo)
	time.Sleep(time.Second) // the life of a token, in the services' own time
	tick(rotationBegan)
	code, out = rotate(t, "", "status", "-c", config, "--format", "json")
	wantRotate(t, code, exitOK, out, `"may_retire": true`, `"phase": "retire"`)
	code, out = rotate(t, "", "status", "-c", config, "--watch")
	wantRotate(t, code, exitOK, out, "version 1 may go: nobody needs it")
	code, out = rotate(t, "", "retire", "-c", config)
	wantRotate(t, code, exitOK, out, "version 1 may go: nobody needs it", "--apply disables it")
	code, out = rotate(t, "", "retire", "-c", config, "--apply")
	wantRotate(t, code, exitUsage, out, "nobody can be asked", "try: --yes")
	if state() != lab.VersionEnabled {
		t.Fatal("the old version was disabled without --apply or an answer")
	}
	code, out = rotate(t, "", "retire", "-c", config, "--apply", "--yes")
	wantRotate(t, code, exitOK, out, old+" is disabled")
	if state() != lab.VersionDisabled {
		t.Errorf("the old version is %s; want it disabled", state())
	}
	code, out = rotate(t, "", "abort", "-c", config, "--apply", "--yes")
	wantRotate(t, code, exitNotYet, out, "version 2 may not go yet")
	code, out = rotate(t, "", "verify", "-c", config)
	wantRotate(t, code, exitOK, out, "healthy")
}

// Tokens of the old version that may still live keep it.
func TestRotateWaitsForTokens(t *testing.T) {
	p, config, tick := rotatePlatform(t, 10*time.Hour)
	p.service("auth").hold("JWT_SECRET", platformOne)
	tick(rotationBegan)
	code, out := rotate(t, "", "status", "-c", config)
	wantRotate(t, code, exitOK, out, "phase: distribute")
	p.service("auth").hold("JWT_SECRET", platformTwo)
	tick(rotationBegan)
	code, out = rotate(t, "", "retire", "-c", config)
	wantRotate(t, code, exitNotYet, out, "phase: drain", "tokens that 1 signed may live until")
}

// A value that some services would read otherwise than others is not taken,
// and none is ever printed.
func TestRotateStart(t *testing.T) {
	p, config, _ := rotatePlatform(t, time.Minute)
	code, out := rotate(t, "", "start", "-c", config)
	wantRotate(t, code, exitOK, out, "would add a version to projects/acme/secrets/jwt-main")
	value := "a-new-value-of-more-than-thirty-two-bytes-8f3a"
	code, out = rotate(t, value+"\n", "start", "-c", config, "--value-file", "-", "--apply", "--yes")
	wantRotate(t, code, exitInput, out, "wanted no blank or newline at its ends")
	code, out = rotate(t, "short", "start", "-c", config, "--value-file", "-", "--apply", "--yes")
	wantRotate(t, code, exitInput, out, "wanted 32 to 65536 bytes, found 5")
	code, out = rotate(t, "", "start", "-c", config, "--generate", "8", "--apply", "--yes")
	wantRotate(t, code, exitUsage, out, "generate: wanted 32 to 1024 bytes")
	for i, args := range [][]string{{"--value-file", "-"}, {"--generate", "64"}} {
		code, out = rotate(t, value, append([]string{"start", "-c", config, "--apply", "--yes"}, args...)...)
		wantRotate(t, code, exitOK, out, fmt.Sprintf("/versions/%d", 3+i))
		_, held, err := p.store.Access("x", fmt.Sprintf("projects/acme/secrets/jwt-main/versions/%d", 3+i))
		if err != nil || len(held) < 32 || strings.Contains(out, string(held)) {
			t.Errorf("version %d: %d bytes (%v), printed %v", 3+i, len(held), err, strings.Contains(out, string(held)))
		}
	}
	code, out = rotate(t, "", "status", "-c", config, "--domain", "other")
	wantRotate(t, code, exitUsage, out, "wanted one key domain, found 0", "jwt-main/staging")
}

// The table is drawn anew while the rotation goes on, and ends with it.
func TestRotateWatch(t *testing.T) {
	p, config, tick := rotatePlatform(t, time.Second)
	p.service("orders").hold("JWT_SECRET", platformOne)
	tick(rotationBegan)
	type ending struct {
		code int
		out  string
	}
	ended := make(chan ending, 1)
	go func() {
		code, out := rotate(t, "", "status", "-c", config, "--watch")
		ended <- ending{code, out}
	}()
	time.Sleep(redrawEvery / 2)
	p.service("orders").hold("JWT_SECRET", platformTwo)
	tick(rotationBegan)
	select {
	case e := <-ended:
		wantRotate(t, e.code, exitOK, e.out, "orders   1          0 of 1", "version 1 may not go yet", "version 1 may go: nobody needs it")
		if strings.Contains(e.out, "\x1b") {
			t.Error("it draws as on a terminal where there is none")
		}
	case <-time.After(time.Minute):
		t.Fatal("it goes on after the end")
	}
}
