package sinks

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/why401/why401/analyzer"
)

// receiver is the other side of a sink: it keeps what it gets and answers as
// it is told.
type receiver struct {
	mu     sync.Mutex
	got    []string
	code   int         // of HTTP, SMTP or gRPC; 0 is success
	header http.Header // of an HTTP answer
	echo   bool        // repeat the whole request in the answer
	hang   chan struct{}

	config Config
	env    map[string]string
	hidden []string // what must never be seen
	cloud  []option.ClientOption
	roots  *httptest.Server // for the certificates of SMTP
}

func (r *receiver) say(code int, header http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.code, r.header = code, header
}

func (r *receiver) take(s string) (code int) {
	r.mu.Lock()
	hang := r.hang
	r.mu.Unlock()
	if hang != nil {
		<-hang
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, s)
	return r.code
}

// stall makes the receiver hang until the test ends.
func (r *receiver) stall(t *testing.T) {
	hang := make(chan struct{})
	r.mu.Lock()
	r.hang = hang
	r.mu.Unlock()
	t.Cleanup(func() { close(hang) })
}

func (r *receiver) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// rigs build a receiver for each kind. A new kind needs a line here.
var rigs = map[string]func(*testing.T) *receiver{
	"alertmanager": func(t *testing.T) *receiver {
		r := web(t)
		r.config.URLs = []string{r.roots.URL}
		r.config.Username, r.config.Password = "why401", r.secret("PASSWORD")
		r.config.Resend = time.Second
		return r
	},
	"cloudlogging": cloud,
	"email":        smtpServer,
	"pagerduty": func(t *testing.T) *receiver {
		r := web(t)
		r.config.Endpoint, r.config.Key = r.roots.URL+"/v2/enqueue", r.secret("ROUTING_KEY")
		return r
	},
	"slack": func(t *testing.T) *receiver {
		r := web(t)
		key := random(t)
		r.config.URL, r.env["SLACK_URL"] = "env:SLACK_URL", r.roots.URL+"/services/T0/B0/"+key
		r.hidden = append(r.hidden, key)
		return r
	},
	"webhook": func(t *testing.T) *receiver {
		r := web(t)
		key := random(t)
		file := filepath.Join(t.TempDir(), "url")
		if err := os.WriteFile(file, []byte(r.roots.URL+"/hook?key="+key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r.config.URL, r.config.Token = "file:"+file, r.secret("TOKEN")
		r.hidden = append(r.hidden, key)
		return r
	},
}

// rig builds the receiver of a kind and the configuration that leads to it.
func rig(t *testing.T, kind string) *receiver {
	t.Helper()
	build := rigs[kind]
	if build == nil {
		t.Fatalf("kind %s has no receiver in rigs", kind)
	}
	r := build(t)
	r.config.Kind = kind
	if problems := r.config.Validate(); len(problems) > 0 {
		t.Fatalf("the configuration of kind %s is refused: %v", kind, problems)
	}
	return r
}

func random(t *testing.T) string {
	return fmt.Sprintf("hush%x", time.Now().UnixNano()) + strings.ReplaceAll(strings.ToLower(t.Name()), "/", "")[:8]
}

// secret makes a value, puts it into the environment and returns the
// reference to it.
func (r *receiver) secret(name string) string {
	value := fmt.Sprintf("p@ss/%s+%d", name, time.Now().UnixNano())
	r.env[name] = value
	r.hidden = append(r.hidden, value)
	return "env:" + name
}

func (r *receiver) outside(log io.Writer, notes analyzer.Notes) *Outside {
	o := &Outside{
		Getenv: func(name string) string { return r.env[name] }, Stdout: io.Discard, Notes: notes, Log: zerolog.New(log),
		Meter: NewMeter(prometheus.NewRegistry()), Cloud: r.cloud,
	}
	if r.roots != nil && r.roots.TLS != nil {
		o.mailTLS = r.roots.Client().Transport.(*http.Transport).TLSClientConfig
	}
	return o
}

// send opens the sink and makes one attempt.
func (r *receiver) send(t *testing.T, ctx context.Context, a analyzer.Alert) error {
	t.Helper()
	outlets, err := kinds[r.config.Kind].open(&r.config, r.outside(io.Discard, &memory{}))
	if err != nil {
		t.Fatal(err)
	}
	if outlets[0].close != nil {
		defer outlets[0].close()
	}
	return outlets[0].send(ctx, []analyzer.Alert{a})
}

// web is a receiver that speaks HTTP.
func web(t *testing.T) *receiver {
	r := &receiver{env: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		head := ""
		for _, name := range slices.Sorted(maps.Keys(req.Header)) {
			if name == "Content-Type" || name == "Authorization" {
				head += fmt.Sprintf("%s: %s\n", name, req.Header.Get(name))
			}
		}
		code := r.take(fmt.Sprintf("%s %s\n%s\n%s", req.Method, req.URL.RequestURI(), head, body))
		r.mu.Lock()
		defer r.mu.Unlock()
		maps.Copy(w.Header(), r.header)
		if code != 0 {
			w.WriteHeader(code)
		}
		if r.echo {
			fmt.Fprintf(w, "you sent %s %s %q %s %s", req.Host, req.URL, req.URL.RequestURI(), head, body)
		}
	}))
	r.roots = server
	t.Cleanup(server.Close)
	return r
}

