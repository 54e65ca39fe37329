package probe

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// weakness is what is wrong with a value.
type weakness struct {
	status analyzer.Status
	cause  analyzer.Cause
	what   string // begins with a verb
	do     string // empty: what the catalogue says
}

// judgeValue looks at a value for what makes it unfit for the algorithms. It
// returns the worst.
func judgeValue(v []byte, algorithms []string) (weakness, bool) {
	symmetric := slices.IndexFunc(algorithms, func(a string) bool { return strings.HasPrefix(a, "HS") }) >= 0
	block, _ := pem.Decode(v)
	trimmed := bytes.TrimSpace(v)
	switch {
	case len(trimmed) == 0:
		return weakness{analyzer.StatusFail, "key.secret_empty", "is empty", ""}, true
	case isDefault(trimmed):
		return weakness{analyzer.StatusFail, "key.weak_default", "is a well-known default", ""}, true
	case !symmetric:
		return judgeKey(v, algorithms)
	case block != nil:
		return weakness{analyzer.StatusFail, "key.key_type_or_parse", fmt.Sprintf("is a PEM block (%s), and %s takes bytes: whoever knows the public half can sign", clip(block.Type), strings.Join(algorithms, ", ")), ""}, true
	}
	for _, alg := range algorithms {
		if least := healthjwt.MinimumBytes(alg); len(v) < least {
			return weakness{analyzer.StatusFail, "key.too_short", fmt.Sprintf("is shorter than the %d bytes that %s demands (RFC 7518, section 3.2)", least, alg), ""}, true
		}
	}
	switch {
	case guessableBits(trimmed) < leastBits:
		return weakness{analyzer.StatusFail, "key.weak_default", fmt.Sprintf("is made of repetitions, rows or common words: fewer than 2^%d tries find it", leastBits), "generate a random secret (openssl rand -base64 48) and rotate to it"}, true
	case len(trimmed) != len(v):
		return weakness{analyzer.StatusWarn, "", "has white space around it, which some services take off and others do not", "add a version without it (printf, not echo)"}, true
	case bytes.HasPrefix(v, []byte("\ufeff")):
		return weakness{analyzer.StatusWarn, "", "begins with a byte order mark, which some services take off and others do not", "add a version without it"}, true
	case v[0] == v[len(v)-1] && bytes.IndexByte([]byte("\"'`"), v[0]) >= 0:
		return weakness{analyzer.StatusWarn, "", "stands in quotes, which some services take off and others do not", "add a version without them"}, true
	}
	return weakness{}, false
}

// judgeKey looks at a key of an asymmetric algorithm.
func judgeKey(v []byte, algorithms []string) (weakness, bool) {
	list := strings.Join(algorithms, ", ")
	var key any
	for _, parse := range []func([]byte) (any, error){
		func(b []byte) (any, error) { return jwt.ParseRSAPrivateKeyFromPEM(b) }, func(b []byte) (any, error) { return jwt.ParseRSAPublicKeyFromPEM(b) },
		func(b []byte) (any, error) { return jwt.ParseECPrivateKeyFromPEM(b) }, func(b []byte) (any, error) { return jwt.ParseECPublicKeyFromPEM(b) },
		func(b []byte) (any, error) { return jwt.ParseEdPrivateKeyFromPEM(b) }, func(b []byte) (any, error) { return jwt.ParseEdPublicKeyFromPEM(b) },
		func(b []byte) (any, error) { return x509.ParsePKCS8PrivateKey(b) },
	} {
		if k, err := parse(v); err == nil {
			key = k
			break
		}
	}
	var modulus *rsa.PublicKey
	switch k := key.(type) {
	case nil:
		return weakness{analyzer.StatusFail, "key.key_type_or_parse", "is no key in PEM or DER form, which " + list + " needs", ""}, true
	case *rsa.PrivateKey:
		modulus = &k.PublicKey
	case *rsa.PublicKey:
		modulus = k
	}
	wantsRSA := slices.ContainsFunc(algorithms, func(a string) bool { return strings.HasPrefix(a, "RS") || strings.HasPrefix(a, "PS") })
	switch {
	case modulus != nil && modulus.N.BitLen() < healthjwt.MinimumRSABits:
		return weakness{analyzer.StatusFail, "key.too_short", fmt.Sprintf("is an RSA key under %d bits (RFC 7518, section 3.3)", healthjwt.MinimumRSABits), "generate a key of 2048 bits or more and rotate to it"}, true
	case (modulus != nil) != wantsRSA:
		return weakness{analyzer.StatusFail, "key.key_type_or_parse", "is a key of another kind than " + list + " needs", ""}, true
	}
	return weakness{}, false
}

func isDefault(v []byte) bool {
	return slices.ContainsFunc(slices.Concat(defaults, unresolved), func(w string) bool { return strings.EqualFold(w, string(v)) })
}

// leastBits is what the estimate must reach. NIST SP 800-131A revision 2 asks
// for 112 bits; the estimate of a short random text may fall below that.
const leastBits = 80

// guessableBits bounds from above how hard a value is to guess: what repeats,
// runs on or is a common word counts little. It sees carelessness; that a
// value is random no program can see.
func guessableBits(v []byte) float64 {
	v = v[:period(v)]
	bits := 0.0
	for _, w := range commonWords {
		if n := bytes.Count(bytes.ToLower(v), []byte(w)); n > 0 {
			bits += float64(n) * bitsOfWord
			v = regexp.MustCompile("(?i)"+w).ReplaceAll(v, nil)
		}
	}
	if len(v) == 0 {
		return bits
	}
	counts, row, inRow := map[byte]int{}, 0, 0
	for i, c := range v {
		counts[c]++
		if i > 0 && c-v[i-1] <= 1 { // the same again, or the next of a row
			row++
		} else {
			row = 0
		}
		if row > 1 {
			inRow++
		}
	}
	perByte := 0.0
	for _, n := range counts {
		share := float64(n) / float64(len(v))
		perByte -= share * math.Log2(share)
	}
	return bits + perByte*float64(len(v)-inRow)
}

// commonWords are those that people write secrets with, the longer before
// those that they contain; bitsOfWord is what one of them is worth.
var commonWords = []string{
	"development", "production", "changeme", "password", "company", "default", "example", "service", "session", "staging", "change", "backend", "client", "random",
	"secret", "server", "signing", "string", "please", "access", "super", "token", "admin", "hmac", "long", "prod", "user", "very", "test", "this", "that", "auth",
	"2023", "2024", "2025", "2026", "key", "jwt", "dev", "app", "api", "the", "and", "for", "not", "your", "use",
}

const bitsOfWord = 6

// period is the length of the part that v repeats; len(v) when it does not.
func period(v []byte) int {
	for n := 1; n <= len(v)/2; n++ {
		if bytes.Equal(v[n:], v[:len(v)-n]) {
			return n
		}
	}
	return len(v)
}
