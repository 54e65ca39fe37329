package conf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// EnvPrefix starts the name of every environment variable that is read.
const EnvPrefix = "WHY401_"

// EnvName returns the variable that sets the option at path:
// WHY401_SOURCE_GROUP_SIZE for source.group_size.
func EnvName(path string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// Origin tells where the value of one option came from.
type Origin struct {
	Source    string // "default", "file", "env" or "flag"
	Name      string // file name or variable; "" for flags and defaults
	Line, Col int    // in a file, from 1
}

// String returns why401.yaml:4:17, env WHY401_PROJECT, flag or default.
func (o Origin) String() string {
	switch o.Source {
	case "file":
		return fmt.Sprintf("%s:%d:%d", o.Name, o.Line, o.Col)
	case "env":
		return "env " + o.Name
	case "":
		return "default"
	}
	return o.Source
}

// Origins maps the path of every option to where its value came from. Lists
// and maps are one option each.
type Origins map[string]Origin

// Load fills v, a pointer to a struct that holds the defaults, from file
// ("" for none), then from the variables that env returns ("" counts as
// unset), then from flags, a map from path to text. Text is read as the file
// would read it; lists may be written a,b,c, maps k=v,k=v, and both (and lists
// of structs) as YAML in brackets.
//
// The error is [Problems]: those of all three origins, and what the
// Validators say of the whole.
func Load(v any, file string, env func(name string) string, flags map[string]string) (Origins, error) {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() || target.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("load configuration: wanted a pointer to a struct, found %T", v)
	}
	l := loader{target: target.Elem(), origins: Origins{}, blamed: map[string]bool{}}
	for _, o := range options(l.target, "") {
		l.origins[o.path] = Origin{Source: "default"}
	}
	if file != "" {
		if err := l.file(file); err != nil {
			return l.origins, err
		}
	}
	l.env(env)
	l.flags(flags)
	problems := append(l.problems, check(l.target, l.blamed, l.place)...)
	return l.origins, problems.sorted()
}

type loader struct {
	target   reflect.Value
	doc      *Document // nil without a file
	origins  Origins
	problems Problems
	blamed   map[string]bool
}

func (l *loader) file(name string) error {
	data, err := readFile(name)
	if err != nil {
		return Problems{{File: name, Msg: "cannot be read: " + err.Error(), Hint: "give the file with -c FILE"}}
	}
	if l.doc, err = Parse(name, data); err != nil {
		return err
	}
	if l.doc.root == nil {
		return nil
	}
	dec := l.doc.decoder(l.target)
	dec.value(l.doc.root, l.target, "", l.doc.root.at, false)
	l.keep(dec)
	for path := range l.origins {
		if l.doc.holds(path) {
			line, col := l.doc.At(path)
			l.origins[path] = Origin{Source: "file", Name: name, Line: line, Col: col}
		}
	}
	return nil
}

// readFile reads one byte more than Parse accepts, whatever the file's size.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err == nil {
		defer f.Close() // only read
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(f, maxBytes+1)); err == nil {
			return data, nil
		}
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return nil, err
}

// holds reports whether the document says anything about path.
func (d *Document) holds(path string) bool {
	n := d.root
	for _, step := range steps(path) {
		if n, _ = n.child(step); n == nil {
			return false
		}
	}
	return true
}

func (l *loader) keep(d *decoder) {
	l.problems = append(l.problems, d.problems...)
	maps.Copy(l.blamed, d.blamed)
}

func (l *loader) env(env func(string) string) {
	if env == nil {
		return
	}
	for _, o := range options(l.target, "") {
		name := EnvName(o.path)
		if text := env(name); text != "" {
			l.text(o, text, "env "+name)
			l.origins[o.path] = Origin{Source: "env", Name: name}
		}
	}
}

func (l *loader) flags(flags map[string]string) {
	all := options(l.target, "")
	paths := make([]string, len(all))
	for i, o := range all {
		paths[i] = o.path
	}
	for _, path := range slices.Sorted(maps.Keys(flags)) {
		i := slices.Index(paths, path)
		if i < 0 {
			l.problems = append(l.problems, Problem{File: "flag", Path: path, Msg: "unknown key", Hint: didYouMean(path, paths)})
			continue
		}
		l.text(all[i], flags[path], "flag")
		l.origins[path] = Origin{Source: "flag"}
	}
}

// text sets an option from the text of a variable or flag.
func (l *loader) text(o option, text, origin string) {
	d := &decoder{file: origin, blamed: map[string]bool{}}
	n, err := fromText(text, o.value.Type())
	if err != nil {
		d.problem(mark{}, o.path, "not YAML: brackets or quotes do not match", "write a,b,c or k=v,k=v")
	} else {
		d.value(n, o.value, o.path, mark{}, o.secret)
	}
	for i := range d.problems {
		d.problems[i].Line, d.problems[i].Col = 0, 0
	}
	l.keep(d)
}

// fromText turns the text of a variable or flag into a node for type t.
func fromText(text string, t reflect.Type) (*node, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	composite := t.Kind() == reflect.Slice || t.Kind() == reflect.Map
	if composite && !reflect.PointerTo(t).Implements(unmarshalerType) {
		if strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{") {
			doc, err := Parse("", []byte(text))
			if err != nil {
				return nil, err
			}
			if len(doc.problems) > 0 {
				return nil, doc.problems
			}
			return doc.root, nil
		}
		return split(text, t.Kind() == reflect.Map), nil
	}
	return &node{kind: textKind, text: text, loose: true}, nil
}

// split reads a,b,c or, for a map, k=v,k=v.
func split(text string, pairs bool) *node {
	out := &node{kind: listKind}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		key, value, ok := strings.Cut(part, "=")
		switch {
		case part == "":
		case !pairs:
			out.items = append(out.items, &node{kind: textKind, text: part, loose: true})
		case !ok:
			return &node{kind: textKind, text: text, loose: true}
		default:
			out.kind = mapKind
			out.pairs = append(out.pairs, pair{key: strings.TrimSpace(key), value: &node{kind: textKind, text: strings.TrimSpace(value), loose: true}})
		}
	}
	return out
}

// place tells where the value at path came from, for a Validator's problem.
func (l *loader) place(path string) Problem {
	for at := path; at != ""; at = at[:max(strings.LastIndexAny(at, ".["), 0)] {
		switch o := l.origins[at]; o.Source {
		case "env":
			return Problem{File: o.String()}
		case "flag":
			return Problem{File: "flag"}
		}
	}
	if l.doc == nil {
		return Problem{}
	}
	line, col := l.doc.At(path)
	return Problem{File: l.doc.file, Line: line, Col: col}
}

// kubernetesEnv matches what Kubernetes sets for a Service named why401.
var kubernetesEnv = regexp.MustCompile(`^WHY401_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_.*)?)?)$`)

// UnknownEnv returns a problem for every variable of environ ("NAME=value")
// that starts with [EnvPrefix] but sets no option of v, a pointer to a struct.
// The names in other are known otherwise. A variable that nobody reads is how
// configuration gets lost in silence.
func UnknownEnv(v any, environ []string, other ...string) Problems {
	known := slices.Clone(other)
	for _, o := range options(reflect.ValueOf(v).Elem(), "") {
		known = append(known, EnvName(o.path))
	}
	var out Problems
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, EnvPrefix) || kubernetesEnv.MatchString(name) || slices.Contains(known, name) {
			continue
		}
		out = append(out, Problem{File: "env " + name, Msg: "sets no option", Hint: didYouMean(name, known)})
	}
	return out
}
