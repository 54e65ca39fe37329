package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/why401/why401/"

// The house is a star: the domain imports nobody, everybody imports the
// domain, only cmd knows all. Each row says who may import whom of ours.
var mayImport = map[string][]string{
	"analyzer":                  {"analyzer/conf", "analyzer/redact"},
	"analyzer/conf":             {},
	"analyzer/redact":           {}, // what may be kept and shown: whoever shows a text from outside needs it
	"analyzer/source":           {"analyzer", "analyzer/conf"},
	"analyzer/store":            {"analyzer", "analyzer/conf"},
	"analyzer/lab":              {"analyzer", "analyzer/conf", "analyzer/healthjwt"},
	"analyzer/probe":            {"analyzer", "analyzer/conf", "analyzer/healthjwt", "analyzer/redact"},
	"rules":                     {"analyzer", "analyzer/conf", "analyzer/redact"},
	"sinks":                     {"analyzer", "analyzer/conf"},
	"sinks/deploy":              {},                              // what operators apply, as files: it needs nobody
	"sinks/logexport":           {"analyzer", "analyzer/redact"}, // makes and examines the way in, on Google Cloud; only setup and doctor need it
	"sinks/logexport/cloudtest": {},                              // a project in Google Cloud for tests, of ours and of cmd
	"sinks/web":                 {"analyzer"},                    // the page: a sink of its own, with templates and pictures that no other needs
	"cmd/why401":                {"analyzer", "analyzer/conf", "analyzer/redact", "analyzer/source", "analyzer/store", "analyzer/lab", "analyzer/probe", "analyzer/healthjwt", "rules", "sinks", "sinks/deploy", "sinks/logexport", "sinks/web"},
	"analyzer/healthjwt":        {},
}

// noCloud are the packages that must build without any cloud SDK.
var noCloud = []string{"analyzer", "analyzer/conf", "analyzer/redact", "rules"}

func TestImportStar(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \",\"}}", module+"...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		path, imports, _ := strings.Cut(strings.TrimSpace(line), " ")
		name := strings.TrimPrefix(path, module)
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("package %s has no place in the house; add it to mayImport with a reason", name)
		}
		for _, imp := range strings.Split(imports, ",") {
			if ours, ok := strings.CutPrefix(imp, module); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s; it may import %v", name, ours, allowed)
			}
		}
	}
}

func TestNoCloudInTheDomain(t *testing.T) {
	for _, name := range noCloud {
		out, err := exec.Command("go", "list", "-deps", module+name).CombinedOutput()
		if err != nil {
			t.Fatalf("go list: %v\n%s", err, out)
		}
		for dep := range strings.Lines(string(out)) {
			if dep = strings.TrimSpace(dep); strings.HasPrefix(dep, "cloud.google.com/") || strings.HasPrefix(dep, "google.golang.org/") {
				t.Errorf("%s depends on %s: the domain and the rules carry no cloud SDK", name, dep)
			}
		}
	}
}

// The top level is fixed: whoever looks at it must be able to name the whole
// program.
func TestTopLevel(t *testing.T) {
	want := []string{"LICENSE", "Makefile", "README.md", "analyzer", "cmd", "go.mod", "go.sum", "rules", "sinks"}
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if n := e.Name(); !strings.HasPrefix(n, ".") && n != "why401" && !slices.Contains(want, n) {
			t.Errorf("%s lies at the top level; it has %v", n, want)
		}
	}
}
