package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The daemon says at start which rules of ours a user's pack replaces, and
// the folder may come from the configuration file.
func TestServeTellsReplacedRules(t *testing.T) {
	dir := t.TempDir()
	pack := "pack: gcp-changes\nlanguage: go\nrules:\n  - id: instance-started\n    reason: expired_token\n    text: [\"token is expired\"]\n" +
		"    examples: [\"token is expired\", \"E token is expired\"]\n    near_misses: [\"token is fine\"]\n"
	file, config := filepath.Join(dir, "mine.yaml"), filepath.Join(dir, "why401.yaml.conf")
	for name, text := range map[string]string{file: pack, config: "rules:\n  dir: " + file + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stderr bytes.Buffer
	env := &environment{stderr: &stderr, getenv: func(string) string { return "" }}
	cfg, _, err := env.load(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := env.serveRules(cfg.Rules.Dir, env.logger("info")); err != nil {
		t.Fatal(err)
	}
	var line map[string]string
	if err := json.Unmarshal(stderr.Bytes(), &line); err != nil {
		t.Fatalf("wanted one JSON line, found %q: %v", stderr.String(), err)
	}
	if line["rule"] != "gcp-changes/instance-started" || line["by"] != file+":4:9" || !strings.HasPrefix(line["of"], "packs/gcp-changes.yaml:") || line["why401.self"] != "true" {
		t.Errorf("log line %v; want the rule replaced, by and of which place", line)
	}
}
