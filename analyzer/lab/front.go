package lab

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/why401/why401/analyzer"
)

// request is what the platform knows of one request on its way through an
// instance, and the one decision that the server took about it.
type request struct {
	project   string
	trace     string
	span      string
	sampled   bool
	arrived   time.Time
	method    string
	path      string
	size      int
	remoteIP  string
	userAgent string

	outcome analyzer.Outcome
	reason  analyzer.Reason
}

func (rq *request) traceName() string { return "projects/" + rq.project + "/traces/" + rq.trace }

// decide records the server's decision.
func (rq *request) decide(o analyzer.Outcome, r analyzer.Reason) { rq.outcome, rq.reason = o, r }

type requestKey struct{}

func requestOf(ctx context.Context) *request { return ctx.Value(requestKey{}).(*request) }

// arrive begins a request. The caller's trace goes on when it sent one, as
// between services; else the platform begins one.
func (p *platform) arrive(s *service, r *http.Request) *request {
	rq := &request{
		project: s.project.ID, span: p.luck.hex(16), sampled: p.luck.happens(0.1), arrived: p.clock.Now(),
		method: r.Method, path: r.URL.Path, size: 300 + p.luck.intN(900),
		remoteIP: r.Header.Get("X-Forwarded-For"), userAgent: r.UserAgent(),
	}
	// traceparent: version-trace-span-flags
	if tp := r.Header.Get("Traceparent"); len(tp) == 55 {
		rq.trace = tp[3:35]
	} else {
		rq.trace = p.luck.hex(32)
	}
	return rq
}

// answer is a response that has not left yet: the platform writes its log
// before the client can go on, so that the order of entries is the same in
// every run.
type answer struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// ServeHTTP answers a request that came over a real connection.
func (in *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := in.serve(r)
	if a.status == http.StatusSwitchingProtocols {
		openSocket(w, a.header)
		return
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	// A client that has gone away is not the lab's: it ends with its context.
	_, _ = w.Write(a.body.Bytes())
}

// serve is Cloud Run's front door and its way to this instance: the gate,
// then the program, then the request log.
func (in *instance) serve(r *http.Request) *answer {
	p, s := in.p, in.svc
	rq := p.arrive(s, r)
	a := &answer{header: http.Header{}}
	reached := in.id
	status, text := p.identity.gate(s, r)
	if status != 0 {
		p.clock.advance(p.luck.between(time.Millisecond, 4*time.Millisecond))
		rq.decide(analyzer.OutcomeRefused, analyzer.PlatformIAMDenied)
		http.Error(a, http.StatusText(status), status)
		reached = ""
	} else {
		if len(s.spec.Invokers) > 0 {
			rq.decide(analyzer.OutcomeAccepted, "")
		}
		in.handler.ServeHTTP(a, r.WithContext(context.WithValue(r.Context(), requestKey{}, rq)))
		a.WriteHeader(http.StatusOK)
	}
	s.requestLog(p, rq, in.revision, reached, a.status, a.body.Len()+180, text)
	if len(s.spec.Gateway) > 0 && a.status >= 400 {
		in.details(rq, a.status)
	}
	p.tally.count(s, rq, a.status)
	return a
}

// details is the line in which a gateway tells who decided on an answer, in
// the words of Envoy's RESPONSE_CODE_DETAILS.
func (in *instance) details(rq *request, status int) {
	why := "via_upstream"
	if rq.outcome == analyzer.OutcomeRefused {
		why = "jwt_authn_access_denied"
	}
	in.say(rq, "INFO", fmt.Sprintf("[access] %q %d response_code_details=%s", rq.method+" "+rq.path, status, why), nil)
}
