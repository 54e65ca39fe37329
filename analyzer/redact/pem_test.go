package redact

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// pemCarriers are the ways in which a PEM block reaches a log.
var pemCarriers = map[string]func(block string) string{
	"as it is":           func(b string) string { return "loaded " + b },
	"carriage returns":   func(b string) string { return strings.ReplaceAll(b, "\n", "\r\n") },
	"in JSON":            func(b string) string { return toJSON(map[string]string{"x": b}) },
	"in JSON in JSON":    func(b string) string { return quoteJSON(toJSON(map[string]string{"x": b})) },
	"in JSON three deep": func(b string) string { return quoteJSON(quoteJSON(toJSON(map[string]string{"x": b}))) },
	"quoted by Go":       func(b string) string { return fmt.Sprintf("parse %q: bad", b) },
	"environment":        func(b string) string { return "X=" + strings.ReplaceAll(b, "\n", `\n`) + " PORT=80" },
	"on one line":        func(b string) string { return "key: " + strings.ReplaceAll(b, "\n", " ") + "end" },
	"without breaks":     func(b string) string { return strings.ReplaceAll(b, "\n", "") },
	"indented":           func(b string) string { return "key: |\n  " + strings.ReplaceAll(b, "\n", "\n  ") + "\nport: 80" },
	"cut short":          func(b string) string { return b[:len(b)*2/3] },
	"cut short in JSON":  func(b string) string { return toJSON(map[string]string{"x": b[:len(b)*2/3] + "..."}) },
	"the second half":    func(b string) string { return b[len(b)/2:] },
	"base64":             func(b string) string { return "x: " + base64.StdEncoding.EncodeToString([]byte(b)) },
	"percent-encoded": func(b string) string {
		return "/?x=" + strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(b)
	},
	"Node template": func(b string) string { return "key: '" + strings.ReplaceAll(b, "\n", "\\n' +\n    '") + "'" },
	"Python bytes":  func(b string) string { return "b'" + strings.ReplaceAll(b, "\n", `\n`) + "'" },
	"Ruby error":    func(b string) string { return "undefined method `x' for " + fmt.Sprintf("%q", b) + ":String" },
	"service account": func(b string) string {
		return toJSON(map[string]string{"type": "service_account", "private_key": b, "private_key_id": "7d1a"})
	},
	"Java, unable to parse": func(b string) string { return "Unable to parse an RSA_JWK from key: " + b },
}

func TestPrivateKeys(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	prime, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string][]byte{"RSA PRIVATE KEY": x509.MarshalPKCS1PrivateKey(prime)}
	for label, key := range map[string]any{"PRIVATE KEY": prime, "EC PRIVATE KEY": curve, "ENCRYPTED PRIVATE KEY": edwards} {
		if blocks[label], err = x509.MarshalPKCS8PrivateKey(key); err != nil {
			t.Fatal(err)
		}
	}
	for label, der := range blocks {
		block := string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
		lines := strings.Split(strings.TrimSpace(block), "\n")
		for name, carry := range pemCarriers {
			in := carry(block)
			got := Text(in)
			if left := survivor(got, lines[1:len(lines)-1]); left != "" {
				t.Errorf("%s, %s: %q survives\n in  %q\n out %q", label, name, left, in, got)
			}
			if left := survivor(got, []string{base64.StdEncoding.EncodeToString([]byte(block))}); left != "" {
				t.Errorf("%s, %s: %q survives encoded in %q", label, name, left, got)
			}
		}
	}
	testPrivateJWKs(t, prime, curve, edwards)
}

// testPrivateJWKs prints the private members of JSON Web Keys as languages do.
func testPrivateJWKs(t *testing.T, prime *rsa.PrivateKey, curve *ecdsa.PrivateKey, edwards ed25519.PrivateKey) {
	encode := base64.RawURLEncoding.EncodeToString
	number := func(n *big.Int) string { return encode(n.Bytes()) }
	scalar, err := curve.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	hmac := make([]byte, 32)
	if _, err := rand.Read(hmac); err != nil {
		t.Fatal(err)
	}
	secrets := map[string]map[string]string{
		"RSA": {
			"d": number(prime.D), "p": number(prime.Primes[0]), "q": number(prime.Primes[1]),
			"dp": number(prime.Precomputed.Dp), "dq": number(prime.Precomputed.Dq), "qi": number(prime.Precomputed.Qinv),
		},
		"EC":  {"d": encode(scalar)},
		"OKP": {"d": encode(edwards.Seed())},
		"oct": {"k": encode(hmac)},
	}
	for kty, members := range secrets {
		for name, form := range map[string]struct{ open, pair, close string }{
			"JSON":        {`{"kty":"` + kty + `","kid":"k1"`, `,"%s":"%s"`, `}`},
			"JSON first":  {`{`, `"%s":"%s",`, `"kty":"` + kty + `"}`},
			"JSON blanks": {"{\n  \"kty\" : \"" + kty + "\"", ",\n  \"%s\" : \"%s\"", "\n}"},
			"escaped":     {`"{\"kty\":\"` + kty + `\"`, `,\"%s\":\"%s\"`, `}"`},
			"Python":      {`{'kty': '` + kty + `'`, `, '%s': '%s'`, `}`},
			"Node":        {`{ kty: '` + kty + `'`, `, %s: '%s'`, ` }`},
			"Ruby":        {`{"kty"=>"` + kty + `"`, `, "%s"=>"%s"`, `}`},
			"Ruby symbol": {`{:kty=>"` + kty + `"`, `, :%s=>"%s"`, `}`},
			"Go map":      {`map[kty:` + kty, ` %s:%s`, `]`},
			"Java":        {`{kty=` + kty, `, %s=%s`, `}`},
		} {
			in, gone := form.open, []string{}
			for member, value := range members {
				in += fmt.Sprintf(form.pair, member, value)
				gone = append(gone, value)
			}
			in += form.close
			for range 2 {
				if got, left := Text(in), ""; true {
					if left = survivor(got, gone); left != "" {
						t.Errorf("%s, %s: %q survives\n in  %q\n out %q", kty, name, left, in, got)
					}
				}
				in = quoteJSON(in)
			}
		}
	}
}
