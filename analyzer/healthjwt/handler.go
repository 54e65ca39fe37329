package healthjwt

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Config describes a service to its handler.
type Config struct {
	// Pepper is shared with why401. Empty: no signed request is answered, the
	// agreed shape still is.
	Pepper Secret
	// Held returns the secrets that the service uses now. It is called for
	// every request and must be safe for concurrent use.
	Held       func() []Held
	Algorithms []string // that the service accepts; empty means HS256
	Issuer     string
	Audiences  []string
	Leeway     time.Duration
	Instance   string // empty: random for this handler
	// Started is when the process of the service began; zero: with the handler.
	Started time.Time
	// RoundTrip signs and verifies a token the way the service does. Nil: the
	// first HMAC secret is tried with golang-jwt.
	RoundTrip func() error
	// Now is the service's clock; nil means time.Now.
	Now func() time.Time
	// PerMinute bounds signed requests, and apart from them the others; 0
	// means 120. What is above gets 429.
	PerMinute int
}

// Handler answers GET /health/jwt. It is safe for concurrent use.
type Handler struct {
	cfg     Config
	pepper  Pepper
	signed  bool // there is a pepper
	started time.Time

	mu      sync.Mutex
	buckets [2]bucket // unsigned, signed
}

var _ http.Handler = (*Handler)(nil)

// New builds a handler. The error is [ErrPepper], or of a missing Held.
func New(c Config) (*Handler, error) {
	if c.Held == nil {
		return nil, errors.New("build JWT health handler: wanted Held, the function that returns the secrets in use")
	}
	h := &Handler{cfg: c, started: c.Started}
	if h.cfg.Now == nil {
		h.cfg.Now = time.Now
	}
	if h.started.IsZero() {
		h.started = h.cfg.Now()
	}
	if !c.Pepper.Empty() {
		var err error
		if h.pepper, err = NewPepper(c.Pepper); err != nil {
			return nil, err
		}
		h.signed = true
	}
	if len(h.cfg.Algorithms) == 0 {
		h.cfg.Algorithms = []string{"HS256"}
	}
	if h.cfg.Instance == "" {
		h.cfg.Instance = NewNonce()[:12]
	}
	if h.cfg.PerMinute <= 0 {
		h.cfg.PerMinute = 120
	}
	return h, nil
}

// ServeHTTP answers a request. An unhealthy answer has status 503, so that
// platforms may probe it; 401 means that a nonce came without a signature
// that verifies.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "wanted GET")
		return
	}
	now := h.cfg.Now()
	nonce, kind := r.URL.Query().Get("nonce"), 0
	if nonce != "" {
		if !h.signed {
			refuse(w, http.StatusUnauthorized, "this service has no pepper: fingerprints are off")
			return
		}
		if err := h.pepper.verify(nonce, r.Header.Get("Authorization"), now); err != nil {
			w.Header().Set("WWW-Authenticate", "Why401")
			refuse(w, http.StatusUnauthorized, err.Error())
			return
		}
		kind = 1
	}
	if !h.take(kind, now) {
		w.Header().Set("Retry-After", "60")
		refuse(w, http.StatusTooManyRequests, "too many requests")
		return
	}
	a := h.answer(nonce, now)
	code := http.StatusOK
	if a.Status == Unhealthy {
		code = http.StatusServiceUnavailable
	}
	reply(w, code, a)
}

func refuse(w http.ResponseWriter, code int, why string) {
	reply(w, code, map[string]string{"error": why})
}

func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}

// answer says what the service holds; with a nonce, fingerprints too.
func (h *Handler) answer(nonce string, now time.Time) *Answer {
	held := h.cfg.Held()
	a := &Answer{Status: Healthy, Details: Details{SecretLengthValid: true, CrossServiceConsistency: true, LastValidated: now.UTC()}}
	states := []State{}
	for i := range held {
		k := &held[i]
		s := State{Name: k.Name, Role: k.Role, Source: k.Source, Chain: k.Chain, Loaded: k.Loaded.UTC(), LoadSeconds: k.LoadTook.Seconds(),
			Length: k.length(h.cfg.Algorithms), Present: k.present()}
		if s.Role == "" {
			s.Role = RoleCurrent
		}
		a.Details.JWTSecretAvailable = a.Details.JWTSecretAvailable || s.Role == RoleCurrent && k.available()
		for _, l := range s.Length {
			a.Details.SecretLengthValid = a.Details.SecretLengthValid && l == LengthOK
		}
		if s.Present == Differs || slices.ContainsFunc(s.Chain, func(v Variable) bool { return v.State == Differs }) {
			a.Details.CrossServiceConsistency = false
		}
		b, kind := k.material()
		if s.Kind = kind; nonce != "" && !k.Unseen {
			s.Fingerprint = h.pepper.Fingerprint(b, nonce)
		}
		states = append(states, s)
	}
	switch {
	case !a.Details.JWTSecretAvailable:
		a.Status, a.Details.SecretLengthValid = Unhealthy, false
	case !a.Details.SecretLengthValid || !a.Details.CrossServiceConsistency:
		a.Status = Degraded
	}
	if nonce == "" {
		return a
	}
	a.Extension = &Extension{Version: Version, Nonce: nonce, Instance: h.cfg.Instance, Started: h.started.UTC(), Now: now.UTC(), Secrets: states,
		Settings: &Settings{Algorithms: h.cfg.Algorithms, Issuer: h.cfg.Issuer, Audiences: h.cfg.Audiences, LeewaySeconds: h.cfg.Leeway.Seconds()}}
	h.mint(a.Extension, held)
	return a
}

// mint signs and verifies a token and tells how long that took.
func (h *Handler) mint(e *Extension, held []Held) {
	try := h.cfg.RoundTrip
	if try == nil {
		i := slices.IndexFunc(held, func(k Held) bool { return k.Public == nil && k.Role != RolePrevious })
		method := jwt.GetSigningMethod(h.cfg.Algorithms[0])
		if i < 0 || method == nil || !strings.HasPrefix(method.Alg(), "HS") {
			return
		}
		key := held[i].Value.Bytes()
		try = func() error { return roundTrip(method, key) }
	}
	began := time.Now()
	if err := try(); err != nil {
		e.MintError = "sign or verify"
		return
	}
	e.MintSeconds = max(time.Since(began), time.Nanosecond).Seconds() // nothing at all would mean that it was not tried
}

func roundTrip(method jwt.SigningMethod, key []byte) error {
	token, err := jwt.NewWithClaims(method, jwt.MapClaims{"sub": "why401"}).SignedString(key)
	if err != nil {
		return err
	}
	_, err = jwt.Parse(token, func(*jwt.Token) (any, error) { return key, nil }, jwt.WithValidMethods([]string{method.Alg()}))
	return err
}

// bucket is a token bucket that holds a minute's worth of requests.
type bucket struct {
	used float64
	at   time.Time
}

func (h *Handler) take(kind int, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := &h.buckets[kind]
	perSecond := float64(h.cfg.PerMinute) / 60
	b.used = max(b.used-now.Sub(b.at).Seconds()*perSecond, 0)
	b.at = now
	if b.used+1 > float64(h.cfg.PerMinute) {
		return false
	}
	b.used++
	return true
}
