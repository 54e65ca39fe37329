package healthjwt

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// Held is a secret or key as the service uses it: the value in its memory,
// not a new look at where it came from.
type Held struct {
	Name     string
	Value    Secret           // the bytes that HMAC algorithms are given
	Public   crypto.PublicKey // instead of Value: *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	Role     string           // RoleCurrent, when empty, or RolePrevious
	Source   string           // env, file, secret_manager, …
	Chain    []Variable
	Loaded   time.Time
	LoadTook time.Duration
	// Again reads the source once more, so that the answer can tell when the
	// value in memory is no longer the one of the source. Nil: it cannot.
	Again func() (Secret, error)
	// Unseen says that the service loaded its value before Value came to be,
	// and that nobody can tell what that was: no fingerprint is given, and the
	// source counts as different. Programs that stand beside a service need it.
	Unseen bool
}

// FromEnv resolves a precedence chain of variables, the strongest first: the
// first that is set and not empty wins. lookup is os.LookupEnv, or a stand-in.
// When none is set the value is empty.
func FromEnv(lookup func(string) (string, bool), chain ...string) Held {
	began := time.Now()
	h := Held{Source: "env", Loaded: began}
	for _, name := range chain {
		v := Variable{Name: name, State: Absent}
		switch value, ok := lookup(name); {
		case ok && value == "":
			v.State = Empty
		case ok && h.Value.Empty():
			v.State, h.Name, h.Value = Wins, name, NewSecret(value)
			h.Again = func() (Secret, error) {
				now, ok := lookup(name)
				if !ok {
					return Secret{}, os.ErrNotExist
				}
				return NewSecret(now), nil
			}
		case ok && h.Value.Equal(NewSecret(value)):
			v.State = Same
		case ok:
			v.State = Differs
		}
		h.Chain = append(h.Chain, v)
	}
	if h.Name == "" && len(chain) > 0 {
		h.Name = chain[0]
	}
	h.LoadTook = time.Since(began)
	return h
}

// FromFile reads a mounted secret, byte for byte: a service that trims what it
// reads must do the same to Value and Again.
func FromFile(path string) (Held, error) {
	began := time.Now()
	read := func() (Secret, error) {
		b, err := os.ReadFile(path)
		return NewSecret(b), err
	}
	value, err := read()
	h := Held{Name: filepath.Base(path), Source: "file", Value: value, Loaded: began, LoadTook: time.Since(began), Again: read}
	return h, err
}

// material returns the bytes that the fingerprint is of, and what they are.
func (h *Held) material() (b []byte, kind string) {
	switch h.Public.(type) {
	case nil:
		return h.Value.Bytes(), "hmac"
	case *rsa.PublicKey:
		kind = "rsa"
	case *ecdsa.PublicKey:
		kind = "ec"
	case ed25519.PublicKey:
		kind = "ed25519"
	}
	der, err := x509.MarshalPKIXPublicKey(h.Public)
	if err != nil {
		return nil, "" // no key that could verify anything: not available
	}
	return der, kind
}

// available reports whether there is anything but white space.
func (h *Held) available() bool {
	b, kind := h.material()
	return kind != "" && len(bytes.TrimSpace(b)) > 0
}

// present compares the value in memory with its source.
func (h *Held) present() string {
	if h.Unseen {
		return Differs
	}
	if h.Again == nil {
		return Unread
	}
	now, err := h.Again()
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Gone
	case err != nil:
		return Unread
	case now.Equal(h.Value):
		return Same
	}
	return Differs
}

// length tells for each algorithm whether the key is long enough for it.
func (h *Held) length(algorithms []string) map[string]string {
	out := map[string]string{}
	for _, alg := range algorithms {
		out[alg] = LengthOK
		if !h.longEnough(alg) {
			out[alg] = TooShort
		}
	}
	return out
}

// MinimumBytes returns the least length of an HMAC key: that of the hash
// (RFC 7518 section 3.2); 0 for other algorithms.
func MinimumBytes(alg string) int {
	return map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}[alg]
}

// MinimumRSABits is the least length of an RSA modulus (RFC 7518 sections 3.3
// and 3.5).
const MinimumRSABits = 2048

func (h *Held) longEnough(alg string) bool {
	if key, ok := h.Public.(*rsa.PublicKey); ok {
		return key.N.BitLen() >= MinimumRSABits
	}
	return h.Public != nil || len(h.Value.Bytes()) >= MinimumBytes(alg)
}
