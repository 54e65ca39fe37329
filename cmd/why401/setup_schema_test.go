package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/why401/why401/analyzer/conf"
)

// comments reads the comments of struct fields in the packages of the
// configuration, by "package path.Type.Field".
func comments(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, dir := range []string{"cmd/why401", "analyzer", "analyzer/probe", "analyzer/source", "analyzer/store", "sinks"} {
		pkg := module + dir
		if dir == "cmd/why401" {
			pkg = "main"
		}
		files, err := filepath.Glob("../../" + dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no source in %s (%v)", dir, err)
		}
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				if s, ok := spec.Type.(*ast.StructType); ok {
					for _, f := range s.Fields.List {
						text := strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " ")
						for _, id := range f.Names {
							out[pkg+"."+spec.Name.Name+"."+id.Name] = text
						}
					}
				}
				return true
			})
		}
	}
	return out
}

// The schema that the binary carries is that of the structs, with their
// comments as descriptions. UPDATE=1 writes it anew.
func TestSchemaIsOfTheStructs(t *testing.T) {
	text := comments(t)
	described, all := 0, 0
	cfg := defaultConfig()
	s := conf.Schema(&cfg, func(owner reflect.Type, field string) string {
		all++
		pkg := owner.PkgPath()
		if strings.HasSuffix(pkg, "cmd/why401") {
			pkg = "main"
		}
		d := text[pkg+"."+owner.Name()+"."+field]
		if d != "" {
			described++
		}
		return d
	})
	s["$id"], s["title"] = schemaURL, "Configuration of why401"
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	mustDo(t, e.Encode(s))
	if os.Getenv("UPDATE") != "" {
		mustDo(t, os.WriteFile("config.schema.json", b.Bytes(), 0o644))
	}
	held, err := os.ReadFile("config.schema.json")
	mustDo(t, err)
	if !bytes.Equal(held, b.Bytes()) {
		t.Error("config.schema.json is not that of the structs: UPDATE=1 go test ./cmd/why401 -run TestSchemaIsOfTheStructs")
	}
	if all < 60 || described*10 < all*7 {
		t.Errorf("%d of %d keys have a description; want 60 keys, and seven in ten described", described, all)
	}
	t.Logf("%d keys, %d described", all, described)
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(configSchema))
	mustDo(t, err)
	c := jsonschema.NewCompiler()
	mustDo(t, c.AddResource(schemaURL, doc))
	s, err := c.Compile(schemaURL)
	mustDo(t, err)
	return s
}

// fits holds YAML against the schema.
func fits(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

// Every sample configuration fits the schema: those of the tests, of the
// scripts, of the README and the ones that are printed.
func TestSamplesFitTheSchema(t *testing.T) {
	s := compiledSchema(t)
	good := map[string][]byte{"the platform of the tests": []byte(startPlatform(t, "auth", "orders").config())}
	files, err := filepath.Glob("testdata/config/good-*.yaml")
	mustDo(t, err)
	for _, f := range files {
		good[f], err = os.ReadFile(f)
		mustDo(t, err)
	}
	for _, name := range []string{"README.md", "rules/examples/README.md"} {
		page, err := os.ReadFile("../../" + name)
		mustDo(t, err)
		for part := range strings.SplitSeq(string(page), "```yaml\n") {
			if text, _, ok := strings.Cut(part, "```"); ok && (strings.HasPrefix(text, "source:") || strings.HasPrefix(text, "key_domains:")) {
				good[name] = []byte(text)
			}
		}
	}
	if len(good) < 4 {
		t.Errorf("%d samples; want four at least", len(good))
	}
	for name, text := range good {
		if err := fits(t, s, text); err != nil {
			t.Errorf("%s does not fit: %v", name, err)
		}
	}
}

// The schema refuses what is wrong in a way that a schema can say.
func TestSchemaRefuses(t *testing.T) {
	s := compiledSchema(t)
	for _, name := range []string{"unknown-key", "unknown-section", "unknown-nested-key", "key-domain-key", "not-a-mapping", "environments-list", "environments-nested", "level", "level-list", "tick-word", "tick-number", "tick-negative", "path-number", "min-count-word", "min-count-fraction", "section-not-a-mapping", "retention-word", "exactly-once"} {
		text, err := os.ReadFile("testdata/config/bad-" + name + ".yaml")
		mustDo(t, err)
		if err := fits(t, s, text); err == nil {
			t.Errorf("%s fits:\n%s", name, text)
		}
	}
}
