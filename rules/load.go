package rules

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
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
	doc, err := conf.Parse(file, data)
	if err != nil {
		return nil, err
	}
	if err := doc.Decode(p); err != nil {
		return nil, err
	}
	var problems conf.Problems
	for i := range p.Rules {
		r := &p.Rules[i]
		r.pack = p
		problems = append(problems, r.prepare(doc, file, i)...)
	}
	if p.Pack == "" {
		problems = append(problems, at(doc, file, "", "wanted pack: an id of lower-case letters, found none", "add pack: "+strings.TrimSuffix(file, ".yaml")))
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return p, nil
}

// prepare compiles a rule and reports all that is wrong with it.
func (r *Rule) prepare(doc *conf.Document, file string, i int) (problems conf.Problems) {
	where := fmt.Sprintf("rules[%d]", i)
	add := func(path, msg, hint string) { problems = append(problems, at(doc, file, where+path, msg, hint)) }
	if r.ID == "" {
		add("", "wanted an id, found none", "name what the text means, such as expired")
	}
	if r.Reason != "" && !r.Reason.Known() {
		add(".reason", fmt.Sprintf("unknown reason %q", r.Reason), "did you mean "+nearestReason(r.Reason)+"?")
	}
	said := 0
	for _, is := range []bool{r.Reason != "", r.Success, r.Benign, r.Change != nil} {
		if is {
			said++
		}
	}
	if said != 1 {
		add("", fmt.Sprintf("wanted exactly one of reason, success, benign and change, found %d", said), "say what the text means, once")
	}
	if len(r.Text) == 0 && len(r.Where) == 0 {
		add("", "wanted text or where, found neither", "give the message as the library prints it")
	}
	if r.Change == nil && len(r.Examples) < 2 {
		add("", fmt.Sprintf("wanted at least 2 examples, found %d", len(r.Examples)), "paste lines as they stand in a log")
	}
	if r.Change == nil && len(r.NearMisses) < 1 {
		add("", "wanted at least 1 near miss, found none", "give the same words in another meaning")
	}
	for k, t := range r.Text {
		tm, err := compile(t)
		if err != nil {
			add(fmt.Sprintf(".text[%d]", k), err.Error(), "use a longer fixed part of the message")
			continue
		}
		r.templates = append(r.templates, tm)
	}
	for _, path := range slices.Sorted(maps.Keys(r.Where)) {
		tm, err := compile(r.Where[path])
		if err != nil {
			add(".where", fmt.Sprintf("%s: %v", path, err), "")
			continue
		}
		r.where = append(r.where, condition{path, tm})
	}
	return problems
}

// at makes a problem with its place in the file.
func at(doc *conf.Document, file, path, msg, hint string) conf.Problem {
	line, col := doc.At(path)
	return conf.Problem{File: file, Line: line, Col: col, Path: path, Msg: msg, Hint: hint}
}

func nearestReason(r analyzer.Reason) string {
	names := make([]string, 0, len(analyzer.Reasons()))
	for _, k := range analyzer.Reasons() {
		names = append(names, string(k))
	}
	if n := conf.Nearest(string(r), names); n != "" {
		return n
	}
	return "one of the catalogue, such as bad_signature"
}

// TextEntry makes an entry of a bare message, as `classify --text` takes it.
func TextEntry(line string) *analyzer.Entry {
	return &analyzer.Entry{Message: analyzer.Redact(line)}
}
