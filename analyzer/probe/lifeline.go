package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// lifeline is what a look at a secret showed.
type lifeline struct {
	ref      analyzer.SecretRef
	versions []storeVersion // those that are known, newest first
	listed   error          // why the versions could not be listed
	read     error          // why the newest one, or the pinned one, could not be read
	at       time.Time
	took     time.Duration // of reading it
}

// Secrets is a [Reference] that reads Secret Manager, files and variables of
// this process, as the key domains say. A value is read once in a round of
// probes, whoever needs it, and forgotten with the round. It is safe for
// concurrent use.
type Secrets struct {
	config  SecretManager
	fresh   time.Duration // how long a look serves
	domains []analyzer.KeyDomain
	lookup  func(string) (string, bool)
	google  *googleStore

	mu    sync.Mutex
	looks map[analyzer.SecretRef]*reading
}

var _ Reference = (*Secrets)(nil)

// reading is the latest look at one secret; turn holds whoever takes the next.
type reading struct {
	turn chan struct{}
	life *lifeline
}

// NewSecrets returns a reference that has looked at nothing yet. lookup is
// os.LookupEnv, or a stand-in.
func NewSecrets(c Config, domains []analyzer.KeyDomain, lookup func(string) (string, bool)) *Secrets {
	return &Secrets{config: c.SecretManager, fresh: c.Interval * 3 / 4, domains: domains, lookup: lookup,
		google: &googleStore{endpoint: c.SecretManager.Endpoint, timeout: c.Timeout, options: c.SecretManager.Options}, looks: map[analyzer.SecretRef]*reading{}}
}

// Close ends the connections to Secret Manager and forgets what was read.
func (s *Secrets) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.looks)
	return s.google.close()
}

// Candidates implements [Reference]: the versions of the domain's own secret,
// a pinned one first, then those of the domains of other environments. Known
// defaults are [Words]; whoever compares adds them.
func (s *Secrets) Candidates(ctx context.Context, domain analyzer.KeyDomain) ([]Candidate, error) {
	if domain.Secret == "" {
		return nil, nil
	}
	own, err := analyzer.ParseSecretRef(domain.Secret)
	if err != nil {
		return nil, err
	}
	life := s.life(ctx, own)
	out := life.candidates(domain.Environment, "")
	if len(out) == 0 && s.config.MetadataOnly && own.Kind == analyzer.InSecretManager {
		return nil, errors.New("read secret " + own.Short() + ": probes.secret_manager.metadata_only forbids it")
	}
	if len(out) == 0 {
		return nil, cmp.Or(life.read, life.listed, errors.New("read secret "+own.Short()+": no version of it is enabled"))
	}
	seen := map[string]bool{own.String(): true}
	for _, d := range s.domains {
		ref, err := analyzer.ParseSecretRef(d.Secret)
		if err != nil || seen[ref.String()] || d.Environment == domain.Environment || d.Environment == "" || domain.Environment == "" {
			continue
		}
		seen[ref.String()] = true
		// What cannot be read here is told by the probe of that domain.
		out = append(out, s.life(ctx, ref).candidates(d.Environment, "key.wrong_environment")...)
	}
	return out, nil
}

func (l *lifeline) candidates(environment string, cause analyzer.Cause) []Candidate {
	var out []Candidate
	for _, v := range l.versions {
		if v.read {
			out = append(out, Candidate{Secret: l.ref.Short(), Version: v.name(), Environment: environment, Created: v.created, Value: v.value, Cause: cause})
		}
	}
	if i := slices.IndexFunc(out, func(c Candidate) bool { return c.Version == l.ref.Version }); i > 0 {
		pinned := out[i]
		out = slices.Insert(slices.Delete(out, i, i+1), 0, pinned)
	}
	return out
}

// life returns what is known of a secret: from the look of this round, or
// from a new one.
func (s *Secrets) life(ctx context.Context, ref analyzer.SecretRef) *lifeline {
	s.mu.Lock()
	l := s.looks[ref]
	if l == nil {
		l = &reading{turn: make(chan struct{}, 1)}
		s.looks[ref] = l
	}
	s.mu.Unlock()
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return &lifeline{ref: ref, at: time.Now(), listed: &storeError{trouble: interrupted, what: "look at secret " + ref.Short(), err: ctx.Err()}}
	}
	defer func() { <-l.turn }()
	if l.life != nil && time.Since(l.life.at) < s.fresh {
		return l.life
	}
	life := s.look(ctx, ref)
	if l.life = life; troubleOf(life.listed) == interrupted || troubleOf(life.read) == interrupted {
		l.life = nil // the next one has more time
	}
	return life
}

