package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the README shows must work: its configuration is taken, its rule holds
// its examples, its files are there, and its commands exist.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	env := &environment{stdout: &strings.Builder{}, stderr: &strings.Builder{}, getenv: func(string) string { return "" }}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(blocks) < 2 {
		t.Fatalf("%d blocks of YAML; want the configuration and a rule", len(blocks))
	}
	for _, b := range blocks {
		file := filepath.Join(t.TempDir(), "readme.yaml")
		body := b[1]
		if strings.HasPrefix(body, "  - id:") {
			body = "pack: mine\nlanguage: go\nrules:\n" + body
		}
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(body, "pack:") {
			err = env.testRules([]string{file})
		} else {
			_, _, err = env.load(file, nil)
		}
		if err != nil {
			t.Errorf("%v in\n%s", err, body)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../..", link[1])); err != nil {
			t.Errorf("link to %s: %v", link[1], err)
		}
	}
	known := map[string]bool{"help": true}
	for _, c := range newRoot(env).Commands() {
		known[c.Name()] = true
	}
	for _, use := range regexp.MustCompile("(?m)(?:^|`|[(|;] ?)why401 ([a-z]+)").FindAllStringSubmatch(text, -1) {
		if !known[use[1]] {
			t.Errorf("the README speaks of why401 %s, which is no command", use[1])
		}
	}
}
