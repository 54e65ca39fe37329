package analyzer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// notified is a message as Secret Manager publishes it.
func notified(event, version string, at time.Duration) analyzer.Message {
	const secret = "projects/481516234200/secrets/jwt-main"
	a := map[string]string{"eventType": event, "dataFormat": "JSON_API_V1", "secretId": secret, "timestamp": began.Add(at).Format(time.RFC3339Nano)}
	data := `{"name":"` + secret + `","replication":{"automatic":{}},"topics":[{"name":"projects/acme/topics/secrets"}]}`
	if version != "" {
		a["versionId"] = secret + "/versions/" + version
		data = `{"name":"` + secret + "/versions/" + version + `","state":"ENABLED"}`
	}
	return analyzer.Message{ID: event + version, Data: []byte(data), Published: began.Add(at), Where: "subscription", Attributes: a}
}

// Secret Manager's notifications are changes, and one with the audit entry
// that tells the same.
func TestNotifications(t *testing.T) {
	p := pipeline(t, &memory{})
	messages := []analyzer.Message{
		notified("TOPIC_CONFIGURED", "", 0), notified("SECRET_VERSION_ADD", "2", 9*time.Minute), notified("SECRET_VERSION_ADD", "2", 9*time.Minute),
		notified("SECRET_VERSION_DISABLE", "1", 20*time.Minute), notified("SECRET_VERSION_DESTROY_SCHEDULED", "1", 30*time.Minute), notified("SECRET_ROTATE", "", 40*time.Minute), notified("SECRET_DELETE", "", 50*time.Minute),
	}
	broken := notified("SECRET_VERSION_ADD", "3", 60*time.Minute)
	broken.Attributes["secretId"] = "jwt-main"
	if err := p.Handle(t.Context(), append(messages, broken)); err != nil {
		t.Fatal(err)
	}
	w := &world{}
	w.rotate(9*time.Minute + 2*time.Second) // the audit entry of the same version
	r := feed(t, p, 10, w.entries...)
	var got []string
	for _, c := range r.Changes {
		got = append(got, strings.TrimSpace(string(c.Kind)+" "+c.Target+" "+c.Version))
	}
	want := "secret_version_added jwt-main 2, secret_version_disabled jwt-main 1, secret_version_disabled jwt-main 1, secret_version_destroyed jwt-main"
	if strings.Join(got, ", ") != want {
		t.Errorf("changes %s; want %s", strings.Join(got, ", "), want)
	}
	if r.Totals.Malformed != 1 || r.Totals.Duplicates != 1 {
		t.Errorf("%d malformed, %d duplicates; want 1 and 1", r.Totals.Malformed, r.Totals.Duplicates)
	}
	for _, s := range r.Services {
		if s.Name == "secretmanager.googleapis.com" {
			t.Errorf("%s is no service of ours", s.Name)
		}
	}
}
