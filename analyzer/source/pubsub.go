package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/why401/why401/analyzer"
)

var _ analyzer.Source = (*PubSub)(nil)

// PubSub pulls entries from one subscription. It talks to Google, to an
// emulator named by PUBSUB_EMULATOR_HOST, or to whatever its Options name.
//
// Delivery is at least once: a message is acknowledged after the handler kept
// its group. A group that the handler refuses is offered again for as long as
// Hold says; then its messages go back to the subscription, where that counts
// as a delivery attempt.
//
// Messages with ordering keys are handled one after the other, each in a group
// that waits in vain for others; log sinks set no keys.
type PubSub struct {
	config PubSubConfig
	stats  pubsubCounters
}

// NewPubSub checks c and fills in the defaults. It does not connect.
func NewPubSub(c PubSubConfig) (*PubSub, error) {
	problems := c.Validate()
	if c.Project == "" && c.Subscription == "" {
		problems = append(problems, c.names(c)...)
	}
	if err := invalid("pubsub", problems); err != nil {
		return nil, err
	}
	return &PubSub{config: c.withDefaults()}, nil
}

// Run receives until ctx ends and then returns ctx.Err(). What was under way
// at that moment is still handled, with a context that lives on for the drain
// budget, and acknowledged, before Run returns; messages not yet in a group go
// back at once. Run returns earlier only when the subscription cannot be used.
func (p *PubSub) Run(ctx context.Context, handle analyzer.Handler) error {
	client, err := pubsub.NewClient(ctx, p.config.Project, p.config.options()...)
	if err != nil {
		return fmt.Errorf("open Pub/Sub client for project %s: %w; for Google run 'gcloud auth application-default login', for an emulator set PUBSUB_EMULATOR_HOST", p.config.Project, err)
	}
	closing := sync.OnceValue(client.Close)
	if err := p.look(ctx, client); err != nil {
		return errors.Join(err, closing())
	}
	p.stats.subscribed.Store(true)
	defer p.stats.subscribed.Store(false)
	err = p.receive(ctx, client, handle, func() { _ = closing() })
	// The end of a connection is no news once everything is acknowledged,
	// and its error is the cut's own when the drain had to be cut short.
	_ = closing()
	if err != nil && ctx.Err() == nil {
		return p.explain("receive from", err)
	}
	return ctx.Err()
}

// look asks for the subscription once, because the client retries for ever
// without a word when nobody answers. A role that may consume but not look is
// fine: Receive will tell.
func (p *PubSub) look(ctx context.Context, client *pubsub.Client) error {
	lctx, cancel := context.WithTimeout(ctx, p.config.DialTimeout)
	defer cancel()
	_, err := client.SubscriptionAdminClient.GetSubscription(lctx, &pubsubpb.GetSubscriptionRequest{Subscription: p.config.name()})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil || status.Code(err) == codes.PermissionDenied {
		return nil
	}
	return p.explain("look up", err)
}

func (p *PubSub) explain(verb string, err error) error {
	c := p.config
	wrapped := fmt.Errorf("%s %s: %w", verb, c.name(), err)
	switch code := status.Code(err); {
	case code == codes.NotFound:
		return fmt.Errorf("%w; create it: gcloud pubsub subscriptions create %s --project=%s --topic=TOPIC --ack-deadline=60 --expiration-period=never", wrapped, c.id(), c.Project)
	case code == codes.PermissionDenied:
		return fmt.Errorf("%w; grant it: gcloud pubsub subscriptions add-iam-policy-binding %s --project=%s --member=serviceAccount:ACCOUNT --role=roles/pubsub.subscriber", wrapped, c.id(), c.Project)
	case code == codes.Unavailable, code == codes.DeadlineExceeded, errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w; check the network, the endpoint and PUBSUB_EMULATOR_HOST", ErrUnreachable, wrapped)
	}
	return wrapped
}

