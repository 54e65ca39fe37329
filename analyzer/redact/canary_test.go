package redact

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
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

func (r randomText) pick(from ...string) string { return from[r.IntN(len(from))] }

// token returns a signed token and its three segments.
func (r randomText) token() (string, [3]string) {
	header := fmt.Sprintf(`{"alg":"%s","typ":"JWT","kid":"k%d"}`, r.pick("HS256", "RS256", "ES256"), r.IntN(9))
	payload := fmt.Sprintf(`{"sub":"%x","jti":"%x","exp":%d}`, r.bytes(6), r.bytes(12), 1795428000+r.IntN(1e6))
	parts := [3]string{segment(header), segment(payload), base64.RawURLEncoding.EncodeToString(r.bytes([]int{32, 64, 256}[r.IntN(3)]))}
	return strings.Join(parts[:], "."), parts
}

// encrypted returns a JWE and what of it must go: all but the header.
func (r randomText) encrypted() (string, []string) {
	parts := []string{segment(`{"alg":"RSA-OAEP","enc":"A256GCM","kid":"k1"}`)}
	for _, n := range []int{256, 12, 40 + r.IntN(200), 16} {
		parts = append(parts, base64.RawURLEncoding.EncodeToString(r.bytes(n)))
	}
	return strings.Join(parts, "."), parts[1:]
}

// opaque returns what an issuer of opaque tokens would hand out.
func (r randomText) opaque() string {
	switch r.IntN(4) {
	case 0:
		return hex.EncodeToString(r.bytes(16 + r.IntN(17)))
	case 1:
		return base64.RawURLEncoding.EncodeToString(r.bytes(24 + r.IntN(25)))
	case 2:
		return base64.StdEncoding.EncodeToString(r.bytes(20 + r.IntN(25)))
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	b := []byte("q7X")
	for range 20 + r.IntN(20) {
		b = append(b, letters[r.IntN(len(letters))])
	}
	return string(b)
}

// chosen returns a secret as a person would choose it.
func (r randomText) chosen() string {
	word := func() string { return r.pick("orange", "winter", "Falcon", "delta", "Quartz", "maple") }
	switch r.IntN(3) {
	case 0:
		return fmt.Sprintf("%s-%s-%04d", word(), word(), 1000+r.IntN(9000))
	case 1:
		return fmt.Sprintf("%s%s!%05d", word(), word(), 10000+r.IntN(90000))
	}
	return word() + word() + word()
}

// person returns a subject as identity providers make them.
func (r randomText) person() string {
	switch r.IntN(4) {
	case 0:
		return fmt.Sprintf("user-%d", 10000+r.IntN(90000))
	case 1:
		return fmt.Sprintf("auth0|%x", r.bytes(12))
	case 2:
		return fmt.Sprintf("%x-%x-%x-%x-%x", r.bytes(4), r.bytes(2), r.bytes(2), r.bytes(2), r.bytes(6))
	}
	return fmt.Sprint(100000 + r.IntN(900000))
}

// canary makes up what a section of carriers is filled with, and the parts of
// it of which nothing may be left.
func (r randomText) canary(section string) (cred string, gone []string) {
	kind := r.IntN(3)
	switch section {
	case "subject":
		cred = r.person()
		return cred, []string{cred}
	case "email":
		local := fmt.Sprintf("%s.%s%d", r.pick("alice", "bob", "j"), r.pick("doe", "kowalska", "o"), 100+r.IntN(900))
		return local + "@" + r.pick("example.com", "mail.example.co.uk", "EXAMPLE.ORG"), []string{local}
	case "secret":
		if kind == 0 {
			cred = r.chosen()
			return cred, []string{cred}
		}
	case "token":
		kind = 2
	}
	if kind < 2 {
		cred = r.opaque()
		return cred, []string{cred}
	}
	if r.IntN(4) == 0 {
		return r.encrypted()
	}
	cred, parts := r.token()
	return cred, parts[1:]
}

// survivor returns a piece of gone that text still holds: twelve bytes in a
// row, or all of what is shorter.
func survivor(text string, gone []string) string {
	const piece = 12
	for _, g := range gone {
		for i := 0; i == 0 || i+piece <= len(g); i++ {
			if p := g[i:min(len(g), i+piece)]; strings.Contains(text, p) {
				return p
			}
		}
	}
	return ""
}

// TestCanaries plants 10,000 credentials and looks for what is left of them.
func TestCanaries(t *testing.T) {
	const want, seed = 10_000, 401
	r := newRandomText(seed)
	sections := readCarriers(t)
	planted, survived := 0, map[string]int{}
	for planted < want {
		for _, section := range []string{"token", "credential", "secret", "subject", "email"} {
			for _, c := range sections[section] {
				planted++
				cred, gone := r.canary(section)
				in := c.fill(cred)
				for range r.IntN(4) - 1 { // half of them as they are, then inside JSON once and twice
					in = quoteJSON("log: " + in)
				}
				got, field := Text(in), Field("message", in)
				left := survivor(got, gone)
				if left == "" {
					left = survivor(field, gone)
				}
				if left == "" {
					continue
				}
				if survived[c.name]++; survived[c.name] <= 2 {
					t.Errorf("%s: %q survives\n in  %q\n out %q", section, left, in, got)
				}
			}
		}
	}
	t.Logf("%d planted, %d of them survive", planted, len(survived))
}

// TestSecretFields holds that a field named after a secret keeps nothing.
func TestSecretFields(t *testing.T) {
	r := newRandomText(7)
	for range 200 {
		secret := r.chosen()
		for _, path := range []string{"config.jwt_secret", "password", "db.password.value", "env.JWT_SECRET", "headers.x-api-key.0"} {
			if got := Field(path, secret); got != Secret {
				t.Errorf("Field(%q, %q) = %q", path, secret, got)
			}
		}
	}
}
