package analyzer

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rotationWorld is a platform that rotates a secret, tick by tick: deploys that
// come late, instances that restart or come and go, a rollback, tokens of
// different lives. It knows what an observer cannot.
type rotationWorld struct {
	r         *rand.Rand
	now       time.Time
	domain    KeyDomain
	services  []*worldService
	lastOld   time.Time // expiry of the last token that the old version signed
	longLived time.Duration
}

type worldService struct {
	member    Member
	accepts   bool // its revision verifies with both versions
	signsNew  bool // its revision signs with the new one
	instances []*worldInstance
	plan      []worldStep
	deployed  time.Time // last, as the log tells at once
}

type worldInstance struct {
	name            string
	started, loaded time.Time
	accepts, signs  bool // the new version
}

type worldStep struct {
	at              time.Duration
	accepts, signs  bool
	restartAfter    time.Duration // an instance takes the revision up so long after
	reloadsInPlaces bool          // without a restart
}

func newRotationWorld(seed uint64) *rotationWorld {
	r := rand.New(rand.NewPCG(seed, 401))
	ttl := time.Duration(5+r.IntN(56)) * time.Minute
	w := &rotationWorld{r: r, now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), domain: KeyDomain{Name: "jwt-main", TokenTTL: ttl, Leeway: time.Duration(r.IntN(60)) * time.Second}}
	if r.IntN(4) == 0 {
		w.longLived = ttl * time.Duration(2+r.IntN(5)) // some tokens live longer than is declared; a probe sees it
	}
	for i := range 2 + r.IntN(4) {
		s := &worldService{member: Member{Name: fmt.Sprint("svc-", i), Signs: i == 0 || r.IntN(5) == 0}}
		both := time.Duration(2+r.IntN(25)) * time.Minute
		if r.IntN(4) == 0 {
			both += time.Duration(r.IntN(90)) * time.Minute // a laggard
		}
		s.plan = append(s.plan, worldStep{at: both, accepts: true, restartAfter: time.Duration(r.IntN(240)) * time.Second, reloadsInPlaces: r.IntN(3) == 0})
		if s.member.Signs {
			turn := both + time.Duration(5+r.IntN(40))*time.Minute
			s.plan = append(s.plan, worldStep{at: turn, accepts: true, signs: true, restartAfter: time.Duration(r.IntN(240)) * time.Second, reloadsInPlaces: r.IntN(3) == 0})
			if r.IntN(4) == 0 { // a rollback, and once more
				s.plan = append(s.plan, worldStep{at: turn + 15*time.Minute, accepts: true, restartAfter: time.Minute}, worldStep{at: turn + 40*time.Minute, accepts: true, signs: true, restartAfter: time.Minute})
			}
		}
		for k := range 1 + r.IntN(4) {
			s.instances = append(s.instances, w.start(s, k))
		}
		w.services = append(w.services, s)
		w.domain.Services = append(w.domain.Services, s.member)
	}
	return w
}

func (w *rotationWorld) start(s *worldService, k int) *worldInstance {
	return &worldInstance{name: fmt.Sprintf("%s-%d-%x", s.member.Name, k, w.r.Uint32()), started: w.now, loaded: w.now.Add(time.Second), accepts: s.accepts, signs: s.signsNew}
}

