package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer/healthjwt"
)

func refusalOf(body []byte) string {
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil || said.Error == "" {
		return "without a reason"
	}
	return clip(said.Error)
}

// maxSecrets bounds what an answer may list; no service holds so many.
const maxSecrets = 32

// readHealth reads an answer, and doubts it.
func readHealth(r *Response, nonce, where string) *health {
	no := func(format string, args ...any) *health {
		return &health{why: fmt.Sprintf(format, args...), at: r}
	}
	switch r.Status {
	case http.StatusOK, http.StatusServiceUnavailable:
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return no("has nothing at %s (%d): mount the handler, name its path in health, or write health: none", where, r.Status)
	case http.StatusTooManyRequests:
		return no("limits the rate of requests at %s: ask less often", where)
	default:
		return no("answers %d at %s", r.Status, where)
	}
	body := bytes.TrimSpace(r.Body)
	switch {
	case len(body) == 0:
		return no("answers %d and nothing else at %s", r.Status, where)
	case body[0] == '<':
		return no("serves a page in place of the answer at %s: a login or a proxy stands before it", where)
	case r.Status == http.StatusServiceUnavailable && !bytes.Contains(body, []byte(`"details"`)):
		return no("answers 503 at %s", where)
	}
	var a struct {
		healthjwt.Answer
		Details *healthjwt.Details `json:"details"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return no("answers at %s with what is no JSON, from byte %d on", where, syntax.Offset)
		}
		return no("answers at %s in another shape: %s", where, clip(err.Error()))
	}
	if a.Details == nil || !slices.Contains([]string{healthjwt.Healthy, healthjwt.Degraded, healthjwt.Unhealthy}, a.Status) {
		return no("answers at %s without the status and the details of a JWT health answer", where)
	}
	a.Answer.Details = *a.Details
	h := &health{answer: &a.Answer, at: r}
	h.distrust(nonce)
	return h
}

// distrust drops what cannot be true and notes what contradicts itself.
func (h *health) distrust(nonce string) {
	a := h.answer
	if a.Status == healthjwt.Healthy && !(a.Details.JWTSecretAvailable && a.Details.SecretLengthValid) {
		h.doubts = append(h.doubts, "it says healthy, and its details say otherwise")
	}
	e := a.Extension
	switch {
	case nonce == "":
		a.Extension = nil
		return
	case e == nil:
		h.unsigned = "its answer has no part for why401: it is not of the fingerprint protocol"
		return
	case e.Version != healthjwt.Version:
		h.unsigned = fmt.Sprintf("it speaks version %d of the fingerprint protocol, this program version %d", e.Version, healthjwt.Version)
	case e.Nonce != nonce:
		h.unsigned = "it answers under another nonce than it was asked for: a cache stands before it"
	case len(e.Secrets) > maxSecrets:
		h.unsigned = fmt.Sprintf("it lists %d secrets, which is not believed", len(e.Secrets))
	}
	if h.unsigned != "" {
		a.Extension = nil
		return
	}
	current := false
	for i := range e.Secrets {
		s := &e.Secrets[i]
		if !isTag(s.Fingerprint) {
			doubt := "a fingerprint of it is none"
			if s.Fingerprint == "" && s.Present == healthjwt.Differs {
				doubt = "its source changed while it ran, and what it still holds cannot be seen; restart it"
			}
			h.doubts = append(h.doubts, doubt)
			s.Fingerprint = ""
		}
		current = current || s.Role != healthjwt.RolePrevious
		s.Name = nameOf(s.Name)
		for k := range s.Chain {
			s.Chain[k].Name = nameOf(s.Chain[k].Name)
		}
		maps.DeleteFunc(s.Length, func(alg, l string) bool { return len(alg) > 10 || l != healthjwt.LengthOK && l != healthjwt.TooShort })
	}
	e.Instance = clip(e.Instance)
	if a.Details.JWTSecretAvailable && !current {
		h.doubts = append(h.doubts, "it says that a secret is there, and lists none")
	}
}

// isTag reports whether s has the form of a fingerprint: 16 bytes, base64url.
func isTag(s string) bool {
	return len(s) == 22 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// nameOf lets pass what looks like the name of a variable or file. A service
// that gives the value in its place must not make us print it.
func nameOf(s string) string {
	if len(s) > 80 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./") != "" {
		return "unnamed"
	}
	upper, low := strings.ToUpper(s), strings.ToLower(s)
	if upper == s && strings.Contains(s, "_") {
		return s
	}
	for _, word := range []string{"secret", "jwt", "key", "token", "auth", "hmac"} {
		if strings.Contains(low, word) && len(s) <= 48 {
			return s
		}
	}
	return "unnamed"
}
