package lab

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer/conf"
)

//go:embed scenarios/*.yaml platforms/*.yaml
var files embed.FS

// defaultScenario is what a demonstration plays when nobody says what.
const defaultScenario = "rotation-missed"

// Scenarios returns the built-in scenarios, the default one first, the others
// by name. The error, if any, holds every problem of every file.
func Scenarios() ([]Scenario, error) {
	names, err := fs.Glob(files, "scenarios/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list scenarios: %w", err)
	}
	var out []Scenario
	var errs []error
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read scenario: %w", err)
		}
		sc, err := Parse(name, data)
		if err == nil && sc.Name+".yaml" != path.Base(name) {
			err = fmt.Errorf("%s: its name is %s: a scenario is named after its file", name, sc.Name)
		}
		errs = append(errs, err)
		out = append(out, sc)
	}
	slices.SortStableFunc(out, func(a, b Scenario) int {
		return boolRank(b.Name == defaultScenario) - boolRank(a.Name == defaultScenario)
	})
	return out, errors.Join(errs...)
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Find returns the built-in scenario of this name, or reads the file of this
// name when it ends in .yaml or .yml; the empty name is the default one.
func Find(name string) (Scenario, error) {
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		data, err := os.ReadFile(name)
		if err != nil {
			return Scenario{}, fmt.Errorf("read scenario: %w", err)
		}
		return Parse(name, data)
	}
	all, err := Scenarios()
	if err != nil {
		return Scenario{}, err
	}
	var names []string
	for _, sc := range all {
		if name == "" || sc.Name == name {
			return sc, nil
		}
		names = append(names, sc.Name)
	}
	hint := ""
	if near := conf.Nearest(name, names); near != "" {
		hint = fmt.Sprintf(", did you mean %s?", near)
	}
	return Scenario{}, fmt.Errorf("find scenario %q%s the built-in ones are %s; a file of your own ends in .yaml", name, cmpOr(hint, ":"), strings.Join(names, ", "))
}

func cmpOr(a, b string) string {
	if a != "" {
		return a + " "
	}
	return b
}

// Parse reads a scenario file: strictly, with file, line and column of every
// problem. What the file says is laid over the stock platform that it names.
func Parse(file string, data []byte) (Scenario, error) {
	doc, err := conf.Parse(file, data)
	if err != nil {
		return Scenario{}, err
	}
	var own Scenario
	var unread conf.Problems
	if err := doc.Decode(&own); err != nil && !errors.As(err, &unread) {
		return Scenario{}, err
	}
	sc := Scenario{}
	if own.Platform != "" {
		if sc, err = platformFile(own.Platform); err != nil {
			line, col := doc.At("platform")
			return Scenario{}, append(unread, conf.Problem{File: file, Line: line, Col: col, Path: "platform", Msg: err.Error()})
		}
	}
	overlay(reflect.ValueOf(&sc).Elem(), reflect.ValueOf(own))
	for i := range sc.Services {
		sc.Services[i].Env = with(nil, sc.Services[i].Env)
	}
	if problems := append(unread, sc.problems(doc, file, &own, unread)...); len(problems) > 0 {
		return Scenario{}, problems
	}
	return sc, nil
}

// platformFile reads a stock platform.
func platformFile(name string) (Scenario, error) {
	data, err := files.ReadFile("platforms/" + name + ".yaml")
	if err != nil {
		entries, _ := files.ReadDir("platforms") // embedded: it is there
		var names []string
		for _, e := range entries {
			names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
		}
		return Scenario{}, fmt.Errorf("wanted a stock platform (%s), found %s", strings.Join(names, ", "), conf.Quote(name))
	}
	doc, err := conf.Parse("platforms/"+name+".yaml", data)
	if err != nil {
		return Scenario{}, err
	}
	var sc Scenario
	err = doc.Decode(&sc)
	return sc, err
}

// overlay lays top over base: what top leaves out stays. Elements of lists
// that have a name are laid over the one of the same name, or added; other
// lists replace.
func overlay(base, top reflect.Value) {
	switch base.Kind() {
	case reflect.Struct:
		for i := range base.NumField() {
			overlay(base.Field(i), top.Field(i))
		}
	case reflect.Slice:
		if top.Len() == 0 {
			return
		}
		if base.Type().Elem().Kind() != reflect.Struct || !base.Type().Elem().Field(0).IsExported() || !slices.Contains([]string{"Name", "ID"}, base.Type().Elem().Field(0).Name) {
			base.Set(top)
			return
		}
		for i := range top.Len() {
			at := -1
			for j := range base.Len() {
				if base.Index(j).Field(0).String() == top.Index(i).Field(0).String() {
					at = j
				}
			}
			if at < 0 {
				base.Set(reflect.Append(base, top.Index(i)))
				continue
			}
			overlay(base.Index(at), top.Index(i))
		}
	default:
		if !top.IsZero() {
			base.Set(top)
		}
	}
}

// place finds where a problem of the whole scenario was written: lists of
// named things may stand in the stock platform, or elsewhere in the file than
// in the whole.
func (sc *Scenario) place(doc *conf.Document, file string, own *Scenario, fe conf.FieldError) conf.Problem {
	written := fe.Path
	for _, l := range []struct {
		prefix string
		here   func(i int) string
		there  func(name string) int
	}{
		{"services[", func(i int) string { return sc.Services[i].Name }, func(n string) int {
			return slices.IndexFunc(own.Services, func(s ServiceSpec) bool { return s.Name == n })
		}},
	} {
		if !strings.HasPrefix(written, l.prefix) {
			continue
		}
		var i int
		if _, err := fmt.Sscanf(written[len(l.prefix):], "%d]", &i); err != nil {
			continue
		}
		rest := written[strings.Index(written, "]")+1:]
		if j := l.there(l.here(i)); j >= 0 {
			written = fmt.Sprintf("%s%d]%s", l.prefix, j, rest)
		} else {
			written = "platform"
		}
	}
	line, col := doc.At(written)
	return conf.Problem{File: file, Line: line, Col: col, Path: fe.Path, Msg: fe.Msg, Hint: fe.Hint}
}
