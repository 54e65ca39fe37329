package lab

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how a scenario is run.
type Options struct {
	// Speed is how many seconds of virtual time pass in a second of wall
	// time. 0 does not wait at all.
	Speed float64
	// Seed decides all chance. The same seed, scenario and Start give the
	// same entries.
	Seed uint64
	// Start is the virtual time at which the scenario begins. The zero value
	// lets it end just before the play does: whoever knocks after that meets
	// clocks that agree with the wall, and comes after all that was played.
	Start time.Time
	// Emit takes one LogEntry in proto3 JSON, from one goroutine at a time;
	// the bytes are its own. A slow Emit slows the platform down; an error
	// ends the run.
	Emit func(ctx context.Context, entry []byte) error
	// Logf, if set, is told what is done to the platform, in a line each.
	Logf func(format string, args ...any)
	// Sockets lets every instance listen on a loopback port and sends all
	// requests over real connections. Without, handlers are called directly,
	// which is as fast as the processor allows.
	Sockets bool
	// Watch, if set, is called every Every of virtual time (0 means 5 s) and
	// at the end, between two events, from the goroutine that called Run. What
	// it starts may knock at services' doors while the scenario goes on.
	Watch func(ctx context.Context, v *View) error
	Every time.Duration
}

// platform is a scenario that runs.
type platform struct {
	scenario  Scenario
	sockets   bool
	clock     *clock
	luck      *chance
	logs      *sink
	tally     *tally
	plan      *plan
	store     *SecretStore
	identity  *identity
	services  map[string]*service
	passwords map[string]string // written before the first request only
	client    *http.Client
	begins    time.Time
	pepper    []byte // of /health/jwt
	door      door
	turn      sync.Mutex  // whoever acts: the plan, or a request through the door
	live      atomic.Bool // virtual time is that of the wall
	partner   partner
	lacking   map[string]bool // users without the role
	long      map[string]bool // users whose tokens are padded

	mu  sync.Mutex
	err error
}

// Run plays a scenario and returns what really happened. It returns an error
// when ctx ends, when Emit fails, or when the scenario cannot be played; the
// truth up to then comes with it. No server and no goroutine outlives it.
func Run(ctx context.Context, sc Scenario, o Options) (Truth, error) {
	if err := sc.check(); err != nil {
		return Truth{}, err
	}
	if o.Emit == nil {
		return Truth{}, errors.New("run scenario: Options.Emit is not set; say where the entries go")
	}
	sc = sc.complete()
	start := o.Start
	if start.IsZero() {
		start = time.Now().Add(-sc.Duration).Truncate(time.Second)
		if o.Speed > 0 {
			start = start.Add(time.Duration(float64(sc.Duration)/o.Speed) - 2*time.Second)
		}
	}
	p, err := newPlatform(ctx, sc, o, start)
	if err != nil {
		return Truth{}, err
	}
	defer p.close()
	truth := Truth{Scenario: sc.Name, Start: start, Expect: sc.Expect}
	err = p.play(ctx, o, &truth)
	truth.End, truth.Counts = p.clock.Now(), p.tally.sorted()
	truth.Entries, truth.Repeated = p.logs.written()
	return truth, err
}

func newPlatform(ctx context.Context, sc Scenario, o Options, start time.Time) (*platform, error) {
	p := &platform{
		scenario: sc, sockets: o.Sockets, begins: start, clock: &clock{now: start}, luck: newChance(o.Seed, 1),
		logs:  &sink{ctx: ctx, emit: o.Emit, luck: newChance(o.Seed, 2)},
		tally: &tally{counts: map[countKey]*Count{}}, plan: &plan{},
		services: map[string]*service{}, passwords: map[string]string{}, pepper: []byte(rand.Text() + rand.Text()),
		lacking: map[string]bool{}, long: map[string]bool{},
	}
	p.live.Store(o.Speed == 1)
	var err error
	if p.identity, err = newIdentity(p.clock.Now); err != nil {
		return nil, err
	}
	p.store = NewSecretStore(p.clock.Now, p.auditStore)
	for _, project := range sc.Projects {
		p.store.AddProject(project.ID, project.Number)
	}
	for _, spec := range sc.Services {
		s := &service{spec: spec, project: p.projectOf(spec.Project), rev: revision{vars: spec.Env, set: spec.Settings}, generation: 11 + p.luck.intN(60)}
		p.services[spec.Name] = s
		if spec.Publishes {
			s.keys = &keyPairs{}
			if err := s.keys.add(p.nextKid(s), spec.Algorithm); err != nil {
				return nil, err
			}
		}
	}
	// No proxy of the environment: all of this is this machine alone.
	p.client = &http.Client{Timeout: 30 * time.Second, Transport: mesh{p, &http.Transport{DisableCompression: true}}}
	if !o.Sockets {
		p.client = &http.Client{Transport: mesh{p, direct{}}}
	}
	p.logs.way = newDelivery(sc, newChance(o.Seed, 4), p.plan, &p.logs.mu)
	return p, nil
}

