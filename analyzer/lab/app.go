package lab

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// routes is the program that an instance runs.
func (in *instance) routes() http.Handler {
	spec := in.svc.spec
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		in.work(200*time.Microsecond, 2*time.Millisecond)
		reply(w, http.StatusOK, map[string]any{"status": "ok"})
	})
	mux.HandleFunc("/v1/"+spec.Name, in.api)
	if h := in.healthHandler(); h != nil {
		mux.Handle("GET /health/jwt", h)
	}
	if spec.Mints {
		mux.HandleFunc("POST /login", in.login)
		mux.HandleFunc("POST /refresh", in.refresh)
	}
	if spec.Publishes {
		mux.HandleFunc("GET /.well-known/", in.wellKnown)
	}
	if spec.WebSocket {
		mux.HandleFunc("GET /ws", in.socket)
	}
	for _, behind := range spec.Gateway {
		mux.HandleFunc("/v1/"+behind, func(w http.ResponseWriter, r *http.Request) { in.pass(w, r, behind) })
	}
	return in.troubled(mux)
}

// troubled answers as a broken service does.
func (in *instance) troubled(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known, tokens := strings.HasPrefix(r.URL.Path, "/.well-known/"), r.URL.Path == "/login" || r.URL.Path == "/refresh"
		switch mode := in.svc.brokenBy(); {
		case mode == BreakAll, mode == BreakKeySet && known, mode == BreakTokens && tokens:
			in.work(time.Millisecond, 10*time.Millisecond)
			if mode == BreakTokens {
				in.say(requestOf(r.Context()), "ERROR", "cannot issue a token: database connection pool exhausted", nil)
			}
			reply(w, http.StatusServiceUnavailable, map[string]any{"error": "temporarily unavailable"})
		case mode == BreakDocument && known:
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, "<!doctype html><title>Sign in</title>") // a buffer of the platform
		case mode == BreakEmptySet && known:
			reply(w, http.StatusOK, map[string]any{"keys": []string{}})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// wellKnown publishes the key set and the discovery document.
func (in *instance) wellKnown(w http.ResponseWriter, r *http.Request) {
	in.work(time.Millisecond, 5*time.Millisecond)
	switch r.URL.Path {
	case "/.well-known/jwks.json":
		reply(w, http.StatusOK, in.svc.keys.document())
	case "/.well-known/openid-configuration":
		reply(w, http.StatusOK, map[string]any{"issuer": in.set.Issuer, "jwks_uri": in.p.addressOf(in.svc) + "/.well-known/jwks.json",
			"id_token_signing_alg_values_supported": []string{in.set.Algorithm}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}})
	default:
		http.NotFound(w, r)
	}
}

// work lets a request's time pass.
func (in *instance) work(lo, hi time.Duration) { in.p.clock.advance(in.p.luck.between(lo, hi)) }

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The answer is a buffer of the platform: writing cannot fail, and these
	// bodies always encode.
	_ = json.NewEncoder(w).Encode(body)
}

// authenticate decides whether the request's token is good. If not, it logs
// the library's own words and answers with the given status.
func (in *instance) authenticate(w http.ResponseWriter, r *http.Request, refusal int) (string, bool) {
	rq := requestOf(r.Context())
	in.work(300*time.Microsecond, 2*time.Millisecond)
	var subject string
	token, err := bearer(r)
	if err == nil {
		subject, err = in.verify(token)
	}
	if err == nil {
		rq.decide(analyzer.OutcomeAccepted, "")
		return subject, true
	}
	prefix, text := in.words(err, token)
	fields := map[string]any{"path": rq.path, "status": refusal}
	if text != "" {
		fields["error"] = text
	}
	if in.set.Fallback && in.p.partner.knows(token) {
		// The next authenticator of the chain takes what this one does not.
		rq.decide(analyzer.OutcomeAccepted, "")
		delete(fields, "status")
		in.say(rq, "WARNING", prefix, fields)
		in.say(rq, "INFO", "token accepted by the partner authenticator", nil)
		return "somebody", true
	}
	reason := reasonOf(err)
	if in.set.Silent {
		reason = analyzer.Unspecified
	}
	rq.decide(analyzer.OutcomeRefused, reason)
	in.say(rq, "WARNING", prefix, fields)
	reply(w, refusal, map[string]any{"error": http.StatusText(refusal)})
	return "", false
}

// api is the service's business. A service with neither chain nor keys asks
// for no token.
func (in *instance) api(w http.ResponseWriter, r *http.Request) {
	spec, rq := in.svc.spec, requestOf(r.Context())
	if in.verifies() {
		subject, ok := in.authenticate(w, r, http.StatusUnauthorized)
		if !ok {
			return
		}
		if in.set.Role && in.p.lacks(subject) {
			rq.decide(analyzer.OutcomeRefused, analyzer.InsufficientScope)
			in.say(rq, "WARNING", "access denied: insufficient scope", map[string]any{"path": rq.path, "required_role": spec.Name + ".write", "status": http.StatusForbidden})
			reply(w, http.StatusForbidden, map[string]any{"error": "insufficient_scope"})
			return
		}
	}
	if in.noise(w, rq) {
		return
	}
	in.work(3*time.Millisecond, 60*time.Millisecond)
	number := in.p.luck.intN(90000) + 10000
	if r.Method == http.MethodPost {
		if spec.Calls != "" {
			in.call(r, rq, number)
		}
		in.say(rq, "INFO", fmt.Sprintf("%s %d created", strings.TrimSuffix(spec.Name, "s"), number), map[string]any{"items": number%5 + 1})
		reply(w, http.StatusCreated, map[string]any{"id": number})
		return
	}
	if in.p.luck.happens(0.3) {
		in.say(rq, "INFO", fmt.Sprintf("%s listed, %d rows", spec.Name, number%40), map[string]any{"rows": number % 40})
	}
	reply(w, http.StatusOK, map[string]any{"rows": number % 40})
}

