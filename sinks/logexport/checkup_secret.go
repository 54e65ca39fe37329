package logexport

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/why401/why401/analyzer"
)

const secretAPI = "secretmanager.googleapis.com"

// secretClient makes a client for a location once. Regional secrets have
// endpoints of their own.
func (c *Checkup) secretClient(ctx context.Context, location string) (*secretmanager.Client, error) {
	if location == "" {
		return c.account.secrets, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.regional[location]; x != nil {
		return x, nil
	}
	x, err := secretmanager.NewClient(context.WithoutCancel(ctx), append([]option.ClientOption{option.WithEndpoint("secretmanager." + location + ".rep.googleapis.com:443")}, c.reach...)...)
	if err == nil {
		c.regional[location] = x
	}
	return x, err
}

// locationOf is L of projects/P/locations/L/secrets/S.
func locationOf(secret string) string {
	if parts := strings.Split(secret, "/"); len(parts) > 3 && parts[2] == "locations" {
		return parts[3]
	}
	return ""
}

// checkSecret sees that a secret is there, has a version to be used, that
// why401 may read what it needs, and that the topic is told of its versions.
func (c *Checkup) checkSecret(ctx context.Context, s Secret) []Finding {
	a := about{"secret", short(s.Name)}
	project := projectOf(s.Name)
	where := "--project=" + project
	if l := locationOf(s.Name); l != "" {
		where += " --location=" + l
	}
	grant := func(role string) string {
		return fmt.Sprintf("gcloud secrets add-iam-policy-binding %s %s --member=%q --role=%s", a.target, where, c.Account, role)
	}
	l := look{a, "the secret", secretAPI, project, grant("roles/secretmanager.viewer")}
	client, err := c.secretClient(ctx, locationOf(s.Name))
	if err != nil {
		return []Finding{l.refused(err)}
	}
	secret, err := client.GetSecret(ctx, &secretmanagerpb.GetSecretRequest{Name: s.Name})
	switch code := status.Code(err); {
	case code == codes.NotFound:
		return []Finding{a.fail([]string{fmt.Sprintf("openssl rand -base64 48 | tr -d '\\n' | gcloud secrets create %s %s --data-file=-", a.target, where)}, "project %s has no secret %s: create it, or name the right one in the key domain", project, a.target)}
	case code == codes.PermissionDenied:
		f := l.refused(err)
		if f.Status == unknown { // the account itself is refused: that is known
			f.Status, f.Detail = analyzer.StatusFail, fmt.Sprintf("%s may not look at the secret (or it is not there): versions and their states stay unseen", email(c.Account))
		}
		return []Finding{f}
	case err != nil:
		return []Finding{l.refused(err)}
	}
	out := []Finding{c.checkVersion(ctx, client, s, a, where)}
	if s.Values {
		out = append(out, c.checkAccess(ctx, client, s, a, grant("roles/secretmanager.secretAccessor")))
	}
	return append(out, c.checkNotifications(ctx, a, where, secret)...)
}

// checkVersion looks at the version that services get.
func (c *Checkup) checkVersion(ctx context.Context, client *secretmanager.Client, s Secret, a about, where string) Finding {
	add := fmt.Sprintf("openssl rand -base64 48 | tr -d '\\n' | gcloud secrets versions add %s %s --data-file=-", a.target, where)
	var v *secretmanagerpb.SecretVersion
	var err error
	if s.Version != "" {
		v, err = client.GetSecretVersion(ctx, &secretmanagerpb.GetSecretVersionRequest{Name: s.Name + "/versions/" + s.Version})
	} else {
		for v, err = range client.ListSecretVersions(ctx, &secretmanagerpb.ListSecretVersionsRequest{Parent: s.Name, PageSize: 1}).All() {
			break // the newest comes first
		}
	}
	switch {
	case status.Code(err) == codes.NotFound:
		return a.fail([]string{fmt.Sprintf("gcloud secrets versions list %s %s", a.target, where)}, "the key domain names version %s, and there is none: name one that is there, or leave the version out", s.Version)
	case err != nil:
		return look{a, "the versions of the secret", secretAPI, projectOf(s.Name), fmt.Sprintf("gcloud secrets add-iam-policy-binding %s %s --member=%q --role=roles/secretmanager.viewer", a.target, where, c.Account)}.refused(err)
	case v == nil:
		return a.fail([]string{add}, "the secret has no version: whoever reads it gets NotFound")
	case v.GetState() == secretmanagerpb.SecretVersion_DISABLED:
		return a.fail([]string{fmt.Sprintf("gcloud secrets versions enable %s --secret=%s %s", short(v.GetName()), a.target, where)}, "version %s, which services get, is disabled: they fail at their next start or reload", short(v.GetName()))
	case v.GetState() == secretmanagerpb.SecretVersion_DESTROYED:
		return a.fail([]string{add}, "version %s, which services get, is destroyed: they fail at their next start or reload", short(v.GetName()))
	}
	return a.ok("version %s is enabled", short(v.GetName()))
}

// checkAccess asks whether the account may read values.
func (c *Checkup) checkAccess(ctx context.Context, client *secretmanager.Client, s Secret, a about, grant string) Finding {
	const access = "secretmanager.versions.access"
	got, err := client.TestIamPermissions(ctx, &iampb.TestIamPermissionsRequest{Resource: s.Name, Permissions: []string{access}})
	switch {
	case err != nil:
		return look{a, "what why401 may do with the secret", secretAPI, projectOf(s.Name), grant}.refused(err)
	case !slices.Contains(got.GetPermissions(), access):
		return a.fail([]string{grant, "# or, in the configuration, without fingerprints and canaries: probes.secret_manager.metadata_only: true"},
			"%s may not read the values of the secret: no fingerprint can be compared, no canary signed", email(c.Account))
	}
	return a.ok("%s may read its values", email(c.Account))
}

// checkNotifications sees that Secret Manager tells the export's topic of new
// versions, and may.
func (c *Checkup) checkNotifications(ctx context.Context, a about, where string, secret *secretmanagerpb.Secret) []Finding {
	sub, err := c.subscribed()
	topic := sub.GetTopic()
	if err != nil || topic == deleted {
		return nil // the check of the subscription tells that
	}
	a.check = "secret notifications"
	if !slices.ContainsFunc(secret.GetTopics(), func(t *secretmanagerpb.Topic) bool { return t.GetName() == topic }) {
		return []Finding{a.warn([]string{fmt.Sprintf("gcloud secrets update %s %s --add-topics=%s", a.target, where, topic)},
			"Secret Manager does not tell topic %s of new versions: a rotation is seen only by its audit entry, when that is exported", short(topic))}
	}
	project := projectOf(secret.GetName())
	number := project
	if strings.Trim(project, "0123456789") != "" {
		if number, err = c.own.number(ctx, project); err != nil {
			l := look{a, "the number of project " + project, projectAPI, project, grantOn(project, c.Caller, "roles/browser")}
			return []Finding{l.refused(err)}
		}
	}
	return c.mayOn(ctx, a, "topic", topic, "roles/pubsub.publisher", agentOf(number, "secretmanager"), "Secret Manager's own account may not publish to topic "+short(topic)+": nothing is told of new versions")
}
