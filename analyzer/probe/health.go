package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// rounds asks services for /health/jwt: each at most once in an interval,
// however many kinds of probe want to know, and all under the one nonce of
// the interval, so that their fingerprints can be compared.
type rounds struct {
	deps  *Deps
	every time.Duration

	mu       sync.Mutex
	now      *round
	unsigned map[string]time.Time         // addresses that refuse the signature, and until when they are asked without
	repeats  map[string]map[string]bool   // address: fingerprints of the round before
	failures map[string]*failure          // addresses that gave nothing to read
	matchers map[string]*rememberedValues // by key domain

	populations map[string][]glimpse // by key domain and service
}

// failure is a row of rounds in which an address gave nothing to read.
type failure struct {
	rounds  int
	last    *health
	resumes time.Time
}

// round is one interval.
type round struct {
	*rounds
	slot  time.Time
	nonce string

	mu    sync.Mutex
	calls map[string]*call
	looks map[string]*look // by key domain
}

type call struct {
	done   chan struct{}
	health *health
}

// health is what a service answered, or why it answered nothing that can be
// used.
type health struct {
	answer *healthjwt.Answer // nil: none
	why    string            // there is none: the end of a sentence that begins with the service
	// unsigned: why fingerprints are missing although there is an answer.
	unsigned string
	doubts   []string // where the answer contradicts itself
	at       *Response
	err      error // of the way there
}

// refusesSignature begins the reason when a service answers 401 to the signed
// request.
const refusesSignature = "it refuses the signed request: "

// signatureAgain is how long a service that refused the signature is asked
// without.
const signatureAgain = time.Hour

// healthKinds are the kinds that read /health/jwt.
var healthKinds = []string{"alignment", "clock", "fingerprint", "mint", "precedence", "secret"}

// health returns the rounds of d, which all kinds share.
func (d *Deps) health() *rounds {
	d.once.Do(func() {
		every := time.Duration(0)
		for _, kind := range healthKinds {
			if e := d.Config.every(kind); !slices.Contains(d.Config.Off, kind) && (every == 0 || e < every) {
				every = e
			}
		}
		d.rounds = &rounds{deps: d, every: max(every, time.Second), unsigned: map[string]time.Time{}, repeats: map[string]map[string]bool{},
			failures: map[string]*failure{}, matchers: map[string]*rememberedValues{}, populations: map[string][]glimpse{}}
	})
	return d.rounds
}

// current is the round of this interval.
func (r *rounds) current() *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slot := time.Now().Truncate(r.every); r.now == nil || !r.now.slot.Equal(slot) {
		r.now = &round{rounds: r, slot: slot, nonce: healthjwt.NewNonce(), calls: map[string]*call{}, looks: map[string]*look{}}
	}
	return r.now
}

// healthURL is where a member's handler is, or "" when it has none.
func healthURL(m analyzer.Member) string {
	path := m.Health
	if path == "" {
		path = "/health/jwt"
	}
	if m.URL == "" || path == "none" {
		return ""
	}
	return strings.TrimRight(m.URL, "/") + "/" + strings.TrimLeft(path, "/")
}

// healthMembers are the services of a domain that have a handler.
func healthMembers(d analyzer.KeyDomain) []analyzer.Member {
	return slices.DeleteFunc(slices.Clone(d.Services), func(m analyzer.Member) bool { return healthURL(m) == "" })
}

// all asks the members, so many at a time that the round ends in time even
// when nobody answers.
func (r *round) all(ctx context.Context, members []analyzer.Member) []*health {
	out := make([]*health, len(members))
	slots := make(chan struct{}, max(r.deps.Config.Concurrency, (len(members)+2)/3))
	var wg sync.WaitGroup
	for i, m := range members {
		slots <- struct{}{}
		wg.Go(func() {
			out[i] = r.ask(ctx, healthURL(m))
			<-slots
		})
	}
	wg.Wait()
	return out
}

