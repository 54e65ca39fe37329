package probe

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/why401/why401/analyzer"
)

// The history of a key set over two rotations, one of them too hasty, and an
// exchange under the same kid.
func TestKeyHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		var mu sync.Mutex
		d := &Deps{Changed: func(c analyzer.Change) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprintf("%s %s", c.Kind, c.Version))
			if c.Service.Environment != "staging" || c.Details[thumbprintDetail] == "" || c.At != time.Now() {
				t.Errorf("change %+v", c)
			}
		}}
		domain := analyzer.KeyDomain{Name: "jwt-main", Environment: "staging", TokenTTL: time.Hour}
		h := newKeyHistory(domain, d)
		step := func(want string, causes string, keys ...key) {
			t.Helper()
			told = nil
			var got []string
			for _, f := range h.see(keys) {
				got = append(got, f.of+" "+string(f.cause))
			}
			if s := strings.Join(told, ", "); s != want {
				t.Errorf("told %q; want %q", s, want)
			}
			if s := strings.Join(got, ", "); s != causes {
				t.Errorf("faults %q; want %q", s, causes)
			}
			time.Sleep(10 * time.Minute)
		}
		a, b, c := key{kid: "a", thumbprint: "A"}, key{kid: "b", thumbprint: "B"}, key{kid: "c", thumbprint: "C"}
		step("jwks_key_added a", "", a)
		step("", "", a)
		step("jwks_key_added b", "", a, b)
		for range 6 {
			step("", "", a, b)
		}
		step("jwks_key_removed a", "", b) // 70 minutes after b came: no token of a is alive
		step("jwks_key_added c", "", b, c)
		step("jwks_key_removed b", "b jwks.key_removed_early", c)
		step("", "b jwks.key_removed_early", c)
		step("jwks_key_added b", "", b, c)
		step("value_changed b", "b jwks.kid_reused", key{kid: "b", thumbprint: "X"}, c)
		time.Sleep(time.Hour)
		step("", "", key{kid: "b", thumbprint: "X"}, c)
	})
}

// A restart forgets no key.
func TestKeyHistoryGoesOn(t *testing.T) {
	var all []analyzer.Change
	d := &Deps{Changed: func(c analyzer.Change) { all = append(all, c) }}
	domain := analyzer.KeyDomain{Name: "jwt-main"}
	newKeyHistory(domain, d).see([]key{{kid: "a", thumbprint: "A"}})
	d.Past = append(d.Past, all...)
	all = nil
	faults := newKeyHistory(domain, d).see([]key{{kid: "a", thumbprint: "Z"}, {kid: "b", thumbprint: "B"}})
	if len(all) != 2 || all[0].Kind != analyzer.ValueChanged || all[1].Kind != analyzer.JWKSKeyAdded || len(faults) != 1 || faults[0].cause != "jwks.kid_reused" {
		t.Errorf("changes %+v, faults %+v; want the exchange and the new key", all, faults)
	}
}

// RFC 7638 section 3.1.
func TestThumbprint(t *testing.T) {
	j := jwk{Kty: "RSA", E: "AQAB", Kid: "2011-04-29", Alg: "RS256", N: "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}
	if got := j.thumbprint(); got != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("thumbprint %s", got)
	}
}
