package probe

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/lab"
)

// What services may hold: the own versions, the newest first, then those of
// other environments, each value read once a round.
func TestSecretsCandidates(t *testing.T) {
	w := newStoreWorld(t, "one", "two", "three")
	w.set("2", lab.VersionDisabled)
	for _, name := range []string{"jwt-production", "session"} {
		if _, err := w.store.CreateSecret("acme", name); err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.AddVersion("kim", "projects/acme/secrets/"+name, []byte("value of "+name)); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "old-key")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JWT_FROM_ENV", "from a variable")
	domains := []analyzer.KeyDomain{
		{Name: "main", Environment: "staging", Secret: jwtMain},
		{Name: "main-production", Environment: "production", Secret: "projects/acme/secrets/jwt-production"},
		{Name: "session", Environment: "staging", Secret: "projects/acme/secrets/session"},
		{Name: "legacy", Environment: "staging", Secret: "file:" + file},
		{Name: "local", Environment: "development", Secret: "env:JWT_FROM_ENV"},
		{Name: "issuer", Environment: "staging", JWKS: "https://auth.example/jwks"},
		{Name: "gone", Environment: "production", Secret: "projects/acme/secrets/gone"},
	}
	s := w.secrets(domains...)
	list := func(d analyzer.KeyDomain) []string {
		t.Helper()
		all, err := s.Candidates(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, c := range all {
			out = append(out, fmt.Sprintf("%s %s %s %s %s", c.Secret, c.Version, c.Environment, c.Value.Bytes(), c.Cause))
		}
		return out
	}
	want := []string{"jwt-main 3 staging three ", "jwt-main 1 staging one ", "jwt-production 1 production value of jwt-production key.wrong_environment", "JWT_FROM_ENV current development from a variable key.wrong_environment"}
	if got := list(domains[0]); !slices.Equal(got, want) {
		t.Errorf("candidates\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := list(domains[3])[0]; got != "old-key current staging from a file\n " {
		t.Errorf("of the file: %q", got)
	}
	list(domains[1])
	before := w.server.Calls()["AccessSecretVersion"]
	for range 20 {
		list(domains[0])
		list(domains[1])
	}
	if after := w.server.Calls()["AccessSecretVersion"]; after != before || before != 4 {
		t.Errorf("%d values read, then %d more; want 4 once", before, after-before)
	}
	pinned := analyzer.KeyDomain{Environment: "staging", Secret: jwtMain + "/versions/1"}
	if got := list(pinned)[:2]; got[0] != "jwt-main 1 staging one " || got[1] != "jwt-main 3 staging three " {
		t.Errorf("a pinned version comes first; found %q", got)
	}
	if got, err := s.Candidates(t.Context(), domains[6]); err == nil || got != nil || !strings.Contains(err.Error(), "NotFound") {
		t.Errorf("no such secret gives %v, %v", got, err)
	}
	if got, err := s.Candidates(t.Context(), domains[5]); err != nil || got != nil {
		t.Errorf("a domain without a secret gives %v, %v", got, err)
	}
}

// Whoever waits for a slow store leaves when its own time is over, and what
// was interrupted is looked at anew.
func TestSecretsHonourDeadlines(t *testing.T) {
	w := newStoreWorld(t, "one")
	s := w.secrets()
	w.server.SetFaults(lab.StoreFault{Delay: time.Minute})
	done := make(chan error)
	for range 3 {
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := s.Candidates(ctx, analyzer.KeyDomain{Secret: jwtMain})
			done <- err
		}()
	}
	for range 3 {
		if err := <-done; troubleOf(err) != interrupted {
			t.Errorf("error %v; want an interruption", err)
		}
	}
	w.server.SetFaults()
	if got, err := s.Candidates(t.Context(), analyzer.KeyDomain{Secret: jwtMain}); err != nil || len(got) != 1 {
		t.Errorf("afterwards %d candidates, %v", len(got), err)
	}
}

func TestSecretFolder(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"v1", "v2", ".hidden"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("value of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(i) * time.Hour)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	s := NewSecrets(DefaultConfig(), nil, os.LookupEnv)
	got, err := s.Candidates(t.Context(), analyzer.KeyDomain{Secret: "file:" + dir})
	if err != nil || len(got) != 2 || got[0].Version != "v2" || got[1].Version != "v1" {
		t.Errorf("candidates %v, %v; want v2, v1", got, err)
	}
	if _, err := s.Candidates(t.Context(), analyzer.KeyDomain{Secret: "file:" + filepath.Join(dir, "none")}); err == nil {
		t.Error("no file gives no error")
	}
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Candidates(t.Context(), analyzer.KeyDomain{Secret: "file:" + big}); err == nil || !strings.Contains(err.Error(), "65536") {
		t.Errorf("a file that is too large: %v", err)
	}
}
