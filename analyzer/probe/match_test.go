package probe

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

func testPepper(t testing.TB) healthjwt.Pepper {
	t.Helper()
	p, err := healthjwt.NewPepper(healthjwt.NewSecret(healthjwt.NewNonce() + healthjwt.NewNonce()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// randomSecret is a secret as people make them: random bytes in some text
// form, a passphrase, or raw bytes.
func randomSecret(r *rand.Rand) string {
	b := make([]byte, 24+r.IntN(40))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	switch r.IntN(5) {
	case 0:
		return base64.StdEncoding.EncodeToString(b)
	case 1:
		return base64.RawURLEncoding.EncodeToString(b)
	case 2:
		return hex.EncodeToString(b)
	case 3:
		const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!$%&+#"
		for i := range b {
			b[i] = letters[int(b[i])%len(letters)]
		}
	}
	return string(b)
}

// bends are mutations written down apart from those under test: what people
// and programs do, and what the match must call it. An empty result means
// that the mutation does not apply.
var bends = []struct {
	name  string
	want  string // part of the name, "" for the value as it is
	cause analyzer.Cause
	bend  func(string) string
}{
	{"as it is", "", "", func(s string) string { return s }},
	{"echo into a file", "trailing newline", spaceLost, func(s string) string { return s + "\n" }},
	{"edited on Windows", "trailing CRLF", spaceLost, func(s string) string { return s + "\r\n" }},
	{"pasted with a space", "trailing space", spaceLost, func(s string) string { return s + " " }},
	{"pasted with a space before", "leading space", spaceLost, func(s string) string { return " " + s }},
	{"quoted in a .env file", "in double quotes", spaceLost, func(s string) string { return `"` + s + `"` }},
	{"quoted in YAML", "in single quotes", spaceLost, func(s string) string { return "'" + s + "'" }},
	{"saved by Notepad", "byte order mark", spaceLost, func(s string) string { return "\xef\xbb\xbf" + s }},
	{"Kubernetes secret not decoded", "encoded as base64", codeLost, func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"encoded for a URL", "encoded as base64url", codeLost, func(s string) string {
		if e := base64.URLEncoding.EncodeToString([]byte(s)); e != base64.StdEncoding.EncodeToString([]byte(s)) {
			return e
		}
		return ""
	}},
	{"echo | base64", "trailing newline and then encoded as base64", codeLost, func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s + "\n")) }},
	{"base64 > file", "encoded as base64 and then with a trailing newline", codeLost, func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) + "\n" }},
	{"library decodes base64", "decoded from base64", codeLost, func(s string) string {
		if b, err := base64.StdEncoding.DecodeString(s); err == nil {
			return string(b)
		}
		return ""
	}},
	{"library decodes hex", "decoded from hex", codeLost, func(s string) string {
		if b, err := hex.DecodeString(s); err == nil {
			return string(b)
		}
		return ""
	}},
	{"encoded as hex", "encoded as hex", codeLost, func(s string) string { return fmt.Sprintf("%x", s) }},
	{"upper case", "in upper case", codeLost, func(s string) string {
		if u := strings.ToUpper(s); u != s && strings.ToValidUTF8(s, "") == s {
			return u
		}
		return ""
	}},
	{"comment in a .env file", "cut at its first #", codeLost, func(s string) string {
		if cut, _, ok := strings.Cut(s, "#"); ok && len(cut) > 3 {
			return cut
		}
		return ""
	}},
	{"empty", "the empty value", "key.secret_empty", func(string) string { return "" }},
	{"default", "well-known default", "key.weak_default", func(string) string { return "your-256-bit-secret" }},
	{"Python None", "left of a missing value", "key.weak_default", func(string) string { return "None" }},
}

