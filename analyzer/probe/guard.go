package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

// Why a Guard made no connection, or took no answer. Test with errors.Is.
var (
	ErrAddress  = errors.New("address is not allowed")
	ErrBudget   = errors.New("budget is used up")
	ErrTooLarge = errors.New("answer is too large")
	ErrRedirect = errors.New("redirect leaves the target")
)

// The bounds of an answer.
const (
	maxBody      = 1 << 20
	maxHeader    = 64 << 10
	maxRedirects = 3
)

// Guard is the only way out to services. It asks over https alone, connects
// to public addresses alone unless told otherwise, follows no redirect to
// another host, uses no proxy, opens a connection of its own for every
// request and bounds time, size and number of the requests to a URL. The
// address is checked after the name was resolved, for every connection, so
// that a name that changes its address gains nothing.
type Guard struct {
	client *http.Client
	dialer *net.Dialer
	allow  []netip.Prefix
	perURL rate.Limit
	burst  int

	mu      sync.Mutex
	budgets map[string]*rate.Limiter
}

// Response is an answer, read in full.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	TLS    *tls.ConnectionState // nil over plain http
	Sent   time.Time            // just before the request
	Got    time.Time            // when the header had come
	Took   time.Duration        // with the body
}

// NewGuard builds a guard. The error is of the CA file or a network.
func NewGuard(c Config) (*Guard, error) {
	g := &Guard{perURL: rate.Every(time.Hour / time.Duration(max(c.Budget, 1))), burst: max(c.Budget/4, 1), budgets: map[string]*rate.Limiter{}}
	for _, text := range c.AllowPrivate {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("build guard: wanted a network, found %q", text)
		}
		g.allow = append(g.allow, p)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(512)}
	if c.CAFile != "" {
		roots, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("read system certificates: %w", err)
		}
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read ca_file: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read ca_file %s: wanted PEM certificates, found none", c.CAFile)
		}
		config.RootCAs = roots
	}
	g.dialer = &net.Dialer{Timeout: c.Timeout, Control: func(_, address string, _ syscall.RawConn) error { return g.reachable(address) }}
	dial := g.dialer.DialContext
	if c.Dial != nil {
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if err := g.reachable(address); err != nil {
				return nil, err
			}
			return c.Dial(ctx, network, address)
		}
	}
	g.client = &http.Client{
		Timeout:       c.Timeout,
		CheckRedirect: g.redirect,
		Transport: &http.Transport{
			DialContext: dial, TLSClientConfig: config, DisableKeepAlives: true, DisableCompression: true,
			ForceAttemptHTTP2: true, TLSHandshakeTimeout: c.Timeout, ResponseHeaderTimeout: c.Timeout, MaxResponseHeaderBytes: maxHeader,
		},
	}
	return g, nil
}

// Do sends a request and reads its answer. Its errors name scheme, host and
// path, never the query.
func (g *Guard) Do(req *http.Request) (*Response, error) {
	place := req.URL.Scheme + "://" + req.URL.Host + req.URL.EscapedPath()
	if err := g.checkURL(req.URL); err != nil {
		return nil, fmt.Errorf("ask %s: %w", place, err)
	}
	if !g.budget(req.URL.Host + req.URL.EscapedPath()).Allow() {
		return nil, fmt.Errorf("ask %s: %w", place, ErrBudget)
	}
	req.Header.Set("User-Agent", "why401-probe")
	sent := time.Now()
	resp, err := g.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", place, plain(err))
	}
	defer resp.Body.Close() // only read
	got := time.Now()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read answer of %s: %w", place, plain(err))
	case len(body) > maxBody:
		return nil, fmt.Errorf("read answer of %s: %w: over %d bytes", place, ErrTooLarge, maxBody)
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: body, TLS: resp.TLS, Sent: sent, Got: got, Took: time.Since(sent)}, nil
}

// Get asks for a URL.
func (g *Guard) Get(ctx context.Context, address string) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask: wanted a URL: %w", plain(err))
	}
	return g.Do(req)
}

// plain takes the URL, which may carry a query, out of an error.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (g *Guard) budget(place string) *rate.Limiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.budgets[place]
	if l == nil {
		l = rate.NewLimiter(g.perURL, g.burst)
		g.budgets[place] = l
	}
	return l
}

func (g *Guard) redirect(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxRedirects || req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		return fmt.Errorf("%w: to %s", ErrRedirect, req.URL.Scheme+"://"+req.URL.Host)
	}
	return g.checkURL(req.URL)
}

// checkURL refuses what needs no look at an address. Plain http is for
// loopback alone, and only when loopback is allowed.
func (g *Guard) checkURL(u *url.URL) error {
	switch {
	case u.Host == "" || u.User != nil || u.Opaque != "":
		return fmt.Errorf("%w: wanted https://host/path without a user", ErrAddress)
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("%w: wanted https, found %q", ErrAddress, u.Scheme)
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil || !ip.Unmap().IsLoopback() || !g.allowed(ip.Unmap()) {
		return fmt.Errorf("%w: wanted https; plain http is for loopback addresses, when allow_private lists them", ErrAddress)
	}
	return nil
}

// reachable decides on an address that is about to be connected to.
func (g *Guard) reachable(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrAddress, address)
	}
	ip := ap.Addr().Unmap().WithZone("")
	if never(ip) || !public(ip) && !g.allowed(ip) {
		return fmt.Errorf("%w: %s is no public address; list its network in probes.allow_private if it is yours", ErrAddress, ip)
	}
	return nil
}

func (g *Guard) allowed(ip netip.Addr) bool {
	for _, p := range g.allow {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// never reports the addresses that no configuration opens: link-local, which
// holds the metadata servers of the clouds, the other metadata addresses,
// multicast and those that name no host.
func never(ip netip.Addr) bool {
	return !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast() || in(ip, metadataNetworks)
}

// public reports whether an address is reachable from everywhere: in none of
// the special-purpose registries (RFC 6890 and its updates).
func public(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !ip.IsLoopback() && !in(ip, specialNetworks)
}

func in(ip netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

var metadataNetworks = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::254/128"),  // Amazon, IPv6
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google Cloud, IPv6
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure wire server
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
}

// specialNetworks are those of the IANA special-purpose registries that
// netip does not know: shared address space, benchmarks, documentation, and
// the ranges that carry an IPv4 address inside an IPv6 one.
var specialNetworks = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
	netip.MustParsePrefix("fec0::/10"),
}