func troubleOf(err error) trouble {
	var e *storeError
	if errors.As(err, &e) {
		return e.trouble
	}
	return ""
}

func (s *Secrets) look(ctx context.Context, ref analyzer.SecretRef) *lifeline {
	l := &lifeline{ref: ref, at: time.Now()}
	switch ref.Kind {
	case analyzer.InEnvironment:
		value, ok := s.lookup(ref.Name)
		if !ok {
			l.read = fmt.Errorf("read variable %s: it is not set", ref.Name)
			break
		}
		l.versions = []storeVersion{{label: unversioned, state: enabled, value: healthjwt.NewSecret(value), read: true}}
	case analyzer.InFile:
		l.versions, l.read = readFiles(ref.Name)
	default:
		if l.ref.Project == "" {
			l.ref.Project = s.config.Project
		}
		if l.ref.Project == "" {
			l.listed = &storeError{trouble: noProject, what: "find secret " + ref.Short(), err: errors.New("its project is not known")}
			break
		}
		s.lookAtGoogle(ctx, l)
	}
	return l
}

// lookAtGoogle lists the versions and reads the newest of them. An account
// that may read values but not list them still gets at them one by one.
func (s *Secrets) lookAtGoogle(ctx context.Context, l *lifeline) {
	l.versions, l.listed = s.google.list(ctx, l.ref)
	if l.listed != nil && troubleOf(l.listed) != denied || s.config.MetadataOnly {
		return
	}
	if l.listed != nil {
		s.readDown(ctx, l)
		return
	}
	wanted := l.wants()
	if wanted != nil && wanted.state == enabled {
		began := time.Now()
		l.read = s.readVersion(ctx, l.ref, wanted)
		if l.took = time.Since(began); l.read != nil {
			return // the others would fare alike
		}
	}
	n := 0
	for i := range l.versions {
		v := &l.versions[i]
		if v.state == enabled {
			n++
		}
		if v.state != enabled || v.read {
			continue
		}
		if n > s.config.versions() || s.readVersion(ctx, l.ref, v) != nil {
			return
		}
	}
}

// readVersion reads a value. A version that was disabled since it was listed
// is no error.
func (s *Secrets) readVersion(ctx context.Context, ref analyzer.SecretRef, v *storeVersion) error {
	got, err := s.google.access(ctx, ref, v.name())
	if state, _ := stateIn(err); state != "" {
		v.state = state
		return nil
	}
	v.value, v.read = got.value, got.read
	return err
}

// readDown reads from the newest, or the pinned, version downwards.
func (s *Secrets) readDown(ctx context.Context, l *lifeline) {
	began := time.Now()
	next := cmp.Or(l.ref.Version, "latest")
	for range s.config.versions() {
		got, err := s.google.access(ctx, l.ref, next)
		if state, n := stateIn(err); state != "" && n > 0 {
			got, err = storeVersion{number: n, state: state}, nil
		}
		if len(l.versions) == 0 {
			l.read, l.took = err, time.Since(began)
		}
		if err != nil || got.number < 1 {
			return
		}
		l.versions = append(l.versions, got)
		if got.number == 1 {
			return
		}
		got.number--
		next = got.name()
	}
}

// maxFile bounds a secret's file; Secret Manager takes as much.
const maxFile = 64 << 10

// readFiles reads a file as the only version of a secret, or the files of a
// folder as versions, the one that was written last first.
func readFiles(path string) ([]storeVersion, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	if !info.IsDir() {
		v, err := readFile(path, unversioned)
		return []storeVersion{v}, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	var out []storeVersion
	var errs []error
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue // Kubernetes keeps its own links under such names
		}
		v, err := readFile(filepath.Join(path, e.Name()), e.Name())
		errs = append(errs, err)
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b storeVersion) int { return b.created.Compare(a.created) })
	return out, errors.Join(errs...)
}

func readFile(path, label string) (storeVersion, error) {
	v := storeVersion{label: label, state: enabled}
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("wanted at most %d bytes, found %d", maxFile, info.Size())
	}
	if err != nil {
		return v, fmt.Errorf("read secret: %w", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return v, fmt.Errorf("read secret: %w", err)
	}
	v.created, v.value, v.read = info.ModTime(), healthjwt.NewSecret(b), true
	clear(b)
	return v, nil
}
