package analyzer

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/why401/why401/analyzer/redact"
)

// Secret Manager publishes what happens to a secret to the Pub/Sub topics that
// the secret names, each event as a message whose attributes say what it was
// and whose data is the secret or the version as the API shows it
// (cloud.google.com/secret-manager/docs/event-notifications). Such a topic may
// feed the subscription beside the log sink, or instead of the audit log.

// secretEvents are the events that change which versions can be read.
var secretEvents = map[string]ChangeKind{
	"SECRET_VERSION_ADD": SecretVersionAdded, "SECRET_VERSION_ENABLE": SecretVersionEnabled,
	"SECRET_VERSION_DISABLE": SecretVersionDisabled, "SECRET_VERSION_DESTROY": SecretVersionDestroyed,
	// A delayed destruction disables the version until then.
	"SECRET_VERSION_DESTROY_SCHEDULED": SecretVersionDisabled,
	"SECRET_DELETE":                    SecretVersionDestroyed, "SECRET_UPDATE": ConfigEdited, "SECRET_CREATE": ConfigEdited,
}

// storeName is the service that stands for Secret Manager.
const storeName = "secretmanager.googleapis.com"

// isNotification reports whether a message is one of Secret Manager's own.
func isNotification(m *Message) bool {
	return m.Attributes["secretId"] != "" && strings.HasPrefix(m.Attributes["eventType"], "SECRET_") || m.Attributes["eventType"] == "TOPIC_CONFIGURED"
}

// notification turns a message of Secret Manager into its effect. What tells
// of no change (a topic that was set up, a reminder to rotate) is an entry
// without an effect.
func (p *Pipeline) notification(m *Message) effect {
	a := m.Attributes
	at, err := time.Parse(time.RFC3339Nano, a["timestamp"])
	if err != nil {
		if at = m.Published; at.IsZero() {
			return effect{poison: poisoned(m, fmt.Errorf("secret manager notification: wanted a timestamp in RFC 3339, found %.40q", a["timestamp"]))}
		}
	}
	project, secret := resourceParts(a["secretId"])
	e := effect{at: at.UnixNano(), key: Key(xxh3.HashString128("notification\x00" + a["eventType"] + "\x00" + a["secretId"] + "\x00" + a["versionId"] + "\x00" + a["timestamp"]).Bytes())}
	e.origin = &Origin{Service: Service{Name: storeName, Environment: p.env[project]}, Project: cleanName([]byte(project)), ResourceType: "secretmanager.googleapis.com/Secret"}
	kind, tells := secretEvents[a["eventType"]]
	if !tells {
		return e
	}
	if secret == "" {
		return effect{poison: poisoned(m, fmt.Errorf("secret manager notification: wanted secretId as projects/P/secrets/S, found %.80q", redact.Text(a["secretId"])))}
	}
	version := ""
	if strings.HasPrefix(a["eventType"], "SECRET_VERSION_") {
		version = cleanName([]byte(path.Base(a["versionId"])))
	}
	c := &Change{Kind: kind, Target: cleanName([]byte(secret)), Version: version, Service: e.origin.Service, Project: e.origin.Project, At: at.UTC(),
		Evidence: Excerpt(redact.Text("notification "+a["eventType"]+" of "+a["secretId"]), 200)}
	c.Details = map[string]string{toldDetail: "notification"} // the audit entry knows more
	if alias := aliases(m.Data); alias != "" && kind == ConfigEdited {
		c.Details["aliases"] = alias
	}
	e.class = &Classification{Rule: "gcp-changes/notification", Library: "google-cloud", Change: c}
	e.entry = &Entry{Key: e.key, Time: at.UTC(), Origin: e.origin}
	return e
}

// resourceParts reads projects/P/secrets/S and its regional form.
func resourceParts(name string) (project, secret string) {
	rest, ok := strings.CutPrefix(name, "projects/")
	if !ok {
		return "", ""
	}
	project, rest, _ = strings.Cut(rest, "/")
	if at := strings.Index(rest, "secrets/"); at >= 0 {
		secret, _, _ = strings.Cut(rest[at+len("secrets/"):], "/")
	}
	return project, secret
}

// aliases lists the version aliases of a secret's resource, as NAME=VERSION.
func aliases(data []byte) string {
	var r struct {
		VersionAliases map[string]json.Number `json:"versionAliases"`
	}
	if len(data) > 64<<10 || json.Unmarshal(data, &r) != nil {
		return "" // the attributes say enough
	}
	var out []string
	for name, v := range r.VersionAliases {
		out = append(out, redact.Text(name)+"="+v.String())
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
