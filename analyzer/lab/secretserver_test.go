package lab

import (
	"context"
	"errors"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// storeClient is Google's own client in front of a store with one secret.
func storeClient(t *testing.T) (*secretmanager.Client, *SecretServer, *[]StoreEvent) {
	t.Helper()
	events := &[]StoreEvent{}
	store := NewSecretStore(func() time.Time { return begin }, func(e StoreEvent) { *events = append(*events, e) })
	store.AddProject("acme", "42")
	if _, err := store.CreateSecret("acme", "jwt"); err != nil {
		t.Fatal(err)
	}
	server, err := ServeSecrets(store, "probe@acme.example")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	c, err := secretmanager.NewClient(t.Context(), server.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, server, events
}

// Google's client adds, lists, accesses, disables and destroys versions.
func TestSecretServer(t *testing.T) {
	c, server, events := storeClient(t)
	ctx := t.Context()
	const parent = "projects/acme/secrets/jwt"
	for _, value := range []string{"one", "two", "three"} {
		v, err := c.AddSecretVersion(ctx, &secretmanagerpb.AddSecretVersionRequest{Parent: parent, Payload: &secretmanagerpb.SecretPayload{Data: []byte(value)}})
		if err != nil || v.GetState() != secretmanagerpb.SecretVersion_ENABLED {
			t.Fatalf("added %v, %v", v, err)
		}
	}
	wrong := int64(1)
	_, err := c.AddSecretVersion(ctx, &secretmanagerpb.AddSecretVersionRequest{Parent: parent, Payload: &secretmanagerpb.SecretPayload{Data: []byte("x"), DataCrc32C: &wrong}})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("a wrong checksum: %v", err)
	}
	if _, err = c.DisableSecretVersion(ctx, &secretmanagerpb.DisableSecretVersionRequest{Name: parent + "/versions/2"}); err != nil {
		t.Fatal(err)
	}
	if _, err = c.DestroySecretVersion(ctx, &secretmanagerpb.DestroySecretVersionRequest{Name: parent + "/versions/1"}); err != nil {
		t.Fatal(err)
	}
	var states []string
	for v, err := range c.ListSecretVersions(ctx, &secretmanagerpb.ListSecretVersionsRequest{Parent: parent, PageSize: 2}).All() {
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, v.GetName()+" "+v.GetState().String())
	}
	want := []string{"projects/42/secrets/jwt/versions/3 ENABLED", "projects/42/secrets/jwt/versions/2 DISABLED", "projects/42/secrets/jwt/versions/1 DESTROYED"}
	if !slices.Equal(states, want) {
		t.Errorf("versions %q; want %q", states, want)
	}
	if calls := server.Calls()["ListSecretVersions"]; calls != 2 {
		t.Errorf("%d pages; want 2", calls)
	}
	it := c.ListSecretVersions(ctx, &secretmanagerpb.ListSecretVersionsRequest{Parent: parent, Filter: "state:ENABLED"})
	if v, err := it.Next(); err != nil || v.GetName() != "projects/42/secrets/jwt/versions/3" {
		t.Errorf("enabled: %v, %v", v, err)
	}
	if _, err := it.Next(); !errors.Is(err, iterator.Done) {
		t.Errorf("after the only enabled version: %v", err)
	}
	got, err := c.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: parent + "/versions/latest"})
	if err != nil || string(got.GetPayload().GetData()) != "three" || got.GetPayload().GetDataCrc32C() != int64(crc32.Checksum([]byte("three"), crc32.MakeTable(crc32.Castagnoli))) {
		t.Errorf("accessed %v, %v", got.GetName(), err)
	}
	if last := (*events)[len(*events)-1]; last.Method != "AccessSecretVersion" || last.Principal != "probe@acme.example" {
		t.Errorf("audited %+v", last)
	}
}

func TestSecretServerFaults(t *testing.T) {
	c, server, events := storeClient(t)
	const parent = "projects/acme/secrets/jwt"
	if _, err := server.store.AddVersion("kim", parent, []byte("one")); err != nil {
		t.Fatal(err)
	}
	access := func(timeout time.Duration) (*secretmanagerpb.AccessSecretVersionResponse, error) {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		return c.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: parent + "/versions/1"})
	}
	server.SetFaults(StoreFault{Method: "AccessSecretVersion", Code: codes.PermissionDenied})
	_, err := access(10 * time.Second)
	if s := status.Convert(err); s.Code() != codes.PermissionDenied || s.Message() != "Permission 'secretmanager.versions.access' denied for resource 'projects/acme/secrets/jwt/versions/1' (or it may not exist)." {
		t.Errorf("denied: %v", err)
	}
	if last := (*events)[len(*events)-1]; status.Code(last.Err) != codes.PermissionDenied {
		t.Errorf("a refusal is audited too; found %+v", last)
	}
	server.SetFaults(StoreFault{Delay: time.Minute})
	if _, err = access(50 * time.Millisecond); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("slow: %v", err)
	}
	server.SetFaults(StoreFault{Resource: "versions/1", Damage: true})
	if got, err := access(10 * time.Second); err != nil || string(got.GetPayload().GetData()) == "one" {
		t.Errorf("damaged: %q, %v", got.GetPayload().GetData(), err)
	}
	server.SetFaults(StoreFault{Unsummed: true})
	if got, err := access(10 * time.Second); err != nil || got.GetPayload().DataCrc32C != nil {
		t.Errorf("without checksum: %v, %v", got, err)
	}
	server.SetFaults(StoreFault{Resource: "versions/2", Code: codes.Internal})
	if got, err := access(10 * time.Second); err != nil || string(got.GetPayload().GetData()) != "one" {
		t.Errorf("a fault of another version: %v", err)
	}
}
