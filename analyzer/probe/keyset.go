package probe

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
	"github.com/why401/why401/analyzer/redact"
)

// maxKeys bounds the keys of a set that are looked at.
const maxKeys = 500

// jwk is one key of a set (RFC 7517 section 4, RFC 7518 section 6).
type jwk struct {
	Kty string   `json:"kty"`
	Kid string   `json:"kid"`
	Use string   `json:"use"`
	Ops []string `json:"key_ops"`
	Alg string   `json:"alg"`
	Crv string   `json:"crv"`
	N   string   `json:"n"`
	E   string   `json:"e"`
	X   string   `json:"x"`
	Y   string   `json:"y"`
	D   string   `json:"d"` // private: never published
	K   string   `json:"k"` // a shared secret: never published
	X5C []string `json:"x5c"`
}

// fault is one thing that is wrong with a document, and what it comes to.
type fault struct {
	of     string // the key's kid; "" for the document
	status analyzer.Status
	cause  analyzer.Cause
	what   string // clause, of names and numbers only
	do     string
}

// key is a key of a set that can be used.
type key struct {
	kid, alg, thumbprint string
	public               crypto.PublicKey // nil for types that are not verified here
	signs                bool
}

// errNoKeySet: the document is something else.
var errNoKeySet = errors.New("wanted a JSON object with a member keys")

// readKeySet reads a JWK set and tells what is wrong with its keys. Unknown
// types of key are left out, as RFC 7517 section 5 wants.
func readKeySet(body []byte) (keys []key, faults []fault, err error) {
	var doc struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	trimmed := bytes.TrimSpace(body)
	if bytes.HasPrefix(trimmed, []byte("<")) {
		return nil, nil, fmt.Errorf("%w, found markup: a login or error page", errNoKeySet)
	}
	if json.Unmarshal(trimmed, &doc) != nil || doc.Keys == nil {
		return nil, nil, errNoKeySet
	}
	seen := map[string]string{}
	for i, raw := range (*doc.Keys)[:min(len(*doc.Keys), maxKeys)] {
		var j jwk
		if err := json.Unmarshal(raw, &j); err != nil {
			faults = append(faults, fault{"", analyzer.StatusFail, "jwks.invalid_document", fmt.Sprintf("key %d is no JWK", i+1), "publish it as RFC 7517 says"})
			continue
		}
		k, fs := j.read(i)
		for _, f := range fs {
			f.of = clip(j.Kid)
			faults = append(faults, f)
		}
		if k == nil {
			continue
		}
		switch first, twice := seen[k.kid]; {
		case k.kid == "" && len(*doc.Keys) > 1:
			faults = append(faults, fault{"", analyzer.StatusWarn, "", fmt.Sprintf("key %d of %d has no kid", i+1, len(*doc.Keys)), "give every key a kid: verifiers cannot choose between keys without"})
		case twice && first != k.thumbprint:
			faults = append(faults, fault{"", analyzer.StatusFail, "jwks.kid_reused", fmt.Sprintf("the kid %s names two different keys", clip(k.kid)), "give each key a kid of its own"})
		}
		seen[k.kid] = k.thumbprint
		keys = append(keys, *k)
	}
	return keys, faults, nil
}

// read checks one key; nil when it cannot be used to verify.
func (j *jwk) read(i int) (*key, []fault) {
	name := fmt.Sprintf("key %d", i+1)
	if j.Kid != "" {
		name = "key " + clip(j.Kid)
	}
	if j.Kty == "oct" || j.K != "" || j.D != "" {
		what := name + " is published with its private part"
		if j.Kty == "oct" {
			what = name + " is a shared secret, open to everybody"
		}
		return nil, []fault{{"", analyzer.StatusFail, "jwks.private_key_published", what, "rotate it now: whoever read the document can sign tokens"}}
	}
	public, err := j.public()
	if err != nil {
		return nil, []fault{{"", analyzer.StatusFail, "jwks.invalid_document", name + " cannot be used: " + err.Error(), "publish all its members as RFC 7518 section 6 says"}}
	}
	if public == nil {
		return nil, nil
	}
	k := &key{kid: clip(j.Kid), alg: clip(j.Alg), thumbprint: j.thumbprint(), public: public, signs: j.Use != "enc"}
	var faults []fault
	if n, ok := public.(*rsa.PublicKey); ok && n.N.BitLen() < healthjwt.MinimumRSABits {
		faults = append(faults, fault{"", analyzer.StatusFail, "key.too_short", fmt.Sprintf("%s has %d bits, %d are the least (RFC 7518 section 3.3)", name, n.N.BitLen(), healthjwt.MinimumRSABits), "replace it by a longer one"})
	}
	if !j.fits() {
		faults = append(faults, fault{"", analyzer.StatusFail, "key.key_type_or_parse", fmt.Sprintf("%s says alg %s, and its type is %s", name, clip(j.Alg), clip(j.Kty)), "publish the alg that the key is for, or none"})
	}
	if len(j.X5C) > 0 {
		faults = append(faults, j.certificate(name, public)...)
	}
	return k, faults
}

