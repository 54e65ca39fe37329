package logexport

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const loggingAPI = "logging.googleapis.com"

// checkTopic looks at the topic and at the sinks that write to it.
func (c *Checkup) checkTopic(ctx context.Context, topic string) []Finding {
	a := about{"topic", short(topic)}
	project := projectOf(topic)
	t, err := c.own.pubsub.TopicAdminClient.GetTopic(ctx, &pubsubpb.GetTopicRequest{Topic: topic})
	l := look{a, "the topic", pubsubAPI, project, grantOn(project, c.Caller, "roles/pubsub.viewer")}
	var out []Finding
	switch {
	case status.Code(err) == codes.NotFound:
		return []Finding{a.fail([]string{c.setup()}, "the topic of the subscription is gone")}
	case err != nil:
		out = append(out, l.refused(err))
	case t.GetSchemaSettings().GetSchema() != "":
		out = append(out, a.fail([]string{fmt.Sprintf("gcloud pubsub topics update %s --project=%s --clear-schema-settings", a.target, project)}, "the topic has a schema: Pub/Sub refuses log entries, which do not fit it"))
	}
	return append(out, c.checkSinks(ctx, topic)...)
}

// checkSinks looks for the sinks that write to the topic, and judges each.
func (c *Checkup) checkSinks(ctx context.Context, topic string) []Finding {
	var out []Finding
	var elsewhere *loggingpb.LogSink // bears the name of ours and writes to another place
	var elsewhereIn string
	found, unread := 0, 0
	for _, scope := range append([]string{"projects/" + c.project}, c.Scopes...) {
		for s, err := range c.own.logging.ListSinks(ctx, &loggingpb.ListSinksRequest{Parent: scope}).All() {
			if err != nil {
				l := look{about{"sink", scope}, "the log sinks of " + scope, loggingAPI, c.project, fmt.Sprintf("gcloud %s add-iam-policy-binding %s --member=%q --role=roles/logging.viewer", collection(scope), short(scope), c.Caller)}
				out = append(out, l.refused(err))
				unread++
				break
			}
			switch {
			case s.GetDestination() == "pubsub.googleapis.com/"+topic:
				found++
				out = append(out, c.checkSink(ctx, scope, topic, s)...)
			case elsewhere == nil && (s.GetName() == short(c.Subscription) || s.GetDescription() == description):
				elsewhere, elsewhereIn = s, scope
			}
		}
	}
	a := about{"sink", short(topic)}
	switch {
	case found > 0 || unread > 0:
	case elsewhere != nil:
		out = append(out, a.fail([]string{fmt.Sprintf("gcloud logging sinks update %s pubsub.googleapis.com/%s %s", elsewhere.GetName(), topic, flagOf(elsewhereIn))},
			"no sink writes to topic %s: %s writes to %s", short(topic), elsewhere.GetName(), elsewhere.GetDestination()))
	default:
		out = append(out, a.fail([]string{c.setup()}, "no log sink writes to topic %s (looked at those of %s): nothing arrives; where it is one of a folder or an organization, name that with --scope", short(topic), strings.Join(append([]string{"projects/" + c.project}, c.Scopes...), ", ")))
	}
	return out
}

// collection is how gcloud names the kind of a scope.
func collection(scope string) string {
	kind, _, _ := strings.Cut(scope, "/")
	if kind == "folders" {
		return "resource-manager folders"
	}
	return kind
}

// flagOf is the flag by which gcloud takes a scope.
func flagOf(scope string) string {
	kind, id, _ := strings.Cut(scope, "/")
	return "--" + strings.TrimSuffix(kind, "s") + "=" + id
}

