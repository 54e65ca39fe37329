package redact

import (
	"strings"
	"testing"
)

// benchLines are candidate lines of about 300 bytes as services write them.
var benchLines = map[string]string{
	"zap":    `{"level":"warn","ts":"2026-11-23T10:00:00.123Z","caller":"auth/middleware.go:88","msg":"jwt validation failed","error":"token has invalid claims: token is expired by 1h4m33s","kid":"k1","aud":"orders-api","iss":"https://auth.example","path":"/v1/orders/4711","trace":"0a3b514ac4b16afd3ba4c4b48ad828d9","status":401}`,
	"logfmt": `time=2026-11-23T10:00:00Z level=error component=auth request_id=f81d4fae-7dec-11d0-a765-00a0c91e6bf6 remote=10.12.0.7:41122 method=GET path=/v1/orders status=401 msg="authentication failed" reason="oidc: expected audience orders-api got web" kid=NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs alg=RS256 iss=https://auth.example`,
	"node":   "JsonWebTokenError: jwt malformed\n    at module.exports [as verify] (/workspace/node_modules/jsonwebtoken/verify.js:70:17)\n    at authenticate (/workspace/src/middleware/auth.js:41:22)\n    at Layer.handle [as handle_request] (/workspace/node_modules/express/lib/router/layer.js:95:5)\n    at next (/workspace/node_modules/express/lib/router/route.js:149:13)",
	"java":   `2026-11-23 10:00:00.123  WARN 1 --- [nio-8080-exec-7] o.s.s.o.s.r.a.JwtAuthenticationProvider : Failed to authenticate since the JWT was invalid: An error occurred while attempting to decode the Jwt: Signed JWT rejected: Another algorithm expected, or no matching key(s) found; nested exception is com.nimbusds.jose.proc.BadJOSEException`,
}

// BenchmarkRedact measures lines that hold nothing to remove, which is nearly
// all of them: go test -run '^$' -bench . ./analyzer/redact
func BenchmarkRedact(b *testing.B) {
	for name, line := range benchLines {
		b.Run(name, func(b *testing.B) {
			if Text(line) != line {
				b.Fatalf("changed to %q", Text(line))
			}
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				Text(line)
			}
		})
	}
}

// BenchmarkRedactLeak measures a line that holds a token.
func BenchmarkRedactLeak(b *testing.B) {
	line := "Authorization: Bearer " + madeUp(plainHeader, plainPayload) + " was refused: " + benchLines["zap"]
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		Text(line)
	}
}

// BenchmarkRedactHostile measures a megabyte of what costs most.
func BenchmarkRedactHostile(b *testing.B) {
	for _, unit := range []string{"k:", "basic+", "://", "::decode(", `"kty""k":`, "eyJ.eyJ.", `\`, "password=a,", "aB1"} {
		b.Run(unit, func(b *testing.B) {
			line := strings.Repeat(unit, 1<<20/len(unit))
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				Text(line)
			}
		})
	}
}
