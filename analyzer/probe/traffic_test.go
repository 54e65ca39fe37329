package probe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// memory is a fleet that answers without a network, so that thousands of
// rounds take no time.
type memory struct {
	pepper   healthjwt.Secret
	handlers map[string]http.Handler // by host
	domain   analyzer.KeyDomain
	deps     *Deps
	seen     func(req, resp []byte)
}

func newMemory(t testing.TB, ref Reference) *memory {
	t.Helper()
	m := &memory{pepper: healthjwt.NewSecret(healthjwt.NewNonce() + healthjwt.NewNonce()), handlers: map[string]http.Handler{},
		domain: analyzer.KeyDomain{Name: "jwt-main", Environment: "staging"}}
	p, err := healthjwt.NewPepper(m.pepper)
	if err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	c.Budget = 1_000_000
	g, err := NewGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	g.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		rec := httptest.NewRecorder()
		m.handlers[r.URL.Host].ServeHTTP(rec, r)
		resp := rec.Result()
		if m.seen == nil {
			return resp, nil
		}
		sent, err := httputil.DumpRequestOut(r, true)
		if err != nil {
			return nil, err
		}
		got, err := httputil.DumpResponse(resp, true)
		if err != nil {
			return nil, err
		}
		m.seen(sent, got)
		return resp, nil
	})
	m.deps = &Deps{Config: c, Guard: g, Pepper: &p, Reference: ref}
	return m
}

// add puts a service there that holds value.
func (m *memory) add(t testing.TB, name, value string) {
	t.Helper()
	c := holding(value)
	c.Pepper, c.PerMinute = m.pepper, 1_000_000
	h, err := healthjwt.New(c)
	if err != nil {
		t.Fatal(err)
	}
	m.handlers[name+".example"] = h
	m.domain.Services = append(m.domain.Services, analyzer.Member{Name: name, URL: "https://" + name + ".example"})
}

// Two thousand services at random, each with one mutation of one of four
// versions, are asked over /health/jwt: what they hold is named exactly, and
// what is unrelated is called so.
func TestFingerprintNamesMutations(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 401))
	const groups, each = 25, 80
	named, unrelated := 0, 0
	for range groups {
		var ref heldVersions
		for v := 4; v > 0; v-- {
			ref = append(ref, Candidate{Secret: "jwt-main", Version: fmt.Sprint(v), Environment: "staging", Value: healthjwt.NewSecret(randomSecret(r))})
		}
		m := newMemory(t, ref)
		var wants []func(analyzer.ProbeResult) bool
		for len(wants) < each {
			b, c := bends[r.IntN(len(bends))], ref[r.IntN(4)]
			value := b.bend(string(c.Value.Bytes()))
			if value == "" && b.name != "empty" {
				continue // does not apply to this secret
			}
			name := "version " + c.Version + " of jwt-main (staging)"
			wants = append(wants, func(res analyzer.ProbeResult) bool {
				holds := res.Facts[holdsDetail]
				if b.want == "" || value == string(c.Value.Bytes()) {
					return holds == name
				}
				return strings.Contains(holds, b.want) && (strings.HasPrefix(holds, name) || !strings.HasPrefix(holds, "version"))
			})
			m.add(t, fmt.Sprintf("s%02d", len(wants)-1), value)
		}
		for i := range each {
			m.add(t, fmt.Sprintf("u%02d", i), randomSecret(r))
		}
		for name, res := range checked(t, only(t, "fingerprint", m.domain, m.deps)) {
			i := 0
			if _, err := fmt.Sscanf(name[1:], "%d", &i); err != nil {
				t.Fatal(err)
			}
			switch {
			case name[0] == 's' && wants[i](res):
				named++
			case name[0] == 's':
				t.Logf("%s: %s", name, res.Detail)
			case res.Cause != "key.cross_service_drift":
				unrelated++
				t.Logf("an unrelated secret: %s", res.Detail)
			}
		}
	}
	t.Logf("%d of %d named exactly, %d of %d unrelated ones named", named, groups*each, unrelated, groups*each)
	if named*100 < groups*each*99 || unrelated > 0 {
		t.Errorf("%d of %d named exactly, %d unrelated named; want at least 99 %% and none", named, groups*each, unrelated)
	}
}

