package probe

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/lab"
)

const jwtMain = "projects/acme/secrets/jwt-main"

// storeWorld is a Secret Manager with versions of one secret, added a day
// apart up to an hour ago, and a reference that reads it.
type storeWorld struct {
	t      testing.TB
	now    time.Time
	store  *lab.SecretStore
	server *lab.SecretServer
	deps   *Deps
	told   []analyzer.Change
}

func newStoreWorld(t testing.TB, values ...string) *storeWorld {
	t.Helper()
	w := &storeWorld{t: t}
	w.store = lab.NewSecretStore(func() time.Time { return w.now }, func(lab.StoreEvent) {})
	w.store.AddProject("acme", "42")
	if _, err := w.store.CreateSecret("acme", "jwt-main"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i, v := range values {
		w.now = begin.Add(time.Duration(i-len(values)+1) * 24 * time.Hour)
		w.add(v)
	}
	var err error
	if w.server, err = lab.ServeSecrets(w.store, "why401@acme.example"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.server.Close)
	c := DefaultConfig()
	c.Timeout, c.SecretManager.Endpoint = 2*time.Second, w.server.Addr()
	w.deps = &Deps{Config: c, Changed: func(c analyzer.Change) { w.told = append(w.told, c) }}
	return w
}

func (w *storeWorld) add(value string) {
	w.t.Helper()
	if _, err := w.store.AddVersion("kim", jwtMain, []byte(value)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *storeWorld) set(version string, state lab.VersionState) {
	w.t.Helper()
	if _, err := w.store.SetState("kim", jwtMain+"/versions/"+version, state); err != nil {
		w.t.Fatal(err)
	}
}

// secrets is a new reference: nothing of an earlier look is known to it.
func (w *storeWorld) secrets(domains ...analyzer.KeyDomain) *Secrets {
	s := NewSecrets(w.deps.Config, domains, os.LookupEnv)
	w.t.Cleanup(func() { _ = s.Close() })
	return s
}

func (w *storeWorld) target(d analyzer.KeyDomain) Target {
	w.t.Helper()
	d.Name, d.Environment = "jwt-main", "staging"
	if d.Secret == "" {
		d.Secret = jwtMain
	}
	w.deps.Reference = w.secrets(d)
	return only(w.t, "secret_manager", d, w.deps)
}

func secretManagerWorld(t *testing.T, secret string) Target {
	return newStoreWorld(t, "older", secret).target(analyzer.KeyDomain{MaxAge: time.Minute})
}

func TestSecretManager(t *testing.T) {
	denied := func(method string) lab.StoreFault {
		return lab.StoreFault{Method: method, Code: codes.PermissionDenied}
	}
	for _, tt := range []struct {
		name   string
		secret string // "": jwt-main
		world  func(w *storeWorld)
		status analyzer.Status
		cause  analyzer.Cause
		says   string
		facts  string
	}{
		{"all is well", "", nil, analyzer.StatusOK, "", "version 3 of jwt-main is enabled and was read", "access=granted enabled=3 2 1 newest_state=ENABLED newest_version=3"},
		{"no such secret", "projects/acme/secrets/jwt-mian", nil, analyzer.StatusFail, "key.secret_missing", "project acme has no secret jwt-mian", "access=off error=not_found"},
		{"no such project", "projects/acne/secrets/jwt-main", nil, analyzer.StatusFail, "key.secret_missing", "project acne has no secret", "access=off error=not_found"},
		{"no project at all", "jwt-main", nil, analyzer.StatusUnknown, "", "write projects/PROJECT/secrets/jwt-main", "access=off error=no_project"},
		{"a short name in the configured project", "jwt-main", func(w *storeWorld) { w.deps.Config.SecretManager.Project = "acme" }, analyzer.StatusOK, "", "was read", "newest_version=3"},
		{"the newest is disabled", "", func(w *storeWorld) { w.set("3", lab.VersionDisabled) }, analyzer.StatusFail, "key.version_disabled", "gcloud secrets versions enable 3 --secret=jwt-main --project=acme", "disabled=3 enabled=2 1 newest_state=DISABLED"},
		{"the newest is destroyed", "", func(w *storeWorld) { w.set("3", lab.VersionDestroyed) }, analyzer.StatusFail, "key.version_disabled", "destroyed for good", "destroyed=3 enabled=2 1 newest_state=DESTROYED"},
		{"an old one is disabled", "", func(w *storeWorld) { w.set("1", lab.VersionDisabled) }, analyzer.StatusOK, "", "version 3", "disabled=1 enabled=3 2"},
		{"the pinned one is disabled", jwtMain + "/versions/2", func(w *storeWorld) { w.set("2", lab.VersionDisabled) }, analyzer.StatusFail, "key.version_disabled", "version 2 of jwt-main, which the key domain pins, is disabled", ""},
		{"the pinned one never was", jwtMain + "/versions/9", nil, analyzer.StatusFail, "key.secret_missing", "has no version 9", ""},
		{"the pinned one is sound", jwtMain + "/versions/2", nil, analyzer.StatusOK, "", "version 2 of jwt-main, which the key domain pins, is enabled and was read", ""},
		{"values are denied", "", func(w *storeWorld) { w.server.SetFaults(denied("AccessSecretVersion")) }, analyzer.StatusOK, "", "may not read its value, so nothing can be compared", "access=denied enabled=3 2 1 error=permission_denied"},
		{"the list is denied", "", func(w *storeWorld) { w.server.SetFaults(denied("ListSecretVersions")) }, analyzer.StatusOK, "", "was read", "access=granted enabled=3 2 1"},
		{"the list is denied and the newest disabled", "", func(w *storeWorld) { w.server.SetFaults(denied("ListSecretVersions")); w.set("3", lab.VersionDisabled) }, analyzer.StatusFail, "key.version_disabled", "version 3 of jwt-main is disabled", "disabled=3 enabled=2 1"},
		{"all is denied", "", func(w *storeWorld) { w.server.SetFaults(denied("")) }, analyzer.StatusUnknown, "", "may neither list nor read jwt-main", "access=denied error=permission_denied"},
		{"no answer in time", "", func(w *storeWorld) {
			w.deps.Config.Timeout = 100 * time.Millisecond
			w.server.SetFaults(lab.StoreFault{Delay: time.Minute})
		}, analyzer.StatusFail, "key.store_unreachable", "DeadlineExceeded", "error=unreachable"},
		{"an outage", "", func(w *storeWorld) { w.server.SetFaults(lab.StoreFault{Code: codes.Unavailable}) }, analyzer.StatusFail, "key.store_unreachable", "Unavailable", "error=unreachable"},
		{"an outage of values alone", "", func(w *storeWorld) {
			w.server.SetFaults(lab.StoreFault{Method: "AccessSecretVersion", Code: codes.Unavailable})
		}, analyzer.StatusFail, "key.store_unreachable", "Unavailable", "enabled=3 2 1 error=unreachable"},
		{"damage", "", func(w *storeWorld) { w.server.SetFaults(lab.StoreFault{Damage: true}) }, analyzer.StatusFail, "", "does not fit its CRC-32C", "error=checksum_mismatch"},
		{"no checksum", "", func(w *storeWorld) { w.server.SetFaults(lab.StoreFault{Unsummed: true}) }, analyzer.StatusOK, "", "was read", "access=granted"},
		{"out of quota", "", func(w *storeWorld) { w.server.SetFaults(lab.StoreFault{Code: codes.ResourceExhausted}) }, analyzer.StatusUnknown, "", "could not be looked at", "error=over_quota"},
		{"no credentials", "", func(w *storeWorld) { w.server.SetFaults(lab.StoreFault{Code: codes.Unauthenticated}) }, analyzer.StatusUnknown, "", "has no credentials", "error=no_credentials"},
		{"metadata only", "", func(w *storeWorld) { w.deps.Config.SecretManager.MetadataOnly = true }, analyzer.StatusOK, "", "metadata_only", "access=off enabled=3 2 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newStoreWorld(t, "value-number-one", "value-number-two", "value-number-three")
			if tt.world != nil {
				tt.world(w)
			}
			target := w.target(analyzer.KeyDomain{Secret: tt.secret})
			results := target.check(t.Context(), 20*time.Second)
			conform(t, results, "value-number")
			r := results[0]
			if len(results) != 1 || r.Status != tt.status || r.Cause != tt.cause || !strings.Contains(r.Detail, tt.says) {
				t.Errorf("%s %s: %s\nwant %s %s: …%s…", r.Status, r.Cause, r.Detail, tt.status, tt.cause, tt.says)
			}
			if facts := strings.Join(factWords(r.Facts), " "); tt.facts != "" && !containsWords(facts, tt.facts) {
				t.Errorf("facts %s; want %s", facts, tt.facts)
			}
			if n := w.server.Calls()["AccessSecretVersion"]; tt.name == "metadata only" && n != 0 {
				t.Errorf("%d values were read with metadata_only", n)
			}
		})
	}
}

func factWords(facts map[string]string) []string {
	var out []string
	for k, v := range facts {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}

// containsWords reports whether every key=value of want is in facts.
func containsWords(facts, want string) bool {
	for _, part := range strings.SplitAfter(want, "=") {
		if key, ok := strings.CutSuffix(part, "="); ok && !strings.Contains(facts, key[strings.LastIndexByte(key, ' ')+1:]+"=") {
			return false
		}
	}
	for _, word := range strings.Split(want, " ") {
		if !strings.Contains(" "+facts+" ", " "+word+" ") {
			return false
		}
	}
	return true
}

// Access that was there and went is a fact about the store, not blindness.
func TestSecretManagerLosesAccess(t *testing.T) {
	w := newStoreWorld(t, "one")
	w.deps.Config.Interval = 0 // every look is a new one
	target := w.target(analyzer.KeyDomain{})
	if r := target.check(t.Context(), 20*time.Second)[0]; r.Status != analyzer.StatusOK {
		t.Fatalf("%s: %s", r.Status, r.Detail)
	}
	w.server.SetFaults(lab.StoreFault{Code: codes.PermissionDenied})
	if r := target.check(t.Context(), 20*time.Second)[0]; r.Status != analyzer.StatusWarn || r.Cause != "key.store_denied" || !strings.Contains(r.Detail, "could read jwt-main before") {
		t.Errorf("%s %s: %s", r.Status, r.Cause, r.Detail)
	}
	w.server.SetFaults()
	if r := target.check(t.Context(), 20*time.Second)[0]; r.Status != analyzer.StatusOK {
		t.Errorf("healed: %s: %s", r.Status, r.Detail)
	}
}

// An outage of one call is none.
func TestSecretManagerTriesAgain(t *testing.T) {
	w := newStoreWorld(t, "one")
	target := w.target(analyzer.KeyDomain{})
	w.server.SetFaults(lab.StoreFault{Code: codes.Unavailable})
	time.AfterFunc(pause/3, func() { w.server.SetFaults() })
	if r := target.check(t.Context(), 20*time.Second)[0]; r.Status != analyzer.StatusOK {
		t.Errorf("%s: %s", r.Status, r.Detail)
	}
}

func TestSecretManagerAge(t *testing.T) {
	for _, tt := range []struct {
		name   string
		maxAge time.Duration
		fault  lab.StoreFault
		status analyzer.Status
		cause  analyzer.Cause
		says   string
	}{
		{"young enough", 48 * time.Hour, lab.StoreFault{Method: "none"}, analyzer.StatusOK, "", "is 1h0m0s old, of 2 days"},
		{"overdue", 30 * time.Minute, lab.StoreFault{Method: "none"}, analyzer.StatusWarn, "rotation.overdue", "why401 rotate plan"},
		{"not to be seen", 30 * time.Minute, lab.StoreFault{Method: "ListSecretVersions", Code: codes.PermissionDenied}, analyzer.StatusUnknown, "", "roles/secretmanager.viewer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newStoreWorld(t, "one", "two")
			w.server.SetFaults(tt.fault)
			target := w.target(analyzer.KeyDomain{MaxAge: tt.maxAge})
			results := target.check(t.Context(), 20*time.Second)
			if len(results) != 2 {
				t.Fatalf("%d results; want 2", len(results))
			}
			r := results[1]
			if r.Status != tt.status || r.Cause != tt.cause || !strings.Contains(r.Detail, tt.says) || r.Target != "jwt-main age" {
				t.Errorf("%s %s %s: %s", r.Target, r.Status, r.Cause, r.Detail)
			}
		})
	}
}

// The life of versions is told once, with the store's own times, also over a
// restart.
func TestSecretManagerTellsChanges(t *testing.T) {
	w := newStoreWorld(t, "one", "two")
	w.deps.Config.Interval = 0
	target := w.target(analyzer.KeyDomain{})
	look := func() []string {
		w.told = nil
		if r := target.check(t.Context(), 20*time.Second)[0]; r.Status == analyzer.StatusUnknown {
			t.Fatal(r.Detail)
		}
		w.deps.Past = append(w.deps.Past, w.told...)
		var out []string
		for _, c := range w.told {
			out = append(out, fmt.Sprintf("%s %s %s%s", c.Kind, c.Target, c.Version, c.Details["at_start"]))
		}
		return out
	}
	steps := []struct {
		name string
		do   func()
		want []string
	}{
		{"the first look", func() {}, []string{"secret_version_added jwt-main 1true", "secret_version_added jwt-main 2true"}},
		{"nothing new", func() {}, nil},
		{"a rotation", func() { w.now = time.Now().Add(-time.Minute); w.add("three") }, []string{"secret_version_added jwt-main 3"}},
		{"one is disabled", func() { w.set("1", lab.VersionDisabled) }, []string{"secret_version_disabled jwt-main 1"}},
		{"a restart", func() { target = w.target(analyzer.KeyDomain{}) }, nil},
		{"a rotation and a destruction while nobody looked", func() { w.add("four"); w.set("1", lab.VersionDestroyed); target = w.target(analyzer.KeyDomain{}) },
			[]string{"secret_version_destroyed jwt-main 1", "secret_version_added jwt-main 4"}},
		{"a restart when the oldest changes are forgotten", func() {
			w.deps.Past = slices.DeleteFunc(w.deps.Past, func(c analyzer.Change) bool { return c.Version == "1" || c.Version == "2" })
			target = w.target(analyzer.KeyDomain{})
		}, nil},
		{"enabled again", func() { w.set("2", lab.VersionDisabled); look(); w.set("2", lab.VersionEnabled) }, []string{"secret_version_enabled jwt-main 2"}},
	}
	for _, s := range steps {
		s.do()
		if got := look(); !slices.Equal(got, s.want) {
			t.Errorf("%s: told %q; want %q", s.name, got, s.want)
		}
		for _, c := range w.told {
			if c.Kind == analyzer.SecretVersionAdded && c.Version == "3" && !c.At.Equal(w.now.Truncate(0)) {
				t.Errorf("version 3 was added at %s; want the store's time %s", c.At, w.now)
			}
			if c.Project != "acme" || c.Service.Environment != "staging" || c.Evidence == "" {
				t.Errorf("incomplete change %+v", c)
			}
		}
	}
}
