package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"

	"github.com/why401/why401/analyzer"
)

func startEmbedded(t *testing.T) *Embedded {
	t.Helper()
	e, err := StartEmbedded(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func publish(t *testing.T, e *Embedded, n int) {
	t.Helper()
	var entries [][]byte
	for i := range n {
		entries = append(entries, fmt.Appendf(nil, `{"insertId":"e%d"}`, i))
	}
	if err := e.Publish(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
}

// acked counts the messages that the server saw acknowledged.
func (e *Embedded) acked() (n int) {
	for _, m := range e.server.Messages() {
		if m.Acks > 0 {
			n++
		}
	}
	return n
}

// start runs a source until stop is called, which returns what Run did and
// how long it took to.
func start(t *testing.T, s analyzer.Source, handle analyzer.Handler) (stop func() (time.Duration, error)) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, handle) }()
	return sync.OnceValues(func() (time.Duration, error) {
		cancel()
		begin := time.Now()
		select {
		case err := <-ended:
			return time.Since(begin), err
		case <-time.After(30 * time.Second):
			return time.Since(begin), errors.New("Run did not return within 30 s")
		}
	})
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func TestPubSubAcknowledgesAfterCommit(t *testing.T) {
	for name, exactly := range map[string]bool{"at least once": false, "exactly once": true} {
		t.Run(name, func(t *testing.T) {
			e := startEmbedded(t)
			c := e.Config()
			if c.ExactlyOnce = exactly; exactly {
				c.Subscription = "exactly"
				_, err := e.client.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{Name: c.name(), Topic: embeddedTopic, EnableExactlyOnceDelivery: true})
				if err != nil {
					t.Fatal(err)
				}
			}
			publish(t, e, 200)
			p := must(NewPubSub(c))
			commit := make(chan struct{})
			var handed atomic.Int64
			stop := start(t, p, func(ctx context.Context, group []analyzer.Message) error {
				handed.Add(int64(len(group)))
				<-commit
				return nil
			})
			eventually(t, "a group is handed over", func() bool { return handed.Load() > 0 })
			time.Sleep(300 * time.Millisecond) // the client sends acknowledgements every 100 ms
			if n := e.acked(); n > 0 {
				t.Errorf("%d messages acknowledged before their group was kept", n)
			}
			close(commit)
			eventually(t, "200 acknowledgements", func() bool { return e.acked() == 200 && p.Stats().Acked == 200 })
			if _, err := stop(); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want context.Canceled", err)
			}
			s := p.Stats()
			if s.Received != 200 || s.Acked != 200 || s.Nacked != 0 || s.Unacked != 0 || s.Groups < 1 || s.Groups > 200 || time.Since(s.LastMessage) > time.Minute {
				t.Errorf("got %+v, want 200 received and acknowledged", s)
			}
		})
	}
}

func TestPubSubMessagesCarryTheirOrigin(t *testing.T) {
	e := startEmbedded(t)
	e.server.Publish(embeddedTopic, []byte(`{"insertId":"e0"}`), map[string]string{"eventType": "SECRET_VERSION_ADD"})
	var m analyzer.Message
	var seen atomic.Bool
	stop := start(t, must(NewPubSub(e.Config())), func(_ context.Context, group []analyzer.Message) error {
		m = group[0]
		seen.Store(true)
		return nil
	})
	eventually(t, "a message", seen.Load)
	_, _ = stop()
	if m.ID == "" || string(m.Data) != `{"insertId":"e0"}` || time.Since(m.Published) > time.Minute || m.Where != "projects/why401-demo/subscriptions/why401" || m.Attributes["eventType"] != "SECRET_VERSION_ADD" {
		t.Errorf("got %+v", m)
	}
}

// TestPubSubGivesBackWhatIsRefused refuses each message once and for longer
// than hold, so that the server has to deliver it again.
func TestPubSubGivesBackWhatIsRefused(t *testing.T) {
	e := startEmbedded(t)
	publish(t, e, 20)
	c := e.Config()
	c.Hold = time.Millisecond
	p := must(NewPubSub(c))
	var mu sync.Mutex
	refused := map[string]int{}
	stop := start(t, p, func(_ context.Context, group []analyzer.Message) error {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range group {
			if refused[m.ID]++; refused[m.ID] == 1 {
				return errors.New("not now")
			}
		}
		return nil
	})
	eventually(t, "20 acknowledgements", func() bool { return e.acked() == 20 })
	_, _ = stop()
	for _, m := range e.server.Messages() {
		if m.Deliveries < 2 {
			t.Errorf("message %s was delivered %d times, want at least 2", m.ID, m.Deliveries)
		}
	}
	if s := p.Stats(); s.Nacked < 20 || s.Received != s.Acked+s.Nacked {
		t.Errorf("got %+v, want at least 20 given back and nothing unaccounted for", s)
	}
}

