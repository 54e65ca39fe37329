package analyzer

import (
	"strconv"

	"github.com/why401/why401/analyzer/redact"
)

// maxPaths bounds how many field paths a Decoder remembers.
const maxPaths = 4096

// flattener turns a payload into Fields.
type flattener struct {
	d      *Decoder
	fields []Field
	inner  bool // inside a string that is itself JSON
}

func (f *flattener) object(c *cursor, v, depth int, path string) int {
	return c.members(v, func(key []byte, at int) int {
		return f.value(c, at, depth+1, f.d.path(path, key))
	})
}

func (f *flattener) array(c *cursor, v, depth int, path string) int {
	i, done := c.begin(v, ']')
	for n, more := 0, true; more && !done; n++ {
		at := c.space(i)
		if len(f.fields) < maxFields {
			i = f.value(c, at, depth+1, f.d.path(path, strconv.AppendInt(nil, int64(n), 10)))
		} else {
			i = c.skip(at, depth+1)
		}
		i, more = c.more(i, ']')
	}
	return i
}

// value appends the leaves of the value at v.
func (f *flattener) value(c *cursor, v, depth int, path string) int {
	switch c.b[v] {
	case '{':
		return f.object(c, v, depth, path)
	case '[':
		return f.array(c, v, depth, path)
	case 'n':
		return c.skip(v, depth)
	case '"':
		raw, end := c.value(v, depth)
		f.leaf(path, raw)
		if !f.inner {
			f.within(path, raw)
		}
		return end
	}
	end := c.skip(v, depth)
	f.leaf(path, c.b[v:end])
	return end
}

func (f *flattener) leaf(path string, raw []byte) {
	if len(f.fields) < maxFields {
		f.fields = append(f.fields, Field{Path: path, Value: redact.Field(path, validText(string(raw)))})
	}
}

// within appends the leaves of a JSON object that was logged as a string.
func (f *flattener) within(path string, raw []byte) {
	c, ok := innerObject(raw)
	if !ok {
		return
	}
	f.inner = true
	f.object(&c, 0, 1, path)
	f.inner = false
}

// path returns the redacted path of key inside parent. Paths are few and
// repeat, so they are remembered.
func (d *Decoder) path(parent string, key []byte) string {
	at := append(d.keyed[:0], parent...)
	if parent != "" {
		at = append(at, '.')
	}
	at = append(at, key...)
	d.keyed = at
	if known, ok := d.paths[string(at)]; ok {
		return known
	}
	if len(d.paths) >= maxPaths {
		clear(d.paths)
	}
	made := parent
	if parent != "" {
		made += "."
	}
	made += redact.Text(validText(string(key)))
	d.paths[string(at)] = made
	return made
}
