package logexport

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The least that a subscription should keep and grant. A retention of a day
// survives a night without why401; pushes that are not answered within the
// deadline are sent again.
const (
	leastRetention   = 24 * time.Hour
	leastAckDeadline = 30 * time.Second
)

const (
	pubsubAPI = "pubsub.googleapis.com"
	deleted   = "_deleted-topic_" // stands for the topic of a subscription that outlived it
)

// setup is the command of ours that makes what is missing; it leaves the rest
// as it is.
func (c *Checkup) setup() string {
	cmd := "why401 setup gcp --project=" + c.project
	if name := short(c.Subscription); name != "why401" {
		cmd += " --name=" + name
	}
	return cmd + " --apply"
}

// checkExport follows the way of an entry backwards: subscription, topic, sink.
func (c *Checkup) checkExport(ctx context.Context) []Finding {
	a := about{"subscription", short(c.Subscription)}
	s, err := c.subscribed()
	switch {
	case status.Code(err) == codes.NotFound:
		return []Finding{a.fail([]string{c.setup()}, "project %s has no subscription %s", c.project, short(c.Subscription))}
	case err != nil:
		l := look{a, "the subscription", pubsubAPI, c.project, c.onSubscription(c.Caller, "roles/pubsub.viewer")}
		return []Finding{l.refused(err)}
	case s.GetDetached() || s.GetTopic() == deleted:
		return []Finding{a.fail([]string{"gcloud pubsub subscriptions delete " + a.target + " --project=" + c.project, c.setup()},
			"the topic of the subscription was deleted or detached: nothing arrives ever again, even when the topic is made anew")}
	}
	out := c.checkSubscription(a, s)
	out = append(out, c.checkDeadLetters(ctx, s)...)
	return append(out, c.checkTopic(ctx, s.GetTopic())...)
}

// checkSubscription judges the settings of a subscription that is there.
func (c *Checkup) checkSubscription(a about, s *pubsubpb.Subscription) []Finding {
	update := func(flags string) []string {
		return []string{fmt.Sprintf("gcloud pubsub subscriptions update %s --project=%s %s", a.target, c.project, flags)}
	}
	var out []Finding
	pushes := s.GetPushConfig().GetPushEndpoint() != ""
	switch {
	case s.GetBigqueryConfig() != nil || s.GetCloudStorageConfig() != nil:
		out = append(out, a.fail([]string{c.setup()}, "the subscription writes to BigQuery or Cloud Storage: nobody can read from it"))
	case pushes && !c.Push:
		out = append(out, a.fail([]string{fmt.Sprintf("gcloud pubsub subscriptions modify-push-config %s --project=%s --push-endpoint=", a.target, c.project)},
			"the subscription sends to %s, and the configuration pulls: pulling gets nothing", s.GetPushConfig().GetPushEndpoint()))
	case !pushes && c.Push:
		out = append(out, a.fail([]string{fmt.Sprintf("gcloud pubsub subscriptions modify-push-config %s --project=%s --push-endpoint=https://WHY401_HOST/push --push-auth-service-account=%s", a.target, c.project, email(c.Account))},
			"the configuration waits for pushes, and the subscription sends to nobody"))
	}
	if ttl := s.GetExpirationPolicy().GetTtl(); s.GetExpirationPolicy() == nil || ttl != nil {
		after := ttl.AsDuration()
		if ttl == nil {
			after = 31 * 24 * time.Hour // the default of Pub/Sub
		}
		out = append(out, a.warn(update("--expiration-period=never"), "the subscription deletes itself after %s without a reader", days(after)))
	}
	if keeps := s.GetMessageRetentionDuration().AsDuration(); keeps < leastRetention {
		out = append(out, a.warn(update("--message-retention-duration=7d"), "unread entries are lost after %s: a night without why401 leaves a gap", days(keeps)))
	}
	if grants := time.Duration(s.GetAckDeadlineSeconds()) * time.Second; pushes && grants < leastAckDeadline {
		out = append(out, a.warn(update("--ack-deadline=60"), "a push must be answered within %s: under load entries are sent again and again", grants))
	} else if !pushes && grants < leastAckDeadline {
		out = append(out, a.warn(update("--ack-deadline=60"), "the acknowledgement deadline is %s: what a reader that died held is handed out early, and entries come twice under load", grants))
	}
	if s.GetFilter() != "" {
		out = append(out, a.fail([]string{"gcloud pubsub subscriptions delete " + a.target + " --project=" + c.project, c.setup()},
			"the subscription has a filter (%s), which cannot be changed: entries that it does not take are acknowledged unseen", oneLine(s.GetFilter())))
	}
	if s.GetDeadLetterPolicy() == nil {
		out = append(out, a.warn([]string{c.setup()}, "no dead-letter topic: an entry that cannot be handled is offered again until it expires"))
	}
	if len(out) == 0 {
		out = append(out, a.ok("never expires, keeps %s, acknowledgement deadline %ds", days(s.GetMessageRetentionDuration().AsDuration()), s.GetAckDeadlineSeconds()))
	}
	return out
}

