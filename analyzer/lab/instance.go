package lab

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/why401/why401/analyzer"
)

// instance is one running container: an HTTP server of its own with the
// environment and the secret that it got when it started.
type instance struct {
	p        *platform
	svc      *service
	id       string
	revision string
	vars     []EnvVar
	set      Settings
	born     time.Time
	handler  http.Handler
	addr     string

	server *http.Server
	done   chan struct{} // closed when the server has ended

	mu   sync.Mutex
	keys keyring
	copy keyCache
}

// now is the instance's own clock.
func (in *instance) now() time.Time { return in.p.clock.Now().Add(in.svc.clockError()) }

// Why Cloud Run starts an instance, in its own words.
const (
	startedByDeploy = "DEPLOYMENT_ROLLOUT - Instance started due to traffic shifting between revisions due to deployment, " +
		"traffic split adjustment, or deployment health check."
	startedByTraffic = "AUTOSCALING - Instance started due to configured scaling factors (e.g. CPU utilization, request throughput, etc.) " +
		"or no existing capacity for current traffic."
)

// start runs a new instance of the revision and waits until it listens. An
// error is a gRPC status and means that the container never became ready:
// a secret could not be resolved, or the program found none and gave up.
func (p *platform) start(s *service, rev revision, reason string) (*instance, error) {
	in := &instance{p: p, svc: s, id: "00" + p.luck.hex(160), revision: rev.name, vars: rev.vars, set: rev.set, done: make(chan struct{})}
	in.system("INFO", "Starting new instance. Reason: "+reason)
	p.clock.advance(p.luck.between(200*time.Millisecond, 900*time.Millisecond))
	in.born = p.clock.Now()
	env, err := in.resolve()
	if err != nil {
		in.say(nil, "CRITICAL", "failed to load JWT secret", map[string]any{"error": err.Error()})
		p.tally.tell(s, analyzer.SecretLoadFailed, in.born)
		in.gaveUp()
		return nil, err
	}
	if err := in.load(env); err != nil {
		in.say(nil, "CRITICAL", "cannot start", map[string]any{"error": err.Error()})
		p.tally.tell(s, analyzer.MissingSecret, in.born)
		in.gaveUp()
		return nil, status.Error(codes.FailedPrecondition, "The user-provided container failed to start and listen on the port defined "+
			"provided by the PORT=8080 environment variable within the allocated timeout.")
	}
	in.prefetch()
	in.handler = in.routes()
	if p.sockets {
		if err := in.listen(); err != nil {
			return nil, err
		}
	}
	in.say(nil, "INFO", "listening on :8080", nil)
	in.system("INFO", fmt.Sprintf(`Default STARTUP TCP probe succeeded after 1 attempt for container "%s-1" on port 8080.`, s.spec.Name))
	return in, nil
}

// gaveUp is what the platform says of a program that ended while it started.
// Its last words may get lost on the way: an entry without any text.
func (in *instance) gaveUp() {
	in.system("WARNING", "Container called exit(1).")
	e := in.svc.entryOf("run.googleapis.com/stderr", in.revision, in.id)
	e.Severity = "CRITICAL"
	now := in.p.clock.Now()
	in.p.logs.write(now, now, e)
}

// listen lets the instance serve on a loopback port.
func (in *instance) listen() error {
	p, s := in.p, in.svc
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for an instance of %s: %w", s.spec.Name, err)
	}
	in.addr = listener.Addr().String()
	in.server = &http.Server{Handler: in, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		defer close(in.done)
		if err := in.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.fail(fmt.Errorf("serve an instance of %s: %w", s.spec.Name, err))
		}
	}()
	return nil
}

// stop ends the instance. Nothing is in flight between two events, so there
// is nothing to drain.
func (in *instance) stop() {
	if in.server == nil {
		return
	}
	if err := in.server.Close(); err != nil {
		in.p.fail(fmt.Errorf("stop an instance of %s: %w", in.svc.spec.Name, err))
	}
	<-in.done
}

