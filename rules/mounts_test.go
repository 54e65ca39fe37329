package rules

import (
	"testing"

	"github.com/why401/why401/analyzer"
)

func TestMounts(t *testing.T) {
	for _, c := range []struct{ name, entry, want string }{
		{"v1: variables, in order of name, a plain one left out", `{"insertId":"a","timestamp":"2026-11-23T10:00:00Z","protoPayload":{"request":{"service":{"spec":{"template":{"spec":{"containers":[{"env":[
			{"name":"LOG_LEVEL","value":"info"},
			{"name":"JWT_SECRET_KEY","valueFrom":{"secretKeyRef":{"name":"jwt-main","key":"latest"}}},
			{"name":"JWT_SECRET","valueFrom":{"secretKeyRef":{"name":"jwt-legacy","key":"3"}}}]}]}}}}}}}`,
			"JWT_SECRET=jwt-legacy@3 JWT_SECRET_KEY=jwt-main@latest"},
		{"v2: resource names and no version", `{"insertId":"a","timestamp":"2026-11-23T10:00:00Z","protoPayload":{"request":{"service":{"template":{"containers":[{"env":[
			{"name":"JWT_SECRET_KEY","valueSource":{"secretKeyRef":{"secret":"projects/p/secrets/jwt-main"}}}]}]}}}}}`, "JWT_SECRET_KEY=projects/p/secrets/jwt-main@latest"},
		{"a mounted volume", `{"insertId":"a","timestamp":"2026-11-23T10:00:00Z","protoPayload":{"request":{"service":{"spec":{"template":{"spec":{"volumes":[
			{"name":"keys","secret":{"secretName":"jwt-main","items":[{"key":"7","path":"key"}]}}]}}}}}}}`, "volume/keys=jwt-main@7"},
		{"Kubernetes: the whole secret as variables, and a file of a CSI driver", `{"insertId":"a","timestamp":"2026-11-23T10:00:00Z","protoPayload":{"response":{"spec":{"template":{"spec":{"containers":[{"name":"app","envFrom":[{"secretRef":{"name":"jwt-main"}}]}],
			"volumes":[{"name":"keys","csi":{"driver":"secrets-store.csi.x-k8s.io","volumeAttributes":{"secretProviderClass":"jwt-keys"}}}]}}}}}}`, "envFrom/jwt-main=jwt-main@latest volume/keys=jwt-keys@latest"},
		{"the response says more than the patch that was asked for", `{"insertId":"a","timestamp":"2026-11-23T10:00:00Z","protoPayload":{"request":{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"x"}]}}}},
			"response":{"spec":{"template":{"spec":{"containers":[{"name":"app","env":[{"name":"JWT_SECRET","valueFrom":{"secretKeyRef":{"name":"jwt-main","key":"value"}}}]}]}}}}}}`, "JWT_SECRET=jwt-main@value"},
		{"containers without a reference", `{"insertId":"a","timestamp":"2026-11-23T10:00:00Z","protoPayload":{"request":{"service":{"spec":{"template":{"spec":{"containers":[{"env":[{"name":"A","value":"b"}]}]}}}}}}}`, "-"},
		{"none", `{"insertId":"a","timestamp":"2026-11-23T10:00:00Z","protoPayload":{"request":{"service":{}}}}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := analyzer.NewDecoder(nil).Entry(&analyzer.Message{Data: []byte(c.entry)})
			if err != nil {
				t.Fatal(err)
			}
			if got := mounts(e); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
