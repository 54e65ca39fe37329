package healthjwt

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The names that keep the keys of the protocol apart.
const (
	infoFingerprint = "why401 fingerprint v1"
	infoRequest     = "why401 request v1"
)

// The bounds of the protocol.
const (
	minPepper = 32
	minNonce  = 22 // 16 bytes
	maxNonce  = 86 // 64 bytes
	tagBytes  = 16
	maxSkew   = 5 * time.Minute
)

// Pepper is what why401 and the services share so that fingerprints can be
// compared by them and tried by nobody else.
type Pepper struct {
	salt    Secret
	request Secret
}

// ErrPepper: the pepper is shorter than 32 bytes.
var ErrPepper = errors.New("wanted a pepper of at least 32 bytes; make one with: openssl rand -base64 32")

// NewPepper takes white space off both ends of s, as secrets gather it on
// their way through files and variables, and refuses what is too short.
func NewPepper(s Secret) (Pepper, error) {
	salt := bytes.TrimSpace(s.Bytes())
	if len(salt) < minPepper {
		return Pepper{}, ErrPepper
	}
	key, err := hkdf.Key(sha256.New, salt, nil, infoRequest, sha256.Size)
	if err != nil {
		return Pepper{}, fmt.Errorf("derive request key: %w", err)
	}
	return Pepper{salt: NewSecret(salt), request: NewSecret(key)}, nil
}

// Fingerprint is the value that stands for secret in the round of nonce.
func (p Pepper) Fingerprint(secret []byte, nonce string) string {
	return p.Key(secret).Fingerprint(nonce)
}

// Key is what a fingerprint needs of a secret. It takes two thirds of the
// work and is the same in every round.
type Key struct{ key Secret }

// Key derives the fingerprint key of a secret.
func (p Pepper) Key(secret []byte) Key {
	key, err := hkdf.Key(sha256.New, secret, p.salt.Bytes(), infoFingerprint, sha256.Size)
	if err != nil {
		panic("healthjwt: derive 32 bytes with HKDF: " + err.Error()) // only over 8,160 bytes or with a hash that FIPS 140 forbids
	}
	return Key{key: NewSecret(key)}
}

// Fingerprint is the value of the key's secret in the round of nonce.
func (k Key) Fingerprint(nonce string) string { return tag(k.key.Bytes(), nonce) }

func tag(key []byte, message string) string {
	m := hmac.New(sha256.New, key)
	_, _ = m.Write([]byte(message)) // a hash never fails
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:tagBytes])
}

// NewNonce returns a nonce for one round: 24 random bytes, base64url.
func NewNonce() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails, crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Authorize returns the Authorization header of a request with nonce at t.
func (p Pepper) Authorize(nonce string, t time.Time) string {
	at := strconv.FormatInt(t.Unix(), 10)
	return "Why401 " + at + "." + tag(p.request.Bytes(), at+"."+nonce)
}

// Why a request was not authenticated.
var (
	errNonce     = errors.New("wanted a nonce of 22 to 86 base64url characters")
	errScheme    = errors.New("wanted Authorization: Why401 TIME.MAC")
	errClock     = errors.New("the time of the request is more than 5 minutes off the clock of this service")
	errSignature = errors.New("the signature of the request does not verify: the peppers differ")
)

// verify checks a request's nonce and Authorization header.
func (p Pepper) verify(nonce, header string, now time.Time) error {
	if len(nonce) < minNonce || len(nonce) > maxNonce || strings.Trim(nonce, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return errNonce
	}
	rest, ok := strings.CutPrefix(header, "Why401 ")
	at, mac, dot := strings.Cut(rest, ".")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if !ok || !dot || err != nil {
		return errScheme
	}
	if !hmac.Equal([]byte(mac), []byte(tag(p.request.Bytes(), at+"."+nonce))) {
		return errSignature
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > maxSkew || d < -maxSkew {
		return errClock
	}
	return nil
}
