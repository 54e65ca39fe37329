package healthjwt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var long = NewSecret(strings.Repeat("k", 40))

func ask(t *testing.T, h http.Handler, nonce, authorization string) (int, *Answer) {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/health/jwt?nonce="+nonce, nil)
	req.Header.Set("Authorization", authorization)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	a := &Answer{}
	if err := json.Unmarshal(w.Body.Bytes(), a); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	if strings.Contains(w.Body.String(), "kkkk") {
		t.Errorf("the answer holds the secret: %s", w.Body)
	}
	return w.Code, a
}

func handler(t *testing.T, c Config) *Handler {
	t.Helper()
	c.Pepper = NewSecret(vectorPepper)
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func holding(hs ...Held) func() []Held { return func() []Held { return hs } }

func TestAnswers(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		held      []Held
		algs      []string
		code      int
		status    string
		available bool
		length    bool
	}{
		{"healthy", []Held{{Value: long}}, nil, 200, Healthy, true, true},
		{"nothing", nil, nil, 503, Unhealthy, false, false},
		{"empty", []Held{{}}, nil, 503, Unhealthy, false, false},
		{"white space", []Held{{Value: NewSecret(" \n")}}, nil, 503, Unhealthy, false, false},
		{"31 bytes", []Held{{Value: NewSecret(strings.Repeat("k", 31))}}, nil, 200, Degraded, true, false},
		{"32 bytes", []Held{{Value: NewSecret(strings.Repeat("k", 32))}}, nil, 200, Healthy, true, true},
		{"too short for the second algorithm", []Held{{Value: long}}, []string{"HS256", "HS384"}, 200, Degraded, true, false},
		{"only the previous one", []Held{{Value: long, Role: RolePrevious}}, nil, 503, Unhealthy, false, false},
		{"RSA 1024", []Held{{Public: &weak.PublicKey}}, []string{"RS256"}, 200, Degraded, true, false},
		{"EC", []Held{{Public: &ec.PublicKey}}, []string{"ES256"}, 200, Healthy, true, true},
		{"no key", []Held{{Public: "text"}}, []string{"RS256"}, 503, Unhealthy, false, false},
		{"two values in the chain", []Held{{Value: long, Chain: []Variable{{"A", Wins}, {"B", Differs}}}}, nil, 200, Degraded, true, true},
		{"source differs", []Held{{Value: long, Again: func() (Secret, error) { return NewSecret("new"), nil }}}, nil, 200, Degraded, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := handler(t, Config{Held: holding(tt.held...), Algorithms: tt.algs})
			code, a := ask(t, h, "", "")
			if code != tt.code || a.Status != tt.status || a.Details.JWTSecretAvailable != tt.available || a.Details.SecretLengthValid != tt.length {
				t.Errorf("%d %+v; want %d %s, available %v, length %v", code, a, tt.code, tt.status, tt.available, tt.length)
			}
			if a.Extension != nil {
				t.Error("an unsigned request got the extension")
			}
		})
	}
}

func TestSignedAnswer(t *testing.T) {
	p := vector(t)
	h := handler(t, Config{Instance: "i-1", Issuer: "https://auth.example", Leeway: time.Second,
		Held: holding(Held{Name: "JWT_SECRET", Value: NewSecret("secret"), Source: "env"}, Held{Name: "OLD", Role: RolePrevious, Value: long})})
	code, a := ask(t, h, vectorNonce, p.Authorize(vectorNonce, time.Now()))
	if code != 200 || a.Extension == nil {
		t.Fatalf("%d, extension %v; want one", code, a.Extension)
	}
	e := a.Extension
	if e.Version != 1 || e.Nonce != vectorNonce || e.Instance != "i-1" || e.Settings.Issuer != "https://auth.example" || e.Settings.LeewaySeconds != 1 || e.MintError != "" || e.MintSeconds <= 0 {
		t.Errorf("extension %+v", e)
	}
	if len(e.Secrets) != 2 || e.Secrets[0].Fingerprint != "nKdYKoycOUqxhz-lerCuLg" || e.Secrets[0].Length["HS256"] != TooShort || e.Secrets[1].Role != RolePrevious {
		t.Errorf("secrets %+v", e.Secrets)
	}
	for name, header := range map[string]string{"unsigned": "", "wrong": "Why401 1.x", "bearer": "Bearer " + vectorPepper} {
		if code, _ := ask(t, h, vectorNonce, header); code != 401 {
			t.Errorf("%s: %d; want 401", name, code)
		}
	}
	bare, err := New(Config{Held: holding()})
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := ask(t, bare, vectorNonce, p.Authorize(vectorNonce, time.Now())); code != 401 {
		t.Errorf("a service without a pepper: %d; want 401", code)
	}
}

