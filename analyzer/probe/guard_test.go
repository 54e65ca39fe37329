package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// newGuard returns a guard that takes the given networks, and the number of
// addresses that it would have connected to. Only loopback is really dialled.
func newGuard(t *testing.T, allow ...string) (*Guard, *atomic.Int64) {
	t.Helper()
	c := DefaultConfig()
	c.AllowPrivate, c.Timeout, c.Budget = allow, 2*time.Second, 10_000
	g, err := NewGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	passed := &atomic.Int64{}
	check := g.dialer.Control
	g.dialer.Control = func(network, address string, raw syscall.RawConn) error {
		if err := check(network, address, raw); err != nil {
			return err
		}
		passed.Add(1)
		if ap, err := netip.ParseAddrPort(address); err != nil || !ap.Addr().Unmap().IsLoopback() {
			return errors.New("the test connects to nobody outside")
		}
		return nil
	}
	return g, passed
}

// answering is a resolver that gives the addresses of a name, one after the
// other.
func answering(names map[string][]string) *net.Resolver {
	var asked atomic.Int64
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			for {
				var size [2]byte
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, query); err != nil {
					return
				}
				var m dnsmessage.Message
				if m.Unpack(query) != nil {
					return
				}
				m.Response, m.Authoritative, m.Additionals = true, true, nil
				q := m.Questions[0]
				if list := names[strings.TrimSuffix(q.Name.String(), ".")]; len(list) > 0 {
					ip := netip.MustParseAddr(list[int(asked.Add(1)-1)%len(list)])
					h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}
					switch {
					case q.Type == dnsmessage.TypeA && ip.Is4():
						m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: ip.As4()}})
					case q.Type == dnsmessage.TypeAAAA && ip.Is6():
						m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
					}
				}
				out, err := m.Pack()
				if err != nil {
					return
				}
				if _, err := server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}

// Forty targets that somebody may write or trick us into: no connection.
func TestHostileTargets(t *testing.T) {
	g, passed := newGuard(t)
	g.dialer.Resolver = answering(map[string][]string{
		"metadata.google.internal": {"169.254.169.254"}, "localtest.example": {"127.0.0.1"}, "six.example": {"::1"},
		"mapped.example": {"::ffff:10.0.0.1"}, "private.example": {"10.1.2.3"}, "shared.example": {"100.64.0.1"},
		"nat64.example": {"64:ff9b::a9fe:a9fe"}, "rebind.example": {"192.168.0.1", "127.0.0.1", "169.254.169.254"},
	})
	hostile := []string{
		"https://169.254.169.254/computeMetadata/v1/", "https://169.254.170.2/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/",
		"https://[fd00:ec2::254]/", "https://100.100.100.200/", "https://168.63.129.16/", "https://127.0.0.1/", "https://127.1.2.3:8443/",
		"https://localhost/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:169.254.169.254]/", "https://[::127.0.0.1]/",
		"https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://0/", "https://0.0.0.0/", "https://[::]/",
		"https://10.0.0.1/", "https://172.16.0.1/", "https://172.31.255.254/", "https://192.168.1.1/", "https://100.64.0.1/", "https://198.18.0.1/",
		"https://[fc00::1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://224.0.0.1/", "https://255.255.255.255/", "https://240.0.0.1/",
		"http://93.184.216.34/", "http://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "https://user:pw@127.0.0.1/", "https:opaque",
		"https://metadata.google.internal/", "https://localtest.example/", "https://six.example/", "https://mapped.example/",
		"https://private.example/", "https://shared.example/", "https://nat64.example/", "https://rebind.example/", "https://rebind.example/again",
	}
	if len(hostile) < 40 {
		t.Fatalf("%d hostile targets; want at least 40", len(hostile))
	}
	for _, address := range hostile {
		if _, err := g.Get(t.Context(), address); err == nil {
			t.Errorf("%s: answered; want a refusal", address)
		}
	}
	if n := passed.Load(); n != 0 {
		t.Errorf("%d connections; want none", n)
	}
	t.Logf("%d hostile targets, %d connections", len(hostile), passed.Load())
	// The guard must be able to say yes, or the test proves nothing.
	if _, err := g.Get(t.Context(), "https://93.184.216.34/"); err == nil || passed.Load() != 1 {
		t.Errorf("a public address: %d connections, %v; want one", passed.Load(), err)
	}
}

// What is never opened stays closed whatever the configuration says.
func TestNeverAllowed(t *testing.T) {
	g, passed := newGuard(t, "0.0.0.0/0", "::/0")
	for _, address := range []string{"https://169.254.169.254/", "https://[fe80::1]/", "https://[fd00:ec2::254]/", "https://100.100.100.200/", "https://0.0.0.0/", "https://[ff02::1]/"} {
		if _, err := g.Get(t.Context(), address); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v; want %v", address, err, ErrAddress)
		}
	}
	if n := passed.Load(); n != 0 {
		t.Errorf("%d connections; want none", n)
	}
}

func TestGuardAnswers(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("fine")) })
	mux.Handle("/here", http.RedirectHandler("/ok", http.StatusFound))
	mux.Handle("/there", http.RedirectHandler(other.URL, http.StatusFound))
	mux.Handle("/metadata", http.RedirectHandler("http://169.254.169.254/", http.StatusFound))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	mux.HandleFunc("/huge", func(w http.ResponseWriter, _ *http.Request) {
		for range 40 {
			_, _ = w.Write(make([]byte, 64<<10))
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("a"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	g, _ := newGuard(t, "127.0.0.0/8")
	g.client.Timeout = 300 * time.Millisecond
	for _, tt := range []struct {
		path string
		want error // nil: an answer
		text string
	}{
		{"/ok?nonce=hidden", nil, "fine"},
		{"/here", nil, "fine"},
		{"/there", ErrRedirect, ""},
		{"/metadata?nonce=hidden", ErrRedirect, ""},
		{"/loop", ErrRedirect, ""},
		{"/huge", ErrTooLarge, ""},
		{"/slow", context.DeadlineExceeded, ""},
	} {
		t.Run(tt.path, func(t *testing.T) {
			got, err := g.Get(t.Context(), server.URL+tt.path)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v; want %v", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hidden") {
				t.Errorf("error %q shows the query", err)
			}
			if err == nil && string(got.Body) != tt.text {
				t.Errorf("body %q; want %q", got.Body, tt.text)
			}
		})
	}
}

func TestGuardBudget(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	c := DefaultConfig()
	c.AllowPrivate, c.Budget = []string{"127.0.0.0/8"}, 40
	g, err := NewGuard(c)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for range 30 {
		if _, err := g.Get(t.Context(), server.URL+"/x?nonce=1"); errors.Is(err, ErrBudget) {
			refused++
		}
	}
	if asked.Load() != 10 || refused != 20 {
		t.Errorf("%d requests, %d refused; want 10 and 20", asked.Load(), refused)
	}
}