// TestPubSubDrains ends a run while a group is being written: the group must
// be finished with a context that lives, and acknowledged.
func TestPubSubDrains(t *testing.T) {
	e := startEmbedded(t)
	publish(t, e, 50)
	p := must(NewPubSub(e.Config()))
	var running, alive atomic.Int64
	stop := start(t, p, func(ctx context.Context, group []analyzer.Message) error {
		running.Add(1)
		defer running.Add(-1)
		time.Sleep(500 * time.Millisecond)
		if ctx.Err() == nil {
			alive.Add(int64(len(group)))
		}
		return ctx.Err()
	})
	eventually(t, "a group under way", func() bool { return running.Load() > 0 })
	took, err := stop()
	if !errors.Is(err, context.Canceled) || running.Load() != 0 || took > 8*time.Second {
		t.Errorf("error %v after %v with %d handlers running", err, took, running.Load())
	}
	s := p.Stats()
	if alive.Load() == 0 || s.Acked != alive.Load() || int64(e.acked()) != alive.Load() {
		t.Errorf("%d messages kept, %d acknowledged, %d seen acknowledged by the server; want all the same and some", alive.Load(), s.Acked, e.acked())
	}
}

// TestPubSubDrainHasAnEnd ends a run whose handler heeds nothing but its context.
func TestPubSubDrainHasAnEnd(t *testing.T) {
	e := startEmbedded(t)
	publish(t, e, 5)
	c := e.Config()
	c.Drain = 400 * time.Millisecond
	var running atomic.Int64
	stop := start(t, must(NewPubSub(c)), func(ctx context.Context, _ []analyzer.Message) error {
		running.Add(1)
		defer running.Add(-1)
		<-ctx.Done()
		return ctx.Err()
	})
	eventually(t, "a group under way", func() bool { return running.Load() > 0 })
	if took, _ := stop(); took > 2*time.Second || running.Load() != 0 {
		t.Errorf("returned after %v with %d handlers running, want about 400 ms and none", took, running.Load())
	}
}

// TestPubSubDoesNotWaitForDeafServer ends a run whose server refuses every
// acknowledgement, which the client would go on sending for a minute.
func TestPubSubDoesNotWaitForDeafServer(t *testing.T) {
	deaf := pstest.NewServerWithAddress("127.0.0.1:0", pstest.WithErrorInjection("Acknowledge", codes.Unavailable, "deaf"))
	defer deaf.Close()
	d := &Embedded{server: deaf}
	must(deaf.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: embeddedTopic}))
	must(deaf.GServer.CreateSubscription(t.Context(), &pubsubpb.Subscription{Name: d.Config().name(), Topic: embeddedTopic}))
	deaf.Publish(embeddedTopic, []byte("{}"), nil)
	c := d.Config()
	c.Drain = time.Second
	var handed atomic.Bool
	stop := start(t, must(NewPubSub(c)), func(context.Context, []analyzer.Message) error { handed.Store(true); return nil })
	eventually(t, "a message", handed.Load)
	time.Sleep(200 * time.Millisecond)
	if took, err := stop(); took > 4*time.Second || !errors.Is(err, context.Canceled) {
		t.Errorf("returned after %v with error %v, want about 1 s and context.Canceled", took, err)
	}
}

func TestPubSubExplainsWhatIsMissing(t *testing.T) {
	e := startEmbedded(t)
	silent := must(net.Listen("tcp", "127.0.0.1:0"))
	defer silent.Close()
	away := must(net.Listen("tcp", "127.0.0.1:0"))
	_ = away.Close()
	at := func(addr net.Addr) []option.ClientOption {
		return append(e.Options(), option.WithEndpoint(addr.String()))
	}
	for name, c := range map[string]struct {
		config PubSubConfig
		want   string
		is     error
	}{
		"no subscription": {PubSubConfig{Project: "my-project", Subscription: "logs-sub", Options: e.Options()}, "gcloud pubsub subscriptions create logs-sub --project=my-project", nil},
		"nobody listens":  {PubSubConfig{Project: "my-project", Subscription: "logs-sub", Options: at(away.Addr()), DialTimeout: 300 * time.Millisecond}, "PUBSUB_EMULATOR_HOST", ErrUnreachable},
		"nobody answers":  {PubSubConfig{Project: "my-project", Subscription: "logs-sub", Options: at(silent.Addr()), DialTimeout: 300 * time.Millisecond}, "PUBSUB_EMULATOR_HOST", ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			err := must(NewPubSub(c.config)).Run(t.Context(), func(context.Context, []analyzer.Message) error { return nil })
			if !strings.Contains(fmt.Sprint(err), c.want) || !strings.Contains(fmt.Sprint(err), "projects/my-project/subscriptions/logs-sub") {
				t.Errorf("error %v, want the subscription and %q in it", err, c.want)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v, want one that wraps %v", err, c.is)
			}
		})
	}
}

