package probe

import (
	"context"
	"slices"
	"sync"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// look is what one round tells of a key domain: its services' answers beside
// the values that they may hold.
type look struct {
	once sync.Once
	ok   bool // it was not cut short

	nonce      string
	candidates []Candidate // versions, without words; nil: none can be read
	newest     *Candidate  // of the domain's own environment; nil: none can be read
	blind      string      // why there are no candidates
	held       []held
	match      func(fingerprint string) (Match, bool)
}

// held is what is known of the value that one service uses in a key domain.
type held struct {
	member analyzer.Member
	*health
	state *healthjwt.State // what it signs and verifies with; nil: not told
	match Match
	named bool
	// accepts are the versions of the own environment among its values, as
	// they are: the current one and those that it still takes.
	accepts []string
}

// rememberedValues keeps a matcher while the candidates stay the same: its
// keys take longer to derive than everything else.
type rememberedValues struct {
	candidates []Candidate
	matcher    *Matcher
}

// look returns what the present round tells of a domain.
func (d *Deps) look(ctx context.Context, domain analyzer.KeyDomain) *look {
	r, id := d.health().current(), domain.Name+" "+domain.Environment
	for {
		r.mu.Lock()
		l := r.looks[id]
		if l == nil {
			l = &look{nonce: r.nonce}
			r.looks[id] = l
		}
		r.mu.Unlock()
		l.once.Do(func() { l.take(ctx, r, domain) })
		if l.ok || ctx.Err() != nil {
			return l
		}
		r.mu.Lock()
		if r.looks[id] == l { // whoever began had less time than this one
			delete(r.looks, id)
		}
		r.mu.Unlock()
	}
}

func (l *look) take(ctx context.Context, r *round, domain analyzer.KeyDomain) {
	l.readCandidates(ctx, r.deps, domain)
	members := healthMembers(domain)
	answers := r.all(ctx, members)
	l.ok = ctx.Err() == nil
	l.match = func(string) (Match, bool) { return Match{}, false }
	if r.deps.Pepper != nil {
		l.match = r.matcher(domain, l.candidates).Round(r.nonce)
	}
	for i, m := range members {
		h := held{member: m, health: answers[i]}
		h.find(l, domain)
		r.deps.sighted(domain, &h)
		r.note(domain, l, &h)
		l.held = append(l.held, h)
	}
}

func (l *look) readCandidates(ctx context.Context, d *Deps, domain analyzer.KeyDomain) {
	if d.Reference == nil {
		l.blind = "no version of the secret can be read; give why401 access to it"
		return
	}
	all, err := d.Reference.Candidates(ctx, domain)
	l.candidates = slices.DeleteFunc(slices.Clone(all), func(c Candidate) bool { return c.Word != "" })
	if err != nil || len(l.candidates) == 0 || ctx.Err() != nil {
		l.candidates, l.blind = nil, "no version of the secret could be read; see the result of the secret store"
		return
	}
	for i := range l.candidates {
		if c := &l.candidates[i]; own(domain, c.Environment) {
			l.newest = c
			return
		}
	}
}

// own reports whether a version of that environment is one that the domain's
// services should hold.
func own(d analyzer.KeyDomain, environment string) bool {
	return environment == d.Environment || environment == "" || d.Environment == ""
}

// matcher returns the matcher of a domain's candidates and of the words that
// stand for no secret.
func (r *rounds) matcher(domain analyzer.KeyDomain, candidates []Candidate) *Matcher {
	same := func(a, b Candidate) bool {
		return a.Secret == b.Secret && a.Version == b.Version && a.Environment == b.Environment && a.Value.Equal(b.Value)
	}
	id := domain.Name + " " + domain.Environment
	r.mu.Lock()
	m := r.matchers[id]
	r.mu.Unlock()
	if m == nil || !slices.EqualFunc(m.candidates, candidates, same) {
		m = &rememberedValues{candidates, NewMatcher(*r.deps.Pepper, slices.Concat(candidates, Words(domain)))}
		r.mu.Lock()
		r.matchers[id] = m
		r.mu.Unlock()
	}
	return m.matcher
}

// find picks the secret of the domain out of an answer: one of a declared
// variable, else the one that comes nearest to the domain's versions.
func (h *held) find(l *look, domain analyzer.KeyDomain) {
	if h.answer == nil || h.answer.Extension == nil {
		return
	}
	states := h.answer.Extension.Secrets
	declared := func(s healthjwt.State) bool { return slices.Contains(h.member.Env, s.Name) }
	anyDeclared := slices.ContainsFunc(states, func(s healthjwt.State) bool {
		return declared(s) && s.Role != healthjwt.RolePrevious
	})
	best := -1
	for i := range states {
		s := &states[i]
		m, named := l.match(s.Fingerprint)
		plain := named && m.Word == "" && m.Mutation == "" && own(domain, m.Environment)
		if plain && !slices.Contains(h.accepts, m.Version) {
			h.accepts = append(h.accepts, m.Version)
		}
		if s.Role == healthjwt.RolePrevious || anyDeclared && !declared(*s) {
			continue
		}
		near := 0
		switch {
		case plain:
			near = 3
		case named && m.Word == "":
			near = 2
		case named:
			near = 1
		}
		if near > best {
			best, h.state, h.match, h.named = near, s, m, named
		}
	}
}

// told reports whether the service let its value be compared.
func (h *held) told() bool { return h.state != nil && h.state.Fingerprint != "" }

// blindness says why the value of a service cannot be compared.
func (h *held) blindness() string {
	switch {
	case h.answer == nil:
		return h.why
	case h.unsigned != "":
		return "tells no fingerprint: " + h.unsigned
	case h.state == nil:
		return "lists no secret that it uses"
	case len(h.doubts) > 0:
		return "tells no fingerprint that can be believed: " + h.doubts[0]
	}
	return "tells no fingerprint"
}

// isNewest reports whether the service holds the newest version as it is.
func (l *look) isNewest(h *held) bool {
	return l.newest != nil && h.named && h.match.Word == "" && h.match.Mutation == "" && h.match.Version == l.newest.Version && h.match.Secret == l.newest.Secret && h.match.Environment == l.newest.Environment
}

// holdsOlder reports whether the service holds an older version of its own
// environment, as it is.
func (l *look) holdsOlder(h *held, domain analyzer.KeyDomain) bool {
	return h.named && h.match.Word == "" && h.match.Mutation == "" && own(domain, h.match.Environment) && !l.isNewest(h)
}

// conflict names two variables of the service's chain that are set to
// different values: the one that wins and the one that it covers.
func (h *held) conflict() (wins, covered string, ok bool) {
	if h.state == nil {
		return "", "", false
	}
	for _, v := range h.state.Chain {
		switch v.State {
		case healthjwt.Wins:
			wins = v.Name
		case healthjwt.Differs:
			if covered == "" {
				covered = v.Name
			}
		}
	}
	return wins, covered, wins != "" && covered != ""
}
