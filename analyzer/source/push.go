package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/api/option"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

// PushConfig says who may push entries and where. It is for platforms that run
// a program only while it answers a request, such as a Cloud Run service.
type PushConfig struct {
	// Audience is the one that the push subscription puts into its tokens:
	// gcloud pubsub subscriptions create --push-auth-token-audience.
	Audience string `yaml:"audience"`
	// Email is the service account that the subscription pushes as:
	// --push-auth-service-account.
	Email string `yaml:"email"`
	// Listen is host:port of an endpoint that takes pushes and nothing else;
	// empty: they come to /push of the web endpoint.
	Listen string `yaml:"listen"`

	// Options go to the client that fetches Google's certificates.
	Options []option.ClientOption `yaml:"-"`
}

// Enabled reports whether entries are to be pushed.
func (c PushConfig) Enabled() bool { return c.Audience != "" || c.Email != "" || c.Listen != "" }

// Validate returns every problem of c at once. One that names nothing is fine
// as long as nobody opens it.
func (c PushConfig) Validate() []conf.FieldError {
	var problems []conf.FieldError
	if c.Enabled() && c.Audience == "" {
		problems = append(problems, conf.FieldError{Path: "audience", Msg: "wanted the audience of the subscription's tokens, found none: anybody could push", Hint: "gcloud pubsub subscriptions describe SUBSCRIPTION shows oidcToken.audience"})
	}
	if c.Enabled() && !strings.Contains(c.Email, "@") {
		problems = append(problems, wrong("email", c.Email, "the service account that the subscription pushes as", "gcloud pubsub subscriptions describe SUBSCRIPTION shows oidcToken.serviceAccountEmail")...)
	}
	if _, _, err := net.SplitHostPort(c.Listen); c.Listen != "" && err != nil {
		problems = append(problems, wrong("listen", c.Listen, "host:port", "write 0.0.0.0:8080")...)
	}
	return problems
}

// Push takes entries that a Pub/Sub push subscription sends. Each request is
// answered after the group that its message joined was kept: 204, or 503 for
// "again later", as when Google's certificates cannot be fetched. Whose token is not Google's for the configured audience and
// account gets 401 and nothing is read of what it sent.
type Push struct {
	config PushConfig
	group  PubSubConfig // how groups are made

	mu      sync.RWMutex // held for reading by every request under way
	commits *committer   // nil: nobody takes entries now
	tokens  *tokens
}

var (
	_ analyzer.Source = (*Push)(nil)
	_ http.Handler    = (*Push)(nil)
)

// NewPush checks c. It does not listen.
func NewPush(c PushConfig) (*Push, error) {
	problems := c.Validate()
	if !c.Enabled() {
		problems = append(problems, conf.FieldError{Path: "audience", Msg: "wanted the audience of the subscription's tokens, found none"})
	}
	if err := invalid("push", problems); err != nil {
		return nil, err
	}
	t, err := newTokens(c)
	if err != nil {
		return nil, err
	}
	return &Push{config: c, group: PubSubConfig{}.withDefaults(), tokens: t}, nil
}

// Run takes pushes until ctx ends, and returns ctx.Err() when all that was
// under way is kept. An address that cannot be listened on ends it earlier.
func (p *Push) Run(ctx context.Context, handle analyzer.Handler) error {
	commits := newCommitter(handle, p.group)
	work, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	var gatherer sync.WaitGroup
	gatherer.Go(func() { commits.run(work, ctx) })
	p.take(commits)
	err := p.listen(ctx)
	stop := time.AfterFunc(p.group.Drain, giveUp)
	defer stop.Stop()
	p.take(nil) // waits for the requests under way
	close(commits.in)
	gatherer.Wait()
	if err != nil {
		return err
	}
	return ctx.Err()
}

func (p *Push) take(c *committer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commits = c
}

// listen serves an endpoint of its own, if one is wanted, until ctx ends.
func (p *Push) listen(ctx context.Context) error {
	if p.config.Listen == "" {
		<-ctx.Done()
		return nil
	}
	l, err := net.Listen("tcp", p.config.Listen)
	if err != nil {
		return fmt.Errorf("listen for pushes: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/push", p)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err = <-failed:
		return fmt.Errorf("serve pushes: %w", err)
	case <-ctx.Done():
	}
	drained, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.group.Drain)
	defer cancel()
	if server.Shutdown(drained) != nil {
		_ = server.Close() // who still sends gets no answer, and sends again
	}
	<-failed
	return nil
}

// maxPush bounds a request: a message of 10 MB in base64, and its envelope.
const maxPush = 15 << 20

// envelope is what Pub/Sub wraps a message in
// (https://cloud.google.com/pubsub/docs/push).
type envelope struct {
	Message *struct {
		Data        []byte    `json:"data"`
		MessageID   string    `json:"messageId"`
		PublishTime time.Time `json:"publishTime"`
	} `json:"message"`
	Subscription string `json:"subscription"`
}

// ServeHTTP takes one push.
func (p *Push) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "wanted POST", http.StatusMethodNotAllowed)
		return
	case p.commits == nil:
		http.Error(w, "not taking entries now", http.StatusServiceUnavailable)
		return
	}
	switch err := p.tokens.check(r); {
	case errors.Is(err, errNoCertificates):
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	case err != nil:
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	m, err := pushed(http.MaxBytesReader(w, r.Body, maxPush))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := p.commits.keep(*m); err != nil {
		http.Error(w, "the entry could not be kept; send it again", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// pushed reads a push into a message.
func pushed(body io.Reader) (*analyzer.Message, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("wanted at most %d bytes: %w", maxPush, err)
	}
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil || e.Message == nil {
		return nil, errors.New("wanted a push of Pub/Sub: an object with a message")
	}
	where := e.Subscription
	if where == "" {
		where = "push"
	}
	return &analyzer.Message{ID: e.Message.MessageID, Data: e.Message.Data, Published: e.Message.PublishTime, Where: where}, nil
}
