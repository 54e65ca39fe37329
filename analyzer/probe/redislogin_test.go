package probe

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// passwords is a store with versions of one password, newest first.
type passwords []string

func (p passwords) Candidates(context.Context, analyzer.KeyDomain) ([]Candidate, error) {
	if len(p) == 0 {
		return nil, errors.New("permission denied")
	}
	var out []Candidate
	for i, value := range p {
		out = append(out, Candidate{Secret: "orders-redis", Version: string(rune('0' + len(p) - i)), Value: healthjwt.NewSecret(value)})
	}
	return append(out, Candidate{Word: "a well-known default", Value: healthjwt.NewSecret("changeme"), Cause: "key.weak_default"}), nil
}

// redisTarget is the probe of a Redis at an address.
func redisTarget(t *testing.T, address string, p passwords) Target {
	t.Helper()
	g, _ := newGuard(t, "127.0.0.0/8")
	d := analyzer.KeyDomain{Name: "orders-redis", Services: []analyzer.Member{{Name: "orders-redis", URL: address, Health: "none"}}}
	return only(t, "redis_login", d, &Deps{Guard: g, Reference: p})
}

func redisWorld(t *testing.T, secret string) Target {
	r := miniredis.RunT(t)
	r.RequireAuth(secret)
	return redisTarget(t, "redis://"+r.Addr(), passwords{secret + "-newer", secret})
}

// What a Redis takes, and how that is judged.
func TestRedisLogin(t *testing.T) {
	for _, c := range []struct {
		name    string
		takes   string // "": no password
		user    string
		store   passwords
		status  analyzer.Status
		cause   analyzer.Cause
		says    string
		refutes bool
	}{
		{"the newest version", "two", "", passwords{"two", "one"}, analyzer.StatusOK, "", "takes version 2 of orders-redis, the newest", true},
		{"the version before", "one", "", passwords{"two", "one"}, analyzer.StatusFail, passwordDrift, "takes version 1 of orders-redis and refuses version 2", false},
		{"none of them", "theirs", "", passwords{"two", "one"}, analyzer.StatusFail, passwordDrift, "takes none of the 2 versions", false},
		{"a default is never tried", "changeme", "", passwords{"two"}, analyzer.StatusFail, passwordDrift, "takes none of the 1 versions", false},
		{"a user's password", "two", "orders", passwords{"two"}, analyzer.StatusOK, "", "the newest", true},
		{"blanks and line ends", "t w\r\no", "", passwords{"t w\r\no"}, analyzer.StatusOK, "", "the newest", true},
		{"no password", "", "", passwords{"two"}, analyzer.StatusWarn, "", "asks for no password at all", false},
		{"no store", "two", "", nil, analyzer.StatusUnknown, "", "permission denied", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := miniredis.RunT(t)
			address := "redis://" + r.Addr()
			switch {
			case c.user != "":
				r.RequireUserAuth(c.user, c.takes)
				address = "redis://" + c.user + "@" + r.Addr()
			case c.takes != "":
				r.RequireAuth(c.takes)
			}
			got := redisTarget(t, address, c.store).Probe.Check(t.Context())
			if len(got) != 1 || got[0].Status != c.status || got[0].Cause != c.cause || !strings.Contains(got[0].Detail, c.says) || (len(got[0].Refutes) > 0) != c.refutes {
				t.Errorf("%+v; want %s %s with %q", got, c.status, c.cause, c.says)
			}
		})
	}
}

// What is no Redis, is not there, or would take the password in the clear
// over a network, says nothing about the password.
func TestRedisLoginCannotTell(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("SSH-2.0-OpenSSH_9.6\r\n"))
			_ = c.Close()
		}
	}()
	for address, says := range map[string]string{"redis://" + l.Addr().String(): "answer", "redis://127.0.0.1:1": "could not be asked", "redis://redis.example:6379": "address is not allowed", "rediss://" + l.Addr().String(): "could not be asked"} {
		got := redisTarget(t, address, passwords{"two"}).Probe.Check(t.Context())
		if len(got) != 1 || got[0].Status != analyzer.StatusUnknown || !strings.Contains(got[0].Detail, says) {
			t.Errorf("%s: %+v; want unknown with %q", address, got, says)
		}
	}
}
