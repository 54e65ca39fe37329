package conf

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// FieldError is one thing that a [Validator] finds wrong with itself.
type FieldError struct {
	Path string // from the struct on, such as listen or match[0].text; "" for the struct as a whole
	Msg  string // "wanted …, found …"; never with a secret in it
	Hint string // what to try; may be ""
}

// Validator is implemented by structs (by value or by pointer) that check
// more than the type of each field. Validate returns everything it finds, nil
// when all is well. It is called after decoding, also for structs inside
// lists and maps; what it says of a field that could not be decoded is left
// out. A struct that embeds a Validator and has a Validate of its own calls
// the embedded one itself.
type Validator interface {
	Validate() []FieldError
}

// OneOf returns an error when value is none of choices, with the nearest of
// them as hint.
func OneOf(path, value string, choices ...string) []FieldError {
	if slices.Contains(choices, value) {
		return nil
	}
	hint := ""
	if near := Nearest(value, choices); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return []FieldError{{Path: path, Msg: "wanted one of " + strings.Join(choices, ", ") + ", found " + quote(value), Hint: hint}}
}

// Between returns an error when value is not within min and max, both
// included. Durations and sizes are shown as they are written.
func Between[T interface {
	~int | ~int32 | ~int64 | ~uint32 | ~uint64 | ~float64
}](path string, value, min, max T) []FieldError {
	if value >= min && value <= max {
		return nil
	}
	return []FieldError{{Path: path, Msg: fmt.Sprintf("wanted %s to %s, found %s", show(min), show(max), show(value))}}
}

// Quote shows a value in the message of a FieldError: escaped, cut to 60
// characters, JWTs and URL passwords masked.
func Quote(value string) string { return quote(value) }

// check asks every Validator in v and places what they say. at tells where a
// path was written.
func check(v reflect.Value, blamed map[string]bool, at func(path string) Problem) Problems {
	var out Problems
	walk(v, "", false, func(path string, val Validator) {
		for _, fe := range val.Validate() {
			full := path
			switch {
			case fe.Path == "":
			case path == "" || strings.HasPrefix(fe.Path, "["):
				full += fe.Path
			default:
				full += "." + fe.Path
			}
			if isBlamed(full, blamed) {
				continue
			}
			p := at(full)
			p.Path, p.Msg, p.Hint = full, fe.Msg, fe.Hint
			out = append(out, p)
		}
	})
	return out
}

// isBlamed reports whether path, or something that it is part of, already
// has a problem.
func isBlamed(path string, blamed map[string]bool) bool {
	for path != "" {
		if blamed[path] {
			return true
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return false
}

func walk(v reflect.Value, path string, embedded bool, visit func(string, Validator)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && v.Kind() == reflect.Pointer {
			walk(v.Elem(), path, false, visit)
		}
	case reflect.Struct:
		val, ok := validator(v)
		if ok && !embedded {
			visit(path, val)
		}
		for i := range v.NumField() {
			sf := v.Type().Field(i)
			name, _, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
			switch {
			case sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct:
				walk(v.Field(i), path, ok, visit)
			case sf.IsExported() && name != "" && name != "-":
				walk(v.Field(i), join(path, name), false, visit)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), false, visit)
		}
	case reflect.Map:
		for _, k := range sortedKeys(v) {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(k))
			walk(e, join(path, k.String()), false, visit)
		}
	}
}

func validator(v reflect.Value) (Validator, bool) {
	if !v.CanInterface() {
		return nil, false
	}
	if v.CanAddr() {
		val, ok := v.Addr().Interface().(Validator)
		return val, ok
	}
	val, ok := v.Interface().(Validator)
	return val, ok
}
