package web

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/why401/why401/analyzer"
)

// document31 is the document as JSON, for validators.
func document31(t *testing.T) any {
	t.Helper()
	data, err := yaml.YAMLToJSON(openAPIDocument)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// The document is one of OpenAPI 3.1: the schema of the OpenAPI Initiative
// (testdata/openapi-3.1.json, https://spec.openapis.org/oas/3.1/schema) says
// so, and every operation has a name of its own.
func TestOpenAPIIsValid(t *testing.T) {
	file, err := os.Open("testdata/openapi-3.1.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	meta, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi-3.1.json", meta); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("openapi-3.1.json")
	if err != nil {
		t.Fatal(err)
	}
	doc := document31(t)
	if err := schema.Validate(doc); err != nil {
		t.Error(err)
	}
	names := map[string]bool{}
	for path, item := range doc.(map[string]any)["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			name, _ := operation.(map[string]any)["operationId"].(string)
			if name == "" || names[name] {
				t.Errorf("%s %s: operationId %q; want one of its own", method, path, name)
			}
			names[name] = true
		}
	}
}

// What is answered is what the document says: each answer of JSON is held
// against the schema that its path, status and type have there.
func TestOpenAPIDescribesTheAnswers(t *testing.T) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("openapi.json", document31(t)); err != nil {
		t.Fatal(err)
	}
	started := serve(world(harmless), Config{Authenticated: true, Journal: nobody{}, KeyDomains: []analyzer.KeyDomain{{Name: "jwt-main", Environment: "staging", Services: []analyzer.Member{{Name: "orders"}}}}})
	defer started.EndStreams()
	const plain, problem, health = "application/json", "application/problem+json", "application/health+json"
	for _, x := range []struct {
		web         http.Handler
		path, asked string // of the document, and asked for; empty: the same
		code        int
		media       string
	}{
		{started, "/api/v1/report", "", 200, plain},
		{started, "/api/v1/report", "/api/v1/report?format=pdf", 400, problem},
		{started, "/api/v1/incidents", "", 200, plain},
		{started, "/api/v1/incidents/{id}", "/api/v1/incidents/abc123", 200, plain},
		{started, "/api/v1/incidents/{id}", "/api/v1/incidents/old", 200, plain}, // the journal's alone
		{started, "/api/v1/incidents/{id}", "/api/v1/incidents/none", 404, problem},
		{started, "/api/v1/records", "", 200, plain},
		{started, "/api/v1/changes", "", 200, plain},
		{started, "/api/v1/probes", "", 200, plain},
		{started, "/api/v1/series", "/api/v1/series?range=24h", 200, plain},
		{started, "/api/v1/series", "/api/v1/series?range=2y", 400, problem},
		{started, "/health", "", 503, health},
		{started, "/health/jwt", "", 200, plain},
		{New(Config{}), "/api/v1/report", "", 503, problem},
		{New(Config{}), "/health", "", 200, health},
		{New(Config{}), "/health/jwt", "", 200, plain},
	} {
		asked := cmp.Or(x.asked, x.path)
		got := get(x.web, asked)
		if media, _, _ := strings.Cut(got.Header().Get("Content-Type"), ";"); got.Code != x.code || media != x.media {
			t.Errorf("%s: %d of %s; want %d of %s", asked, got.Code, media, x.code, x.media)
			continue
		}
		at := fmt.Sprintf("#/paths/%s/get/responses/%d", strings.ReplaceAll(x.path, "/", "~1"), x.code)
		if x.media == problem {
			at = "#/components/responses/Problem"
		}
		schema, err := c.Compile("openapi.json" + at + "/content/" + strings.ReplaceAll(x.media, "/", "~1") + "/schema")
		if err != nil {
			t.Errorf("%s: %v", asked, err)
			continue
		}
		answer, err := jsonschema.UnmarshalJSON(got.Body)
		if err != nil {
			t.Errorf("%s: %v", asked, err)
			continue
		}
		if err := schema.Validate(answer); err != nil {
			t.Errorf("%s: %v", asked, err)
		}
		allKnown(t, asked, schema, answer)
	}
}

// allKnown wants every member of an answer to stand in its schema, which lets
// others in only for the sake of later versions.
func allKnown(t *testing.T, where string, s *jsonschema.Schema, v any) {
	t.Helper()
	for s.Ref != nil {
		s = s.Ref
	}
	switch v := v.(type) {
	case map[string]any:
		more, _ := s.AdditionalProperties.(*jsonschema.Schema)
		for name, x := range v {
			inner := cmp.Or(s.Properties[name], more)
			if inner == nil {
				t.Errorf("%s: %s is not in the document", where, name)
				continue
			}
			allKnown(t, where+"."+name, inner, x)
		}
	case []any:
		for _, x := range v {
			allKnown(t, where+"[]", s.Items2020, x)
		}
	}
}
