package conf

import (
	"encoding"
	"reflect"
	"strings"
	"time"
)

// field is one key that a struct takes. Embedded structs lend their keys to
// the struct around them; fields without a yaml tag are not configuration.
type field struct {
	name   string
	index  []int
	typ    reflect.Type
	secret bool
}

// fields lists the keys of struct type t in the order of their declaration.
func fields(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		switch {
		case sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct:
			for _, f := range fields(sf.Type) {
				f.index = append([]int{i}, f.index...)
				out = append(out, f)
			}
		case sf.IsExported() && name != "" && name != "-":
			out = append(out, field{name: name, index: []int{i}, typ: sf.Type, secret: sf.Tag.Get("secret") == "true"})
		}
	}
	return out
}

func names(fs []field) []string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = f.name
	}
	return out
}

// option is one setting with an own name: a field that is no section.
type option struct {
	path   string
	value  reflect.Value
	secret bool
}

// options lists what a flag or a variable can set in v, a struct: everything
// but the inside of lists, maps and pointers.
func options(v reflect.Value, path string) []option {
	var out []option
	for _, f := range fields(v.Type()) {
		child, at := v.FieldByIndex(f.index), join(path, f.name)
		if isSection(f.typ) {
			out = append(out, options(child, at)...)
			continue
		}
		out = append(out, option{path: at, value: child, secret: f.secret})
	}
	return out
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// isSection reports whether t is a struct whose keys are read, and not one
// that reads itself from text.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(unmarshalerType)
}
