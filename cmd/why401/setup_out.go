package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// writeFiles writes files by their paths below dir, and tells each that is new
// or changes. What somebody may have edited is overwritten only by force: then
// nothing is written, and every such file is named.
func (env *environment) writeFiles(dir string, files map[string][]byte, force bool) error {
	var errs []error
	changed := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		have, err := os.ReadFile(path)
		switch {
		case err == nil && bytes.Equal(have, files[name]):
		case err == nil && !force:
			errs = append(errs, fmt.Errorf("write %s: it is there and says something else", path))
		case err != nil && !errors.Is(err, os.ErrNotExist):
			errs = append(errs, fmt.Errorf("write %s: %w", path, err))
		default:
			changed[path] = files[name]
		}
	}
	if err := errors.Join(errs...); err != nil {
		return exitHint(exitUsage, err, "another --out DIR, or --force to overwrite")
	}
	for _, path := range slices.Sorted(maps.Keys(changed)) {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return exitWith(exitUsage, fmt.Errorf("write manifests: %w", err))
		}
		if err := os.WriteFile(path, changed[path], 0o666); err != nil {
			return exitWith(exitUsage, fmt.Errorf("write manifests: %w", err))
		}
		fmt.Fprintln(env.stderr, "wrote", path)
	}
	if len(changed) == 0 {
		fmt.Fprintln(env.stderr, "nothing changes in", dir)
	}
	return nil
}
