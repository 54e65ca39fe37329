package lab

import (
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
	if spec.Mints {
		mux.HandleFunc("POST /login", in.login)
		mux.HandleFunc("POST /refresh", in.refresh)
	}
	if spec.WebSocket {
		mux.HandleFunc("GET /ws", in.socket)
	}
	return mux
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
		ring := in.keyring()
		subject, err = ring.verify(token, in.p.clock.Now)
	}
	if err != nil {
		rq.decide(analyzer.OutcomeRefused, reasonOf(err))
		in.say(rq, "WARNING", "jwt validation failed", map[string]any{"error": err.Error(), "path": rq.path, "status": refusal})
		reply(w, refusal, map[string]any{"error": http.StatusText(refusal)})
		return "", false
	}
	rq.decide(analyzer.OutcomeAccepted, "")
	return subject, true
}

// api is the service's business. A service without a secret chain asks for no
// token.
func (in *instance) api(w http.ResponseWriter, r *http.Request) {
	spec, rq := in.svc.spec, requestOf(r.Context())
	if len(spec.Chain) > 0 {
		if _, ok := in.authenticate(w, r, http.StatusUnauthorized); !ok {
			return
		}
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
	out.Header.Set("Authorization", r.Header.Get("Authorization"))
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
		in.say(rq, "WARNING", "login failed: wrong user name or password", map[string]any{"path": rq.path})
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
	ttl := in.svc.spec.TokenTTL
	ring := in.keyring()
	token, err := ring.mint(subject, in.p.luck.hex(16), in.p.clock.Now(), ttl)
	if err != nil {
		in.say(rq, "ERROR", "cannot mint a token", map[string]any{"error": err.Error()})
		reply(w, http.StatusInternalServerError, map[string]any{"error": "cannot mint"})
		return
	}
	reply(w, http.StatusOK, map[string]any{"token": token, "expires_in": int(ttl / time.Second)})
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