// ask returns the answer of an address in this round; only the first who
// wants to know sends a request.
func (r *round) ask(ctx context.Context, address string) *health {
	r.mu.Lock()
	c := r.calls[address]
	if c != nil {
		r.mu.Unlock()
		select {
		case <-c.done:
			return c.health
		case <-ctx.Done():
			return &health{why: "was not asked: " + ctx.Err().Error()}
		}
	}
	c = &call{done: make(chan struct{})}
	r.calls[address] = c
	r.mu.Unlock()
	c.health = r.rested(address)
	if c.health == nil {
		c.health = r.request(ctx, address)
		if ctx.Err() == nil || c.health.answer != nil {
			r.remember(address, c.health)
		} else { // who comes next may have more time
			r.mu.Lock()
			delete(r.calls, address)
			r.mu.Unlock()
		}
	}
	close(c.done)
	return c.health
}

// rested is the last answer of an address that is left alone for a while.
func (r *round) rested(address string) *health {
	r.rounds.mu.Lock()
	defer r.rounds.mu.Unlock()
	if f := r.failures[address]; f != nil && r.slot.Before(f.resumes) {
		rests := *f.last
		rests.why += "; it is asked again at " + f.resumes.UTC().Format("15:04:05")
		return &rests
	}
	return nil
}

func (r *round) remember(address string, h *health) {
	r.rounds.mu.Lock()
	defer r.rounds.mu.Unlock()
	if h.answer == nil {
		f := r.failures[address]
		if f == nil {
			f = &failure{}
			r.failures[address] = f
		}
		f.rounds, f.last = f.rounds+1, h
		if n := f.rounds - breakAfter; n >= 0 {
			f.resumes = r.slot.Add(time.Duration(min(1<<min(n, 8), maxRest)+1) * r.every)
		}
		return
	}
	delete(r.failures, address)
	if h.answer.Extension == nil {
		return
	}
	was, is := r.repeats[address], map[string]bool{}
	for i := range h.answer.Extension.Secrets {
		s := &h.answer.Extension.Secrets[i]
		if is[s.Fingerprint] = true; was[s.Fingerprint] {
			h.doubts = append(h.doubts, "its fingerprint does not change with the nonce")
			s.Fingerprint = ""
		}
	}
	delete(is, "")
	r.repeats[address] = is
}

// request sends the request of the round. Who refuses the signature is asked
// once more without it.
func (r *round) request(ctx context.Context, address string) *health {
	r.rounds.mu.Lock()
	plainly := r.deps.Pepper == nil || time.Now().Before(r.unsigned[address])
	r.rounds.mu.Unlock()
	why := "no pepper is configured (probes.pepper_file)"
	if !plainly {
		h, refusal := r.send(ctx, address, r.nonce)
		if refusal == "" {
			return h
		}
		why = refusesSignature + refusal
		r.rounds.mu.Lock()
		r.unsigned[address] = time.Now().Add(signatureAgain)
		r.rounds.mu.Unlock()
	} else if r.deps.Pepper != nil {
		why = "it refused the signed request within the last hour: see that both sides have the same pepper"
	}
	h, refusal := r.send(ctx, address, "")
	if h == nil {
		h = &health{why: "answers 401: " + refusal}
	}
	h.unsigned = why
	return h
}

// send sends one request; refusal is what the service says when it does not
// take the signature.
func (r *round) send(ctx context.Context, address, nonce string) (h *health, refusal string) {
	target := address
	if nonce != "" {
		target += "?" + url.Values{"nonce": {nonce}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return &health{why: "has an address that is no URL"}, ""
	}
	if nonce != "" {
		req.Header.Set("Authorization", r.deps.Pepper.Authorize(nonce, time.Now()))
	}
	r.deps.Traces.mark(req)
	got, err := r.deps.Guard.Do(req)
	switch {
	case errors.Is(err, ErrTooLarge):
		return &health{why: fmt.Sprintf("answers more than %d bytes at %s", maxBody, place(address))}, ""
	case errors.Is(err, ErrRedirect):
		return &health{why: fmt.Sprintf("sends %s elsewhere: %s", place(address), clip(ErrRedirect.Error()))}, ""
	case errors.Is(err, context.DeadlineExceeded):
		return &health{why: fmt.Sprintf("does not answer at %s in time", place(address))}, ""
	case err != nil:
		return &health{why: "could not be asked at " + place(address) + ": " + clip(cause(err).Error()), err: err}, ""
	case got.Status == http.StatusUnauthorized:
		return nil, refusalOf(got.Body)
	}
	return readHealth(got, nonce, place(address)), ""
}