// resolve fetches the instance's variables, the secret ones from the store
// under the service's own account.
func (in *instance) resolve() (map[string]string, error) {
	env := map[string]string{}
	for _, v := range in.vars {
		if v.Secret == "" {
			env[v.Name] = v.Value
			continue
		}
		name := "projects/" + in.p.secretProject(v.Secret, in.svc.project).ID + "/secrets/" + v.Secret + "/versions/" + v.version()
		_, payload, err := in.p.store.Access(in.svc.account(), name)
		if err != nil {
			return nil, err
		}
		env[v.Name] = string(payload)
	}
	return env, nil
}

// load makes the keyring out of the environment: the first variable of the
// chain that is set wins, whatever the others hold.
func (in *instance) load(env map[string]string) error {
	if len(in.set.Chain) == 0 {
		return nil
	}
	ring := keyring{loaded: in.p.clock.Now(), chain: map[string]string{}}
	for _, name := range in.set.Chain {
		value, set := env[name]
		if !set {
			continue
		}
		ring.chain[name] = value
		if ring.source == "" && (value != "" || in.set.Missing == MissingEmpty) {
			ring.source, ring.sign = name, in.set.decoded([]byte(value))
		}
	}
	if ring.source == "" {
		if err := in.without(&ring); err != nil {
			return err
		}
	}
	if ring.source != "" {
		ring.accept = [][]byte{ring.sign}
	}
	for _, name := range in.set.Accept {
		if env[name] != "" {
			ring.accept = append(ring.accept, in.set.decoded([]byte(env[name])))
		}
	}
	in.mu.Lock()
	changed := string(in.keys.sign) != string(ring.sign) || in.keys.source != ring.source
	in.keys = ring
	in.mu.Unlock()
	if changed && ring.source != "" {
		in.say(nil, "INFO", "JWT secret loaded from "+ring.source, nil)
	}
	if n := len(ring.sign); changed && n < in.set.Minimum {
		in.say(nil, "WARNING", fmt.Sprintf("JWT secret is too short: %d bytes, %s needs at least %d", n, in.set.Algorithm, in.set.Minimum), nil)
		in.p.tally.tell(in.svc, analyzer.WeakSecret, in.p.clock.Now())
	}
	return nil
}

// without does what the program does when no variable of its chain is set.
func (in *instance) without(ring *keyring) error {
	none := fmt.Errorf("no JWT secret configured: none of %v is set", in.set.Chain)
	switch in.set.Missing {
	case MissingRefuse:
		in.say(nil, "ERROR", none.Error(), nil)
		in.p.tally.tell(in.svc, analyzer.MissingSecret, in.p.clock.Now())
	case MissingGenerate:
		in.say(nil, "WARNING", "no JWT secret configured, generating a random one for this process", nil)
		ring.source, ring.sign = "generated", []byte(rand.Text()+rand.Text())
	case MissingFallback:
		in.say(nil, "WARNING", in.set.Chain[0]+" is not set, using the default development secret", nil)
		ring.source, ring.sign = "default", []byte("your-256-bit-secret")
	default:
		return none
	}
	return nil
}

// keyring returns what the instance holds now. A service that rereads its
// secret does so when a request finds it older than that; when the store
// refuses, it goes on with what it has.
func (in *instance) keyring() keyring {
	in.mu.Lock()
	ring := in.keys
	in.mu.Unlock()
	every := in.set.Reread
	if every <= 0 || in.p.clock.Now().Sub(ring.loaded) < every {
		return ring
	}
	env, err := in.resolve()
	if err == nil {
		err = in.load(env)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil {
		in.keys.loaded = in.p.clock.Now()
		in.say(nil, "ERROR", "failed to load JWT secret", map[string]any{"error": err.Error()})
		in.p.tally.tell(in.svc, analyzer.SecretLoadFailed, in.p.clock.Now())
	}
	return in.keys
}
