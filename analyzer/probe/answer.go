package probe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/redact"
)

// asker presents tokens to one service.
type asker struct {
	guard      *Guard
	url        string // a path that needs a token and changes nothing
	classifier analyzer.Classifier
	traces     *Traces
	service    string
	sent       int // requests so far
}

// reply is what a service made of a token.
type reply struct {
	status   int
	accepted bool
	reasons  []analyzer.Reason // given in the answer itself, unspecified left out
	mark     string            // equal for answers that say the same
	trace    string
	at       time.Time
}

// errPath: what answered is no protected path.
var errPath = errors.New("wanted 401, 403 or 2xx")

// ask presents a token; an empty one means no Authorization header at all.
func (a *asker) ask(ctx context.Context, token string) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return nil, fmt.Errorf("ask: wanted a URL: %w", plain(err))
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Why401-Canary", "1")
	out := &reply{at: time.Now()}
	if a.traces != nil {
		out.trace = a.traces.open(a.service)
		carry(req, out.trace)
	}
	a.sent++
	r, err := a.guard.Do(req)
	if err != nil {
		return nil, err
	}
	out.status, out.accepted = r.Status, r.Status >= 200 && r.Status < 300
	switch r.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
	case http.StatusTooManyRequests:
		return nil, fmt.Errorf("%w: it limits the rate of requests", ErrBudget)
	default:
		if !out.accepted {
			return nil, fmt.Errorf("%w, found %d", errPath, r.Status)
		}
	}
	for _, text := range texts(r) {
		out.reasons = appendReasons(out.reasons, a.read(text))
	}
	out.mark = markOf(r, token)
	return out, nil
}

// read classifies one text of an answer.
func (a *asker) read(text string) []analyzer.Reason {
	if a.classifier == nil {
		return nil
	}
	return inContext(a.classifier, &analyzer.Entry{Message: redact.Text(text), Severity: analyzer.SeverityWarning}).Reasons
}

// inContext classifies what was said about a canary: of a text that says
// nothing by itself, such as "invalid signature", it is known that it speaks
// of a token.
func inContext(to analyzer.Classifier, e *analyzer.Entry) analyzer.Classification {
	c := to.Classify(e)
	if len(c.Reasons) > 0 || e.Message == "" {
		return c
	}
	about := *e
	about.Message = "jwt: " + e.Message
	return to.Classify(&about)
}

func appendReasons(to, from []analyzer.Reason) []analyzer.Reason {
	for _, r := range from {
		if r != analyzer.Unspecified && !slices.Contains(to, r) {
			to = append(to, r)
		}
	}
	return to
}

// The bounds of what is read of an answer.
const (
	maxTexts    = 16
	maxTextSize = 2 << 10
)

// challenge finds the parameters of a WWW-Authenticate header (RFC 6750
// section 3).
var challenge = regexp.MustCompile(`(?i)error(?:_description)?="((?:[^"\\]|\\.)*)"`)

// texts are the parts of an answer that a person would read.
func texts(r *Response) []string {
	var out []string
	for _, h := range r.Header.Values("Www-Authenticate") {
		for _, m := range challenge.FindAllStringSubmatch(h[:min(len(h), maxTextSize)], 8) {
			if m[1] == "insufficient_scope" {
				m[1] = "insufficient_scope: the token lacks the required scope"
			}
			out = append(out, m[1])
		}
	}
	body := r.Body[:min(len(r.Body), 64<<10)]
	var v any
	if json.Unmarshal(body, &v) == nil {
		out = leaves(v, out, 0)
	} else if text := strings.TrimSpace(string(body)); !strings.HasPrefix(text, "<") {
		out = append(out, text)
	}
	for i := range out {
		out[i] = strings.ToValidUTF8(out[i][:min(len(out[i]), maxTextSize)], "?")
	}
	return out[:min(len(out), maxTexts)]
}

func leaves(v any, out []string, depth int) []string {
	if depth > 5 || len(out) >= maxTexts {
		return out
	}
	switch v := v.(type) {
	case string:
		out = append(out, v)
	case []any:
		for _, x := range v {
			out = leaves(x, out, depth+1)
		}
	case map[string]any:
		for _, x := range v {
			out = leaves(x, out, depth+1)
		}
	}
	return out
}

// unstable matches what differs between two answers that say the same:
// identifiers, counters and times.
var unstable = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9a-fA-F]{8,}|[0-9]+`)

// markOf stands for what an answer says, without what changes every time.
func markOf(r *Response, token string) string {
	text := fmt.Sprint(r.Status, r.Header.Values("Www-Authenticate"), "\n", string(r.Body[:min(len(r.Body), 64<<10)]))
	if token != "" {
		text = strings.ReplaceAll(text, token, "")
	}
	sum := sha256.Sum256([]byte(unstable.ReplaceAllString(text, "#")))
	return hex.EncodeToString(sum[:8])
}

// fromLog adds what the service's own lines say about the answer. It waits
// for the first of them, at most until.
func (a *asker) fromLog(ctx context.Context, to *reply, until time.Time) (found bool) {
	if a.traces == nil {
		return false
	}
	for {
		classes, fresh := a.traces.heard(to.trace)
		for _, c := range classes {
			to.reasons = appendReasons(to.reasons, c.Reasons)
		}
		if len(to.reasons) > 0 {
			return true
		}
		if fresh == nil || len(classes) > 0 {
			return false
		}
		timer := time.NewTimer(time.Until(until))
		select {
		case <-fresh:
			timer.Stop()
		case <-timer.C:
			return false
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// signature is what an answer says about the signature.
type signature int

const (
	unsaid  signature = iota
	refused           // it does not verify, or no key for it is there
	passed            // something else is wrong with the token
)

// beforeSignature are reasons that say that the signature did not verify or
// was never looked at.
var beforeSignature = []analyzer.Reason{
	analyzer.BadSignature, analyzer.AlgorithmMismatch, analyzer.UnsupportedAlgorithm, analyzer.AlgNoneRejected, analyzer.WrongKeyType, analyzer.MalformedKey,
	analyzer.KeyNotFound, analyzer.JWKSInvalid, analyzer.JWKSUnavailable, analyzer.MissingSecret, analyzer.WeakSecret,
}

// afterSignature are reasons that name a claim: libraries come to it when the
// signature has verified. A service that looks at claims first is told by the
// control, a canary that nobody signed.
var afterSignature = []analyzer.Reason{
	analyzer.ExpiredToken, analyzer.NotYetValid, analyzer.MaxAgeExceeded, analyzer.IssuerMismatch, analyzer.AudienceMismatch, analyzer.SubjectMismatch,
	analyzer.MissingClaim, analyzer.InvalidClaim, analyzer.UserNotFound, analyzer.InsufficientScope, analyzer.TokenTypeMismatch, analyzer.RevokedToken, analyzer.SessionExpired,
}

func (a *reply) signature() signature {
	in := func(list []analyzer.Reason) bool {
		return slices.ContainsFunc(a.reasons, func(r analyzer.Reason) bool { return slices.Contains(list, r) })
	}
	switch {
	case a.accepted:
		return passed
	case in(beforeSignature):
		return refused
	case in(afterSignature):
		return passed
	}
	return unsaid
}
