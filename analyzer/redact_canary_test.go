package analyzer

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A randomText makes up tokens and secrets.
type randomText struct{ *rand.Rand }

func newRandomText(seed uint64) randomText { return randomText{rand.New(rand.NewPCG(seed, 401))} }

func (r randomText) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// token returns a token and its three segments.
func (r randomText) token() (string, [3]string) {
	header := fmt.Sprintf(`{"alg":"%s","typ":"JWT","kid":"k%d"}`, []string{"HS256", "RS256", "ES256"}[r.IntN(3)], r.IntN(9))
	payload := fmt.Sprintf(`{"sub":"%x","jti":"%x","exp":%d}`, r.bytes(6), r.bytes(12), 1795428000+r.IntN(1e6))
	parts := [3]string{segment(header), segment(payload), base64.RawURLEncoding.EncodeToString(r.bytes([]int{32, 64, 256}[r.IntN(3)]))}
	return strings.Join(parts[:], "."), parts
}

// opaque returns what an issuer of opaque tokens would hand out.
func (r randomText) opaque() string {
	switch r.IntN(3) {
	case 0:
		return hex.EncodeToString(r.bytes(16 + r.IntN(17)))
	case 1:
		return base64.RawURLEncoding.EncodeToString(r.bytes(24 + r.IntN(25)))
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	b := []byte("q7X")
	for range 20 + r.IntN(20) {
		b = append(b, letters[r.IntN(len(letters))])
	}
	return string(b)
}

// secret returns what a person or a tool would choose.
func (r randomText) secret() string {
	words := []string{"orange", "winter", "Falcon", "delta", "Quartz", "maple"}
	switch r.IntN(3) {
	case 0:
		return fmt.Sprintf("%s-%s-%04d", words[r.IntN(6)], words[r.IntN(6)], 1000+r.IntN(9000))
	case 1:
		return fmt.Sprintf("%s%s!%05d", words[r.IntN(6)], words[r.IntN(6)], 10000+r.IntN(90000))
	}
	return r.opaque()
}

// carriers are the surroundings in which a credential reaches a log. Each is
// given a token or an opaque credential and returns the text.
var carriers = map[string]func(cred string) string{
	"bearer":       func(c string) string { return "401: Authorization: Bearer " + c + " was refused" },
	"bearer alone": func(c string) string { return "verify Bearer " + c },
	"JSON field": func(c string) string {
		b, _ := json.Marshal(map[string]string{"access_token": c, "n": "1"})
		return string(b)
	},
	"JSON in JSON": func(c string) string { return quoteJSON(quoteJSON(`{"refresh_token": "` + c + `"}`)) },
	"query":        func(c string) string { return "GET /cb?id_token=" + url.QueryEscape(c) + "&state=1 HTTP/1.1" },
	"query in query": func(c string) string {
		return "/login?next=" + url.QueryEscape("/cb?access_token="+url.QueryEscape(c)+"&a=1")
	},
	"form":              func(c string) string { return "body: grant_type=x&client_secret=" + url.QueryEscape(c) + "&scope=a" },
	"environment":       func(c string) string { return "env: PORT=80 JWT_SECRET=" + c + " HOME=/root" },
	"environment, YAML": func(c string) string { return "  JWT_SECRET_KEY: '" + c + "'\n  PORT: 80" },
	"Go header map": func(c string) string {
		return fmt.Sprint(http.Header{"Authorization": {"Bearer " + c}, "Accept": {"*/*"}})
	},
	"Go struct":        func(c string) string { return fmt.Sprintf("%+v", struct{ Name, Password string }{"x", c}) },
	"Go quoted struct": func(c string) string { return fmt.Sprintf("%#v", struct{ Name, APIKey string }{"x", c}) },
	"Go error chain": func(c string) string {
		err := fmt.Errorf("parse %q: %w", "Bearer "+c, errors.New("token is malformed"))
		return fmt.Errorf("authenticate: verify: %w", err).Error()
	},
	"Python dict":   func(c string) string { return "{'headers': {'authorization': 'Bearer " + c + "', 'host': 'x'}}" },
	"Python tuples": func(c string) string { return "[(b'authorization', b'Bearer " + c + "'), (b'host', b'x')]" },
	"Python kwargs": func(c string) string { return "connect(host='x', password='" + c + "', port=1)" },
	"Node object":   func(c string) string { return "{\n  authorization: 'Bearer " + c + "',\n  host: 'x'\n}" },
	"Ruby hash":     func(c string) string { return `Parameters: {"api_key"=>"` + c + `", "id"=>"1"}` },
	"Ruby error":    func(c string) string { return "NoMethodError: undefined method `verify' for \"" + c + "\":String" },
	"Java map":      func(c string) string { return "{Host=x, Proxy-Authorization=Bearer " + c + ", Accept=*/*}" },
	"logfmt":        func(c string) string { return `level=error token="` + c + `" msg="refused"` },
	"XML":           func(c string) string { return "<req><access_token>" + c + "</access_token></req>" },
	"HTML":          func(c string) string { return "&quot;access_token&quot;: &quot;" + c + "&quot;" },
	"cookie":        func(c string) string { return "Cookie: theme=dark; session=" + c + "; a=b" },
	"set-cookie":    func(c string) string { return `"set-cookie": ["session=` + c + `; HttpOnly"]` },
	"curl":          func(c string) string { return "curl -H 'X-Api-Key: " + c + "' https://x/" },
	"flag":          func(c string) string { return "cmd: app --token " + c + " --port 80" },
	"database URL":  func(c string) string { return "dial postgres://app:" + c + "@db:5432/x: refused" },
	"base64 of a header": func(c string) string {
		return "raw: " + base64.StdEncoding.EncodeToString([]byte("Authorization: Bearer "+c+strings.Repeat(" ", 40)))
	},
}

// onlyTokens are the surroundings in which nothing but the shape of a token
// gives it away.
var onlyTokens = map[string]func(c string) string{
	"alone":            func(c string) string { return c },
	"in a path":        func(c string) string { return "GET /verify/" + c + "/next 401" },
	"in a message":     func(c string) string { return "Invalid token signature: " + c },
	"hono":             func(c string) string { return "JwtTokenSignatureMismatched: token(" + c + ") signature mismatched" },
	"%2E":              func(c string) string { return "t=" + strings.ReplaceAll(c, ".", "%2E") },
	`\u002e`:           func(c string) string { return `"` + strings.ReplaceAll(c, ".", `\u002e`) + `"` },
	"wrapped":          func(c string) string { return wrap(c, 76, "\n") },
	"wrapped mail":     func(c string) string { return wrap(c, 72, "=\r\n") },
	"line per segment": func(c string) string { return strings.ReplaceAll(c, ".", ".\n") },
	"base64":           func(c string) string { return "x=" + base64.StdEncoding.EncodeToString([]byte(c)) },
	"base64url":        func(c string) string { return base64.RawURLEncoding.EncodeToString([]byte(c)) },
	"hex":              func(c string) string { return hex.EncodeToString([]byte(c)) },
	"cut in two":       func(c string) string { return c[:len(c)-30] + "..." },
	"second half":      func(c string) string { return c[strings.IndexByte(c, '.')+5:] },
}

func quoteJSON(s string) string { b, _ := json.Marshal(s); return string(b) }

func wrap(s string, width int, end string) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + end)
		s = s[width:]
	}
	return b.String() + s
}

