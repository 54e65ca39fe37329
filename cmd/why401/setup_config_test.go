package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/why401/why401/sinks/deploy"
)

// Answers on a terminal are what the flags would say; an empty one takes what
// stands in brackets, and the end of the input writes nothing.
func TestQuestions(t *testing.T) {
	var o configOptions
	var asked strings.Builder
	mustDo(t, askConfig(strings.NewReader("acme-staging\n\n\nauth, orders,\n\n"), &asked, &o))
	if o.project != "acme-staging" || o.subscription != "why401" || o.environment != "staging" || strings.Join(o.services, " ") != "auth orders" || o.secret != "jwt-main" {
		t.Errorf("%+v after:\n%s", o, &asked)
	}
	if err := askConfig(strings.NewReader("acme\n"), &asked, &o); err == nil || codeOf(err) != exitInterrupted {
		t.Errorf("an input that ends: %v", err)
	}
}

// Whatever names and texts stand in logs and manifests, what is written can be
// used and fits the schema.
func FuzzSetupConfig(f *testing.F) {
	f.Add("orders", "staging", "jwt-main", "JWT_SECRET", "https://orders.example")
	f.Add("a: b\n- c", "x\"y", "k#v", "${JWT}", "  ")
	f.Add("null", "true", "1e3", "~", "!!x")
	f.Fuzz(func(t *testing.T, name, environment, secret, variable, address string) {
		s := &deploy.Survey{Environments: map[string]string{name: environment}}
		s.Add(deploy.Surveyed{Name: name, Environment: environment, URL: address, Issuer: address, Audiences: []string{variable}, Secrets: []deploy.Mounted{{Variable: variable, Secret: secret, Tokens: true}}})
		s.Add(deploy.Surveyed{Name: variable, Secrets: []deploy.Mounted{{Variable: name, Secret: "jwt-" + name, Cluster: true}}})
		s.Add(deploy.Surveyed{Name: secret})
		var b bytes.Buffer
		mustDo(t, s.Write(&b, schemaURL))
		err := usable(b.Bytes())
		if err != nil && !strings.Contains(err.Error(), "wanted a secret's short name") && !strings.Contains(err.Error(), "wanted the service's name") && !strings.Contains(err.Error(), "wanted a name for the key domain") && !strings.Contains(err.Error(), "control character") {
			t.Errorf("%v:\n%s", err, &b)
		}
	})
}

// What is written fits the schema that it names.
func TestWrittenConfigurationFitsTheSchema(t *testing.T) {
	s := compiledSchema(t)
	known := &deploy.Survey{Project: "acme-prod", PepperFile: "pepper", Environments: map[string]string{"123456": "production"}}
	known.Add(deploy.Surveyed{Name: "orders", Environment: "production", JWKS: "https://id.example/jwks", Audiences: []string{"a, b"}, Secrets: []deploy.Mounted{{Variable: "JWT_SECRET", Secret: "jwt-main"}}})
	for _, survey := range []*deploy.Survey{{}, known} {
		var b bytes.Buffer
		mustDo(t, survey.Write(&b, schemaURL))
		if err := fits(t, s, b.Bytes()); err != nil {
			t.Errorf("%v:\n%s", err, &b)
		}
	}
}
