package rules

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/why401/why401/analyzer"
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
			if !s.Screen([]byte(analyzer.Redact(x))) {
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
		{"x509: certificate has expired or is not yet valid for db.example.com", "", "", ""},
		{"cache entry expired key=4711", "", "", ""},
		{"JWT validated successfully for user 42", "", "", ""},
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

func TestBrokenPacks(t *testing.T) {
	const head = "pack: p\nlibrary: l\nlanguage: go\nsource: s\nrules:\n"
	const fine = "    examples: [\"jwt expired a\", \"jwt expired b\"]\n    near_misses: [\"nothing\"]\n"
	for _, c := range []struct{ name, yaml, want string }{
		{"unknown reason", head + "  - id: a\n    reason: expired_tokn\n    text: [\"jwt expired\"]\n" + fine, `p.yaml:7:13: rules[0].reason: unknown reason "expired_tokn" (did you mean expired_token?)`},
		{"no meaning", head + "  - id: a\n    text: [\"jwt expired\"]\n" + fine, "wanted exactly one of reason, success, benign and change, found 0"},
		{"two meanings", head + "  - id: a\n    reason: expired_token\n    success: true\n    text: [\"jwt expired\"]\n" + fine, "found 2"},
		{"no text", head + "  - id: a\n    reason: expired_token\n" + fine, "wanted text or where, found neither"},
		{"one example", head + "  - id: a\n    reason: expired_token\n    text: [\"jwt expired\"]\n    examples: [\"jwt expired\"]\n    near_misses: [\"x\"]\n", "wanted at least 2 examples, found 1"},
		{"no near miss", head + "  - id: a\n    reason: expired_token\n    text: [\"jwt expired\"]\n    examples: [\"jwt expired\", \"jwt expired 2\"]\n", "wanted at least 1 near miss"},
		{"short text", head + "  - id: a\n    reason: expired_token\n    text: [\"{*} ex\"]\n" + fine, "wanted a fixed part with at least 4 letters"},
		{"unknown key", head + "  - id: a\n    raeson: expired_token\n    text: [\"jwt expired\"]\n" + fine, "p.yaml:7:5"},
		{"no id", head + "  - reason: expired_token\n    text: [\"jwt expired\"]\n" + fine, "wanted an id, found none"},
		{"no pack", "rules: []\n", "wanted pack"},
		{"not yaml", "pack: [", "p.yaml:1"},
		{"wrong type", head + "  - id: a\n    reason: expired_token\n    text: 12\n" + fine, "p.yaml:8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(fstest.MapFS{"p.yaml": {Data: []byte(c.yaml)}})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "p.yaml:") {
				t.Errorf("error %v; want file:line:col and %q", err, c.want)
			}
		})
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