func (c *Checkup) checkSink(ctx context.Context, scope, topic string, s *loggingpb.LogSink) []Finding {
	a := about{"sink", s.GetName()}
	update := func(flags string) []string {
		return []string{fmt.Sprintf("gcloud logging sinks update %s %s %s", s.GetName(), flagOf(scope), flags)}
	}
	var out []Finding
	if s.GetDisabled() {
		out = append(out, a.fail(update("--no-disabled"), "the sink is disabled: nothing arrives"))
	}
	if !strings.HasPrefix(scope, "projects/") && !s.GetIncludeChildren() {
		out = append(out, a.fail(update("--include-children"), "the sink of %s does not include what is below: no project's entries arrive", scope))
	}
	if writer := s.GetWriterIdentity(); writer != "" {
		out = append(out, c.mayOn(ctx, a, "topic", topic, "roles/pubsub.publisher", writer, "the sink's writer identity may not publish to topic "+short(topic)+": Logging drops every entry")...)
	}
	return append(out, c.checkFilter(a, s, update)...)
}

// The shares of the rules' examples below which a filter is reported. What
// `setup gcp` compiles keeps 98 of 100 and more.
const (
	enoughKept = 0.95
	halfKept   = 0.5
)

// checkFilter evaluates the deployed filter over what the rules know.
func (c *Checkup) checkFilter(a about, s *loggingpb.LogSink, update func(string) []string) []Finding {
	if c.Judge == nil {
		return nil
	}
	var exclusions []string
	for _, x := range s.GetExclusions() {
		if !x.GetDisabled() {
			exclusions = append(exclusions, x.GetFilter())
		}
	}
	a.check = "filter"
	ours := update(`--log-filter="$(why401 setup gcp --project=` + c.project + ` --format=filter)"`)
	e, err := c.Judge(s.GetFilter(), exclusions)
	if err != nil {
		return []Finding{a.finding(unknown, ours, "the filter of the sink is beyond what can be evaluated here (%s): what it drops is not known", brief(err))}
	}
	out := []Finding{judged(a, e.On, ours)}
	if e.Own {
		out = append(out, a.warn(update(`--add-exclusion=name=why401-self,filter='labels."why401.self"="true" OR jsonPayload."why401.self"="true"'`),
			"what why401 writes itself comes back to it: it is ignored there, but paid for, and under load each entry makes more"))
	}
	switch {
	case e.Accepted == 0 && c.Share > 0:
		out = append(out, a.warn(append(ours, "# or, in the configuration: source.request_share: 0"), "no accepted request is exported: refusals are counted, but their share of all requests cannot be told"))
	case e.Accepted > 0 && (e.Accepted-c.Share > 0.02+c.Share/10 || c.Share-e.Accepted > 0.02+c.Share/10):
		out = append(out, a.warn([]string{fmt.Sprintf("# in the configuration: source.request_share: %.2g", e.Accepted)},
			"about %.0f %% of the accepted requests are exported, the configuration says %.0f %% (source.request_share): rates are wrong by that", 100*e.Accepted, 100*c.Share))
	}
	return out
}

// judged is one finding over all platforms: the best tells whether the filter
// fits the rules, the others which platform it leaves out.
func judged(a about, on []Platform, fix []string) Finding {
	share := func(p Platform) float64 { return float64(p.Kept) / float64(max(p.Of, 1)) }
	best := slices.MaxFunc(on, func(x, y Platform) int { return x.Kept*y.Of - y.Kept*x.Of })
	words := fmt.Sprintf("the filter keeps %d of %d examples of the rules (%.1f %%)", best.Kept, best.Of, 100*share(best))
	var less []string
	for _, p := range on {
		if share(p) < share(best)-0.05 {
			less = append(less, fmt.Sprintf("%s %d", p.Name, p.Kept))
		}
	}
	lost := ""
	if n := len(best.Lost); n > 0 {
		lost = fmt.Sprintf("; nothing comes through of %d rules, such as %s", n, strings.Join(best.Lost[:min(n, 3)], ", "))
	}
	switch {
	case share(best) < halfKept:
		return a.fail(fix, "%s%s", words, lost)
	case share(best) < enoughKept:
		return a.warn(fix, "%s%s", words, lost)
	case len(less) > 0:
		return a.warn(fix, "%s when they come from %s, but fewer from others: %s", words, best.Name, strings.Join(less, ", "))
	}
	return a.ok("%s, wherever they come from", words)
}
