package probe

import (
	"fmt"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// Candidate is a value that a service may hold.
type Candidate struct {
	Secret      string // short name in the store
	Version     string
	Environment string
	Value       healthjwt.Secret
	Created     time.Time // of the version; zero: not known
	// Word marks a value that nobody should use: "the empty value", a
	// well-known default. Version and Environment are empty then.
	Word  string
	Cause analyzer.Cause // of a Word, or of a secret that is not the domain's own
}

// Match names what a service holds.
type Match struct {
	Secret, Version, Environment string
	Word                         string // as in Candidate
	Mutation                     string // "" when the service holds the value as it is
	Cause                        analyzer.Cause
}

// String is the end of the sentence "payments holds …".
func (m Match) String() string {
	if m.Word != "" {
		return strings.TrimSpace(m.Word + " " + m.Mutation)
	}
	s := called(m.Version)
	if m.Secret != "" {
		s += " of " + m.Secret
	}
	if m.Environment != "" {
		s += " (" + m.Environment + ")"
	}
	return strings.TrimSpace(s + " " + m.Mutation)
}

// unversioned is the version of a value from a place that keeps only one, such
// as a file or a variable.
const unversioned = "current"

// called names a version in a sentence.
func called(version string) string {
	if version == unversioned {
		return "the current value"
	}
	return "version " + version
}

// newestIs says which version is the newest, as a clause.
func newestIs(version string) string {
	if version == unversioned {
		return "its place keeps the current value alone"
	}
	return "the newest is " + version
}

// Matcher knows candidates by the keys that their fingerprints are made with;
// the values themselves it does not keep.
type Matcher struct {
	pepper healthjwt.Pepper
	plain  []entry
	bent   []entry // mutated
}

type entry struct {
	match Match
	key   healthjwt.Key
}

// NewMatcher derives the keys of the candidates and of all their mutations.
// Candidates that come first win over later ones of the same value, so the
// newest version of the own environment goes first.
func NewMatcher(p healthjwt.Pepper, candidates []Candidate) *Matcher {
	m := &Matcher{pepper: p}
	seen := map[string]bool{}
	for _, c := range candidates {
		v := c.Value.Bytes()
		if !seen[string(v)] {
			seen[string(v)] = true
			m.plain = append(m.plain, entry{Match{Secret: c.Secret, Version: c.Version, Environment: c.Environment, Word: c.Word, Cause: c.Cause}, p.Key(v)})
		}
	}
	for _, c := range candidates {
		if c.Value.Empty() {
			continue
		}
		for mutation, v := range Mutations(c.Value.Bytes()) {
			if seen[string(v)] || len(v) < 2 {
				continue // a single byte is left of very short values: it says nothing
			}
			if c.Word != "" && mutation.Cause != spaceLost {
				break // the many words are tried with white space and quotes only, which come first
			}
			seen[string(v)] = true
			found := Match{Secret: c.Secret, Version: c.Version, Environment: c.Environment, Word: c.Word, Mutation: mutation.Name, Cause: mutation.Cause}
			if c.Word != "" {
				found.Cause = c.Cause
			}
			m.bent = append(m.bent, entry{found, p.Key(v)})
		}
	}
	return m
}

// Round answers for the fingerprints made with one nonce.
func (m *Matcher) Round(nonce string) func(fingerprint string) (Match, bool) {
	known := make(map[string]*Match, len(m.plain))
	for i := range m.plain {
		known[m.plain[i].key.Fingerprint(nonce)] = &m.plain[i].match
	}
	bent := false
	return func(fingerprint string) (Match, bool) {
		if found, ok := known[fingerprint]; ok {
			return *found, true
		}
		if !bent { // only when a service holds something else
			bent = true
			for i := range m.bent {
				known[m.bent[i].key.Fingerprint(nonce)] = &m.bent[i].match
			}
		}
		if found, ok := known[fingerprint]; ok {
			return *found, true
		}
		return Match{}, false
	}
}

// Words are the values that stand for no secret at all: nothing, white space,
// defaults that manuals print, what languages and templates make of a missing
// value, and the names of the domain's own secret and variables, which a
// service holds when a reference was not resolved.
func Words(d analyzer.KeyDomain) []Candidate {
	out := []Candidate{{Word: "the empty value", Cause: "key.secret_empty"}}
	for _, space := range []string{"\n", " ", "\r\n", "\t", "\x00"} {
		out = append(out, Candidate{Word: "white space alone", Cause: "key.secret_empty", Value: healthjwt.NewSecret(space)})
	}
	for i, w := range append(unresolved, defaults...) {
		word := "a well-known default"
		if i < len(unresolved) {
			word = fmt.Sprintf("the word %q, left of a missing value", w)
		}
		out = append(out, Candidate{Word: word, Cause: "key.weak_default", Value: healthjwt.NewSecret(w)})
	}
	var names []string
	if d.Secret != "" {
		short := d.Secret[strings.LastIndexByte(d.Secret, '/')+1:]
		names = append(names, short, d.Secret, d.Secret+"/versions/latest", short+":latest", "sm://"+short)
	}
	for _, m := range d.Services {
		for _, v := range m.Env {
			names = append(names, v, "$"+v, "${"+v+"}", "$("+v+")", "%"+v+"%", "{{"+v+"}}", "{{ "+v+" }}")
		}
	}
	for _, n := range names {
		out = append(out, Candidate{Word: fmt.Sprintf("the name %q instead of the value", n), Cause: "startup.env_not_loaded", Value: healthjwt.NewSecret(n)})
	}
	return out
}

// unresolved is what languages and templates print for a value that is not
// there.
var unresolved = []string{"None", "null", "undefined", "nil", "<nil>", "%!s(<nil>)", "<no value>", "NaN", "[object Object]", "None\n", "true", "false"}

// defaults are values of manuals, tutorials and templates.
var defaults = []string{
	"secret", "changeme", "change-me", "change_me", "changeme123", "password", "default", "test", "dev", "development", "test-secret", "testsecret",
	"your-256-bit-secret", "your-384-bit-secret", "your-512-bit-secret", "a-string-secret-at-least-256-bits-long",
	"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long", "your-secret-key", "your_secret_key", "your-secret", "yoursecret",
	"your_jwt_secret", "your-jwt-secret", "your-super-secret-jwt-token-with-at-least-32-characters-long", "super-secret", "supersecret", "super_secret",
	"super-secret-key", "supersecretkey", "secretkey", "secret-key", "secret_key", "my-secret", "mysecret", "my_secret", "my-secret-key", "mysecretkey",
	"my_secret_key", "jwt-secret", "jwt_secret", "jwtsecret", "jwt-secret-key", "JWT_SECRET", "JWT_SECRET_KEY", "SECRET", "SECRET_KEY", "SecretKey", "secretKey",
	"shhhhh", "shhhhhared-secret", "keyboard cat", "AllYourBase", "hmacSampleSecret", "insecure", "unsafe", "placeholder", "replace-me", "replaceme", "REPLACE_ME",
	"CHANGEME", "CHANGE_ME", "xxx", "todo", "TODO", "example", "sample", "dummy", "foo", "bar", "foobar", "123456", "12345678", "1234567890", "qwerty", "letmein", "admin",
	"dev-secret", "dev-secret-key", "dev-secret-key-change-in-production", "development-secret", "local-secret", "staging-secret", "test-secret-key",
	"your-secret-key-here", "your-secret-key-change-in-production", "change-this-secret", "change-this-in-production", "please-change-me", "ThisIsMySecretKey",
	"thisisasecret", "this-is-a-secret", "my-32-character-ultra-secure-and-ultra-long-secret",
	"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
	"super secret key", "superSecretKey@345", "qwertyuiopasdfghjklzxcvbnm123456", "00000000000000000000000000000000", "00112233445566778899aabbccddeeff",
}
