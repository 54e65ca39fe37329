package conf

import (
	"encoding"
	"reflect"
	"strings"
	"time"
)

// The forms of text that a schema asks for: those of [ParseDuration] and
// [Size.UnmarshalText].
const (
	durationPattern = `^([0-9]{1,5}w)?([0-9]{1,5}d)?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))*$`
	sizePattern     = `^[0-9]+(GiB|MiB|KiB|GB|MB|kB|B)$`
)

// Schema describes, as JSON Schema 2020-12, the YAML that [Load] reads into v,
// a pointer to a struct that holds the defaults. describe returns what is
// known of a field, the text of its comment; it may be nil. Words that a
// [Validator] takes for a field are found by asking it.
//
// The schema is what an editor can check while somebody types; Load knows
// more.
func Schema(v any, describe func(owner reflect.Type, field string) string) map[string]any {
	if describe == nil {
		describe = func(reflect.Type, string) string { return "" }
	}
	s := schemer{describe}
	out := s.object(reflect.Indirect(reflect.ValueOf(v)))
	out["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	return out
}

type schemer struct {
	describe func(reflect.Type, string) string
}

// object describes a struct with its defaults. A section with every key
// commented out is null.
func (s schemer) object(v reflect.Value) map[string]any {
	properties := map[string]any{}
	for _, f := range fields(v.Type()) {
		p := s.value(v.FieldByIndex(f.index))
		owner, name := ownerOf(v.Type(), f.index)
		if text := s.describe(owner, name); text != "" {
			p["description"] = text
		}
		if f.secret {
			p["writeOnly"] = true
			delete(p, "default")
		}
		if words := choices(owner, name, f.name); words != nil {
			if items, is := p["items"].(map[string]any); is {
				items["enum"] = words
			} else {
				p["enum"] = words
			}
		}
		properties[f.name] = p
	}
	return map[string]any{"type": []string{"object", "null"}, "additionalProperties": false, "properties": properties}
}

// ownerOf is the struct that declares the field at index, and its name there.
func ownerOf(t reflect.Type, index []int) (reflect.Type, string) {
	for _, i := range index[:len(index)-1] {
		t = t.Field(i).Type
	}
	return t, t.Field(index[len(index)-1]).Name
}

// value describes what may be written for v, whose value is the default.
func (s schemer) value(v reflect.Value) map[string]any {
	t := v.Type()
	out := map[string]any{}
	switch {
	case t == durationType:
		out["type"], out["pattern"] = "string", durationPattern
		if d := time.Duration(v.Int()); d != 0 {
			out["default"] = FormatDuration(d)
		}
		return out
	case t == reflect.TypeFor[Size]():
		out["type"], out["pattern"] = "string", sizePattern
	case reflect.PointerTo(t).Implements(unmarshalerType):
		out["type"] = "string"
	case t.Kind() == reflect.Pointer:
		return s.value(reflect.New(t.Elem()).Elem())
	case t.Kind() == reflect.Struct:
		return s.object(v)
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": []string{"array", "null"}, "items": s.value(reflect.New(t.Elem()).Elem())}
	case t.Kind() == reflect.Map:
		return map[string]any{"type": []string{"object", "null"}, "additionalProperties": s.value(reflect.New(t.Elem()).Elem())}
	case t.Kind() == reflect.Interface:
		return out
	default:
		out["type"] = kindWord(t.Kind())
	}
	if v.IsZero() {
		return out
	}
	if m, is := v.Interface().(encoding.TextMarshaler); is {
		if text, err := m.MarshalText(); err == nil {
			out["default"] = string(text)
		}
	} else {
		out["default"] = v.Interface()
	}
	return out
}

func kindWord(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Float32, reflect.Float64:
		return "number"
	}
	return "integer"
}

// choices asks the Validator of owner which words it takes for a field of text
// or of a list of texts, by giving it one that nobody takes.
func choices(owner reflect.Type, name, key string) []string {
	v := reflect.New(owner)
	f, path := v.Elem().FieldByName(name), key
	if f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.String {
		f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		f, path = f.Index(0), key+"[0]"
	}
	if f.Kind() != reflect.String {
		return nil
	}
	f.SetString("\x00")
	asked, is := v.Interface().(Validator)
	if !is {
		return nil
	}
	for _, fe := range asked.Validate() {
		if words, is := strings.CutPrefix(fe.Msg, "wanted one of "); is && fe.Path == path {
			words, _, _ = strings.Cut(words, ", found ")
			return strings.Split(words, ", ")
		}
	}
	return nil
}