// verifies reports whether the service asks for tokens at all.
func (in *instance) verifies() bool {
	return len(in.set.Chain) > 0 || in.set.Keys != "" || in.svc.spec.Publishes
}

// noise says what has nothing to do with authentication, and answers when the
// noise has a status.
func (in *instance) noise(w http.ResponseWriter, rq *request) bool {
	for _, n := range in.svc.spec.Noise {
		if !in.p.luck.happens(n.Share) {
			continue
		}
		in.say(rq, cmp.Or(n.Severity, "INFO"), n.Text, nil)
		if n.Status > 0 {
			reply(w, n.Status, map[string]any{"error": http.StatusText(n.Status)})
			return true
		}
	}
	return false
}

// call asks the service behind this one, with the caller's own token and in
// the same trace. A refusal there is no reason to refuse here: the work is
// put off and the line says so.
func (in *instance) call(r *http.Request, rq *request, number int) {
	behind := in.svc.spec.Calls
	out, err := http.NewRequestWithContext(r.Context(), http.MethodPost, "http://"+behind+"/v1/"+behind, strings.NewReader("{}"))
	if err != nil {
		in.p.fail(fmt.Errorf("call %s: %w", behind, err))
		return
	}
	if auth := r.Header.Get("Authorization"); auth != "" {
		out.Header.Set("Authorization", auth)
	}
	out.Header.Set("Traceparent", "00-"+rq.trace+"-"+rq.span+"-00")
	out.Header.Set("User-Agent", "Go-http-client/1.1")
	out.Header.Set("X-Forwarded-For", "169.254.1.1")
	res, err := in.p.client.Do(out)
	if err != nil {
		in.p.fail(fmt.Errorf("call %s: %w", behind, err))
		return
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		in.p.fail(fmt.Errorf("read the answer of %s: %w", behind, err))
	}
	if res.StatusCode >= 300 {
		in.say(rq, "WARNING", fmt.Sprintf("%s answered %d for %d, put off", behind, res.StatusCode, number), map[string]any{"upstream": behind})
	}
}

// login checks a user's password and mints a token.
func (in *instance) login(w http.ResponseWriter, r *http.Request) {
	rq := requestOf(r.Context())
	var body struct{ User, Password string }
	in.work(20*time.Millisecond, 90*time.Millisecond)
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		reply(w, http.StatusBadRequest, map[string]any{"error": "body is no login"})
		return
	}
	password, known := in.p.passwords[body.User]
	if !known || subtle.ConstantTimeCompare([]byte(password), []byte(body.Password)) != 1 {
		rq.decide(analyzer.OutcomeRefused, analyzer.LoginFailed)
		in.say(rq, "WARNING", "login failed: bad credentials", map[string]any{"path": rq.path})
		reply(w, http.StatusUnauthorized, map[string]any{"error": "wrong user name or password"})
		return
	}
	in.mint(w, rq, body.User)
}

// refresh gives a new token for one that is still good.
func (in *instance) refresh(w http.ResponseWriter, r *http.Request) {
	if subject, ok := in.authenticate(w, r, http.StatusUnauthorized); ok {
		in.mint(w, requestOf(r.Context()), subject)
	}
}

func (in *instance) mint(w http.ResponseWriter, rq *request, subject string) {
	token, err := in.mintFor(in.now(), subject, in.p.luck.hex(16), in.p.paddingOf(subject, in.set.Padding))
	if err != nil {
		in.say(rq, "ERROR", "cannot mint a token", map[string]any{"error": err.Error()})
		reply(w, http.StatusInternalServerError, map[string]any{"error": "cannot mint"})
		return
	}
	reply(w, http.StatusOK, map[string]any{"token": token, "expires_in": int(cmp.Or(in.set.ExpiresIn, in.set.TokenTTL) / time.Second)})
}

// socket is the WebSocket endpoint. A browser cannot read the status of a
// refused upgrade, so this program, like many, says 403 to everything.
func (in *instance) socket(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		reply(w, http.StatusUpgradeRequired, map[string]any{"error": "websocket only"})
		return
	}
	if _, ok := in.authenticate(w, r, http.StatusForbidden); !ok {
		return
	}
	in.say(requestOf(r.Context()), "INFO", "websocket opened", nil)
	in.work(50*time.Millisecond, 400*time.Millisecond)
	w.Header().Set("Sec-WebSocket-Accept", acceptKey(r.Header.Get("Sec-WebSocket-Key")))
	w.WriteHeader(http.StatusSwitchingProtocols)
}