// play brings the platform up as it stood before the scenario, and plays.
func (p *platform) play(ctx context.Context, o Options, truth *Truth) error {
	if err := p.createSecrets(); err != nil {
		return err
	}
	for _, spec := range p.scenario.Services {
		s := p.services[spec.Name]
		rev := s.current()
		rev.name = p.nextRevision(s)
		fleet, err := p.launch(s, rev, spec.Instances, startedByTraffic)
		if err != nil {
			return fmt.Errorf("start service %s: %w", spec.Name, err)
		}
		s.replace(rev, fleet)
	}
	people := newCrowd(p, p.scenario.Traffic, newChance(o.Seed, 3))
	people.plan(p.clock.Now())
	for _, step := range p.scenario.Timeline {
		p.plan.at(p.begins.Add(step.At), func(context.Context) error {
			truth.Injected = append(truth.Injected, Injected{Step: step, When: p.clock.Now()})
			this := len(truth.Injected) - 1
			if o.Logf != nil {
				o.Logf("%s %s %s %s", p.clock.Now().UTC().Format("15:04:05"), step.Do, step.Target, step.Note)
			}
			return p.do(step, people, func(err error) { truth.Injected[this].Err = err.Error() })
		})
	}
	if o.Watch != nil {
		p.watch(o)
	}
	pc := pace{speed: o.Speed, virtual: p.begins, wall: time.Now()}
	if err := p.plan.run(ctx, p.clock, pc, p.begins.Add(p.scenario.Duration), &p.turn, p.failed); err != nil || o.Watch == nil {
		return err
	}
	p.live.Store(p.live.Load() || o.Start.IsZero())
	return o.Watch(ctx, &View{p})
}

// watch plans the calls of Options.Watch.
func (p *platform) watch(o Options) {
	every := cmp.Or(o.Every, 5*time.Second)
	next := p.clock.Now()
	var again func(context.Context) error
	again = func(ctx context.Context) error {
		next = next.Add(every)
		p.plan.at(next, again)
		p.turn.Unlock() // who watches may knock at the door
		defer p.turn.Lock()
		return o.Watch(ctx, &View{p})
	}
	next = next.Add(every)
	p.plan.at(next, again)
}

// createSecrets gives every secret its first version. That was before the
// scenario, so no audit entry tells of it.
func (p *platform) createSecrets() error {
	silent := p.store.audit
	p.store.audit = func(StoreEvent) {}
	defer func() { p.store.audit = silent }()
	for _, spec := range p.scenario.Secrets {
		name, err := p.store.CreateSecret(p.projectOf(spec.Project).ID, spec.Name)
		if err != nil {
			return fmt.Errorf("create secret %s: %w", spec.Name, err)
		}
		if spec.Before != "" {
			payload, err := p.value(spec.Before, name)
			if err != nil {
				return fmt.Errorf("create secret %s: %w", spec.Name, err)
			}
			if _, err := p.store.AddVersion("", name, payload); err != nil {
				return fmt.Errorf("create secret %s: %w", spec.Name, err)
			}
		}
		payload, err := p.value(spec.Value, name)
		if err != nil {
			return fmt.Errorf("create secret %s: %w", spec.Name, err)
		}
		if _, err := p.store.AddVersion("", name, payload); err != nil {
			return fmt.Errorf("create secret %s: %w", spec.Name, err)
		}
	}
	return nil
}

// projectOf finds a project by id or number; the first one is the default.
func (p *platform) projectOf(id string) Project { return p.scenario.project(id) }

// fail keeps the first error of a server's goroutine for the run to find.
func (p *platform) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

func (p *platform) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	return p.logs.failed()
}

// close ends every instance and every idle connection.
func (p *platform) close() {
	p.door.close()
	p.client.CloseIdleConnections()
	for _, s := range p.services {
		s.replace(s.current(), nil)
	}
}
