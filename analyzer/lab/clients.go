package lab

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// client puts a caller that is no ordinary user on the plan.
func (c *crowd) client(from time.Time, spec *Client) {
	begins, ends := from.Add(spec.From), from.Add(spec.From+spec.For)
	if spec.For == 0 {
		ends = from.Add(c.p.scenario.Duration)
	}
	agent := cmp.Or(spec.Agent, "acme-"+spec.Name+"/2.3")
	if spec.Kind == ClientPhones || spec.Kind == ClientRace {
		c.sleepers(begins, spec)
		return
	}
	tokens := c.tokensOf(spec)
	mean := time.Duration(float64(time.Second) / max(spec.Rate, 0.001))
	next := begins
	n := 0
	var again func(context.Context) error
	again = func(ctx context.Context) error {
		if next = next.Add(c.luck.gap(mean)); next.Before(ends) {
			c.p.plan.at(next, again)
		}
		n++
		ip := fmt.Sprintf("198.18.%d.%d", n%max(spec.Sources, 1)/250, 1+n%max(spec.Sources, 1)%250)
		token, err := tokens(n)
		if err != nil {
			return err
		}
		return c.p.clock.aside(func() error { // a client does not wait for an answer before it calls again
			_, _, err := c.send(ctx, http.MethodGet, spec.Service, cmp.Or(spec.Path, "/v1/"+spec.Service), token, nil, ip, agent)
			return err
		})
	}
	c.p.plan.at(next, again)
}

// tokensOf returns what the client sends with its nth call.
func (c *crowd) tokensOf(spec *Client) func(n int) (string, error) {
	fixed := ""
	once := func(make func() (string, error)) func(int) (string, error) {
		return func(int) (string, error) {
			var err error
			if fixed == "" {
				fixed, err = make()
			}
			return fixed, err
		}
	}
	switch spec.Kind {
	case ClientStuck:
		return once(func() (string, error) { return c.old("stuck", 3*time.Hour) })
	case ClientForeign:
		return once(func() (string, error) {
			return c.p.partner.mint(c.p.clock.Now(), c.p.services[c.t.Issuer].spec.Publishes)
		})
	case ClientLoad:
		return once(func() (string, error) { return c.forged(true), nil })
	case ClientForger:
		return func(int) (string, error) { return c.forged(false), nil }
	case ClientScanner:
		return func(n int) (string, error) { return c.probing(n), nil }
	case ClientWrong:
		return func(n int) (string, error) {
			return []string{"undefined", "null", "f3a9c1d2-77e0-4b1f-9d0e-2c6f5a8b9e01", "[object Object]"}[n%4], nil
		}
	}
	return func(int) (string, error) { return "", nil }
}

// old is a token that the issuer signed long ago.
func (c *crowd) old(sub string, age time.Duration) (string, error) {
	fleet := c.p.services[c.t.Issuer].fleet()
	if len(fleet) == 0 {
		return "", nil
	}
	return fleet[0].mintFor(c.p.clock.Now().Add(-age), sub, c.luck.hex(16), 0)
}

// partner is somebody else's issuer. It signs with a key pair where ours
// does, else with a secret of its own.
type partner struct {
	mu     sync.Mutex
	secret []byte
	key    crypto.Signer
}

const partnerIssuer = "https://login.partner.example"

// mint signs a sound token of the partner's.
func (p *partner) mint(now time.Time, pairs bool) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := jwt.MapClaims{"iss": partnerIssuer, "aud": tokenAudience, "sub": "partner", "iat": now.Unix(), "exp": now.Add(24 * time.Hour).Unix()}
	if !pairs {
		if p.secret == nil {
			p.secret = []byte(rand.Text() + rand.Text())
		}
		return jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(p.secret)
	}
	if p.key == nil {
		var err error
		if p.key, err = newKey("ES256"); err != nil {
			return "", err
		}
	}
	t := jwt.NewWithClaims(jwt.SigningMethodES256, c)
	t.Header["kid"] = "partner-2026-01"
	return t.SignedString(p.key)
}