// constant matches what may stand in every round: words of the protocol,
// which are letters alone, our own name, and times.
var constant = regexp.MustCompile(`^[A-Za-z_/+=-]*$|^why401-probe$|^20\d\d-\d\d-\d\dT\d\d$`)

// Whoever reads all traffic of many rounds finds no secret in any form,
// and nothing that is the same in two rounds, by which a secret could be
// known again.
func TestTrafficTellsNothing(t *testing.T) {
	values := []string{newestValue, newestValue + "\n", olderValue, foreignValue, ""}
	m := newMemory(t, environmentVersions())
	for i, v := range values {
		m.add(t, fmt.Sprint("s", i), v)
	}
	forms := map[string]string{} // what must not be seen: what it is
	for _, v := range append(values[:4:4], productValue, string(m.pepper.Bytes())) {
		sum := sha256.Sum256([]byte(v))
		for what, text := range map[string]string{"itself": v, "as hex": hex.EncodeToString([]byte(v)), "as base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(v)), "="),
			"as base64url": base64.RawURLEncoding.EncodeToString([]byte(v)), "its SHA-256": hex.EncodeToString(sum[:]), "its SHA-256 as base64": base64.RawURLEncoding.EncodeToString(sum[:16])[:20]} {
			forms[text] = what
		}
	}
	long := regexp.MustCompile(`[A-Za-z0-9_/+=-]{12,}`)
	instance, instances := regexp.MustCompile(`"instance":"([^"]+)"`), map[string]bool{}
	firstSeen, round, bytesSeen := map[string]int{}, 0, 0
	var mu sync.Mutex
	m.seen = func(req, resp []byte) {
		mu.Lock()
		defer mu.Unlock()
		for _, b := range [][]byte{req, resp} {
			bytesSeen += len(b)
			for text, what := range forms {
				if bytes.Contains(b, []byte(text)) {
					t.Errorf("round %d shows a secret (%s)", round, what)
				}
			}
			for _, at := range instance.FindAllSubmatch(b, -1) {
				instances[string(at[1])] = true
			}
			for _, w := range long.FindAllString(string(b), -1) {
				if constant.MatchString(w) || instances[w] {
					continue
				}
				if was, ok := firstSeen[w]; ok && was != round {
					t.Errorf("%q stands in rounds %d and %d", w, was, round)
				}
				firstSeen[w] = round
			}
		}
	}
	target, rounds := only(t, "fingerprint", m.domain, m.deps), 200
	if os.Getenv("WHY401_CANARIES") != "" {
		rounds = 1000
	}
	for round = range rounds {
		next(m.deps)
		checked(t, target)
		if t.Failed() {
			return
		}
	}
	if len(firstSeen) < 4*rounds {
		t.Fatalf("%d values were looked at; want all the fingerprints", len(firstSeen))
	}
	t.Logf("%d bytes of %d rounds with %d services hold %d values, of which none stands in two rounds, and no secret", bytesSeen, rounds, len(values), len(firstSeen))
}

// Whatever the kinds and their moments, the scheduler lets each service be
// asked once in an interval.
func TestScheduledHealthIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, environmentVersions())
		for i := range 20 {
			m.add(t, fmt.Sprint("s", i), newestValue)
		}
		var mu sync.Mutex
		asked := map[string]int{}
		transport := m.deps.Guard.client.Transport
		m.deps.Guard.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			asked[r.URL.Host+time.Now().Truncate(time.Minute).Format(" 15:04")]++
			mu.Unlock()
			return transport.RoundTrip(r)
		})
		m.deps.Domains = []analyzer.KeyDomain{m.domain}
		m.deps.Config.Off = []string{"replicas"} // it asks again and again on purpose, each half hour
		targets, err := Build(m.deps)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		s := NewScheduler(targets, m.deps.Config)
		s.Once(ctx)
		if err := s.Run(ctx, func(context.Context, []analyzer.ProbeResult) error { return nil }); err != nil {
			t.Fatal(err)
		}
		for k, n := range asked {
			if n > 1 {
				t.Errorf("%s: asked %d times; want once", k, n)
			}
		}
		if len(asked) < 20*59 {
			t.Errorf("%d answers in an hour; want one a minute of each service", len(asked))
		}
	})
}
