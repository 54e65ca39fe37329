package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// service is a Cloud Run service: its current revision and the instances that
// serve it.
type service struct {
	spec    ServiceSpec
	project Project

	mu         sync.Mutex
	rev        revision // that serves, or was meant to
	generation int
	instances  []*instance
	keys       *keyPairs // of an issuer
	broken     string    // a mode of Break
	ahead      time.Duration
}

// revision is what a deploy makes: a name, variables and settings.
type revision struct {
	name string
	vars []EnvVar
	set  Settings
}

// settings are those of the present revision.
func (s *service) settings() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rev.set
}

// clockError is how far the service's clock is ahead.
func (s *service) clockError() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ahead
}

// brokenBy is the mode in which the service is broken; empty: it is not.
func (s *service) brokenBy() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// account is the service account that the service runs as.
func (s *service) account() string {
	return s.spec.Name + "@" + s.project.ID + ".iam.gserviceaccount.com"
}

// fleet returns a copy of the instances, oldest first.
func (s *service) fleet() []*instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.instances)
}

// nextRevision names the revision that a deploy makes.
func (p *platform) nextRevision(s *service) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	return fmt.Sprintf("%s-%05d-%s", s.spec.Name, s.generation, p.luck.text(3, base36))
}

// launch starts n instances of a revision, all or none.
func (p *platform) launch(s *service, rev revision, n int, reason string) ([]*instance, error) {
	var started []*instance
	for range n {
		in, err := p.start(s, rev, reason)
		if err != nil {
			for _, in := range started {
				in.stop()
			}
			return nil, err
		}
		started = append(started, in)
	}
	return started, nil
}

// replace puts a new fleet in the place of the old one, which ends.
func (s *service) replace(rev revision, fleet []*instance) {
	s.mu.Lock()
	old := s.instances
	s.rev, s.instances = rev, fleet
	s.mu.Unlock()
	for _, in := range old {
		in.stop()
	}
}

// current is the present revision.
func (s *service) current() revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rev
}

// deploy makes a new revision with a step's changes laid over variables and
// settings. The audit log tells at once; the instances come up a few seconds
// later, by the event that deploy plans. A revision that does not become
// ready leaves the old one serving, and failed is told why.
func (p *platform) deploy(s *service, principal string, step Step, failed func(error)) {
	rev := s.current()
	rev.vars = with(rev.vars, step.Env)
	overlay(reflect.ValueOf(&rev.set).Elem(), reflect.ValueOf(step.Set))
	p.auditDeploy(s, principal, rev.vars)
	rev.name = p.nextRevision(s)
	asked := p.clock.Now()
	p.plan.at(asked.Add(p.luck.between(4*time.Second, 9*time.Second)), func(context.Context) error {
		fleet, err := p.launch(s, rev, s.spec.Instances, startedByDeploy)
		p.auditRevision(s, rev.name, rev.vars, p.clock.Now().Sub(asked), err)
		if err != nil {
			failed(err)
			return nil
		}
		s.replace(rev, fleet)
		return nil
	})
}

// with returns variables with changes laid over them. A change with neither
// a value nor a secret, and not Empty, takes the variable out.
func with(vars, changes []EnvVar) []EnvVar {
	vars = slices.Clone(vars)
	for _, c := range changes {
		vars = slices.DeleteFunc(vars, func(v EnvVar) bool { return v.Name == c.Name })
		if c.Value != "" || c.Secret != "" || c.Empty {
			vars = append(vars, c)
		}
	}
	return vars
}

// restart replaces every instance by a new one of the same revision. When
// they cannot start there is nobody to serve, and the platform tries again.
func (p *platform) restart(s *service, failed func(error)) {
	n := max(len(s.fleet()), s.spec.Instances)
	s.replace(s.current(), nil)
	p.revive(s, n, 5*time.Second, failed)
}

// revive starts instances for a service that has none, less and less often
// until it succeeds.
func (p *platform) revive(s *service, n int, pause time.Duration, failed func(error)) {
	if len(s.fleet()) > 0 {
		return // a deploy came in between
	}
	rev := s.current()
	fleet, err := p.launch(s, rev, n, startedByTraffic)
	if err == nil {
		s.replace(rev, fleet)
		return
	}
	failed(err)
	p.plan.at(p.clock.Now().Add(pause), func(context.Context) error {
		p.revive(s, n, min(2*pause, 5*time.Minute), failed)
		return nil
	})
}

// scale brings the service to n instances: new ones start now, with what the
// secrets hold now; the oldest end first.
func (p *platform) scale(s *service, n int) error {
	fleet := s.fleet()
	if n > len(fleet) {
		more, err := p.launch(s, s.current(), n-len(fleet), startedByTraffic)
		if err != nil {
			return err
		}
		fleet = append(fleet, more...)
	}
	surplus := fleet[:len(fleet)-n]
	s.mu.Lock()
	s.instances = fleet[len(fleet)-n:]
	s.mu.Unlock()
	for _, in := range surplus {
		in.stop()
	}
	return nil
}

// mesh carries a request for http://SERVICE/… to one of that service's
// instances, as Cloud Run's load balancer does.
type mesh struct {
	p    *platform
	base http.RoundTripper
}

// textNoInstance is the front door's text when nobody is there to serve.
const textNoInstance = "The request was aborted because there was no available instance."

// RoundTrip implements http.RoundTripper.
func (m mesh) RoundTrip(r *http.Request) (*http.Response, error) {
	s := m.p.services[r.URL.Host]
	if s == nil {
		return nil, fmt.Errorf("find service %q: the scenario has none of this name", r.URL.Host)
	}
	if s.brokenBy() == BreakSlow && strings.HasPrefix(r.URL.Path, "/.well-known/") {
		return nil, context.DeadlineExceeded // the caller's patience is shorter
	}
	fleet := s.fleet()
	if len(fleet) == 0 {
		rq := m.p.arrive(s, r)
		s.requestLog(m.p, rq, s.current().name, "", http.StatusInternalServerError, 180, textNoInstance)
		m.p.tally.count(s, rq, http.StatusInternalServerError)
		if r.Body != nil {
			if err := r.Body.Close(); err != nil {
				return nil, errors.Join(errors.New("close the body of a request that nobody serves"), err)
			}
		}
		return &http.Response{StatusCode: http.StatusInternalServerError, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}
	in := fleet[m.p.luck.intN(len(fleet))]
	if !m.p.sockets {
		return direct{in}.RoundTrip(r)
	}
	out := r.Clone(r.Context())
	out.URL.Host = in.addr
	return m.base.RoundTrip(out)
}

// direct hands a request to an instance without a network between.
type direct struct{ in *instance }

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if d.in == nil {
		return nil, errors.New("hand over a request: no instance was chosen")
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	a := d.in.serve(r)
	if err := r.Body.Close(); err != nil {
		return nil, fmt.Errorf("close the body of a request: %w", err)
	}
	return &http.Response{StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.header,
		ContentLength: int64(a.body.Len()), Body: io.NopCloser(&a.body), Request: r}, nil
}