// checkDeadLetters sees that failing messages can be moved away: Pub/Sub's own
// account does that, and silently fails where it may not.
func (c *Checkup) checkDeadLetters(ctx context.Context, s *pubsubpb.Subscription) []Finding {
	topic := s.GetDeadLetterPolicy().GetDeadLetterTopic()
	if topic == "" {
		return nil
	}
	a := about{"dead letters", short(topic)}
	project := projectOf(topic)
	_, err := c.own.pubsub.TopicAdminClient.GetTopic(ctx, &pubsubpb.GetTopicRequest{Topic: topic})
	switch {
	case status.Code(err) == codes.NotFound || topic == deleted:
		return []Finding{a.fail([]string{fmt.Sprintf("gcloud pubsub topics create %s --project=%s", a.target, project), c.setup()}, "the dead-letter topic is gone: messages that fail stay and block nobody, but are offered for ever")}
	case err != nil:
		l := look{a, "the dead-letter topic", pubsubAPI, project, grantOn(project, c.Caller, "roles/pubsub.viewer")}
		return []Finding{l.refused(err)}
	}
	number, err := c.number()
	if err != nil {
		l := look{a, "the number of the project", projectAPI, c.project, grantOn(c.project, c.Caller, "roles/browser")}
		return []Finding{l.refused(err)}
	}
	agent := agentOf(number, "pubsub")
	out := c.mayOn(ctx, a, "topic", topic, "roles/pubsub.publisher", agent, "Pub/Sub's own account may not publish to the dead-letter topic: failing messages are never moved there")
	return append(out, c.mayOn(ctx, a, "subscription", c.Subscription, "roles/pubsub.subscriber", agent, "Pub/Sub's own account may not acknowledge on the subscription: failing messages are never moved to the dead-letter topic")...)
}

// mayOn sees that a member holds a role on a topic or a subscription, there or
// by the project. It returns one finding.
func (c *Checkup) mayOn(ctx context.Context, a about, kind, on, role, member, otherwise string) []Finding {
	p, err := c.own.policies.GetIamPolicy(ctx, &iampb.GetIamPolicyRequest{Resource: on, Options: &iampb.GetPolicyOptions{RequestedPolicyVersion: 3}})
	project := projectOf(on)
	l := look{a, "who may use the " + kind, pubsubAPI, project, grantOn(project, c.Caller, "roles/iam.securityReviewer")}
	if err != nil {
		return []Finding{l.refused(err)}
	}
	who := strings.TrimPrefix(member, "serviceAccount:")
	if holds(p, role, member) || holds(p, "roles/pubsub.admin", member) || holds(p, "roles/pubsub.editor", member) {
		return []Finding{a.ok("%s has %s on %s %s", who, role, kind, short(on))}
	}
	fix := []string{fmt.Sprintf("gcloud pubsub %ss add-iam-policy-binding %s --project=%s --member=%q --role=%s", kind, short(on), project, member, role)}
	if project == c.project {
		if above, err := c.policy(); err == nil {
			for _, r := range []string{role, "roles/pubsub.admin", "roles/pubsub.editor", "roles/editor", "roles/owner"} {
				if holds(above, r, member) {
					return []Finding{a.ok("%s has %s by %s of the project", who, role, r)}
				}
			}
			return []Finding{a.fail(fix, "%s", otherwise)}
		}
	}
	f := l.finding(unknown, fix, "%s, unless it inherits the right from the project, whose policy cannot be read", otherwise)
	return []Finding{f}
}

// checkPull asks Pub/Sub, as the account that why401 runs as, whether it may
// read.
func (c *Checkup) checkPull(ctx context.Context) []Finding {
	a := about{"right to read", short(c.Subscription)}
	const consume = "pubsub.subscriptions.consume" // to look at it is not needed
	got, err := c.account.policies.TestIamPermissions(ctx, &iampb.TestIamPermissionsRequest{Resource: c.Subscription, Permissions: []string{consume}})
	if status.Code(err) == codes.NotFound {
		return nil // that there is no subscription is told already
	}
	if err != nil {
		l := look{a, "what why401 may do with the subscription", pubsubAPI, c.project, c.onSubscription(c.Account, "roles/pubsub.viewer")}
		return []Finding{l.refused(err)}
	}
	who := email(c.Account)
	switch {
	case c.Push:
		return nil
	case !slices.Contains(got.GetPermissions(), consume):
		return []Finding{a.fail([]string{c.onSubscription(c.Account, "roles/pubsub.subscriber")}, "%s may not pull: it lacks %s", who, consume)}
	}
	return []Finding{a.ok("%s may pull", who)}
}

func (c *Checkup) onSubscription(member, role string) string {
	return fmt.Sprintf("gcloud pubsub subscriptions add-iam-policy-binding %s --project=%s --member=%q --role=%s", short(c.Subscription), c.project, member, role)
}

func email(member string) string { return member[strings.IndexByte(member, ':')+1:] }

// days is a duration as people say it.
func days(d time.Duration) string {
	if day := 24 * time.Hour; d >= day && d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}