// TestCanaries plants 10,000 credentials and looks for what is left of them.
func TestCanaries(t *testing.T) {
	const seed = 401
	r := newRandomText(seed)
	var names []string
	for name := range carriers {
		names = append(names, name)
	}
	for name := range onlyTokens {
		names = append(names, name)
	}
	planted, survived := 0, map[string]int{}
	for planted < 10_000 {
		for _, name := range names {
			planted++
			carry := carriers[name]
			cred, parts := r.token()
			gone := append(pieces(parts[1]), pieces(parts[2])...)
			if carry == nil {
				carry = onlyTokens[name]
			} else if r.IntN(2) == 0 {
				cred = r.opaque()
				gone = pieces(cred)
			}
			in := carry(cred)
			got := Redact(in)
			field := RedactField("message", in)
			for _, piece := range gone {
				if strings.Contains(got, piece) || strings.Contains(field, piece) {
					if survived[name]++; survived[name] <= 2 {
						t.Errorf("%s (seed %d): %q survives\n in  %q\n out %q", name, seed, piece, in, got)
					}
					break
				}
			}
		}
	}
	t.Logf("%d planted in %d surroundings", planted, len(names))
}

// TestSecretCanaries does the same for secrets that people choose, in the
// surroundings that name them.
func TestSecretCanaries(t *testing.T) {
	const seed = 401
	r := newRandomText(seed)
	named := []string{"form", "environment", "environment, YAML", "Go struct", "Go quoted struct", "Python kwargs", "Ruby hash", "Ruby error", "curl", "database URL", "JSON field", "JSON in JSON"}
	for range 250 {
		for _, name := range named {
			secret := r.secret()
			in := carriers[name](secret)
			if got := Redact(in); strings.Contains(got, secret) || strings.Contains(got, secret[len(secret)-6:]) {
				t.Errorf("%s (seed %d): %q survives\n in  %q\n out %q", name, seed, secret, in, got)
			}
			if got := RedactField("config.jwt_secret", secret); got != "[secret]" {
				t.Errorf("RedactField(%q) = %q", secret, got)
			}
		}
	}
}

// pieces returns 16-byte pieces of a credential: none of them may be left.
func pieces(s string) []string {
	var out []string
	for i := 0; i+16 <= len(s); i += 8 {
		out = append(out, s[i:i+16])
	}
	return out
}
