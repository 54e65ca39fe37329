package conf

import (
	"encoding"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes, written with a unit: 512B, 64KiB, 64MiB, 2GiB;
// kB, MB and GB count in thousands.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}}

// UnmarshalText reads a size as it is written in configuration.
func (s *Size) UnmarshalText(text []byte) error {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(string(text), u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 || digits[0] == '+' || n > (1<<63-1)/u.bytes {
			break
		}
		*s = Size(n * u.bytes)
		return nil
	}
	return fmt.Errorf("wanted a size such as 64MiB, found %s", quote(string(text)))
}

// String returns s in the largest binary unit that needs no fraction.
func (s Size) String() string {
	for _, u := range sizeUnits[:3] {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// MarshalText returns what UnmarshalText reads.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

var daysPattern = regexp.MustCompile(`^(?:(\d{1,5})w)?(?:(\d{1,5})d)?`)

// ParseDuration reads a duration as it is written in configuration: as
// [time.ParseDuration] does, with d for days and w for weeks in front, and
// never negative. 30s, 1h30m, 7d, 2w.
func ParseDuration(text string) (time.Duration, error) {
	m := daysPattern.FindStringSubmatch(text)
	rest, total := text[len(m[0]):], time.Duration(0)
	for i, unit := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour} {
		n, _ := strconv.Atoi("0" + m[i+1])
		if time.Duration(n) > (1<<63-1-total)/unit {
			return 0, fmt.Errorf("wanted a duration such as 30s, found %s", quote(text))
		}
		total += time.Duration(n) * unit
	}
	if rest == "" && m[0] != "" {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || total+d < 0 || strings.HasPrefix(rest, "+") || strings.HasPrefix(rest, "-") || rest == "0" {
		return 0, fmt.Errorf("wanted a duration such as 30s, found %s", quote(text))
	}
	return total + d, nil
}

// FormatDuration returns d as ParseDuration reads it, without the zero parts
// of [time.Duration.String]: 30s, 1h, 7d.
func FormatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d > 0 && d%day == 0 && d/day < 100000 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// mask stands for a secret in messages and in printed configuration.
const mask = "[secret]"

var jwtPattern = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*`)

// hush masks what is secret by its shape alone: JWTs and the passwords of
// URLs.
func hush(s string) string {
	s = jwtPattern.ReplaceAllString(s, mask)
	if u, err := url.Parse(s); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			if at := strings.LastIndex(s, "@"); at > 0 {
				if colon := strings.Index(s, "://"); colon > 0 && colon < at {
					return s[:colon+3] + u.User.Username() + ":" + mask + s[at:]
				}
			}
		}
	}
	return s
}

// quote shows a value in a message: hushed, at most 60 characters, and with
// everything escaped that a terminal would act on.
func quote(s string) string {
	s = hush(s)
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return strconv.Quote(s)
}

// found says in words what n holds.
func (n *node) found(secret bool) string {
	switch n.kind {
	case nullKind:
		return "nothing"
	case listKind:
		return "a list"
	case mapKind:
		return "a mapping"
	}
	if secret {
		return "something else"
	}
	if n.kind == textKind {
		return quote(n.text)
	}
	return strings.Trim(quote(n.text), `"`)
}

// wanted says in words what type t takes.
func wanted(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration such as 30s"
	case t == reflect.TypeFor[Size]():
		return "a size such as 64MiB"
	case reflect.PointerTo(t).Implements(unmarshalerType):
		return "text"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of 0 or more"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Pointer:
		return wanted(t.Elem())
	}
	return "a mapping"
}

// setScalar puts the scalar n into v, or says what was wanted and what to try.
func setScalar(n *node, v reflect.Value, secret bool) (msg, hint string) {
	refuse := func(hint string) (string, string) {
		if secret {
			hint = ""
		}
		return "wanted " + wanted(v.Type()) + ", found " + n.found(secret), hint
	}
	if n.kind == nullKind {
		return refuse("write a value or remove the key")
	}
	if n.kind == listKind || n.kind == mapKind {
		return refuse("")
	}
	if v.Type() == durationType {
		d, err := ParseDuration(n.text)
		if err != nil {
			return refuse(unitHint(n, "s", "seconds"))
		}
		v.SetInt(int64(d))
		return "", ""
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(n.text)); err != nil {
			if v.Type() == reflect.TypeFor[Size]() {
				return refuse(unitHint(n, "MiB", "mebibytes"))
			}
			if secret {
				return refuse("")
			}
			return hush(err.Error()), ""
		}
		return "", ""
	}
	return setBasic(n, v, refuse)
}

func setBasic(n *node, v reflect.Value, refuse func(string) (string, string)) (msg, hint string) {
	number := n.kind == numberKind || n.loose
	unquote := ""
	if n.kind == textKind && isNumber(n.text) {
		unquote = "write it without quotes"
	}
	switch v.Kind() {
	case reflect.String:
		if n.kind != textKind {
			return refuse("write " + strconv.Quote(n.text))
		}
		v.SetString(n.text)
	case reflect.Bool:
		if n.kind != boolKind && !(n.loose && (n.text == "true" || n.text == "false")) {
			return refuse(boolHint(n.text))
		}
		v.SetBool(n.text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(n.text, 10, v.Type().Bits())
		if !number || err != nil || hasLeadingZero(n.text) {
			return refuse(unquote + decimalHint(n))
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(n.text, 10, v.Type().Bits())
		if !number || err != nil || hasLeadingZero(n.text) {
			return refuse(unquote + decimalHint(n))
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(n.text, v.Type().Bits())
		if !number || err != nil || !isNumber(n.text) {
			return refuse(unquote)
		}
		v.SetFloat(f)
	default:
		return fmt.Sprintf("cannot be read into a %s", v.Type()), ""
	}
	return "", ""
}

func unitHint(n *node, unit, words string) string {
	if _, err := strconv.ParseUint(n.text, 10, 63); err != nil {
		return ""
	}
	return fmt.Sprintf("write %s%s for %s", n.text, unit, words)
}

func boolHint(text string) string {
	switch strings.ToLower(text) {
	case "yes", "on", "y", "1", "true", "enabled":
		return "write true"
	case "no", "off", "n", "0", "false", "disabled":
		return "write false"
	}
	return ""
}

func hasLeadingZero(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return len(s) > 1 && s[0] == '0'
}

// decimalHint tells what the other ways of writing a whole number come to.
func decimalHint(n *node) string {
	if n.kind != numberKind {
		return ""
	}
	if i, err := strconv.ParseInt(n.text, 0, 64); err == nil && strconv.FormatInt(i, 10) != n.text {
		return fmt.Sprintf("write %d", i)
	}
	return ""
}

// numberOf returns a number of a document as int64, or float64 when it is not
// whole or does not fit.
func numberOf(text string) any {
	if i, err := strconv.ParseInt(text, 0, 64); err == nil && !hasLeadingZero(text) {
		return i
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	if err != nil {
		return text // .inf and .nan, which JSON cannot say
	}
	return f
}

// show writes a number as configuration would.
func show(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return FormatDuration(v)
	case fmt.Stringer:
		return v.String()
	}
	return fmt.Sprint(v)
}
