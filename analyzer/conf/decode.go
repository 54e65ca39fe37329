package conf

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
)

// maxVisits bounds the values of one Decode, so that aliases of aliases end.
const maxVisits = 1 << 20

// decoder puts nodes into Go values and collects every problem on the way.
type decoder struct {
	file      string // names the origin in problems
	problems  Problems
	blamed    map[string]bool // paths that a problem already speaks of
	visits    int
	elsewhere func(key string) string // hint for a key that another section takes
}

func (d *decoder) problem(at mark, path, msg, hint string) {
	d.problems = append(d.problems, Problem{File: d.file, Line: at.line, Col: at.col, Path: path, Msg: msg, Hint: hint})
	d.blamed[path] = true
}

// Decode puts the document into v, a pointer to a struct, list or map. What
// the document does not name keeps its value, so defaults are set before; a
// list or map that it names replaces the default. Structs that implement
// [Validator] are then asked for what else is wrong.
//
// The error is [Problems]: all of them, each with its position. After an
// error v holds what could be read.
func (d *Document) Decode(v any) error {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("decode %s: wanted a pointer, found %T", d.file, v)
	}
	dec := d.decoder(target.Elem())
	if d.root != nil {
		dec.value(d.root, target.Elem(), "", d.root.at, false)
	}
	problems := append(dec.problems, check(target.Elem(), dec.blamed, func(path string) Problem {
		line, col := d.At(path)
		return Problem{File: d.file, Line: line, Col: col}
	})...)
	return problems.sorted()
}

func (d *Document) decoder(target reflect.Value) *decoder {
	dec := &decoder{file: d.file, problems: append(Problems(nil), d.problems...), blamed: map[string]bool{}}
	for _, p := range d.problems {
		dec.blamed[p.Path] = true
	}
	if isSection(target.Type()) {
		dec.elsewhere = homes(target)
	}
	return dec
}

// homes returns a hint that names the section in which a misplaced key would
// be known.
func homes(target reflect.Value) func(string) string {
	return func(key string) string {
		for _, o := range options(target, "") {
			if section, ok := strings.CutSuffix(o.path, "."+key); ok {
				return fmt.Sprintf("it belongs under %q", section)
			}
		}
		return ""
	}
}

func (d *decoder) value(n *node, v reflect.Value, path string, at mark, secret bool) {
	if d.spent(at, path) {
		return
	}
	t := v.Type()
	switch {
	case reflect.PointerTo(t).Implements(unmarshalerType):
		d.scalar(n, v, path, at, secret)
	case t.Kind() == reflect.Pointer:
		if n.kind == nullKind {
			return
		}
		fresh := reflect.New(t.Elem())
		if !v.IsNil() {
			fresh.Elem().Set(v.Elem())
		}
		d.value(n, fresh.Elem(), path, at, secret)
		v.Set(fresh)
	case t.Kind() == reflect.Interface && t.NumMethod() == 0:
		if x := d.any(n, at, path); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	case t.Kind() == reflect.Struct:
		d.section(n, v, path)
	case t.Kind() == reflect.Slice:
		d.list(n, v, path, secret)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		d.mapping(n, v, path, secret)
	default:
		d.scalar(n, v, path, at, secret)
	}
}

// spent counts a value and reports, once, that there are too many.
func (d *decoder) spent(at mark, path string) bool {
	d.visits++
	if d.visits == maxVisits+1 {
		d.problem(at, path, fmt.Sprintf("wanted at most %d values, found more", maxVisits), "write aliases out")
	}
	return d.visits > maxVisits
}

// scalar reads n, which stands at at unless it is nothing: then at is its key.
func (d *decoder) scalar(n *node, v reflect.Value, path string, at mark, secret bool) {
	if n.kind != nullKind {
		at = n.at
	}
	if secret && n.text == mask {
		d.problem(at, path, "wanted a secret, found the mask of a printed configuration", "put the secret back")
		return
	}
	if n.kind == nullKind && d.blamed[path] {
		return // an alias or tag that could not be read
	}
	if msg, hint := setScalar(n, v, secret); msg != "" {
		d.problem(at, path, msg, hint)
	}
}

// wrong reports that n is not of the kind that v takes. Nothing at all
// ("source:" with every key commented out) is an empty section, list or map.
func (d *decoder) wrong(n *node, want kind, v reflect.Value, path string, secret bool, hint string) bool {
	if n.kind == want || n.kind == nullKind {
		return false
	}
	d.problem(n.at, path, "wanted "+wanted(v.Type())+", found "+n.found(secret), hint)
	return true
}

func (d *decoder) section(n *node, v reflect.Value, path string) {
	known := fields(v.Type())
	hint := ""
	if len(known) > 0 && len(known) <= 12 {
		hint = "keys: " + strings.Join(names(known), ", ")
	}
	if d.wrong(n, mapKind, v, path, false, hint) {
		return
	}
	for _, p := range n.pairs {
		d.key(p, known, v, path)
	}
}

func (d *decoder) key(p pair, known []field, v reflect.Value, path string) {
	for _, f := range known {
		if f.name == p.key {
			d.value(p.value, v.FieldByIndex(f.index), join(path, p.key), p.at, f.secret)
			return
		}
	}
	all := names(known)
	hint := ""
	if near := Nearest(p.key, all); near != "" {
		d.blamed[join(path, near)] = true // not also "missing"
		hint = didYouMean(p.key, all)
	} else if d.elsewhere != nil {
		hint = d.elsewhere(p.key)
	}
	if hint == "" {
		hint = didYouMean(p.key, all)
	}
	d.problem(p.at, join(path, p.key), "unknown key", hint)
}

func (d *decoder) list(n *node, v reflect.Value, path string, secret bool) {
	hint := ""
	if n.kind == textKind && !secret {
		hint = "write [" + strings.Trim(quote(n.text), `"`) + "]"
	}
	if d.wrong(n, listKind, v, path, secret, hint) {
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		d.value(item, out.Index(i), fmt.Sprintf("%s[%d]", path, i), item.at, secret)
	}
	v.Set(out)
}

func (d *decoder) mapping(n *node, v reflect.Value, path string, secret bool) {
	if d.wrong(n, mapKind, v, path, secret, `write "key: value"`) {
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(n.pairs))
	for _, p := range n.pairs {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(p.value, e, join(path, p.key), p.at, secret)
		out.SetMapIndex(reflect.ValueOf(p.key).Convert(v.Type().Key()), e)
	}
	v.Set(out)
}

// any returns n as the plain Go value that encoding/json would give, but with
// int64 for whole numbers.
func (d *decoder) any(n *node, at mark, path string) any {
	if d.spent(at, path) {
		return nil
	}
	switch n.kind {
	case textKind:
		return n.text
	case boolKind:
		return n.text == "true"
	case numberKind:
		return numberOf(n.text)
	case listKind:
		out := make([]any, len(n.items))
		for i, item := range n.items {
			out[i] = d.any(item, at, path)
		}
		return out
	case mapKind:
		out := make(map[string]any, len(n.pairs))
		for _, p := range n.pairs {
			out[p.key] = d.any(p.value, at, path)
		}
		return out
	}
	return nil
}

// sortedKeys gives maps a fixed order.
func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	return keys
}
