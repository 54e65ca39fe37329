package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
)

// Changes are read from entries as the platforms write them, each once.
func TestChanges(t *testing.T) {
	set, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	audit := func(resource, method, name, more string) string {
		return fmt.Sprintf(`{"insertId":"a","logName":"projects/acme/logs/cloudaudit.googleapis.com%%2Factivity","timestamp":"2026-11-23T10:00:00Z","resource":{"type":%q,"labels":{"project_id":"acme"}},
			"protoPayload":{"authenticationInfo":{"principalEmail":"kim@acme.example"},"methodName":%q,"resourceName":%q%s}}`, resource, method, name, more)
	}
	const sm = "google.cloud.secretmanager.v1.SecretManagerService."
	pod := `,"response":{"kind":"Deployment","spec":{"template":{"spec":{"containers":[{"name":"payments","image":"x","env":[{"name":"JWT_SECRET","valueFrom":{"secretKeyRef":{"name":"jwt-main","key":"value"}}}]}]}}}}`
	for _, c := range []struct{ name, entry, want string }{
		{"a version is added", audit("audited_resource", sm+"AddSecretVersion", "projects/1/secrets/jwt-main", `,"response":{"name":"projects/1/secrets/jwt-main/versions/7"}`), "secret_version_added jwt-main 7 person"},
		{"a regional version is added", audit("audited_resource", sm+"AddSecretVersion", "projects/1/locations/europe-west1/secrets/jwt-main", `,"response":{"name":"projects/1/locations/europe-west1/secrets/jwt-main/versions/7"}`), "secret_version_added jwt-main 7 person"},
		{"a regional version is disabled", audit("audited_resource", sm+"DisableSecretVersion", "projects/1/locations/europe-west1/secrets/jwt-main/versions/6", ""), "secret_version_disabled jwt-main 6 person"},
		{"a secret is deleted", audit("audited_resource", sm+"DeleteSecret", "projects/1/secrets/jwt-main", ""), "secret_version_destroyed jwt-main  person"},
		{"latest is read", audit("audited_resource", sm+"AccessSecretVersion", "projects/1/secrets/jwt-main/versions/latest", ""), "secret_accessed jwt-main latest person"},
		{"Cloud Run, v1", audit("cloud_run_revision", "google.cloud.run.v1.Services.ReplaceService", "namespaces/acme/services/payments", `,"request":{"service":{"spec":{"template":{"spec":{"containers":[{"image":"x"}]}}}}}`), "revision_deployed payments  person mounts=-"},
		{"Cloud Run, v2", audit("cloud_run_revision", "google.cloud.run.v2.Services.UpdateService", "projects/acme/locations/europe-west1/services/payments", `,"request":{"service":{"template":{"containers":[{"env":[{"name":"JWT_SECRET","valueSource":{"secretKeyRef":{"secret":"jwt-main","version":"3"}}}]}]}}}`), "revision_deployed payments  person mounts=JWT_SECRET=jwt-main@3"},
		{"Cloud Run, v2, created", audit("cloud_run_revision", "google.cloud.run.v2.Services.CreateService", "projects/acme/locations/europe-west1/services/payments", ""), "revision_deployed payments  person"},
		{"who may invoke", audit("cloud_run_revision", "google.cloud.run.v1.Services.SetIamPolicy", "projects/acme/locations/europe-west1/services/payments", ""), "iam_policy_changed payments  person"},
		{"who may read the secret", audit("audited_resource", sm+"SetIamPolicy", "projects/1/secrets/jwt-main", ""), "iam_policy_changed jwt-main  person"},
		{"the project's policy", audit("project", "SetIamPolicy", "projects/acme", ""), "iam_policy_changed acme  person"},
		{"GKE, a deployment is patched", audit("k8s_cluster", "io.k8s.apps.v1.deployments.patch", "apps/v1/namespaces/shop/deployments/payments", pod), "revision_deployed payments  person mounts=JWT_SECRET=jwt-main@value"},
		{"GKE, its scale is no deploy", audit("k8s_cluster", "io.k8s.apps.v1.deployments.scale.patch", "apps/v1/namespaces/shop/deployments/payments/scale", ""), ""},
		{"GKE, its status is no deploy", audit("k8s_cluster", "io.k8s.apps.v1.deployments.status.patch", "apps/v1/namespaces/shop/deployments/payments/status", ""), ""},
		{"GKE, a secret gets another value", audit("k8s_cluster", "io.k8s.core.v1.secrets.update", "core/v1/namespaces/shop/secrets/jwt-main", ""), "value_changed jwt-main  person"},
		{"GKE, a container starts", `{"insertId":"a","logName":"projects/acme/logs/events","timestamp":"2026-11-23T10:00:00Z","resource":{"type":"k8s_pod","labels":{"project_id":"acme","namespace_name":"shop","pod_name":"payments-5d9c7b8f6-x2x7z"}},
			"jsonPayload":{"kind":"Event","reason":"Started","message":"Started container payments","involvedObject":{"kind":"Pod","name":"payments-5d9c7b8f6-x2x7z","fieldPath":"spec.containers{payments}"}}}`, "instance_started payments   instance=payments-5d9c7b8f6-x2x7z"},
		{"Cloud Run starts an instance", `{"insertId":"a","logName":"projects/acme/logs/run.googleapis.com%2Fvarlog%2Fsystem","timestamp":"2026-11-23T10:00:00Z","labels":{"instanceId":"00a1"},"resource":{"type":"cloud_run_revision","labels":{"service_name":"payments","revision_name":"payments-7"}},"textPayload":"Starting new instance. Reason: AUTOSCALING"}`,
			"instance_started payments payments-7  instance=00a1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := analyzer.NewDecoder(nil).Entry(&analyzer.Message{Data: []byte(c.entry)})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if x := set.Classify(e).Change; x != nil {
				got = strings.Join([]string{string(x.Kind), x.Target, x.Version, x.By}, " ")
				for _, k := range slices.Sorted(maps.Keys(x.Details)) {
					got += " " + k + "=" + x.Details[k]
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
