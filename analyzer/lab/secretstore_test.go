package lab

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestSecretStore(t *testing.T) {
	var events []StoreEvent
	s := NewSecretStore(func() time.Time { return begin }, func(e StoreEvent) { events = append(events, e) })
	s.AddProject("acme", "42")
	name, err := s.CreateSecret("acme", "jwt")
	if err != nil || name != "projects/42/secrets/jwt" {
		t.Fatalf("created %q, %v", name, err)
	}
	code := func(step string, err error, want codes.Code) {
		t.Helper()
		if got := status.Code(err); got != want {
			t.Errorf("%s: %v (%v), wanted %v", step, got, err, want)
		}
	}
	access := func(version, want string, wantCode codes.Code) {
		t.Helper()
		_, payload, err := s.Access("svc", "projects/acme/secrets/jwt/versions/"+version)
		code("access "+version, err, wantCode)
		if string(payload) != want {
			t.Errorf("access %s: %q, wanted %q", version, payload, want)
		}
	}
	_, err = s.CreateSecret("acme", "jwt")
	code("create again", err, codes.AlreadyExists)
	_, err = s.CreateSecret("nobody", "jwt")
	code("create in an unknown project", err, codes.NotFound)
	access("latest", "", codes.NotFound)

	_, err = s.AddVersion("kim", "projects/acme/secrets/jwt", []byte("one"))
	code("add", err, codes.OK)
	v2, err := s.AddVersion("kim", "projects/42/secrets/jwt", []byte("two"))
	code("add", err, codes.OK)
	if v2.Name != "projects/42/secrets/jwt/versions/2" || v2.State != VersionEnabled || !v2.Created.Equal(begin) {
		t.Errorf("added %+v", v2)
	}
	access("1", "one", codes.OK)
	access("2", "two", codes.OK)
	access("latest", "two", codes.OK)
	access("3", "", codes.NotFound)
	access("newest", "", codes.InvalidArgument)

	_, err = s.SetState("kim", "projects/acme/secrets/jwt/versions/2", VersionDisabled)
	code("disable", err, codes.OK)
	access("2", "", codes.FailedPrecondition)
	access("latest", "", codes.FailedPrecondition) // the alias does not fall back to version 1
	access("1", "one", codes.OK)
	_, err = s.SetState("kim", "projects/acme/secrets/jwt/versions/2", VersionEnabled)
	code("enable", err, codes.OK)
	access("latest", "two", codes.OK)
	_, err = s.SetState("kim", "projects/acme/secrets/jwt/versions/1", VersionDestroyed)
	code("destroy", err, codes.OK)
	access("1", "", codes.FailedPrecondition)
	_, err = s.SetState("kim", "projects/acme/secrets/jwt/versions/1", VersionEnabled)
	code("enable a destroyed version", err, codes.FailedPrecondition)
	_, err = s.AddVersion("kim", "secrets/jwt", nil)
	code("add to a bad name", err, codes.InvalidArgument)
	_, err = s.AddVersion("kim", "projects/acme/secrets/jwt/versions/2", nil)
	code("add to a version", err, codes.InvalidArgument)

	list, err := s.List("projects/acme/secrets/jwt")
	code("list", err, codes.OK)
	var states []VersionState
	for _, v := range list {
		states = append(states, v.State)
	}
	if want := []VersionState{VersionEnabled, VersionDestroyed}; !slices.Equal(states, want) {
		t.Errorf("states, newest first: %v, wanted %v", states, want)
	}
	got, err := s.Get("projects/acme/secrets/jwt/versions/latest")
	if err != nil || got.Number != 2 {
		t.Errorf("got %+v, %v", got, err)
	}

	methods := map[string]int{}
	for _, e := range events {
		methods[e.Method]++
	}
	for method, n := range map[string]int{"AddSecretVersion": 4, "AccessSecretVersion": 11, "DisableSecretVersion": 1,
		"EnableSecretVersion": 2, "DestroySecretVersion": 1} {
		if methods[method] != n {
			t.Errorf("%d events of %s, wanted %d", methods[method], method, n)
		}
	}
}

// The check vector of CRC-32C: 123456789 gives E3069283.
func TestSecretStoreChecksum(t *testing.T) {
	s := NewSecretStore(time.Now, func(StoreEvent) {})
	s.AddProject("acme", "42")
	if _, err := s.CreateSecret("acme", "jwt"); err != nil {
		t.Fatal(err)
	}
	v, err := s.AddVersion("kim", "projects/acme/secrets/jwt", []byte("123456789"))
	if err != nil || v.Checksum != 0xe3069283 {
		t.Errorf("checksum %08x, %v", v.Checksum, err)
	}
}