// tick lets ten seconds pass.
func (w *rotationWorld) tick(since time.Duration) {
	w.now = w.now.Add(10 * time.Second)
	for _, s := range w.services {
		for _, step := range s.plan {
			if step.at <= since && since < step.at+10*time.Second {
				s.accepts, s.signsNew, s.deployed = step.accepts, step.signs, w.now
			}
			if at := step.at + step.restartAfter; at <= since && since < at+10*time.Second {
				for k, i := range s.instances {
					if step.reloadsInPlaces {
						i.accepts, i.signs, i.loaded = s.accepts, s.signsNew, w.now
					} else {
						s.instances[k] = w.start(s, k)
					}
				}
			}
		}
		if w.r.IntN(400) == 0 { // one restarts by itself
			k := w.r.IntN(len(s.instances))
			s.instances[k] = w.start(s, k)
		}
		if w.r.IntN(900) == 0 && len(s.instances) < 6 {
			s.instances = append(s.instances, w.start(s, len(s.instances)))
		}
		if w.r.IntN(900) == 0 && len(s.instances) > 1 {
			s.instances = s.instances[:len(s.instances)-1]
		}
		for _, i := range s.instances {
			if s.member.Signs && !i.signs {
				life := w.domain.TokenTTL
				if w.longLived > 0 && w.r.IntN(10) == 0 {
					life = w.longLived
				}
				w.lastOld = later(w.lastOld, w.now.Add(life))
			}
		}
	}
}

// safe reports whether nobody would be refused if the old version went now:
// nobody needs it to verify, signs with it, or would come up with it.
func (w *rotationWorld) safe() bool {
	for _, s := range w.services {
		if !s.accepts || s.member.Signs && !s.signsNew {
			return false
		}
		for _, i := range s.instances {
			if !i.accepts || s.member.Signs && !i.signs {
				return false
			}
		}
	}
	return !w.now.Before(w.lastOld.Add(w.domain.Leeway))
}

// look is one round of probes: each service is asked over some fresh
// connections, which meet instances by chance.
func (w *rotationWorld) look(r *Rotation) {
	for _, s := range w.services {
		if !s.deployed.IsZero() {
			r.Deploy(s.member.Name, s.deployed)
		}
		for range 8 {
			i := s.instances[w.r.IntN(len(s.instances))]
			g := Sighting{At: w.now, Service: s.member.Name, Instance: i.name, Started: i.started, Loaded: i.loaded, Accepts: []string{"1"}}
			if i.accepts {
				g.Accepts = []string{"2", "1"}
			}
			if s.member.Signs {
				g.Signs = "1"
				if i.signs {
					g.Signs = "2"
				}
			}
			r.See(g)
		}
	}
	r.Token("", w.longLived, time.Time{})
}

// TestRotations plays rotations: the old version may never go while somebody
// would be refused for it, and once it is safe, and an observer had the time to
// be sure of it, nobody may be told to wait. WHY401_ROTATIONS sets how many
// (make rotations: 500).
func TestRotations(t *testing.T) {
	n := 60
	if v, err := strconv.Atoi(os.Getenv("WHY401_ROTATIONS")); err == nil {
		n = v
	}
	const every = time.Minute
	// What an observer needs to be sure: to give up an instance that went
	// with the old version, and a token of the longest life that it may have
	// signed until then.
	slack := goneAfter + 4*every
	var wrong, late, retired, rollbacks int
	for seed := range uint64(n) {
		w := newRotationWorld(seed)
		rot := NewRotation("jwt-main", "1", "2", w.now)
		var safeSince time.Time
		last := false
		for since := time.Duration(0); since < 14*time.Hour; since += 10 * time.Second {
			w.tick(since)
			if w.safe() && safeSince.IsZero() {
				safeSince = w.now
			} else if !w.safe() {
				safeSince = time.Time{}
			}
			if since%every != 0 {
				continue
			}
			w.look(rot)
			ready := rot.Ready(w.now, &w.domain, every)
			if ready.MayRetire && !w.safe() {
				wrong++
				t.Errorf("seed %d at %s: the old version may go, although somebody would be refused (last old token %s)", seed, since, w.lastOld)
				break
			}
			life := max(w.domain.TokenTTL, w.longLived)
			if !ready.MayRetire && !safeSince.IsZero() && w.now.Sub(safeSince) > slack+life {
				late++
				t.Errorf("seed %d at %s: safe since %s, and still refused: %v", seed, since, safeSince, ready.Missing)
				break
			}
			last = ready.MayRetire
		}
		if last {
			retired++
		}
		for _, s := range w.services {
			if len(s.plan) > 2 {
				rollbacks++
			}
		}
	}
	if retired < n*9/10 || rollbacks == 0 {
		t.Errorf("%d of %d rotations came to their end, %d with a rollback", retired, n, rollbacks)
	}
	t.Logf("%d rotations: %d wrong permissions, %d late ones, %d came to their end, %d rollbacks", n, wrong, late, retired, rollbacks)
}

