package source

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/api/option"

	"github.com/why401/why401/analyzer"
)

const pusher = "pusher@acme-prod.iam.gserviceaccount.com"

// google stands for Google's signing key and the place of its certificates.
var google = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

// certificates answers for Google; all its kids are of the same key.
type certificates struct {
	kids    []string
	status  int // 0: the network is away
	fetched int
}

func (c *certificates) RoundTrip(r *http.Request) (*http.Response, error) {
	c.fetched++
	if c.status == 0 {
		return nil, errors.New("network is unreachable")
	}
	key := google().PublicKey
	var keys []any
	for _, kid := range c.kids {
		keys = append(keys, map[string]string{"kid": kid, "kty": "RSA", "alg": "RS256", "use": "sig",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())})
	}
	body, err := json.Marshal(map[string]any{"keys": keys})
	return &http.Response{StatusCode: c.status, Header: http.Header{"Cache-Control": {"max-age=3600"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, err
}

func openPush(*testing.T, [][]byte) Config {
	return Config{Push: pushBy(&certificates{kids: []string{"k1"}, status: http.StatusOK})}
}

func pushBy(c *certificates) PushConfig {
	return PushConfig{Audience: "https://why401.example/push", Email: pusher, Options: []option.ClientOption{option.WithHTTPClient(&http.Client{Transport: c})}}
}

// pushToken signs what a push subscription sends, with changes.
func pushToken(key *rsa.PrivateKey, change jwt.MapClaims) string {
	claims := jwt.MapClaims{"iss": "https://accounts.google.com", "aud": "https://why401.example/push", "email": pusher, "email_verified": true, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}
	for k, v := range change {
		claims[k] = v
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = "k1"
	if kid, ok := change["kid"]; ok {
		token.Header["kid"] = kid
		delete(claims, "kid")
	}
	return must(token.SignedString(key))
}

func push(h http.Handler, token string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/push", bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func wrapped(id int, data []byte) []byte {
	return must(json.Marshal(map[string]any{"subscription": "projects/acme-prod/subscriptions/why401",
		"message": map[string]any{"data": data, "messageId": fmt.Sprint(id), "publishTime": "2026-11-23T08:00:00Z", "attributes": map[string]string{"a": "b"}}}))
}

// sendPushes does what Pub/Sub does: it sends each message until it gets a 2xx.
func sendPushes(_ *testing.T, to analyzer.Source, entries [][]byte) {
	token := pushToken(google(), nil)
	for i, e := range entries {
		go func() {
			for range 100 {
				if push(to.(http.Handler), token, wrapped(i, e)).Code == http.StatusNoContent {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
	}
}

// Nothing is taken of who is not the subscription's own account.
func TestPushRefuses(t *testing.T) {
	stranger := must(rsa.GenerateKey(rand.Reader, 2048))
	src := must(NewPush(openPush(t, nil).Push))
	ctx, cancel := context.WithCancel(t.Context())
	var taken atomic.Int64
	ended := make(chan error, 1)
	go func() {
		ended <- src.Run(ctx, func(_ context.Context, group []analyzer.Message) error { taken.Add(int64(len(group))); return nil })
	}()
	good := wrapped(1, []byte("{}"))
	for push(src, pushToken(google(), nil), good).Code == http.StatusServiceUnavailable {
		time.Sleep(time.Millisecond)
	}
	cases := []struct {
		name, token string
		body        []byte
		code        int
	}{
		{"the subscription itself", pushToken(google(), nil), good, http.StatusNoContent},
		{"no token", "", good, http.StatusUnauthorized},
		{"a stranger's signature", pushToken(stranger, nil), good, http.StatusUnauthorized},
		{"another audience", pushToken(google(), jwt.MapClaims{"aud": "https://other.example"}), good, http.StatusUnauthorized},
		{"another account", pushToken(google(), jwt.MapClaims{"email": "x@acme-prod.iam.gserviceaccount.com"}), good, http.StatusUnauthorized},
		{"an address that nobody verified", pushToken(google(), jwt.MapClaims{"email_verified": false}), good, http.StatusUnauthorized},
		{"another issuer", pushToken(google(), jwt.MapClaims{"iss": "https://idp.example"}), good, http.StatusUnauthorized},
		{"an expired token", pushToken(google(), jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()}), good, http.StatusUnauthorized},
		{"no envelope", pushToken(google(), nil), []byte("hello"), http.StatusBadRequest},
		{"an envelope without a message", pushToken(google(), nil), []byte(`{"subscription":"x"}`), http.StatusBadRequest},
		{"too much", pushToken(google(), nil), bytes.Repeat([]byte("a"), maxPush+1), http.StatusBadRequest},
		{"an entry that is none, to be quarantined", pushToken(google(), nil), wrapped(2, []byte("what is this")), http.StatusNoContent},
	}
	for _, c := range cases {
		before := taken.Load()
		w := push(src, c.token, c.body)
		if w.Code != c.code {
			t.Errorf("%s: status %d (%s); want %d", c.name, w.Code, strings.TrimSpace(w.Body.String()), c.code)
		}
		if took := taken.Load() - before; (took == 1) != (c.code == http.StatusNoContent) {
			t.Errorf("%s: %d entries taken", c.name, took)
		}
		if c.token != "" && strings.Contains(w.Body.String(), c.token[:20]) {
			t.Errorf("%s: the answer shows the token: %s", c.name, w.Body)
		}
	}
	if w := httptest.NewRecorder(); true {
		if src.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/push", nil)); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET: status %d", w.Code)
		}
	}
	cancel()
	<-ended
	if code := push(src, pushToken(google(), nil), good).Code; code != http.StatusServiceUnavailable {
		t.Errorf("after the end: status %d; want 503", code)
	}
}

// Google signs with new keys, and is out of reach at times: neither loses an
// entry, and strangers do not make us ask Google again and again.
func TestPushFollowsGoogle(t *testing.T) {
	certs := &certificates{kids: []string{"k1"}}
	src := must(NewPush(pushBy(certs)))
	if certs.fetched > 0 {
		t.Errorf("%d fetches at the start; want none", certs.fetched)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- src.Run(ctx, func(context.Context, []analyzer.Message) error { return nil }) }()
	defer func() { cancel(); <-ended }()
	for push(src, "", nil).Code == http.StatusServiceUnavailable {
		time.Sleep(time.Millisecond)
	}
	said := func(kid string) int {
		return push(src, pushToken(google(), jwt.MapClaims{"kid": kid}), wrapped(1, []byte("{}"))).Code
	}
	if code := said("k1"); code != http.StatusServiceUnavailable {
		t.Errorf("without a network: status %d; want 503, so that it comes again", code)
	}
	if certs.status = http.StatusBadGateway; said("k1") != http.StatusServiceUnavailable {
		t.Error("with Google broken: want 503")
	}
	if certs.status = http.StatusOK; said("k1") != http.StatusNoContent {
		t.Error("with Google back: want 204")
	}
	certs.kids = []string{"k1", "k2"}
	if code := said("k2"); code != http.StatusNoContent {
		t.Errorf("a new key while the old certificates are fresh: status %d; want 204", code)
	}
	before := certs.fetched
	for range 10 {
		if code := said("stranger"); code != http.StatusUnauthorized {
			t.Errorf("a key that is none of Google's: status %d; want 401", code)
		}
	}
	if certs.fetched != before {
		t.Errorf("%d fetches for strangers within the minute; want none", certs.fetched-before)
	}
	if said("k1") != http.StatusNoContent || said("k2") != http.StatusNoContent {
		t.Error("the keys of Google are known no more")
	}
}

func TestPushListens(t *testing.T) {
	c := openPush(t, nil).Push
	c.Listen = "127.0.0.1:0"
	if err := must(NewPush(c)).Run(canceled(t), func(context.Context, []analyzer.Message) error { return nil }); err != context.Canceled {
		t.Errorf("error %v; want context.Canceled", err)
	}
	taken := must(net.Listen("tcp", "127.0.0.1:0"))
	defer taken.Close()
	c.Listen = taken.Addr().String()
	if err := must(NewPush(c)).Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "listen for pushes") {
		t.Errorf("error %v; want one that it cannot listen", err)
	}
	_, err := NewPush(PushConfig{Listen: "nowhere"})
	for _, want := range []string{"push.audience", "push.email", "push.listen"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %s in it", err, want)
		}
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