// A value that nobody can see is not taken for the one that is there now.
func TestUnseenValue(t *testing.T) {
	p, began := vector(t), time.Now().Add(-time.Hour)
	h := handler(t, Config{Started: began, Held: holding(Held{Value: long, Unseen: true, Again: func() (Secret, error) { return long, nil }})})
	code, a := ask(t, h, vectorNonce, p.Authorize(vectorNonce, time.Now()))
	if code != 200 || a.Status != Degraded || a.Extension.Secrets[0].Fingerprint != "" || a.Extension.Secrets[0].Present != Differs || !a.Extension.Started.Equal(began) {
		t.Errorf("%d %s %+v", code, a.Status, a.Extension)
	}
}

// Those who cannot sign never use up what those who can may ask.
func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := vector(t)
		h := handler(t, Config{Held: holding(Held{Value: long}), PerMinute: 10})
		count := func(nonce, auth string, want int) {
			t.Helper()
			got := 0
			for range 50 {
				if code, _ := ask(t, h, nonce, auth); code == 200 {
					got++
				} else if code != 429 {
					t.Fatalf("code %d; want 429", code)
				}
			}
			if got != want {
				t.Errorf("%d answers; want %d", got, want)
			}
		}
		count("", "", 10)
		count(vectorNonce, p.Authorize(vectorNonce, time.Now()), 10)
		time.Sleep(30 * time.Second)
		count("", "", 5)
	})
}

func TestFromEnv(t *testing.T) {
	vars := map[string]string{"B": "two", "C": "two", "D": "three", "E": ""}
	lookup := func(n string) (string, bool) { v, ok := vars[n]; return v, ok }
	h := FromEnv(lookup, "A", "B", "C", "D", "E")
	want := []Variable{{"A", Absent}, {"B", Wins}, {"C", Same}, {"D", Differs}, {"E", Empty}}
	if h.Name != "B" || !h.Value.Equal(NewSecret("two")) || len(h.Chain) != 5 {
		t.Fatalf("got %s %v", h.Name, h.Chain)
	}
	for i, v := range want {
		if h.Chain[i] != v {
			t.Errorf("variable %d is %v; want %v", i, h.Chain[i], v)
		}
	}
	for _, step := range []struct {
		do   func()
		want string
	}{{func() {}, Same}, {func() { vars["B"] = "new" }, Differs}, {func() { delete(vars, "B") }, Gone}} {
		step.do()
		if got := h.present(); got != step.want {
			t.Errorf("source is %s; want %s", got, step.want)
		}
	}
	if none := FromEnv(lookup, "X", "Y"); none.Name != "X" || !none.Value.Empty() {
		t.Errorf("nothing set: %+v", none)
	}
}

func TestFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwt")
	if _, err := FromFile(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("value\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := FromFile(path)
	if err != nil || h.Name != "jwt" || !h.Value.Equal(NewSecret("value\n")) || h.present() != Same {
		t.Errorf("got %v %v", h.Name, err)
	}
}

// What the handler is asked is hostile: it never fails, and never shows the
// extension without a signature.
func FuzzHandler(f *testing.F) {
	f.Add("", "")
	f.Add(vectorNonce, "Why401 1764000000.t8ab9X0dF5NsGrG2YLZsvg")
	f.Add("%", "Why401 -9223372036854775808.A")
	h, err := New(Config{Pepper: NewSecret(vectorPepper), Held: holding(Held{Value: long}), PerMinute: 1 << 30})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, nonce, authorization string) {
		req := httptest.NewRequest(http.MethodGet, "/health/jwt", nil)
		q := req.URL.Query()
		q.Set("nonce", nonce)
		req.URL.RawQuery = q.Encode()
		req.Header["Authorization"] = []string{authorization}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if nonce != "" && w.Code != 401 || strings.Contains(w.Body.String(), "fingerprint") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
