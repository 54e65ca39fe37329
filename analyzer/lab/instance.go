package lab

import (
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
)

// instance is one running container: an HTTP server of its own with the
// environment and the secret that it got when it started.
type instance struct {
	p        *platform
	svc      *service
	id       string
	revision string
	vars     []EnvVar
	handler  http.Handler
	addr     string

	server *http.Server
	done   chan struct{} // closed when the server has ended

	mu   sync.Mutex
	keys keyring
}

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
func (p *platform) start(s *service, revision string, vars []EnvVar, reason string) (*instance, error) {
	in := &instance{p: p, svc: s, id: "00" + p.luck.hex(160), revision: revision, vars: vars, done: make(chan struct{})}
	in.system("INFO", "Starting new instance. Reason: "+reason)
	p.clock.advance(p.luck.between(200*time.Millisecond, 900*time.Millisecond))
	env, err := in.resolve()
	if err != nil {
		return nil, err
	}
	if err := in.load(env); err != nil {
		in.say(nil, "CRITICAL", "cannot start", map[string]any{"error": err.Error()})
		in.system("WARNING", "Container called exit(1).")
		return nil, status.Error(codes.FailedPrecondition, "The user-provided container failed to start and listen on the port defined "+
			"provided by the PORT=8080 environment variable within the allocated timeout.")
	}
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
		name := "projects/" + in.svc.project.ID + "/secrets/" + v.Secret + "/versions/" + v.version()
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
	chain := in.svc.spec.Chain
	if len(chain) == 0 {
		return nil
	}
	ring := keyring{loaded: in.p.clock.Now()}
	for _, name := range chain {
		if env[name] != "" {
			ring.source, ring.sign = name, []byte(env[name])
			break
		}
	}
	if ring.source == "" {
		return fmt.Errorf("no JWT secret configured: none of %v is set", chain)
	}
	ring.accept = [][]byte{ring.sign}
	for _, name := range in.svc.spec.Accept {
		if env[name] != "" {
			ring.accept = append(ring.accept, []byte(env[name]))
		}
	}
	in.mu.Lock()
	changed := string(in.keys.sign) != string(ring.sign)
	in.keys = ring
	in.mu.Unlock()
	if changed {
		in.say(nil, "INFO", "JWT secret loaded from "+ring.source, nil)
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
	every := in.svc.spec.Reread
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
		in.say(nil, "ERROR", "cannot reread the JWT secret", map[string]any{"error": err.Error()})
	}
	return in.keys
}