func TestPubSubConfigProblems(t *testing.T) {
	f := func(c PubSubConfig, want ...string) {
		t.Helper()
		_, err := NewPubSub(c)
		if len(want) == 0 && err != nil {
			t.Errorf("%+v: %v, want no problem", c, err)
		}
		for _, part := range want {
			if !strings.Contains(fmt.Sprint(err), part) {
				t.Errorf("%+v: error %v, want %q in it", c, err, part)
			}
		}
	}
	f(PubSubConfig{Project: "my-project", Subscription: "logs"})
	f(PubSubConfig{Subscription: "projects/my-project/subscriptions/logs"})
	f(PubSubConfig{Project: "example.com:my-project", Subscription: "logs"})
	f(PubSubConfig{Project: "my-project", Subscription: "logs", GroupSize: 5000})
	f(PubSubConfig{}, "pubsub.project", "pubsub.subscription")
	f(PubSubConfig{Project: "My Project", Subscription: "x"}, "pubsub.project", "pubsub.subscription")
	f(PubSubConfig{Project: "my-project", Subscription: "topics/logs"}, "projects/PROJECT/subscriptions/ID")
	f(PubSubConfig{Project: "other", Subscription: "projects/my-project/subscriptions/logs"}, "pubsub.project")
	f(PubSubConfig{Project: "my-project", Subscription: "logs", NumGoroutines: -1, MaxOutstandingMessages: 1500, MaxOutstandingBytes: 1, GroupSize: 1000, GroupWait: time.Hour, AckExtension: time.Second, Drain: 1, DialTimeout: 1, Hold: 1, Endpoint: "https://x"},
		"streams", "max_outstanding_messages", "max_outstanding_bytes", "group_wait", "ack_extension", "drain", "dial_timeout", "hold", "endpoint")
	if problems := (PubSubConfig{}).Validate(); len(problems) > 0 {
		t.Errorf("the zero config has problems: %v", problems)
	}
}

// TestCommitterGroups watches how messages become groups, in fake time.
func TestCommitterGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := PubSubConfig{GroupSize: 10, GroupBytes: 1000, GroupWait: 20 * time.Millisecond, Hold: time.Minute}
		live, end := context.WithCancel(t.Context())
		var sizes []int
		var most, now atomic.Int64
		var mu sync.Mutex
		committer := newCommitter(func(_ context.Context, group []analyzer.Message) error {
			mu.Lock()
			sizes = append(sizes, len(group))
			mu.Unlock()
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			now.Add(-1)
			return nil
		}, c)
		var run, keeping sync.WaitGroup
		run.Go(func() { committer.run(context.WithoutCancel(live), live) })
		keep := func(n, bytes int) {
			for range n {
				keeping.Go(func() {
					if err := committer.keep(analyzer.Message{Data: make([]byte, bytes)}); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
		}
		want := func(what string, want ...int) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(sizes, want) {
				t.Errorf("%s: groups of %v, want %v", what, sizes, want)
			}
			sizes = nil
		}
		keep(3, 1)
		want("before the wait is over")
		time.Sleep(21 * time.Millisecond)
		want("after the wait", 3)
		time.Sleep(2 * time.Second)
		keep(10, 1)
		want("full by count, at once", 10)
		time.Sleep(2 * time.Second)
		keep(2, 600)
		want("full by bytes, at once", 2)
		time.Sleep(2 * time.Second)
		keep(35, 1)
		want("two groups in flight, the others wait", 10, 10)
		time.Sleep(2 * time.Second)
		want("the rest", 10, 5)
		keep(1, 1)
		end()
		synctest.Wait()
		want("the end hurries", 1)
		keeping.Wait()
		close(committer.in)
		run.Wait()
		if most.Load() != inFlight {
			t.Errorf("%d groups in flight at most, want %d", most.Load(), inFlight)
		}
	})
}