// receive runs the client until ctx ends. cut ends the connections, so that
// acknowledgements nobody answers cannot outlast the drain budget.
func (p *PubSub) receive(ctx context.Context, client *pubsub.Client, handle analyzer.Handler, cut func()) error {
	c := p.config
	work, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	returned, done := context.WithCancel(context.WithoutCancel(ctx))
	defer done()
	stop := context.AfterFunc(ctx, func() {
		acking := min(c.Drain/4, time.Second)
		if sleep(returned, c.Drain-acking) {
			giveUp()
		}
		if sleep(returned, acking) {
			cut()
		}
	})
	defer stop()

	commits := newCommitter(handle, c)
	commits.groups = &p.stats.groups
	var gatherer sync.WaitGroup
	gatherer.Go(func() { commits.run(work, ctx) })

	sub := client.Subscriber(c.name())
	sub.ReceiveSettings.NumGoroutines = c.NumGoroutines
	sub.ReceiveSettings.MaxOutstandingMessages = c.MaxOutstandingMessages
	sub.ReceiveSettings.MaxOutstandingBytes = int(c.MaxOutstandingBytes)
	sub.ReceiveSettings.MinDurationPerAckExtension = c.AckExtension
	sub.ReceiveSettings.MaxDurationPerAckExtension = c.AckExtension
	err := sub.Receive(ctx, func(_ context.Context, m *pubsub.Message) { p.one(ctx, work, commits, m) })

	close(commits.in)
	gatherer.Wait()
	return err
}

// one sees a single message through. The client wants it acknowledged before
// its callback returns: only then its limits on outstanding messages hold.
func (p *PubSub) one(ctx, work context.Context, commits *committer, m *pubsub.Message) {
	p.stats.received(m)
	if ctx.Err() != nil {
		p.stats.nacked.Add(1)
		m.Nack()
		return
	}
	err := commits.keep(analyzer.Message{ID: m.ID, Data: m.Data, Published: m.PublishTime, Where: p.config.name(), Attributes: m.Attributes})
	if err != nil {
		p.stats.nacked.Add(1)
		m.Nack()
		return
	}
	if !p.config.ExactlyOnce {
		m.Ack()
		p.stats.acked.Add(1)
		return
	}
	if s, err := m.AckWithResult().Get(work); err != nil || s != pubsub.AcknowledgeStatusSuccess {
		p.stats.unacked.Add(1)
		return
	}
	p.stats.acked.Add(1)
}

// PubSubStats counts messages since the source was made.
type PubSubStats struct {
	Received    int64
	Acked       int64     // kept and acknowledged; with exactly-once, confirmed by the server
	Nacked      int64     // given back: the handler refused their group, or the run was ending
	Unacked     int64     // kept, but the acknowledgement failed (exactly-once only); they come again
	Redelivered int64     // of Received; told only by subscriptions with a dead-letter policy
	Groups      int64     // offered to the handler
	LastMessage time.Time // arrival of the latest message; zero before the first
	Subscribed  bool      // the subscription was found, and is being received from
}

// Stats returns the counts so far. It is safe to call while Run runs.
func (p *PubSub) Stats() PubSubStats {
	s := PubSubStats{
		Received: p.stats.receives.Load(), Acked: p.stats.acked.Load(), Nacked: p.stats.nacked.Load(),
		Unacked: p.stats.unacked.Load(), Redelivered: p.stats.redelivered.Load(), Groups: p.stats.groups.Load(),
		Subscribed: p.stats.subscribed.Load(),
	}
	if last := p.stats.last.Load(); last != 0 {
		s.LastMessage = time.Unix(0, last)
	}
	return s
}

type pubsubCounters struct {
	receives, acked, nacked, unacked, redelivered, groups, last atomic.Int64
	subscribed                                                  atomic.Bool
}

func (s *pubsubCounters) received(m *pubsub.Message) {
	s.receives.Add(1)
	s.last.Store(time.Now().UnixNano())
	if m.DeliveryAttempt != nil && *m.DeliveryAttempt > 1 {
		s.redelivered.Add(1)
	}
}
