package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A door is where operators and probes knock: every service has an address
// of its own on loopback, and Dial connects to it without a network between.

// doorPort is the port of every service's address.
const doorPort = "8401"

// addressOf is the base URL of a service as seen from the door.
func (p *platform) addressOf(s *service) string {
	i := slices.IndexFunc(p.scenario.Services, func(spec ServiceSpec) bool { return spec.Name == s.spec.Name })
	return fmt.Sprintf("http://127.0.1.%d:%s", i+1, doorPort)
}

// Dial connects to the address of a service that [View.Domains] names.
func (v *View) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	return v.p.door.dial(ctx, v.p, address)
}

type door struct {
	mu     sync.Mutex
	server *http.Server
	conns  chan net.Conn
	done   chan struct{}
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (d *door) Close() error { return nil }

// Addr implements net.Listener.
func (d *door) Addr() net.Addr { return &net.IPAddr{IP: net.IPv4(127, 0, 1, 0)} }

func (d *door) dial(ctx context.Context, p *platform, address string) (net.Conn, error) {
	d.mu.Lock()
	if d.server == nil {
		d.conns, d.done = make(chan net.Conn), make(chan struct{})
		d.server = &http.Server{Handler: http.HandlerFunc(p.knock), ReadHeaderTimeout: 10 * time.Second}
		d.server.SetKeepAlivesEnabled(false)
		go func() { _ = d.server.Serve(d) }() // ends with close
	}
	d.mu.Unlock()
	if p.behind(address) == nil {
		return nil, fmt.Errorf("dial %s: no service has this address", address)
	}
	ours, theirs := net.Pipe()
	select {
	case d.conns <- theirs:
		return ours, nil
	case <-d.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *door) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server != nil {
		close(d.done)
		_ = d.server.Close() // closes connections in memory
		d.server = nil
	}
}

// behind finds the service of an address.
func (p *platform) behind(address string) *service {
	for _, s := range p.services {
		if p.addressOf(s) == "http://"+address {
			return s
		}
	}
	return nil
}

// knock hands a request that came through the door to one of the service's
// instances, as the load balancer does.
func (p *platform) knock(w http.ResponseWriter, r *http.Request) {
	s := p.behind(r.Host)
	if s == nil {
		http.NotFound(w, r)
		return
	}
	out := r.Clone(r.Context())
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", s.spec.Name
	out.Header.Set("X-Forwarded-For", "192.0.2.40")
	p.turn.Lock()
	if p.live.Load() {
		p.clock.reach(time.Now()) // time has passed for whoever knocks
	}
	res, err := p.client.Transport.RoundTrip(out)
	p.turn.Unlock()
	if err != nil {
		http.Error(w, "no answer", http.StatusGatewayTimeout)
		return
	}
	defer res.Body.Close()
	for k, v := range res.Header {
		w.Header()[k] = v
	}
	w.Header().Set("Date", time.Now().Add(s.clockError()).UTC().Format(http.TimeFormat))
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body) // a probe that has gone needs no answer
}