// knows reports whether the partner signed a token.
func (p *partner) knows(token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := jwt.Parse(token, func(t *jwt.Token) (any, error) {
		if _, shared := t.Method.(*jwt.SigningMethodHMAC); shared && p.secret != nil {
			return p.secret, nil
		}
		if p.key == nil {
			return nil, jwt.ErrTokenUnverifiable
		}
		return p.key.Public(), nil
	}, jwt.WithIssuer(partnerIssuer), jwt.WithoutClaimsValidation(), jwt.WithValidMethods([]string{"HS256", "ES256"}))
	return err == nil
}

// part is one part of a token.
func part(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// forged is a token that looks right and that nobody signed; a quiet one
// names no user of its own and keeps its signature.
func (c *crowd) forged(dummy bool) string {
	set := c.p.services[c.t.Issuer].settings()
	head := map[string]string{"alg": set.Algorithm, "typ": "JWT"}
	if c.p.services[c.t.Issuer].spec.Publishes {
		head["kid"] = c.luck.hex(12)
	}
	sub, size := "u"+c.luck.hex(4), 32
	if set.Algorithm == "ES256" {
		size = 64
	}
	if dummy {
		sub = "loadtest"
	}
	now := c.p.clock.Now()
	body := map[string]any{"iss": set.Issuer, "aud": set.Audiences, "sub": sub, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	return part(head) + "." + part(body) + "." + base64.RawURLEncoding.EncodeToString([]byte(c.luck.hex(2 * size))[:size])
}

// probing is what a scanner tries next.
func (c *crowd) probing(n int) string {
	body := part(map[string]any{"sub": "admin", "role": "admin", "exp": c.p.clock.Now().Add(time.Hour).Unix()})
	heads := []map[string]string{
		{"alg": "none", "typ": "JWT"}, {"alg": "None", "typ": "JWT"}, {"alg": "HS256", "typ": "JWT", "kid": "../../../../dev/null"},
		{"alg": "RS256", "typ": "JWT", "jku": "https://evil.example/jwks.json"}, {"alg": "HS256", "typ": "JWT", "kid": "' UNION SELECT 'a"},
	}
	head := heads[n%len(heads)]
	signature := ""
	if head["alg"] != "none" && head["alg"] != "None" {
		signature = base64.RawURLEncoding.EncodeToString([]byte(c.luck.hex(32)))
	}
	return part(head) + "." + body + "." + signature
}

// sleepers are apps that wake up with tokens that have expired meanwhile: a
// fleet of phones once, or apps whose parallel calls race for a new token
// each time that theirs ends.
func (c *crowd) sleepers(begins time.Time, spec *Client) {
	for i := range max(spec.Sources, 1) {
		u := &user{id: fmt.Sprintf("%s%03d", spec.Name, i), password: c.luck.hex(20), ip: fmt.Sprintf("198.19.%d.%d", i/250, 1+i%250), agent: cmp.Or(spec.Agent, agents[2+i%2])}
		c.p.passwords[u.id] = u.password
		at := begins.Add(c.luck.between(0, 40*time.Second))
		var wake func(context.Context) error
		wake = func(ctx context.Context) error {
			stale, err := c.old(u.id, time.Hour)
			if err != nil {
				return err
			}
			calls := 1
			if spec.Kind == ClientRace {
				calls = 5
				if at = at.Add(c.p.services[c.t.Issuer].settings().TokenTTL); spec.For == 0 || at.Before(begins.Add(spec.For)) {
					c.p.plan.at(at, wake)
				}
			}
			for range calls {
				if _, _, err := c.send(ctx, http.MethodGet, spec.Service, "/v1/"+spec.Service, stale, nil, u.ip, u.agent); err != nil {
					return err
				}
			}
			if err := c.login(ctx, u); err != nil || u.token == "" {
				return err
			}
			for range 3 {
				if _, _, err := c.send(ctx, http.MethodGet, spec.Service, "/v1/"+spec.Service, u.token, nil, u.ip, u.agent); err != nil {
					return err
				}
			}
			return nil
		}
		c.p.plan.at(at, wake)
	}
}
