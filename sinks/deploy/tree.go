package deploy

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed terraform kubernetes cloudrun systemd
var trees embed.FS

// Trees lists the words that Tree takes.
func Trees() []string {
	entries, _ := fs.ReadDir(trees, ".") // embedded: it is there
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// Tree returns the files of one of Trees by their paths below it, with v where
// the samples stand.
func Tree(name string, v Values) (map[string][]byte, error) {
	if !slices.Contains(Trees(), name) {
		return nil, fmt.Errorf("print manifests: wanted one of %s, found %q", strings.Join(Trees(), ", "), name)
	}
	if err := v.check(); err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	err := fs.WalkDir(trees, name, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := trees.ReadFile(path)
		out[strings.TrimPrefix(path, name+"/")] = v.in(data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("print manifests: %w", err)
	}
	return out, nil
}
