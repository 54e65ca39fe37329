package conf

import (
	"bytes"
	"encoding"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/token"
)

// Print writes v, a struct or a pointer to one, as YAML that Load reads back
// to the same values, secrets excepted: fields tagged `secret:"true"` (but for
// env:NAME and file:PATH), JWTs and passwords of URLs are masked. With origins (nil for none) every option
// gets a comment that says where its value came from.
func Print(w io.Writer, v any, origins Origins) error {
	p := printer{origins: origins}
	value := reflect.ValueOf(v)
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if value.Kind() != reflect.Struct {
		return fmt.Errorf("print configuration: wanted a struct, found %T", v)
	}
	p.section(value, "", 0)
	_, err := w.Write(p.out.Bytes())
	return err
}

type printer struct {
	out     bytes.Buffer
	origins Origins
}

func (p *printer) line(indent int, text, path string) {
	p.out.WriteString(strings.Repeat("  ", indent) + text)
	if o, ok := p.origins[path]; ok {
		p.out.WriteString(" # " + strings.Trim(strconv.Quote(o.String()), `"`))
	}
	p.out.WriteByte('\n')
}

func (p *printer) section(v reflect.Value, path string, indent int) {
	for _, f := range fields(v.Type()) {
		p.entry(f.name, v.FieldByIndex(f.index), join(path, f.name), indent, f.secret)
	}
}

// entry writes "key: value", with what belongs to the value below it.
func (p *printer) entry(key string, v reflect.Value, path string, indent int, secret bool) {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	key = scalarText(key) + ":"
	if text, ok := inline(v, secret); ok {
		if text != "" {
			key += " " + text
		}
		p.line(indent, key, path)
		return
	}
	p.line(indent, key, path)
	p.body(v, path, indent+1, secret)
}

// body writes what is too large for one line.
func (p *printer) body(v reflect.Value, path string, indent int, secret bool) {
	switch v.Kind() {
	case reflect.Interface:
		p.body(v.Elem(), path, indent, secret)
	case reflect.Struct:
		p.section(v, path, indent)
	case reflect.Map:
		for _, k := range sortedKeys(v) {
			p.entry(k.String(), v.MapIndex(k), join(path, k.String()), indent, secret)
		}
	case reflect.Slice:
		for i := range v.Len() {
			p.item(v.Index(i), fmt.Sprintf("%s[%d]", path, i), indent, secret)
		}
	}
}

// item writes one element of a list; the first line of a larger one stands
// beside the dash.
func (p *printer) item(v reflect.Value, path string, indent int, secret bool) {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if text, ok := inline(v, secret); ok {
		if text == "" {
			text = "{}"
		}
		p.line(indent, "- "+text, path)
		return
	}
	start := p.out.Len()
	p.body(v, path, indent+1, secret)
	p.out.Bytes()[start+2*indent] = '-'
}

// inline returns v on one line when it is a scalar or empty. A struct without
// keys and a nil pointer are nothing.
func inline(v reflect.Value, secret bool) (string, bool) {
	switch v.Kind() {
	case reflect.Pointer:
		return "", true
	case reflect.Interface:
		if v.IsNil() {
			return "null", true
		}
		return inline(v.Elem(), secret)
	}
	if v.Type() != durationType {
		if m, ok := v.Interface().(encoding.TextMarshaler); ok {
			text, err := m.MarshalText()
			if err != nil {
				text = nil
			}
			return masked(string(text), secret), true
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		return "", len(fields(v.Type())) == 0
	case reflect.Map:
		return "{}", v.Len() == 0
	case reflect.Slice:
		return "[]", v.Len() == 0
	case reflect.String:
		return masked(v.String(), secret), true
	}
	if secret {
		return masked("x", true), true
	}
	if d, ok := v.Interface().(time.Duration); ok {
		return FormatDuration(d), true
	}
	return fmt.Sprint(v.Interface()), true
}

// reference names where a secret lies and is none itself.
var reference = regexp.MustCompile(`^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:(?:[^/].*|/[^/].*))$`)

// masked hides a secret, but not that it is missing, nor where it lies.
func masked(s string, secret bool) string {
	if secret && s != "" && !reference.MatchString(s) {
		return strconv.Quote(mask)
	}
	return scalarText(hush(s))
}

// scalarText writes a string so that YAML reads the same string back.
func scalarText(s string) string {
	plain := s != "" && !token.IsNeedQuoted(s) && !isNumber(s)
	for _, r := range s {
		if r < ' ' || r > '~' || strings.ContainsRune("\"'`#&*!|>%@{}[],?:\\=", r) && r != ':' {
			plain = false
		}
	}
	if plain && !strings.HasSuffix(s, ":") && !strings.Contains(s, ": ") && !strings.HasPrefix(s, "-") {
		return s
	}
	return quoteYAML(s)
}

// quoteYAML is strconv.Quote in the escapes that YAML knows too.
func quoteYAML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&b, `\x%02x`, r)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
