package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// The bounds beyond which a published document is worth a warning.
const (
	certificateSoon = 14 * 24 * time.Hour // renewals are automatic and monthly
	longestCache    = 24 * time.Hour
	maxFaults       = 10
)

// document is a JSON document that verifiers fetch: a key set or an OpenID
// configuration.
type document struct {
	domain analyzer.KeyDomain
	url    string
	guard  *Guard
	name   string // in sentences: key set
}

// place is a URL without its query.
func place(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that is no URL"
	}
	return u.Host + u.EscapedPath()
}

// fetch gets the document. When there is none it returns the result that says
// why: a fault of the document when it is one, else unknown.
func (d *document) fetch(ctx context.Context) (*Response, *analyzer.ProbeResult) {
	r, err := d.guard.Get(ctx, d.url)
	if err != nil {
		result := d.unreachable(ctx, err)
		return nil, &result
	}
	result := d.result(analyzer.StatusFail, "jwks.unreachable", "")
	switch {
	case r.Status == http.StatusOK:
		return r, nil
	case r.Status == http.StatusTooManyRequests:
		result.Status, result.Cause = analyzer.StatusWarn, "idp.rate_limited"
		result.Detail = fmt.Sprintf("the %s at %s is refused with 429: its host limits the rate; ask less often, and let verifiers cache it", d.name, place(d.url))
	case r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden:
		result.Detail = fmt.Sprintf("the %s at %s is refused with %d: it must be open to verifiers; take the authentication off it", d.name, place(d.url), r.Status)
	default:
		result.Detail = fmt.Sprintf("the %s at %s is answered with %d; see that it is published there", d.name, place(d.url), r.Status)
	}
	result.Facts = map[string]string{"http_status": strconv.Itoa(r.Status)}
	return nil, &result
}

// unreachable tells a document that cannot be had from a look that failed.
func (d *document) unreachable(ctx context.Context, err error) analyzer.ProbeResult {
	result := d.result(analyzer.StatusFail, "jwks.unreachable", "")
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	what, do := "cannot be reached: "+clip(err.Error()), "check DNS, egress and TLS from here and from the verifiers"
	switch {
	case ctx.Err() != nil, errors.Is(err, ErrAddress), errors.Is(err, ErrBudget), errors.Is(err, ErrRedirect):
		result.Status, result.Cause = analyzer.StatusUnknown, ""
		what, do = "could not be looked at: "+clip(cause(err).Error()), "look at it by hand, or mend the configuration of the probes"
	case errors.Is(err, ErrTooLarge):
		result.Cause, what, do = "jwks.invalid_document", fmt.Sprintf("is over %d bytes", maxBody), "publish the keys in use alone"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		what, do = "has a TLS certificate that is not valid at this time", "renew it: verifiers refuse the connection"
	case errors.As(err, &unknown):
		what, do = "has a TLS certificate of an unknown authority", "send the whole chain, or name the authority in probes.ca_file when it is yours"
	case errors.As(err, &host):
		what, do = "has a TLS certificate of another name", "serve the certificate of this host"
	}
	result.Detail = fmt.Sprintf("the %s at %s %s; %s", d.name, place(d.url), what, do)
	return result
}

