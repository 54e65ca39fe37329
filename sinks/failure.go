package sinks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/why401/why401/analyzer"
)

// Why a sink could not be told, a closed list for metrics.
const (
	failStatus    = "status"       // the other side answered with an error
	failLimited   = "rate_limited" // it wants us to wait
	failTimeout   = "timeout"
	failNetwork   = "network"
	failTLS       = "tls"
	failSecret    = "secret" // a secret could not be read
	failPayload   = "payload"
	failCancelled = "cancelled" // we stop; no fault of the sink
)

var failReasons = []string{failStatus, failLimited, failTimeout, failNetwork, failTLS, failSecret, failPayload, failCancelled}

// Failure is an attempt that did not succeed. Its text holds no secret.
type Failure struct {
	Reason string        // of a closed list
	Retry  bool          // whether the same attempt may succeed soon
	After  time.Duration // how long the other side wants to be left alone; 0 when it did not say
	text   string
}

// Error says what happened.
func (f *Failure) Error() string { return f.text }

// failed makes a Failure of any error. It keeps what the error says, less the
// secrets.
func failed(doing string, err error, secrets ...string) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	err = plainError(err)
	out := &Failure{Reason: failNetwork, Retry: true, text: analyzer.Excerpt(scrub(doing+": "+err.Error(), secrets...), 300)}
	var timeout net.Error
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		out.Reason, out.text = failTimeout, doing+": no answer in time"
	case errors.Is(err, context.Canceled):
		out.Reason, out.text = failCancelled, doing+": cancelled"
	case errors.As(err, &cert), errors.As(err, &record):
		out.Reason = failTLS
	case errors.As(err, &timeout) && timeout.Timeout():
		out.Reason = failTimeout
	}
	return out
}

// unread is the failure of a secret. A file may be there the next time.
func unread(err error) *Failure { return &Failure{Reason: failSecret, text: err.Error()} }

// maxWait bounds what a Retry-After header can ask for.
const maxWait = time.Hour

// answered judges an HTTP status; nil means that the alert was taken. Of the
// 4xx only those ask for the same request again that say so (RFC 9110 section
// 15.5, RFC 6585 section 4); a redirection is not followed, because it would
// carry the secrets of the request elsewhere.
func answered(doing string, r *http.Response, body string, secrets ...string) error {
	if r.StatusCode >= 200 && r.StatusCode < 300 {
		return nil
	}
	text := fmt.Sprintf("%s: wanted status 2xx, found %d", doing, r.StatusCode)
	if body = analyzer.Excerpt(scrub(body, secrets...), 200); body != "" {
		text += ": " + body
	}
	f := &Failure{Reason: failStatus, text: text}
	switch r.StatusCode {
	case http.StatusTooManyRequests:
		f.Reason, f.Retry = failLimited, true
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusLocked:
		f.Retry = true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported, http.StatusLoopDetected, http.StatusNotExtended:
	default:
		f.Retry = r.StatusCode >= 500
	}
	if f.Retry {
		f.After = retryAfter(r.Header.Get("Retry-After"), time.Now())
	}
	return f
}

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3).
func retryAfter(text string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		d = time.Duration(min(max(n, 0), int64(maxWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxWait)
}
