package main

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/zerolog"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// agentOptions say what the service does with its secrets.
type agentOptions struct {
	env, files, previous  []string
	pid                   int
	process               string
	reload, trim          bool
	decode                string
	algorithms, audiences []string
	issuer                string
	leeway                time.Duration
}

// check returns what is missing or contradicts itself.
func (o *agentOptions) check() error {
	switch {
	case len(o.env)+len(o.files) == 0:
		return errors.New("wanted --env or --file: where the service takes its secret from")
	case o.pid != 0 && o.process != "":
		return errors.New("wanted --pid or --process, found both")
	case !slices.Contains([]string{"", "base64", "base64url", "hex"}, o.decode):
		return fmt.Errorf("wanted --decode base64, base64url or hex, found %q", o.decode)
	}
	for _, alg := range o.algorithms {
		if jwt.GetSigningMethod(alg) == nil || alg == "none" {
			return fmt.Errorf("wanted --alg of RFC 7518, such as HS256, found %q", alg)
		}
	}
	for _, p := range o.previous {
		if ref, err := analyzer.ParseSecretRef(p); err != nil || ref.Kind == analyzer.InSecretManager {
			return fmt.Errorf("wanted --previous env:NAME or file:PATH, found %q", p)
		}
	}
	return nil
}

// sidecar answers for a service from beside it.
type sidecar struct {
	options agentOptions
	pepper  healthjwt.Secret
	log     zerolog.Logger

	mu      sync.Mutex
	of      processRun // what handler answers for
	handler http.Handler
	held    []healthjwt.Held
	said    string // by watch
}

// current returns the handler for the run of the service's process that is
// under way, and what that holds.
func (s *sidecar) current() (http.Handler, []healthjwt.Held, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run, err := s.run()
	if err != nil {
		return nil, nil, err
	}
	if s.handler == nil || !run.same(s.of) {
		if err := s.load(run); err != nil {
			return nil, nil, err
		}
		s.of = run
	}
	if s.options.reload {
		if s.held, err = s.read(run); err != nil {
			return nil, nil, err
		}
	}
	return s.handler, s.held, nil
}

// run finds the process of the service; a zero one when none was named.
func (s *sidecar) run() (processRun, error) {
	switch o := &s.options; {
	case o.pid != 0:
		return runOf(o.pid)
	case o.process != "":
		return findRun(o.process)
	}
	return processRun{}, nil
}

// load reads what a run of the process holds and builds its handler.
func (s *sidecar) load(run processRun) error {
	held, err := s.read(run)
	if err != nil {
		return err
	}
	h, err := healthjwt.New(healthjwt.Config{
		Pepper: s.pepper, Held: s.now, Algorithms: s.options.algorithms, Issuer: s.options.issuer, Audiences: s.options.audiences, Leeway: s.options.leeway, Started: run.started,
	})
	if err != nil {
		return err
	}
	s.handler, s.held = h, held
	return nil
}

// now returns what the service holds.
func (s *sidecar) now() []healthjwt.Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// read reads every source once.
func (s *sidecar) read(run processRun) ([]healthjwt.Held, error) {
	lookup := os.LookupEnv
	if run.pid != 0 && (len(s.options.env) > 0 || slices.ContainsFunc(s.options.previous, func(p string) bool { return strings.HasPrefix(p, "env:") })) {
		variables, err := run.environ()
		if err != nil {
			return nil, err
		}
		lookup = func(n string) (string, bool) { v, ok := variables[n]; return v, ok }
	}
	var out []healthjwt.Held
	add := func(h healthjwt.Held, role string, err error) error {
		if err != nil {
			return err
		}
		if !run.started.IsZero() {
			h.Loaded = run.started
		}
		h.Role = role
		if h, err = s.options.use(h); err != nil {
			return err
		}
		out = append(out, h)
		return nil
	}
	if len(s.options.env) > 0 {
		if err := add(healthjwt.FromEnv(lookup, s.options.env...), healthjwt.RoleCurrent, nil); err != nil {
			return nil, err
		}
	}
	for _, path := range s.options.files {
		h, err := s.file(path, run)
		if err := add(h, healthjwt.RoleCurrent, err); err != nil {
			return nil, err
		}
	}
	for _, text := range s.options.previous {
		ref, err := analyzer.ParseSecretRef(text)
		if err != nil {
			return nil, err
		}
		h := healthjwt.FromEnv(lookup, ref.Name)
		if ref.Kind == analyzer.InFile {
			h, err = s.file(ref.Name, run)
		}
		if h.Value.Empty() && err == nil {
			continue // there is no previous value at this time
		}
		if err := add(h, healthjwt.RolePrevious, err); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// bootSlack is how far the start of a process is off: the kernel tells the
// time of boot in whole seconds, and it moves with the clock.
const bootSlack = 2 * time.Second

// file reads a mounted secret. One that is not there is a secret that the
// service does not have; one that was written after the process had begun
// tells nothing of what the process holds.
func (s *sidecar) file(path string, run processRun) (healthjwt.Held, error) {
	h, err := healthjwt.FromFile(path)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return h, fmt.Errorf("read secret: %w", err)
	}
	if info, err := os.Stat(path); err == nil && !s.options.reload && !run.started.IsZero() {
		h.Unseen = info.ModTime().After(run.started.Add(bootSlack))
	}
	return h, nil
}

// use does with a value what the service does with it.
func (o *agentOptions) use(h healthjwt.Held) (healthjwt.Held, error) {
	if !strings.HasPrefix(o.algorithms[0], "HS") {
		key, err := publicKey(h.Value.Bytes())
		if err != nil && !h.Value.Empty() {
			return h, fmt.Errorf("read the key of %s: %w", h.Name, err)
		}
		h.Public = key
		return h, nil
	}
	value, err := o.bend(h.Value)
	if err != nil {
		return h, fmt.Errorf("decode the value of %s: wanted %s", h.Name, o.decode) // the error would show some of it
	}
	h.Value = value
	if again := h.Again; again != nil {
		h.Again = func() (healthjwt.Secret, error) {
			now, err := again()
			if err != nil {
				return now, err
			}
			return o.bend(now)
		}
	}
	return h, nil
}

// bend trims and decodes a value.
func (o *agentOptions) bend(value healthjwt.Secret) (healthjwt.Secret, error) {
	b := value.Bytes()
	if o.trim || o.decode != "" {
		b = bytes.TrimSpace(b)
	}
	var err error
	switch o.decode {
	case "base64":
		b, err = base64.StdEncoding.DecodeString(string(b))
	case "base64url":
		b, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(string(b), "="))
	case "hex":
		b, err = hex.DecodeString(string(b))
	}
	return healthjwt.NewSecret(b), err
}

// publicKey reads a public key or a certificate.
func publicKey(pem []byte) (crypto.PublicKey, error) {
	if key, err := jwt.ParseRSAPublicKeyFromPEM(pem); err == nil {
		return key, nil
	}
	if key, err := jwt.ParseECPublicKeyFromPEM(pem); err == nil {
		return key, nil
	}
	if key, err := jwt.ParseEdPublicKeyFromPEM(pem); err == nil {
		return key, nil
	}
	return nil, errors.New("wanted a public key or certificate of RSA, EC or Ed25519 in PEM")
}
