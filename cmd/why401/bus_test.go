package main

import (
	"context"
	"testing"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/why401/why401/analyzer/lab"
)

// bus is a Pub/Sub server in this process, for a daemon in another one.
type bus struct {
	address string
	client  *pubsub.Client
}

const busTopic = "projects/acme-staging/topics/logs"

func startBus(t *testing.T) *bus {
	t.Helper()
	server := pstest.NewServerWithAddress("127.0.0.1:0")
	t.Cleanup(func() { _ = server.Close() }) // nothing to lose
	ctx := context.Background()
	client, err := pubsub.NewClient(ctx, "acme-staging", option.WithEndpoint(server.Addr), option.WithoutAuthentication(), option.WithTelemetryDisabled(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() }) // likewise
	if _, err := client.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: busTopic}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.SubscriptionAdminClient.CreateSubscription(ctx, &pubsubpb.Subscription{Name: "projects/acme-staging/subscriptions/why401", Topic: busTopic, AckDeadlineSeconds: 10}); err != nil {
		t.Fatal(err)
	}
	return &bus{server.Addr, client}
}

// publish sends entries, each one message.
func (b *bus) publish(t *testing.T, entries ...[]byte) {
	t.Helper()
	for len(entries) > 0 {
		n := min(len(entries), 500)
		messages := make([]*pubsubpb.PubsubMessage, n)
		for i, e := range entries[:n] {
			messages[i] = &pubsubpb.PubsubMessage{Data: e}
		}
		if _, err := b.client.TopicAdminClient.Publish(context.Background(), &pubsubpb.PublishRequest{Topic: busTopic, Messages: messages}); err != nil {
			t.Fatal(err)
		}
		entries = entries[n:]
	}
}

// entriesOf returns the entries of a scenario that ends about now.
func entriesOf(t *testing.T, name string) [][]byte {
	t.Helper()
	sc, err := lab.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	if _, err := lab.Run(t.Context(), sc, lab.Options{Seed: 1, Emit: func(_ context.Context, entry []byte) error {
		out = append(out, entry)
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	return out
}