func TestReadinessSaysWhatIsMissing(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	domain := KeyDomain{Name: "jwt-main", TokenTTL: time.Hour, Services: []Member{{Name: "auth", Signs: true}, {Name: "orders"}}}
	see := func(service, signs string, accepts ...string) Sighting {
		return Sighting{At: at, Service: service, Instance: service + "-1", Signs: signs, Accepts: accepts}
	}
	cases := []struct {
		name   string
		domain KeyDomain
		seen   []Sighting
		after  time.Duration
		phase  Phase
		want   string
	}{
		{"nobody was seen", domain, nil, 0, PhaseDistribute, "auth was never seen"},
		{"a verifier is behind", domain, []Sighting{see("auth", "1", "2", "1"), see("orders", "", "1")}, 0, PhaseDistribute, "1 of 1 instances of orders do not accept version 2: orders-1"},
		{"the signer is behind", domain, []Sighting{see("auth", "1", "2", "1"), see("orders", "", "2", "1")}, 0, PhaseSwitch, "1 of 1 instances of auth do not sign with version 2"},
		{"tokens live", domain, []Sighting{see("auth", "1", "1"), see("auth", "2", "2", "1"), see("orders", "", "2", "1")}, 0, PhaseDrain, "tokens that 1 signed may live until 2026-11-23 09:00:00Z"},
		{"just deployed", domain, []Sighting{see("auth", "2", "2"), see("orders", "", "2")}, 0, PhaseDistribute, "orders was deployed at 2026-11-23 08:00:00Z, and 1 of 1 instances run since before"},
		{"lost sight", domain, []Sighting{see("auth", "2", "2"), see("orders", "", "2")}, time.Hour, PhaseDistribute, "auth was last seen at 2026-11-23 08:00:00Z"},
		{"no lifetime", KeyDomain{Services: domain.Services}, []Sighting{see("auth", "2", "2"), see("orders", "", "2")}, 0, PhaseDrain, "declare token_ttl"},
		{"no services", KeyDomain{Name: "x", TokenTTL: time.Hour}, nil, 0, PhaseDistribute, "no services are declared"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := NewRotation("jwt-main", "1", "2", at)
			for _, s := range c.seen {
				r.See(s)
			}
			if c.name == "just deployed" {
				r.Deploy("orders", at)
			}
			got := r.Ready(at.Add(c.after), &c.domain, time.Minute)
			if got.MayRetire || got.Phase != c.phase || !slices.ContainsFunc(got.Missing, func(m string) bool { return strings.Contains(m, c.want) }) {
				t.Errorf("%+v; want phase %s and %q", got, c.phase, c.want)
			}
		})
	}
}

// A token that a log line showed counts, whatever is declared.
func TestRotationKnowsTokens(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	domain := KeyDomain{Name: "jwt-main", TokenTTL: time.Minute, Services: []Member{{Name: "auth", Signs: true}}}
	r := NewRotation("jwt-main", "1", "2", at)
	r.Token("1", 0, at.Add(10*time.Hour))
	r.Token("2", 0, at.Add(90*time.Hour))
	r.See(Sighting{At: at.Add(time.Hour), Service: "auth", Instance: "a", Signs: "2", Accepts: []string{"2"}, Started: at, Loaded: at})
	if got := r.Ready(at.Add(time.Hour), &domain, time.Minute); got.MayRetire || !got.At.Equal(at.Add(10*time.Hour)) {
		t.Errorf("%+v; want the expiry of the old token", got)
	}
}
