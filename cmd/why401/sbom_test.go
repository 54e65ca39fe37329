package main

import (
	"encoding/json"
	"regexp"
	"runtime/debug"
	"testing"
	"time"
)

func TestSBOM(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: "github.com/why401/why401"}, Deps: []*debug.Module{
		{Path: "example.org/a", Version: "v1.2.3", Sum: "h1:abc="},
		{Path: "example.org/b", Version: "v0.1.0", Replace: &debug.Module{Path: "example.org/fork", Version: "v2.1.1+incompatible"}},
	}}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	doc := sbomOf(info, "v1.0.0", at)
	var purls []string
	ids := map[string]bool{doc.ID: true}
	form := regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`)
	for _, p := range doc.Packages {
		if ids[p.ID] || !form.MatchString(p.ID) {
			t.Errorf("id %q is taken or not one of SPDX", p.ID)
		}
		ids[p.ID] = true
		purls = append(purls, p.Refs[0].Locator)
	}
	want := `["pkg:golang/github.com/why401/why401@v1.0.0","pkg:golang/stdlib@1.26.8","pkg:golang/example.org/a@v1.2.3","pkg:golang/example.org/fork@v2.1.1%2Bincompatible"]`
	if got, _ := json.Marshal(purls); string(got) != want {
		t.Errorf("packages %s; want %s", got, want)
	}
	for _, r := range doc.Relationships {
		if !ids[r.From] || !ids[r.To] {
			t.Errorf("%s %s %s: nothing has that id", r.From, r.Type, r.To)
		}
	}
	if len(doc.Relationships) != len(doc.Packages) || doc.Relationships[0].Type != "DESCRIBES" || doc.Creation.Created != "2026-01-02T02:04:05Z" {
		t.Errorf("relations %v, created %s", doc.Relationships, doc.Creation.Created)
	}
	one, _ := json.Marshal(doc)
	if again, _ := json.Marshal(sbomOf(info, "v1.0.0", at)); string(one) != string(again) {
		t.Error("the same build gives two documents")
	}
	info.Deps[0].Version = "v1.2.4"
	if sbomOf(info, "v1.0.0", at).Namespace == doc.Namespace {
		t.Error("another build has the same namespace")
	}
}
