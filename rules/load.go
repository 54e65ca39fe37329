package rules

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/why401/why401/analyzer"
)

//go:embed packs/*.yaml
var embedded embed.FS

// Embedded loads the packs that why401 ships.
func Embedded() (*Set, error) {
	sub, err := fs.Sub(embedded, "packs")
	if err != nil {
		return nil, fmt.Errorf("open embedded packs: %w", err)
	}
	return Load(sub)
}

// EmbeddedWith loads the packs that why401 ships and, over them, those of dir.
func EmbeddedWith(dir fs.FS) (*Set, error) {
	sub, err := fs.Sub(embedded, "packs")
	if err != nil {
		return nil, fmt.Errorf("open embedded packs: %w", err)
	}
	return Load(sub, dir)
}

// Load reads every *.yaml file of the given folders, in order of name, checks
// all rules against their own examples and compiles them. A rule of a later
// folder replaces the one of the same full name. All problems are reported at
// once.
func Load(dirs ...fs.FS) (*Set, error) {
	var packs []*Pack
	var problems []error
	for _, dir := range dirs {
		names, err := fs.Glob(dir, "*.yaml")
		if err != nil {
			return nil, fmt.Errorf("list packs: %w", err)
		}
		slices.Sort(names)
		for _, name := range names {
			data, err := fs.ReadFile(dir, name)
			if err != nil {
				problems = append(problems, err)
				continue
			}
			p, err := parsePack(path.Base(name), data)
			if err != nil {
				problems = append(problems, err)
				continue
			}
			packs = append(packs, p)
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return compileSet(packs), nil
}

func parsePack(file string, data []byte) (*Pack, error) {
	p := &Pack{}
	if err := yaml.UnmarshalWithOptions(data, p, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		r.pack = p
		if r.Reason != "" && !r.Reason.Known() {
			return nil, fmt.Errorf("%s: rule %s: unknown reason %q", file, r.ID, r.Reason)
		}
		for _, t := range r.Text {
			tm, err := compile(t)
			if err != nil {
				return nil, fmt.Errorf("%s: rule %s: %w", file, r.ID, err)
			}
			r.templates = append(r.templates, tm)
		}
		for path, form := range r.Where {
			tm, err := compile(form)
			if err != nil {
				return nil, fmt.Errorf("%s: rule %s: where %s: %w", file, r.ID, path, err)
			}
			r.where = append(r.where, condition{path, tm})
		}
		slices.SortFunc(r.where, func(a, b condition) int { return strings.Compare(a.path, b.path) })
	}
	return p, nil
}

// TextEntry makes an entry of a bare message, as `classify --text` takes it.
func TextEntry(line string) *analyzer.Entry {
	return &analyzer.Entry{Message: analyzer.Redact(line)}
}