// Two thousand services, each with one mutation of one of four versions, are
// named exactly; unrelated secrets never.
func TestMatchNamesMutations(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2026))
	const groups, each = 25, 80
	named, total, unrelated := 0, 0, 0
	for range groups {
		pepper := testPepper(t)
		var candidates []Candidate
		for v := range 4 {
			environment := "staging"
			if v == 3 {
				environment = "production"
			}
			candidates = append(candidates, Candidate{Secret: "jwt-main", Version: fmt.Sprint(v + 1), Environment: environment, Value: healthjwt.NewSecret(randomSecret(r))})
		}
		nonce := healthjwt.NewNonce()
		match := NewMatcher(pepper, append(candidates, Words(analyzer.KeyDomain{})...)).Round(nonce)
		for n := 0; n < each; {
			b, c := bends[r.IntN(len(bends))], candidates[r.IntN(4)]
			held := b.bend(string(c.Value.Bytes()))
			if held == "" && b.name != "empty" {
				continue // does not apply to this secret
			}
			n++
			total++
			got, ok := match(pepper.Fingerprint([]byte(held), nonce))
			switch {
			case !ok:
				t.Logf("%s: unknown", b.name)
			case got.Word != "":
				if strings.Contains(got.Word, b.want) && got.Cause == b.cause && b.want != "" {
					named++
					continue
				}
				t.Logf("%s: %s", b.name, got)
			case got.Version == c.Version && got.Environment == c.Environment && strings.Contains(got.Mutation, b.want) && (b.want == "") == (got.Mutation == "") && got.Cause == b.cause:
				named++
			default:
				t.Logf("%s of version %s: %s, cause %s", b.name, c.Version, got, got.Cause)
			}
		}
		for range each {
			if m, ok := match(pepper.Fingerprint([]byte(randomSecret(r)), nonce)); ok {
				unrelated++
				t.Logf("an unrelated secret was named: %s", m)
			}
		}
	}
	t.Logf("%d of %d named exactly, %d of %d unrelated ones named", named, total, unrelated, total)
	if total != 2000 || named*100 < total*99 || unrelated > 0 {
		t.Errorf("%d of %d named exactly, %d unrelated named; want at least 99 %% and none", named, total, unrelated)
	}
}

// A store that holds the newline itself: services that trim are named too.
func TestMatchLostWhiteSpace(t *testing.T) {
	pepper, nonce := testPepper(t), healthjwt.NewNonce()
	match := NewMatcher(pepper, []Candidate{{Version: "2", Value: healthjwt.NewSecret("9b1d0f6c7e5a4b3c2d1e0f9a8b7c6d5e\n")}}).Round(nonce)
	got, ok := match(pepper.Fingerprint([]byte("9b1d0f6c7e5a4b3c2d1e0f9a8b7c6d5e"), nonce))
	if !ok || got.Mutation != "without the white space around it" || got.Cause != spaceLost {
		t.Errorf("got %q %v; want the trimmed value", got, ok)
	}
}

// Mutations give no value twice and never the value itself under a name.
func TestMutationsAreDistinct(t *testing.T) {
	for _, v := range []string{"a", "secret", "c2VjcmV0LXNlY3JldC1zZWNyZXQ=", "deadbeef00112233", "UPPER", "with space # and $x", "\x00\xff\xfe binary", `"quoted"`} {
		seen := map[string]string{}
		for m, b := range Mutations([]byte(v)) {
			if was, ok := seen[string(b)]; ok {
				t.Errorf("%q: %q and %q give the same bytes", v, was, m.Name)
			}
			seen[string(b)] = m.Name
			if (m.Name == "") != (string(b) == v) || len(b) == 0 {
				t.Errorf("%q: %q gives %q", v, m.Name, b)
			}
		}
	}
}

func BenchmarkMatcher(b *testing.B) {
	pepper := testPepper(b)
	var cs []Candidate
	for v := range 4 {
		cs = append(cs, Candidate{Version: fmt.Sprint(v), Value: healthjwt.NewSecret(healthjwt.NewNonce() + healthjwt.NewNonce())})
	}
	cs = append(cs, Words(analyzer.KeyDomain{})...)
	b.Run("keys", func(b *testing.B) {
		for b.Loop() {
			NewMatcher(pepper, cs)
		}
	})
	m := NewMatcher(pepper, cs)
	b.Run("round", func(b *testing.B) {
		for b.Loop() {
			m.Round("AAAAAAAAAAAAAAAAAAAAAAAAAA")("nothing")
		}
	})
}
