package probe

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// guess is one value that a service may hold, and what it would be called.
type guess struct {
	Match
	value healthjwt.Secret
	plain bool // a version of the domain's own environment, as it is
}

// likely are the mutations in the order in which they are tried against a
// service that tells nothing but yes or no: how often they happen, by what
// makes them (echo, editors, .env files, YAML, base64 of Kubernetes secrets).
var likely = []string{
	"with a trailing newline", "decoded from base64", "encoded as base64", "in double quotes", "with a trailing CRLF", "decoded from hex", "with a trailing space",
	"in single quotes", "encoded as hex", "with a byte order mark", "with a leading space", "in upper case", "with a trailing newline and then encoded as base64",
	"encoded as base64 and then with a trailing newline", "decoded from base64url", "without its trailing newline", "without the white space around it",
	"without the quotes around it", "in lower case", "encoded as base64url", "cut at its first #", "with spaces around it",
}

// likelyWords come before the mutations: each costs a single request.
var likelyWords = []string{"None", "changeme", "your-256-bit-secret"}

// maxGuesses bounds the list.
const maxGuesses = 2000

// guesses orders all that a service of d may hold, the likelier first:
// versions as they are, nothing, other environments, then each mutation over
// the versions, then well-known words.
func guesses(d analyzer.KeyDomain, candidates []Candidate) []guess {
	var out []guess
	seen := map[string]bool{}
	add := func(g guess) {
		if id := sameHMAC(g.value.Bytes()); !seen[id] && len(out) < maxGuesses {
			seen[id] = true
			out = append(out, g)
		}
	}
	own := func(c *Candidate) bool {
		return c.Word == "" && c.Cause == "" && (c.Environment == d.Environment || c.Environment == "" || d.Environment == "")
	}
	plain := func(c *Candidate) guess {
		return guess{Match{Secret: c.Secret, Version: c.Version, Environment: c.Environment, Word: c.Word, Cause: c.Cause}, c.Value, own(c)}
	}
	var versions []*Candidate
	for i := range candidates {
		if c := &candidates[i]; own(c) {
			add(plain(c))
			versions = append(versions, c)
		}
	}
	add(guess{Match: Match{Word: "the empty value", Cause: "key.secret_empty"}})
	for i := range candidates {
		if c := &candidates[i]; c.Word == "" && !own(c) {
			g := plain(c)
			g.Cause = cmp.Or(g.Cause, "key.wrong_environment")
			add(g)
			versions = append(versions, c)
		}
	}
	words := append(slices.DeleteFunc(slices.Clone(candidates), func(c Candidate) bool { return c.Word == "" }), Words(d)...)
	for i := range words {
		if slices.ContainsFunc(likelyWords, func(w string) bool { return w == string(words[i].Value.Bytes()) }) {
			add(plain(&words[i]))
		}
	}
	bent := make([][]guess, len(versions))
	for i, c := range versions {
		if len(c.Value.Bytes()) == 0 {
			continue
		}
		for m, v := range Mutations(c.Value.Bytes()) {
			if m.Name != "" && len(v) > 1 && len(bent[i]) < maxGuesses {
				g := plain(c)
				g.Mutation, g.Cause, g.plain, g.value = m.Name, m.Cause, false, healthjwt.NewSecret(v)
				bent[i] = append(bent[i], g)
			}
		}
	}
	for _, name := range likely {
		for _, list := range bent {
			if i := slices.IndexFunc(list, func(g guess) bool { return g.Mutation == name }); i >= 0 {
				add(list[i])
			}
		}
	}
	for i := range words {
		add(plain(&words[i]))
	}
	for _, list := range bent {
		for _, g := range list {
			add(g)
		}
	}
	return out
}

// sameHMAC is equal for values that make the same HMAC-SHA-256: keys are
// hashed when they are longer than a block, and filled up with zeros (RFC 2104
// section 2).
func sameHMAC(key []byte) string {
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	return string(bytes.TrimRight(key, "\x00"))
}
