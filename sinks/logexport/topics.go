package logexport

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

func labels() map[string]string { return map[string]string{markKey: markValue} }

func marked(have map[string]string) bool { return have[markKey] == markValue }

// topic has nothing to get wrong but its name.
func (e *Export) topic(name string) *resource {
	return &resource{
		kind: "topic", name: name,
		want: func() []Field { return []Field{{"label " + markKey, markValue}} },
		read: func(ctx context.Context) ([]Field, bool, error) {
			t, err := e.clients.pubsub.TopicAdminClient.GetTopic(ctx, &pubsubpb.GetTopicRequest{Topic: name})
			if err != nil {
				return nil, false, err
			}
			return []Field{{"label " + markKey, t.GetLabels()[markKey]}}, marked(t.GetLabels()), nil
		},
		create: func(ctx context.Context) error {
			_, err := e.clients.pubsub.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: name, Labels: labels()})
			return err
		},
		remove: func(ctx context.Context) error {
			return e.clients.pubsub.TopicAdminClient.DeleteTopic(ctx, &pubsubpb.DeleteTopicRequest{Topic: name})
		},
		gcloud: []string{fmt.Sprintf("gcloud pubsub topics create %s --project=%s --labels=%s=%s", short(name), e.spec.Project, markKey, markValue)},
	}
}

// subscription is what why401 reads: it outlives any silence, keeps what was
// acknowledged for a replay, slows down failing messages and hands them over.
func (e *Export) subscription() *resource {
	s := &e.spec
	want := &pubsubpb.Subscription{
		Name: s.subscription(), Topic: s.topic(), Labels: labels(),
		AckDeadlineSeconds:       int32(ackDeadline.Seconds()),
		MessageRetentionDuration: durationpb.New(retention), RetainAckedMessages: true,
		ExpirationPolicy: &pubsubpb.ExpirationPolicy{},
		DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{DeadLetterTopic: s.deadTopic(), MaxDeliveryAttempts: maxAttempts},
		RetryPolicy:      &pubsubpb.RetryPolicy{MinimumBackoff: durationpb.New(minBackoff), MaximumBackoff: durationpb.New(maxBackoff)},
	}
	r := e.subscriptionOf(want)
	r.gcloud = []string{fmt.Sprintf("gcloud pubsub subscriptions create %s --project=%s --topic=%s --ack-deadline=%d --message-retention-duration=%s --retain-acked-messages --expiration-period=never "+
		"--dead-letter-topic=%s --max-delivery-attempts=%d --min-retry-delay=%s --max-retry-delay=%s --labels=%s=%s",
		s.Name, s.Project, s.Name, int(ackDeadline.Seconds()), seconds(retention), short(s.deadTopic()), maxAttempts, seconds(minBackoff), seconds(maxBackoff), markKey, markValue)}
	return r
}

// deadSubscription keeps what the dead-letter topic gets until somebody looks:
// a topic without a subscription keeps nothing.
func (e *Export) deadSubscription() *resource {
	s := &e.spec
	r := e.subscriptionOf(&pubsubpb.Subscription{
		Name: s.deadSub(), Topic: s.deadTopic(), Labels: labels(), AckDeadlineSeconds: int32(ackDeadline.Seconds()),
		MessageRetentionDuration: durationpb.New(retention), ExpirationPolicy: &pubsubpb.ExpirationPolicy{},
	})
	r.gcloud = []string{fmt.Sprintf("gcloud pubsub subscriptions create %s --project=%s --topic=%s --ack-deadline=%d --message-retention-duration=%s --expiration-period=never --labels=%s=%s",
		short(s.deadSub()), s.Project, short(s.deadTopic()), int(ackDeadline.Seconds()), seconds(retention), markKey, markValue)}
	return r
}

func (e *Export) subscriptionOf(want *pubsubpb.Subscription) *resource {
	return &resource{
		kind: "subscription", name: want.GetName(),
		want: func() []Field { return subscriptionFields(want) },
		read: func(ctx context.Context) ([]Field, bool, error) {
			have, err := e.clients.pubsub.SubscriptionAdminClient.GetSubscription(ctx, &pubsubpb.GetSubscriptionRequest{Subscription: want.GetName()})
			if err != nil {
				return nil, false, err
			}
			return subscriptionFields(have), marked(have.GetLabels()), nil
		},
		create: func(ctx context.Context) error {
			_, err := e.clients.pubsub.SubscriptionAdminClient.CreateSubscription(ctx, want)
			return err
		},
		update: func(ctx context.Context) error {
			paths := []string{"ack_deadline_seconds", "message_retention_duration", "retain_acked_messages", "expiration_policy"}
			if want.GetDeadLetterPolicy() != nil {
				paths = append(paths, "dead_letter_policy", "retry_policy")
			}
			_, err := e.clients.pubsub.SubscriptionAdminClient.UpdateSubscription(ctx, &pubsubpb.UpdateSubscriptionRequest{Subscription: want, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
			return err
		},
		remove: func(ctx context.Context) error {
			return e.clients.pubsub.SubscriptionAdminClient.DeleteSubscription(ctx, &pubsubpb.DeleteSubscriptionRequest{Subscription: want.GetName()})
		},
	}
}

func subscriptionFields(s *pubsubpb.Subscription) []Field {
	expires := "never"
	if ttl := s.GetExpirationPolicy().GetTtl(); s.GetExpirationPolicy() == nil || ttl != nil {
		expires = "after " + seconds(ttl.AsDuration()) + " unused"
	}
	out := []Field{
		{"topic", s.GetTopic()},
		{"ack deadline", strconv.Itoa(int(s.GetAckDeadlineSeconds())) + "s"},
		{"retention", seconds(s.GetMessageRetentionDuration().AsDuration())},
		{"retain acknowledged", strconv.FormatBool(s.GetRetainAckedMessages())},
		{"expires", expires},
	}
	if d := s.GetDeadLetterPolicy(); d != nil {
		out = append(out, Field{"dead letter", fmt.Sprintf("%s after %d attempts", d.GetDeadLetterTopic(), d.GetMaxDeliveryAttempts())})
	}
	if r := s.GetRetryPolicy(); r != nil {
		out = append(out, Field{"retry", seconds(r.GetMinimumBackoff().AsDuration()) + " to " + seconds(r.GetMaximumBackoff().AsDuration())})
	}
	return out
}

// seconds is a duration as gcloud and the API write it.
func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) + "s" }
