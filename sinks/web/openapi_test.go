package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/why401/why401/analyzer"
)

// The document names every endpoint for programs, and no other.
func TestOpenAPIPaths(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]any
	}
	if err := yaml.Unmarshal(openAPIDocument, &doc); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for path, methods := range doc.Paths {
		for method := range methods {
			told[strings.ToUpper(method)+" "+path] = true
		}
	}
	served := New(Config{Metrics: http.NotFoundHandler()}).routes()
	served["POST /push"] = http.NotFound // of the source, where it is one that is sent to
	for pattern := range served {
		_, path, _ := strings.Cut(pattern, " ")
		forPeople := path == "/{$}" || path == "/incidents/{id}" || strings.HasPrefix(path, "/static/")
		if forPeople == told[pattern] {
			t.Errorf("%s: in the document: %v; want %v", pattern, told[pattern], !forPeople)
		}
	}
	for pattern := range told {
		if served[pattern] == nil {
			t.Errorf("%s stands in the document and is not served", pattern)
		}
	}
}

// schemas describes types in the terms of JSON Schema.
type schemas struct {
	out   map[string]string
	names []string
}

var enums = map[reflect.Type][]string{
	reflect.TypeFor[analyzer.Verdict]():          {"confirmed", "probable", "ambiguous"},
	reflect.TypeFor[analyzer.Level]():            {"info", "warning", "error", "critical"},
	reflect.TypeFor[analyzer.Status]():           {"ok", "warn", "fail", "unknown"},
	reflect.TypeFor[analyzer.Health]():           {"healthy", "degraded", "unhealthy"},
	reflect.TypeFor[analyzer.InterventionKind](): {"acknowledgement", "annotation", "change", "rotate"},
}

func (s *schemas) of(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "{type: string, format: date-time}"
	case enums[t] != nil:
		return "{type: string, enum: [" + strings.Join(enums[t], ", ") + "]}"
	}
	switch t.Kind() {
	case reflect.Pointer:
		if t.Elem() == reflect.TypeFor[time.Time]() {
			return `{type: [string, "null"], format: date-time}`
		}
		return s.of(t.Elem())
	case reflect.String:
		return "{type: string}"
	case reflect.Bool:
		return "{type: boolean}"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "{type: integer}"
	case reflect.Float64:
		return "{type: number}"
	case reflect.Interface:
		return "{}"
	case reflect.Slice:
		return "{type: array, items: " + s.of(t.Elem()) + "}"
	case reflect.Map:
		return "{type: object, additionalProperties: " + s.of(t.Elem()) + "}"
	case reflect.Struct:
		s.object(t)
		return fmt.Sprintf(`{$ref: "#/components/schemas/%s"}`, t.Name())
	}
	panic("no schema for " + t.String())
}

func (s *schemas) object(t reflect.Type) {
	if _, done := s.out[t.Name()]; done {
		return
	}
	s.out[t.Name()] = ""
	s.names = append(s.names, t.Name())
	var b strings.Builder
	var required []string
	s.fields(t, &b, &required)
	text := fmt.Sprintf("    %s:\n      type: object\n", t.Name())
	if len(required) > 0 {
		text += "      required: [" + strings.Join(required, ", ") + "]\n"
	}
	s.out[t.Name()] = text + "      properties:\n" + b.String()
}

func (s *schemas) fields(t reflect.Type, b *strings.Builder, required *[]string) {
	if t == reflect.TypeFor[analyzer.ProbeResult]() {
		s.written(analyzer.ProbeResult{}, b, required)
		return
	}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.fields(f.Type, b, required)
			continue
		case name == "-", !f.IsExported():
			continue
		}
		if !strings.Contains(options, "omit") {
			*required = append(*required, name)
		}
		fmt.Fprintf(b, "        %s: %s\n", name, s.of(f.Type))
	}
}

// written describes a type that writes itself, from what it writes.
func (s *schemas) written(r analyzer.ProbeResult, b *strings.Builder, required *[]string) {
	read := func(r analyzer.ProbeResult) map[string]any {
		var m map[string]any
		data, err := json.Marshal(r)
		if err == nil {
			err = json.Unmarshal(data, &m)
		}
		if err != nil {
			panic(err)
		}
		return m
	}
	always := read(r)
	full := read(analyzer.ProbeResult{Probe: "p", Target: "t", Domain: "d", Service: analyzer.Service{Name: "s", Environment: "e"}, Status: "ok", Cause: "c",
		Refutes: []analyzer.Cause{"c"}, Facts: map[string]string{"k": "v"}, Detail: "d", At: time.Now(), Took: time.Second})
	kinds := map[string]string{"status": s.of(reflect.TypeFor[analyzer.Status]()), "at": s.of(reflect.TypeFor[time.Time]())}
	var names []string
	for name := range full {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if _, ok := always[name]; ok {
			*required = append(*required, name)
		}
		kind := kinds[name]
		if kind == "" {
			kind = s.of(map[string]reflect.Type{"string": reflect.TypeFor[string](), "float64": reflect.TypeFor[float64](),
				"[]interface {}": reflect.TypeFor[[]string](), "map[string]interface {}": reflect.TypeFor[map[string]string]()}[fmt.Sprintf("%T", full[name])])
		}
		fmt.Fprintf(b, "        %s: %s\n", name, kind)
	}
}

// The schemas say what the types are.
func TestOpenAPISchemas(t *testing.T) {
	s := &schemas{out: map[string]string{}}
	for _, v := range []any{analyzer.Report{}, IncidentDetail{}, analyzer.Record{}, analyzer.ProbeResult{}, analyzer.Series{}, analyzer.Finding{}, Event{}, Deed{}, Problem{}, Health{}, analyzer.JWTHealth{}} {
		s.of(reflect.TypeOf(v))
	}
	slices.Sort(s.names)
	head, have, ok := strings.Cut(string(openAPIDocument), "\n  schemas:\n")
	if !ok {
		t.Fatal("the document has no schemas")
	}
	want := ""
	for _, name := range s.names {
		want += s.out[name]
	}
	if have == want {
		return
	}
	if os.Getenv("UPDATE") == "1" {
		if err := os.WriteFile("openapi.yaml", []byte(head+"\n  schemas:\n"+want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("the schemas of openapi.yaml differ from the types; run UPDATE=1 go test ./sinks/web -run TestOpenAPISchemas\nwant:\n%s", want)
}

// Every reference in the document leads somewhere.
func TestOpenAPIReferences(t *testing.T) {
	rw := httptest.NewRecorder()
	New(Config{}).ServeHTTP(rw, httptest.NewRequest("GET", "/api/v1/openapi.yaml", nil))
	var doc map[string]any
	if err := yaml.Unmarshal(rw.Body.Bytes(), &doc); err != nil || rw.Code != 200 {
		t.Fatalf("%d: %v", rw.Code, err)
	}
	var walk func(v any)
	seen := 0
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				at := any(doc)
				for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
					m, _ := at.(map[string]any)
					at = m[step]
				}
				if seen++; at == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(doc)
	if seen < 30 {
		t.Errorf("%d references; the document was not read", seen)
	}
}