// cloud is a receiver that speaks as the Cloud Logging API.
type cloudServer struct {
	loggingpb.UnimplementedLoggingServiceV2Server
	r *receiver
}

func (s *cloudServer) WriteLogEntries(_ context.Context, in *loggingpb.WriteLogEntriesRequest) (*loggingpb.WriteLogEntriesResponse, error) {
	ours := in.Entries[:0]
	for _, e := range in.Entries {
		if !strings.Contains(e.LogName, "diagnostic-log") { // the library's word about itself
			ours = append(ours, e)
		}
	}
	in.Entries, in.Resource, in.PartialSuccess = ours, nil, false
	if code := s.r.take(protojson.Format(in)); code != 0 {
		return nil, status.Error(codes.Code(code), "no")
	}
	return &loggingpb.WriteLogEntriesResponse{}, nil
}

func cloud(t *testing.T) *receiver {
	r := &receiver{env: map[string]string{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	loggingpb.RegisterLoggingServiceV2Server(server, &cloudServer{r: r})
	go server.Serve(l)
	t.Cleanup(server.Stop)
	r.config.Project, r.config.Endpoint = "acme-staging", l.Addr().String()
	r.cloud = []option.ClientOption{option.WithoutAuthentication(), option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials()))}
	return r
}

// memory is a Notes in memory.
type memory struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (n *memory) Notes(_ context.Context, topic string) (map[string][]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string][]byte{}
	for k, v := range n.m {
		if key, ok := strings.CutPrefix(k, topic+"\x00"); ok {
			out[key] = v
		}
	}
	return out, nil
}

func (n *memory) Note(_ context.Context, topic, key string, data []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.m == nil {
		n.m = map[string][]byte{}
	}
	if n.m[topic+"\x00"+key] = data; data == nil {
		delete(n.m, topic+"\x00"+key)
	}
	return nil
}

// testAlert is an alert as incidents make them.
func testAlert(state analyzer.AlertState) analyzer.Alert {
	a := sampleAlert("")
	a.State = state
	a.StartsAt = time.Date(2026, 11, 23, 13, 43, 0, 0, time.UTC)
	a.EndsAt = time.Time{}
	if state == analyzer.AlertResolved {
		a.EndsAt = a.StartsAt.Add(38 * time.Minute)
	}
	a.Labels = map[string]string{"alertname": analyzer.AlertName, "severity": "error", "incident": "0123", "environment": "staging", "key_domain": "jwt-main"}
	a.Annotations = map[string]string{
		"summary": "payments refuses tokens whose signature it cannot verify; probable cause: key.stale_cache", "cause": "key.stale_cache", "verdict": "probable", "services": "payments",
		"description": "payments: 266 × bad_signature since 2026-11-23 13:43 (56.8 % of its decisions); secret_version_added 2 of secret jwt-main at 13:42:21",
		"do":          "restart or redeploy payments so that it loads the current version of jwt-main",
	}
	return a
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// until waits for something that must happen, however slow the machine.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen within 60 s", what)
		}
	}
}
