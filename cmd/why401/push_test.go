package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A push subscription feeds the daemon: as a process of its own, by tokens whose
// certificates it fetches from Google, and nothing comes in by another's.
func TestPushedToTheDaemon(t *testing.T) {
	dir := t.TempDir()
	g, err := startGoogle(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer g.stop()
	page, pushes := freeAddress(t), freeAddress(t)
	config := filepath.Join(dir, "why401.yaml")
	text := fmt.Sprintf("source: {push: {listen: %q, audience: \"https://why401.push\", email: \"pusher@acme-prod.iam.gserviceaccount.com\"}}\nstore: {kind: memory}\nweb: {listen: %q}\n", pushes, page)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "serve", "-c", config)
	cmd.Env = append(os.Environ(), "WHY401_TEST_MAIN=1")
	for k, v := range g.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }()

	push := func(n int, change jwt.MapClaims) int {
		claims := jwt.MapClaims{"iss": "https://accounts.google.com", "aud": "https://why401.push", "email": "pusher@acme-prod.iam.gserviceaccount.com", "email_verified": true, "exp": time.Now().Add(time.Hour).Unix()}
		for k, v := range change {
			claims[k] = v
		}
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
		token.Header["kid"] = "k1"
		signed, err := token.SignedString(g.key)
		if err != nil {
			t.Fatal(err)
		}
		entry := fmt.Sprintf(`{"insertId":"e%d","timestamp":"2026-11-23T10:00:0%dZ","logName":"projects/acme-prod/logs/run.googleapis.com%%2Fstderr","resource":{"type":"cloud_run_revision","labels":{"project_id":"acme-prod","service_name":"orders"}},"severity":"ERROR","textPayload":"jwt validation failed: token signature is invalid: signature is invalid"}`, n, n)
		body, err := json.Marshal(map[string]any{"message": map[string]any{"data": []byte(entry), "messageId": fmt.Sprint(n)}, "subscription": "projects/acme-prod/subscriptions/why401"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+pushes+"/push", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+signed)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	deadline := time.Now().Add(time.Minute)
	for code := 0; code != http.StatusNoContent; code = push(1, nil) {
		if time.Now().After(deadline) {
			t.Fatalf("status %d after a minute\n%s", code, &log)
		}
		time.Sleep(50 * time.Millisecond)
	}
	for name, c := range map[string]jwt.MapClaims{"another audience": {"aud": "https://else"}, "another account": {"email": "x@acme-prod.iam.gserviceaccount.com"}, "another issuer": {"iss": "https://idp.example"}, "expired": {"exp": 1}} {
		if code := push(9, c); code != http.StatusUnauthorized {
			t.Errorf("%s: status %d; want 401", name, code)
		}
	}
	for n := 1; n <= 3; n++ { // the first one again: at least once is what Pub/Sub promises
		if code := push(n, nil); code != http.StatusNoContent {
			t.Errorf("entry %d: status %d; want 204", n, code)
		}
	}
	// The report is of the last tick.
	for {
		var out strings.Builder
		code := run(t.Context(), []string{"report", "--addr", "http://" + page, "--format", "json"}, strings.NewReader(""), &out, &out)
		if code == exitOK && containsAll(out.String(), `"refused": 3`, `"duplicates": 1`, `"bad_signature": 3`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("exit code %d: %s; want 3 entries refused and one duplicate", code, out.String())
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func containsAll(s string, words ...string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(s, w) })
}
