package source

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestScanObject(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1) }
	for _, c := range []struct {
		name, in string
		at       int
		want     verdict
	}{
		{"empty", `{}`, 2, whole},
		{"followed by more", `{"a":1} {"b":2}`, 7, whole},
		{"brace in string", `{"a":"}"}x`, 9, whole},
		{"escaped quote", `{"a":"\"}"}`, 11, whole},
		{"escaped backslash", `{"a":"\\"}`, 10, whole},
		{"every kind of value", `{"a":[1,-2.5e+3,true,null,"",{},[]],"b":{"c":false}}`, 52, whole},
		{"pretty", "{\n  \"a\": [\n    1\n  ]\n}\n", 22, whole},
		{"deepest", deep(64), len(deep(64)), whole},
		{"too deep", deep(65), 64 * 5, malform},
		{"cut in string", `{"a":"b`, 7, more},
		{"cut after backslash", `{"a":"b\`, 8, more},
		{"cut after colon", `{"a":`, 5, more},
		{"cut in number", `{"a":12`, 7, more},
		{"next line begins an entry", "{\"a\":1,\n{\"b\":2}", 8, malform},
		{"line break in string", "{\"a\":\"b\n{\"b\":2}", 7, malform},
		{"trailing comma", `{"a":1,}`, 7, malform},
		{"trailing comma in array", `{"a":[1,]}`, 8, malform},
		{"no comma", `{"a":1 "b":2}`, 7, malform},
		{"no colon", `{"a" 1}`, 5, malform},
		{"no key", `{1:2}`, 1, malform},
		{"wrong bracket", `{"a":[1}`, 7, malform},
		{"control character", "{\x00}", 1, malform},
	} {
		t.Run(c.name, func(t *testing.T) {
			if at, got := scanObject([]byte(c.in)); at != c.at || got != c.want {
				t.Errorf("got position %d, verdict %d; want %d, %d", at, got, c.at, c.want)
			}
		})
	}
}

// FuzzScanObject holds scanObject against encoding/json: what that reads as
// one object is whole here, and ends at the same place.
func FuzzScanObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,{"b":"\"}"}]} tail`, `{"a":"\\"}{`, "{\n\"a\" : null }", `{"a":tru}`, `{"a`, `{"a":1,}`, `{"\u007d":"}"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 || in[0] != '{' {
			return
		}
		at, v := scanObject(in)
		if at < 0 || at > len(in) {
			t.Fatalf("position %d in %d bytes", at, len(in))
		}
		if v == whole && (in[at-1] != '}' || bytes.Count(in[:at], []byte("}")) == 0) {
			t.Errorf("ends at %d, which is no brace", at)
		}
		var value json.RawMessage
		d := json.NewDecoder(bytes.NewReader(in))
		if d.Decode(&value) != nil || nestedDeeper(value, maxDepth) {
			return
		}
		if v != whole || at != int(d.InputOffset()) {
			t.Errorf("%q: got position %d, verdict %d; want %d, whole", in, at, v, d.InputOffset())
		}
	})
}

// nestedDeeper tells whether valid JSON is nested deeper than limit.
func nestedDeeper(value []byte, limit int) bool {
	depth := 0
	d := json.NewDecoder(bytes.NewReader(value))
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > limit {
			return true
		}
	}
}
