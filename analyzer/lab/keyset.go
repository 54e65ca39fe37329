package lab

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
)

// keyPairs are what an issuer signs with and publishes, oldest first. All
// instances of the issuer share them.
type keyPairs struct {
	mu    sync.Mutex
	list  []keyPair
	signs int // index
	made  int
}

type keyPair struct {
	kid string
	alg string
	key crypto.Signer
}

// newKey makes a key pair for an algorithm.
func newKey(alg string) (crypto.Signer, error) {
	if strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS") {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// add publishes one more key.
func (k *keyPairs) add(kid, alg string) error {
	key, err := newKey(alg)
	if err != nil {
		return fmt.Errorf("make a key pair: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list = append(k.list, keyPair{kid, alg, key})
	return nil
}

// replace exchanges the signing key under its kid.
func (k *keyPairs) replace(alg string) error {
	key, err := newKey(alg)
	if err != nil {
		return fmt.Errorf("make a key pair: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list[k.signs].key, k.list[k.signs].alg = key, alg
	return nil
}

// useNewest signs with the newest key from now on.
func (k *keyPairs) useNewest() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.signs = len(k.list) - 1
}

// removeOldest takes the oldest key out of the set, unless it is the last.
func (k *keyPairs) removeOldest() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.list) > 1 {
		k.list = k.list[1:]
		k.signs = max(k.signs-1, 0)
	}
}

func (k *keyPairs) signer() (kid string, key crypto.Signer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.list[k.signs]
	return p.kid, p.key
}

func (k *keyPairs) public() map[string]crypto.PublicKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := map[string]crypto.PublicKey{}
	for _, p := range k.list {
		out[p.kid] = p.key.Public()
	}
	return out
}

// document is the key set as it is published (RFC 7517).
func (k *keyPairs) document() map[string]any {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := []map[string]string{}
	text := func(n *big.Int, size int) string {
		return base64.RawURLEncoding.EncodeToString(n.FillBytes(make([]byte, size)))
	}
	for _, p := range k.list {
		jwk := map[string]string{"kid": p.kid, "alg": p.alg, "use": "sig"}
		switch pub := p.key.Public().(type) {
		case *ecdsa.PublicKey:
			raw, err := pub.ECDH()
			if err != nil {
				continue // P-256 always has one
			}
			point := raw.Bytes()[1:]
			jwk["kty"], jwk["crv"] = "EC", "P-256"
			jwk["x"], jwk["y"] = base64.RawURLEncoding.EncodeToString(point[:32]), base64.RawURLEncoding.EncodeToString(point[32:])
		case *rsa.PublicKey:
			jwk["kty"], jwk["n"], jwk["e"] = "RSA", text(pub.N, pub.Size()), text(big.NewInt(int64(pub.E)), 3)
		}
		keys = append(keys, jwk)
	}
	return map[string]any{"keys": keys}
}

// keyCache is a verifier's copy of a key set.
type keyCache struct {
	keys    map[string]crypto.PublicKey
	fetched time.Time
	tried   time.Time
	err     error
}

// refetchPause is how long a verifier waits before it fetches a key set again
// for a kid that it does not know.
const refetchPause = 30 * time.Second

func (in *instance) keySetURL() string {
	if s := in.p.services[in.set.Keys]; s != nil {
		return s.settings().Issuer + "/.well-known/jwks.json"
	}
	return ""
}

// cached finds the key of a kid in the verifier's copy of the key set.
func (in *instance) cached(h header) (crypto.PublicKey, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	now, c := in.p.clock.Now(), &in.copy
	old := c.fetched.IsZero() || in.set.KeyCache > 0 && now.Sub(c.fetched) >= in.set.KeyCache
	if old && (c.tried.IsZero() || now.Sub(c.tried) >= 5*time.Second || c.keys == nil && in.set.KeyCache > 0 && now.Sub(c.tried) >= time.Second) {
		in.fetch(c)
	}
	k, ok := c.keys[h.Kid]
	if !ok && !in.set.NoRefetch && now.Sub(c.tried) >= refetchPause {
		in.fetch(c)
		k, ok = c.keys[h.Kid]
	}
	switch {
	case ok:
		return k, nil
	case c.err != nil:
		return nil, c.err
	}
	return nil, unknownKid(h.Kid)
}

// prefetch gets the key set when an instance starts, as most programs do. One
// that warms up has it only later.
func (in *instance) prefetch() {
	if in.set.Keys == "" || in.set.Warmup > 0 {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.fetch(&in.copy)
}

// fetch gets the key set anew. What was there before stays when that fails;
// an instance that never had any remembers the failure, or, when the document
// could be read, that it is empty.
func (in *instance) fetch(c *keyCache) {
	c.tried = in.p.clock.Now()
	keys, err := in.download()
	if err != nil {
		if c.keys == nil {
			c.err = err
		}
		return
	}
	c.keys, c.fetched, c.err = keys, c.tried, nil
	if len(keys) == 0 {
		c.err = &refusal{analyzer.JWKSInvalid, "no valid keys in JWKS from " + in.keySetURL()}
	}
	in.say(nil, "INFO", fmt.Sprintf("refreshed JWKS from %s", in.keySetURL()), nil)
}

func (in *instance) download() (map[string]crypto.PublicKey, error) {
	url := in.keySetURL()
	unavailable := func(format string, args ...any) error {
		return &refusal{analyzer.JWKSUnavailable, "failed to fetch JWKS: " + fmt.Sprintf(format, args...)}
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+in.set.Keys+"/.well-known/jwks.json", nil)
	if err != nil {
		return nil, unavailable("%v", err)
	}
	r.Header.Set("User-Agent", "Go-http-client/2.0")
	r.Header.Set("X-Forwarded-For", "169.254.1.1")
	res, err := in.p.client.Do(r)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, unavailable("Get %q: context deadline exceeded (Client.Timeout exceeded while awaiting headers)", url)
		}
		return nil, unavailable("Get %q: %v", url, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, unavailable("Get %q: %v", url, err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, unavailable("Get %q: unexpected status 503 Service Unavailable", url)
	}
	return readKeys(body, url)
}

// readKeys reads a key set.
func readKeys(body []byte, url string) (map[string]crypto.PublicKey, error) {
	var doc struct{ Keys []map[string]string }
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, &refusal{analyzer.JWKSInvalid, fmt.Sprintf("failed to parse JWKS from %s: %v", url, err)}
	}
	number := func(s string) *big.Int {
		raw, _ := base64.RawURLEncoding.DecodeString(s) // the lab's own documents are sound
		return new(big.Int).SetBytes(raw)
	}
	out := map[string]crypto.PublicKey{}
	for _, k := range doc.Keys {
		switch k["kty"] {
		case "EC":
			point := append([]byte{4}, append(number(k["x"]).FillBytes(make([]byte, 32)), number(k["y"]).FillBytes(make([]byte, 32))...)...)
			if key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err == nil {
				out[k["kid"]] = key
			}
		case "RSA":
			out[k["kid"]] = &rsa.PublicKey{N: number(k["n"]), E: int(number(k["e"]).Int64())}
		}
	}
	return out, nil
}