// cause is the innermost error that says something.
func cause(err error) error {
	for _, known := range []error{ErrAddress, ErrBudget, ErrRedirect, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			return known
		}
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return errors.New("its name does not resolve")
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

func (d *document) result(s analyzer.Status, c analyzer.Cause, detail string) analyzer.ProbeResult {
	return analyzer.ProbeResult{Target: place(d.url), Status: s, Cause: c, Detail: detail, Service: analyzer.Service{Environment: d.domain.Environment}}
}

// results puts faults into words: one result for the document and one for
// each key that something is wrong with. facts go with the document's.
func (d *document) results(faults []fault, facts map[string]string, sound string, refutes ...analyzer.Cause) []analyzer.ProbeResult {
	byTarget := map[string][]fault{"": nil}
	for _, f := range faults {
		byTarget[f.of] = append(byTarget[f.of], f)
	}
	var out []analyzer.ProbeResult
	for _, of := range slices.Sorted(maps.Keys(byTarget)) {
		if len(out) > maxFaults {
			break
		}
		fs := byTarget[of]
		slices.SortStableFunc(fs, func(a, b fault) int { return cmp.Compare(badness(b.status), badness(a.status)) })
		r := d.result(analyzer.StatusOK, "", sound)
		if of == "" {
			r.Facts = facts
		} else {
			r.Target += " key " + strings.Map(withoutMarks, of)
		}
		if len(fs) > 0 {
			r.Status, r.Cause, r.Detail = fs[0].status, fs[0].cause, sentence(d.name, d.url, fs)
		}
		for _, c := range refutes {
			if of == "" && !slices.ContainsFunc(faults, func(f fault) bool { return f.cause == c }) {
				r.Refutes = append(r.Refutes, c)
			}
		}
		out = append(out, r)
	}
	return out
}

// withoutMarks takes out what would make a target look like it had a query or
// a user.
func withoutMarks(r rune) rune {
	if strings.ContainsRune("?#@", r) {
		return '_'
	}
	return r
}

// sentence tells of the faults of one target, the worst first.
func sentence(name, address string, fs []fault) string {
	whats, dos := []string{}, []string{}
	for _, f := range fs[:min(len(fs), 3)] {
		whats = append(whats, f.what)
		if !slices.Contains(dos, f.do) {
			dos = append(dos, f.do)
		}
	}
	if n := len(fs) - len(whats); n > 0 {
		whats = append(whats, fmt.Sprintf("and %d more faults", n))
	}
	text := fmt.Sprintf("%s at %s: %s; %s", name, place(address), strings.Join(whats, ", "), strings.Join(dos, "; "))
	if r := []rune(text); len(r) > 400 {
		text = string(r[:400]) + "…"
	}
	return text
}

func badness(s analyzer.Status) int {
	return slices.Index([]analyzer.Status{analyzer.StatusOK, analyzer.StatusUnknown, analyzer.StatusWarn, analyzer.StatusFail}, s)
}

// transport tells what is wrong with how a document is served: the certificate
// of its host and how long it may be cached.
func transport(r *Response, facts map[string]string) []fault {
	var faults []fault
	if end, ok := certificateEnd(r.TLS); ok {
		facts["tls_until"] = end.UTC().Format(time.RFC3339)
		if left := time.Until(end); left < certificateSoon {
			faults = append(faults, fault{"", analyzer.StatusWarn, "", fmt.Sprintf("the TLS certificate ends in %d days", max(0, int(left.Hours()/24))), "renew it before verifiers refuse the connection"})
		}
	}
	facts["cache"] = "not said"
	if age, ok := maxAge(r.Header); ok {
		facts["cache"] = age.String()
		if age > longestCache {
			faults = append(faults, fault{"", analyzer.StatusWarn, "", fmt.Sprintf("it may be cached for %s, so long a new key stays unknown and a withdrawn one accepted", age), "let it be cached for minutes or hours"})
		}
	}
	return faults
}

func certificateEnd(s *tls.ConnectionState) (time.Time, bool) {
	if s == nil || len(s.PeerCertificates) == 0 {
		return time.Time{}, false
	}
	end := s.PeerCertificates[0].NotAfter
	for _, c := range s.PeerCertificates {
		if c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end, true
}

// maxAge reads how long an answer may be cached (RFC 9111 sections 4.2.1 and
// 5.2.2).
func maxAge(h http.Header) (time.Duration, bool) {
	for _, field := range h.Values("Cache-Control") {
		for _, part := range strings.Split(field, ",") {
			name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), "=")
			switch name {
			case "no-store", "no-cache":
				return 0, true
			case "max-age":
				if s, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32); err == nil && s >= 0 {
					return time.Duration(s) * time.Second, true
				}
			}
		}
	}
	date, errDate := http.ParseTime(h.Get("Date"))
	until, errUntil := http.ParseTime(h.Get("Expires"))
	if errDate == nil && errUntil == nil {
		return max(0, until.Sub(date)), true
	}
	return 0, false
}
