package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/why401/why401/sinks/deploy"
)

// The variables of the manifests for Cloud Run fit the configuration that
// their comments ask for.
func TestCloudRunVariables(t *testing.T) {
	for name, config := range map[string]string{
		"service.yaml":     "source: {pubsub: {project: acme-prod, subscription: why401}}\n",
		"worker-pool.yaml": "source: {pubsub: {project: acme-prod, subscription: why401}}\n",
		"push.yaml":        "environments: {acme-prod: production}\n",
	} {
		t.Run(name, func(t *testing.T) {
			files, err := deploy.Tree("cloudrun", deploy.Values{})
			if err != nil {
				t.Fatal(err)
			}
			var m struct {
				Spec struct {
					Template struct {
						Spec struct {
							Containers []struct {
								Env []struct{ Name, Value string } `yaml:"env"`
							} `yaml:"containers"`
						} `yaml:"spec"`
					} `yaml:"template"`
				} `yaml:"spec"`
			}
			if err := yaml.Unmarshal(files[name], &m); err != nil {
				t.Fatal(err)
			}
			variables := m.Spec.Template.Spec.Containers[0].Env
			for _, v := range variables {
				t.Setenv(v.Name, v.Value)
			}
			path := filepath.Join(t.TempDir(), "why401.yaml")
			if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			if code := run(t.Context(), []string{"check", "config", "-c", path}, nil, &out, &errs); code != exitOK || len(variables) == 0 {
				t.Errorf("exit %d with %v: %s", code, variables, &errs)
			}
			env := &environment{stderr: &errs, getenv: os.Getenv}
			cfg, _, err := env.load(path, nil)
			if err != nil || cfg.Store.Kind != "memory" || cfg.Source.Push.Enabled() != (name == "push.yaml") {
				t.Errorf("store %q, push %v (%v)", cfg.Store.Kind, cfg.Source.Push.Enabled(), err)
			}
		})
	}
}
