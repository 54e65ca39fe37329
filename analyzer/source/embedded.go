package source

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Names of what an Embedded server holds.
const (
	embeddedProject      = "why401-demo"
	embeddedTopic        = "projects/" + embeddedProject + "/topics/logs"
	embeddedSubscription = "why401"
)

// Embedded is a Pub/Sub server inside this process, on a loopback port, with
// one topic and one subscription. It keeps everything in memory until Close
// and paces deliveries at about 10 ms a message and stream: for demos and
// tests, not for rates.
type Embedded struct {
	server *pstest.Server
	client *pubsub.Client
}

// StartEmbedded starts the server and creates topic and subscription.
func StartEmbedded(ctx context.Context) (e *Embedded, err error) {
	defer func() {
		if p := recover(); p != nil { // how pstest reports that it cannot listen
			err = fmt.Errorf("start embedded Pub/Sub: %v", p)
		}
	}()
	e = &Embedded{server: pstest.NewServerWithAddress("127.0.0.1:0")}
	e.client, err = pubsub.NewClient(ctx, embeddedProject, e.Options()...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start embedded Pub/Sub: %w", err), e.server.Close())
	}
	if _, err = e.client.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: embeddedTopic}); err == nil {
		_, err = e.client.SubscriptionAdminClient.CreateSubscription(ctx, &pubsubpb.Subscription{
			Name:  e.Config().name(),
			Topic: embeddedTopic,
		})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create topic and subscription on embedded Pub/Sub: %w", err), e.Close())
	}
	return e, nil
}

// Options connect a client to the server, whatever PUBSUB_EMULATOR_HOST says.
func (e *Embedded) Options() []option.ClientOption {
	return []option.ClientOption{
		option.WithEndpoint(e.server.Addr),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
		option.WithoutAuthentication(),
		option.WithTelemetryDisabled(),
	}
}

// Config is the configuration of a [PubSub] source that reads from the
// server, with enough streams to make up for its pace.
func (e *Embedded) Config() PubSubConfig {
	return PubSubConfig{Project: embeddedProject, Subscription: embeddedSubscription, NumGoroutines: 16, Options: e.Options()}
}

// Publish sends entries, each one message, and returns when the server has
// them.
func (e *Embedded) Publish(ctx context.Context, entries ...[]byte) error {
	messages := make([]*pubsubpb.PubsubMessage, len(entries))
	for i, entry := range entries {
		messages[i] = &pubsubpb.PubsubMessage{Data: entry}
	}
	_, err := e.client.TopicAdminClient.Publish(ctx, &pubsubpb.PublishRequest{Topic: embeddedTopic, Messages: messages})
	if err != nil {
		return fmt.Errorf("publish %d entries to embedded Pub/Sub: %w", len(entries), err)
	}
	return nil
}

// Close ends the server and its connections. Sources must have returned.
func (e *Embedded) Close() error {
	return errors.Join(e.client.Close(), e.server.Close())
}
