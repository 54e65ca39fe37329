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
			{"name":"keys","secret":{"secretName":"jwt-main","items":[{"key":"7","path":"key"}]}}]}}}}}}}`, "keys=jwt-main@7"},
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
