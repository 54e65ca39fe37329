package rules

import (
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/redact"
)

func load(t testing.TB) *Set {
	t.Helper()
	s, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPacksKeepTheirExamples(t *testing.T) {
	if err := load(t).Check(); err != nil {
		t.Error(err)
	}
}

// The screen may only err towards true: whatever a rule or the generic layer
// claims must pass it.
func TestScreenLetsEveryExampleThrough(t *testing.T) {
	s := load(t)
	for _, r := range s.Rules() {
		for _, x := range r.Examples {
			if strings.Contains(x, "cloudaudit.googleapis.com") {
				continue // audit entries are read whatever the screen says
			}
			if !s.Screen([]byte(redact.Text(x))) {
				t.Errorf("%s: the screen drops %q", r.Name(), x)
			}
		}
	}
	if s.Screen([]byte("order 12 shipped in 4 days")) {
		t.Error("the screen lets an ordinary line through")
	}
	if n := testing.AllocsPerRun(100, func() { s.Screen([]byte("GET /v1/items took 12ms in worker-3")) }); n != 0 {
		t.Errorf("the screen allocates %v times a line", n)
	}
}

func TestClassify(t *testing.T) {
	s := load(t)
	for _, c := range []struct {
		text   string
		want   analyzer.Reason
		match  analyzer.Match
		second analyzer.Reason
	}{
		{"token signature is invalid: signature is invalid", analyzer.BadSignature, analyzer.MatchExact, ""},
		{"token signature is invalid: signing method RS256 is invalid", analyzer.AlgorithmMismatch, analyzer.MatchExact, ""},
		{"jwt.exceptions.ExpiredSignatureError: Signature has expired", analyzer.ExpiredToken, analyzer.MatchExact, ""},
		{"token has invalid claims: token is expired, token has invalid issuer", analyzer.ExpiredToken, analyzer.MatchExact, analyzer.IssuerMismatch},
		{"IDX10503: Signature validation failed. Token does not have a kid", analyzer.KeyNotFound, analyzer.MatchExact, ""},
		{"AcmeJwtVerifier: the bearer token's audience differs from the expected one", analyzer.AudienceMismatch, analyzer.MatchGeneric, ""},
		{"AcmeJwtVerifier: TokenPrematureException: token must not be used before its not before time", analyzer.NotYetValid, analyzer.MatchGeneric, ""},
		{"fastapi_jwt_auth.exceptions.JWTDecodeError: Signature has expired", analyzer.ExpiredToken, analyzer.MatchExact, ""},
		{"token rejected: JwtParseError('Jwt is expired')", analyzer.ExpiredToken, analyzer.MatchExact, ""},
		{"JWTDecodeError: the acme token was signed for another audience", analyzer.AudienceMismatch, analyzer.MatchGeneric, ""},
		{"JwksRateLimitError: Too many requests to the JWKS endpoint", analyzer.JWKSUnavailable, analyzer.MatchExact, ""},
		{"Token is either invalid or has expired.", analyzer.Unspecified, analyzer.MatchGeneric, ""},
		{"WARNING tornado.access: 401 GET /api/orders (127.0.0.1) 1.23ms", analyzer.Unspecified, analyzer.MatchExact, ""},
		{"WARNING tornado.access: 404 GET /api/orders (127.0.0.1) 1.23ms", "", "", ""},
		{"- (sanic.access)[INFO][127.0.0.1:52144]: GET http://localhost:8000/orders  401 52", analyzer.Unspecified, analyzer.MatchExact, ""},
		{"x509: certificate has expired or is not yet valid for db.example.com", "", "", ""},
		{"cache entry expired key=4711", "", "", ""},
		{"JWT validated successfully for user 42", "", "", ""},
		{"RuntimeError: secret version 3540 accessed by service account u784", "", "", ""}, // the error is another's
		{"ParseError: invalid token at line 3 column 14 of config.yaml", "", "", ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			got := s.Classify(TextEntry(c.text))
			if got.Primary() != c.want || got.Match != c.match {
				t.Errorf("%v by %s (%s); want %s (%s)", got.Reasons, got.Rule, got.Match, c.want, c.match)
			}
			if c.second != "" && (len(got.Reasons) < 2 || got.Reasons[1] != c.second) {
				t.Errorf("reasons %v; want %s second", got.Reasons, c.second)
			}
		})
	}
}

func TestCaptures(t *testing.T) {
	got := load(t).Classify(TextEntry("verify: unknown key id Key_2024-06"))
	if got.Captures["kid"] != "Key_2024-06" {
		t.Errorf("captured %q; want the kid with its case: %+v", got.Captures, got)
	}
}

func FuzzClassify(f *testing.F) {
	s := load(f)
	for _, r := range s.Rules()[:20] {
		f.Add(r.Examples[0])
	}
	f.Add("Traceback (most recent call last):\n  File \"x.py\", line 3, in f\n    raise X\nCaused by: jwt expired ---> \x1b[31m")
	f.Fuzz(func(t *testing.T, text string) {
		c := s.Classify(TextEntry(text))
		for _, r := range c.Reasons {
			if !r.Known() {
				t.Fatalf("unknown reason %q", r)
			}
		}
	})
}

// TestClassAndMessageInFields reads an error whose class and message stand in
// fields of their own.
func TestClassAndMessageInFields(t *testing.T) {
	s := load(t)
	for _, c := range []struct {
		class, message string
		want           analyzer.Reason
	}{
		{"JWTDecodeError", "Signature has expired", analyzer.ExpiredToken},
		{"JwtParseError", "Jwt is expired", analyzer.ExpiredToken},
		{"JWTDecodeError", "", analyzer.MalformedToken},
		{"ExpiredSignatureError", "Signature has expired", analyzer.ExpiredToken},
	} {
		e := &analyzer.Entry{Message: "jwt.verify_failed", Fields: []analyzer.Field{{Path: "exception", Value: c.class}, {Path: "detail", Value: c.message}}}
		if got := s.Classify(e); got.Primary() != c.want {
			t.Errorf("%s, %q: %v by %s; want %s", c.class, c.message, got.Reasons, got.Rule, c.want)
		}
	}
}

func BenchmarkScreen(b *testing.B) {
	s := load(b)
	line := []byte("[2026-01-05T08:00:00.000000Z] worker-17 order 4711 accepted by warehouse u312 in 47ms request_id=0a1b2c3d4e5f60718293a4b5c6d7e8f9 region=europe-west1 build=77aa88bb99cc00dd")
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		s.Screen(line)
	}
}

func BenchmarkClassify(b *testing.B) {
	s := load(b)
	e := TextEntry("[2026-01-05T08:00:00.000000Z] ERROR token has invalid claims: token is expired by 12s request_id=0a1b2c3d path=/v1/u1")
	for b.Loop() {
		s.Classify(e)
	}
}