// certificate compares the first certificate of x5c with the key (RFC 7517
// section 4.7).
func (j *jwk) certificate(name string, public crypto.PublicKey) []fault {
	der, err := base64.StdEncoding.DecodeString(j.X5C[0])
	if err != nil {
		return []fault{{"", analyzer.StatusWarn, "jwks.invalid_document", name + " has an x5c that is not base64", "publish the certificate in base64, or none"}}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return []fault{{"", analyzer.StatusWarn, "jwks.invalid_document", name + " has an x5c that is no certificate", "publish the certificate, or none"}}
	}
	if same, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); ok && !same.Equal(public) {
		return []fault{{"", analyzer.StatusFail, "jwks.invalid_document", name + " and its certificate are of different keys", "publish the certificate of this key, or none"}}
	}
	if time.Now().After(cert.NotAfter) {
		return []fault{{"", analyzer.StatusWarn, "", fmt.Sprintf("the certificate of %s ended on %s", name, cert.NotAfter.UTC().Format(time.DateOnly)), "renew it: verifiers that look at x5c refuse the key"}}
	}
	return nil
}

// fits reports whether alg, when it is given, is for this type of key (RFC
// 7518 section 3.1, RFC 8037).
func (j *jwk) fits() bool {
	switch {
	case j.Alg == "" || j.Use == "enc":
		return true
	case strings.HasPrefix(j.Alg, "RS"), strings.HasPrefix(j.Alg, "PS"):
		return j.Kty == "RSA"
	case strings.HasPrefix(j.Alg, "ES"):
		return j.Kty == "EC" && map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "secp256k1"}[j.Alg] == j.Crv
	case j.Alg == "EdDSA", strings.HasPrefix(j.Alg, "Ed"):
		return j.Kty == "OKP"
	}
	return !strings.HasPrefix(j.Alg, "HS") && j.Alg != "none"
}

// public builds the key; nil without an error for types that are not known
// here.
func (j *jwk) public() (crypto.PublicKey, error) {
	switch j.Kty {
	case "RSA":
		n, e, err := pair(j.N, j.E, "n and e")
		if err != nil {
			return nil, err
		}
		if !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 || e.Bit(0) == 0 || n.BitLen() < 512 || n.BitLen() > 16384 {
			return nil, errors.New("n or e is no RSA number")
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
	case "EC":
		return j.curve()
	case "OKP":
		x, err := bytesOf(j.X)
		if err != nil || j.Crv == "Ed25519" && len(x) != ed25519.PublicKeySize {
			return nil, errors.New("x is not of its curve")
		}
		if j.Crv == "Ed25519" {
			return ed25519.PublicKey(x), nil
		}
		return nil, nil
	case "":
		return nil, errors.New("it has no kty")
	}
	return nil, nil
}

func (j *jwk) curve() (crypto.PublicKey, error) {
	curve, known := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[j.Crv]
	if !known {
		return nil, nil
	}
	x, y, err := pair(j.X, j.Y, "x and y")
	if err != nil {
		return nil, err
	}
	size := (curve.Params().BitSize + 7) / 8
	if x.BitLen() > 8*size || y.BitLen() > 8*size {
		return nil, errors.New("x and y are no point of its curve")
	}
	point := append([]byte{4}, append(x.FillBytes(make([]byte, size)), y.FillBytes(make([]byte, size))...)...)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, errors.New("x and y are no point of its curve")
	}
	return key, nil
}

func pair(a, b, names string) (x, y *big.Int, err error) {
	p, errP := bytesOf(a)
	q, errQ := bytesOf(b)
	if errP != nil || errQ != nil || len(p) == 0 || len(q) == 0 {
		return nil, nil, fmt.Errorf("wanted %s in base64url", names)
	}
	return new(big.Int).SetBytes(p), new(big.Int).SetBytes(q), nil
}

func bytesOf(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}

// thumbprint is the SHA-256 thumbprint of RFC 7638: of the required members
// alone, in lexicographic order, without white space.
func (j *jwk) thumbprint() string {
	members := map[string]any{"kty": j.Kty}
	switch j.Kty {
	case "RSA":
		members["n"], members["e"] = strings.TrimRight(j.N, "="), strings.TrimRight(j.E, "=")
	case "EC":
		members["crv"], members["x"], members["y"] = j.Crv, j.X, j.Y
	case "OKP":
		members["crv"], members["x"] = j.Crv, j.X
	}
	b, err := json.Marshal(members) // sorts the members of a map
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// clip bounds a word that a stranger's document holds, and takes out what
// does not print.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 64 {
		return string(r[:64]) + "…"
	}
	return redact.Text(s)
}

// algorithms lists what the keys that sign say they are for.
func algorithms(keys []key) []string {
	var out []string
	for _, k := range keys {
		if k.signs && k.alg != "" && !slices.Contains(out, k.alg) {
			out = append(out, k.alg)
		}
	}
	slices.Sort(out)
	return out
}
