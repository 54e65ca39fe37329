package deploy

import (
	"bytes"
	"fmt"
	"path"

	"github.com/goccy/go-yaml"
)

// kustomization is the file of that name, as far as Objects needs it.
type kustomization struct {
	Resources  []string `yaml:"resources"`
	ConfigMaps []struct {
		Name  string   `yaml:"name"`
		Files []string `yaml:"files"`
	} `yaml:"configMapGenerator"`
}

// Objects returns the objects of kubernetes/base as one stream of YAML
// documents, for kubectl apply -n NAMESPACE -f - without kustomize: the
// namespace of the objects and their common labels are left to it.
func Objects(v Values) ([]byte, error) {
	files, err := Tree("kubernetes", v)
	if err != nil {
		return nil, err
	}
	var k kustomization
	if err := yaml.Unmarshal(files["base/kustomization.yaml"], &k); err != nil {
		return nil, fmt.Errorf("read kustomization: %w", err)
	}
	var documents [][]byte
	for _, name := range k.Resources {
		documents = append(documents, files["base/"+name])
	}
	for _, m := range k.ConfigMaps {
		var b bytes.Buffer
		fmt.Fprintf(&b, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n", m.Name)
		for _, name := range m.Files {
			fmt.Fprintf(&b, "  %s: |\n", path.Base(name))
			for line := range bytes.Lines(files["base/"+name]) {
				b.WriteString("    ")
				b.Write(line)
			}
		}
		documents = append(documents, b.Bytes())
	}
	return bytes.Join(documents, []byte("---\n")), nil
}
