package conf

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type sample struct {
	Name    string            `yaml:"name"`
	On      bool              `yaml:"on"`
	Count   int               `yaml:"count"`
	Small   int8              `yaml:"small"`
	Port    uint16            `yaml:"port"`
	Rate    float64           `yaml:"rate"`
	Wait    time.Duration     `yaml:"wait"`
	Room    Size              `yaml:"room"`
	Tags    []string          `yaml:"tags"`
	Map     map[string]string `yaml:"map"`
	Limit   *int              `yaml:"limit"`
	Since   time.Time         `yaml:"since"`
	Pattern *regexp.Regexp    `yaml:"pattern"`
	Source  sampleSource      `yaml:"source"`
	Rules   []sampleRule      `yaml:"rules"`
	Any     any               `yaml:"any"`
	Key     string            `yaml:"key" secret:"true"`
	sampleEmbedded
	Ignored string
}

type sampleEmbedded struct {
	Inner string `yaml:"inner"`
}

type sampleSource struct {
	Subscription string `yaml:"subscription"`
	GroupSize    int    `yaml:"group_size"`
}

type sampleRule struct {
	ID    string   `yaml:"id"`
	Match []string `yaml:"match"`
}

func (r sampleRule) Validate() []FieldError {
	var out []FieldError
	if r.ID == "" {
		out = append(out, FieldError{Path: "id", Msg: "wanted a name, found nothing"})
	}
	for i, m := range r.Match {
		if m == "bad" {
			out = append(out, FieldError{Path: "match[" + string(rune('0'+i)) + "]", Msg: "wanted better", Hint: "try harder"})
		}
	}
	return out
}

func decode(text string) (sample, error) {
	var s sample
	doc, err := Parse("f.yaml", []byte(text))
	if err == nil {
		err = doc.Decode(&s)
	}
	return s, err
}

func TestDecode(t *testing.T) {
	seven := 7
	tests := []struct {
		name, text string
		want       sample
	}{
		{"empty", "", sample{}},
		{"comment only", "# nothing\n", sample{}},
		{"byte order mark", "\ufeffname: x", sample{Name: "x"}},
		{"windows lines", "name: x\r\ncount: 2\r\n", sample{Name: "x", Count: 2}},
		{"scalars", "name: a b\non: true\ncount: -3\nsmall: 127\nport: 65535\nrate: 1e3", sample{Name: "a b", On: true, Count: -3, Small: 127, Port: 65535, Rate: 1000}},
		{"quoted number is text", `name: "12"`, sample{Name: "12"}},
		{"folded text", "name: >-\n  a\n  b\n", sample{Name: "a b"}},
		{"literal text", "name: |\n  a\n  b\n", sample{Name: "a\nb\n"}},
		{"duration", "wait: 1w2d3h30s", sample{Wait: 9*24*time.Hour + 3*time.Hour + 30*time.Second}},
		{"size", "room: 64MiB", sample{Room: 64 << 20}},
		{"lists and maps", "tags: [a, \"b\"]\nmap:\n  p/ns: staging\n  401: x\n", sample{Tags: []string{"a", "b"}, Map: map[string]string{"p/ns": "staging", "401": "x"}}},
		{"pointer", "limit: 7", sample{Limit: &seven}},
		{"text unmarshaler", "since: 2026-11-23T10:00:00Z", sample{Since: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}},
		{"embedded", "inner: x", sample{sampleEmbedded: sampleEmbedded{"x"}}},
		{"empty section", "source:\nname: x", sample{Name: "x"}},
		{"section", "source: {subscription: s, group_size: 5}", sample{Source: sampleSource{"s", 5}}},
		{"structs in a list", "rules:\n- id: a\n  match: [x]\n- id: b\n", sample{Rules: []sampleRule{{"a", []string{"x"}}, {"b", nil}}}},
		{"anything", "any: {a: [1, 2.5, x, true, null], b: {}}", sample{Any: map[string]any{"a": []any{int64(1), 2.5, "x", true, nil}, "b": map[string]any{}}}},
		{"alias", "name: &n x\ninner: *n", sample{Name: "x", sampleEmbedded: sampleEmbedded{"x"}}},
		{"document start and end", "---\nname: x\n...\n", sample{Name: "x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(sample{})); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeProblems(t *testing.T) {
	f := func(name, text string, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			_, err := decode(text)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(strings.Join(want, "\n"), got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
	f("unknown key", "nmae: x", `f.yaml:1:1: nmae: unknown key (did you mean "name"?)`)
	f("unknown nested key", "source:\n  subscripton: x", `f.yaml:2:3: source.subscripton: unknown key (did you mean "subscription"?)`)
	f("key with a dash", "source: {group-size: 1}", `f.yaml:1:10: source.group-size: unknown key (did you mean "group_size"?)`)
	f("key of another section", "group_size: 1", `f.yaml:1:1: group_size: unknown key (it belongs under "source")`)
	f("key from elsewhere", "rules:\n- id: a\n  frobnicate: 1", `f.yaml:3:3: rules[0].frobnicate: unknown key (known: id, match)`)
	f("control characters in a key", `"na\e[2Jme": x`, `f.yaml:1:1: ["na\x1b[2Jme"]: unknown key`)
	f("duplicate key", "name: a\non: true\nname: b", `f.yaml:3:1: name: set twice, first at 1:1 (remove one of them)`)
	f("second document", "name: a\n---\nname: b", `f.yaml:3:1: wanted one document, found another one (remove the line "---" and what follows, or make it a file of its own)`)
	f("all at once", "nmae: x\ncount: many\nwait: 12\nroom: 5\n",
		`f.yaml:1:1: nmae: unknown key (did you mean "name"?)`,
		`f.yaml:2:8: count: wanted a whole number, found "many"`,
		`f.yaml:3:7: wait: wanted a duration such as 30s, found 12 (write 12s for seconds)`,
		`f.yaml:4:7: room: wanted a size such as 64MiB, found 5 (write 5MiB for mebibytes)`)
	f("number for text", "name: 12", `f.yaml:1:7: name: wanted text, found 12 (write "12")`)
	f("nothing for text", "name:", `f.yaml:1:1: name: wanted text, found nothing (write a value or remove the key)`)
	f("list for text", "name: [a]", `f.yaml:1:7: name: wanted text, found a list`)
	f("yes for true", "on: yes", `f.yaml:1:5: on: wanted true or false, found "yes" (write true)`)
	f("quoted number", `count: "4"`, `f.yaml:1:8: count: wanted a whole number, found "4" (write it without quotes)`)
	f("hexadecimal", "count: 0x10", `f.yaml:1:8: count: wanted a whole number, found 0x10 (write 16)`)
	f("octal", "count: 010", `f.yaml:1:8: count: wanted a whole number, found 010 (write 8)`)
	f("too large", "small: 128", `f.yaml:1:8: small: wanted a whole number, found 128`)
	f("negative", "port: -1", `f.yaml:1:7: port: wanted a whole number of 0 or more, found -1`)
	f("negative duration", "wait: -5s", `f.yaml:1:7: wait: wanted a duration such as 30s, found "-5s"`)
	f("size out of range", "room: 9999999999GiB", `f.yaml:1:7: room: wanted a size such as 64MiB, found "9999999999GiB"`)
	f("text for a list", "tags: a", `f.yaml:1:7: tags: wanted a list, found "a" (write [a])`)
	f("wrong item", "tags:\n- a\n- 5", `f.yaml:3:3: tags[1]: wanted text, found 5 (write "5")`)
	f("wrong map value", "map:\n  p/ns: 5", `f.yaml:2:9: map["p/ns"]: wanted text, found 5 (write "5")`)
	f("list for a section", "source: [a]", `f.yaml:1:9: source: wanted a mapping, found a list (keys: subscription, group_size)`)
	f("missing space", "source:\n  subscription:x\n", `f.yaml:2:3: source: wanted a mapping, found "subscription:x" (keys: subscription, group_size)`)
	f("text only", "hello", `f.yaml:1:1: wanted a mapping, found "hello"`)
	f("tag", "name: !secret x", `f.yaml:1:7: name: unknown tag "!secret" (remove the tag)`)
	f("merge key", "a: &x {count: 1}\n<<: *x", `f.yaml:1:1: a: unknown key`, `f.yaml:2:1: merge keys ("<<") are not read (write the keys out)`)
	f("unknown alias", "name: *x", `f.yaml:1:7: name: unknown alias "x" (define the anchor before its alias, or quote the value)`)
	f("validator", "rules:\n- id: a\n  match:\n  - good\n  - bad\n- match: [x]",
		`f.yaml:5:5: rules[0].match[1]: wanted better (try harder)`,
		`f.yaml:6:3: rules[1].id: wanted a name, found nothing`)
	f("validator is silent where decoding failed", "rules:\n- ids: a\n- id: 5\n",
		`f.yaml:2:3: rules[0].ids: unknown key (did you mean "id"?)`,
		`f.yaml:3:7: rules[1].id: wanted text, found 5 (write "5")`)
	f("secret is not shown", "key: [hunter2]", `f.yaml:1:6: key: wanted text, found a list`)
	f("secret number is not shown", "key: 12345", `f.yaml:1:6: key: wanted text, found something else`)
	f("mask for a secret", `key: "[secret]"`, `f.yaml:1:6: key: wanted a secret, found the mask of a printed configuration (put the secret back)`)
	f("token is not shown", "count: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.sig", `f.yaml:1:8: count: wanted a whole number, found "[secret]"`)
	f("URL password is not shown", "wait: postgres://me:hunter2@db/x", `f.yaml:1:7: wait: wanted a duration such as 30s, found "postgres://me:[secret]@db/x"`)
	f("tab", "source:\n\tsubscription: x", `f.yaml:2:1: not YAML: found character '\t' that cannot start any token (indent with spaces)`)
	f("open quote", "name: \"x\n", `f.yaml:1:7: not YAML: could not find end character of double-quoted text (close the quotes)`)
	f("latin-1", "name: \xe9", `f.yaml:1:7: wanted UTF-8, found the byte 0xe9 (save the file as UTF-8)`)
	f("binary", "na\x00me", `f.yaml:1:3: wanted text, found the control character U+0000 (is this a binary file?)`)
	f("deep", "any: "+strings.Repeat("[", 200), `f.yaml:1:105: wanted at most 100 levels of nesting, found more`)
}

func TestDecodeBoundsAliases(t *testing.T) {
	text := "any:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		n := string(rune('0' + i))
		p := string(rune('0' + i - 1))
		text += "  a" + n + ": &a" + n + " [" + strings.TrimSuffix(strings.Repeat("*a"+p+", ", 10), ", ") + "]\n"
	}
	if _, err := decode(text); err == nil || !strings.Contains(err.Error(), "wanted at most 1048576 values") {
		t.Errorf("a billion laughs gave %v; want a bound", err)
	}
}

func TestAt(t *testing.T) {
	doc, err := Parse("f.yaml", []byte("a: 1\nrules:\n  - id: x\n    match: [p, q]\n  - id: y\nmap:\n  \"p/a.b\": {c: é, d: 2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][2]int{
		"": {1, 1}, "a": {1, 4}, "rules": {2, 1}, "rules[0]": {3, 5}, "rules[0].id": {3, 9}, "rules[0].match": {4, 5}, "rules[0].match[1]": {4, 16},
		"rules[1].match": {5, 5}, "rules[7].id": {2, 1}, `map["p/a.b"].d`: {7, 22}, "nowhere.at.all": {1, 1}, `map["p`: {6, 1}, "rules[x": {2, 1},
	} {
		line, col := doc.At(path)
		if got := [2]int{line, col}; got != want {
			t.Errorf("At(%q) = %v; want %v", path, got, want)
		}
	}
}

func TestDecodeWantsPointer(t *testing.T) {
	doc, _ := Parse("f.yaml", []byte("a: 1"))
	if err := doc.Decode(sample{}); err == nil {
		t.Error("decoding into a struct value gave no error")
	}
	var bad struct {
		C chan int `yaml:"c"`
	}
	doc, _ = Parse("f.yaml", []byte("c: 1"))
	var ps Problems
	if err := doc.Decode(&bad); !errors.As(err, &ps) || !strings.Contains(ps[0].Msg, "cannot be read into a chan int") {
		t.Errorf("decoding into a channel gave %v", err)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"subscription", "group_size", "num_goroutines", "dir"}
	for word, want := range map[string]string{
		"subscripton": "subscription", "groupSize": "group_size", "group-size": "group_size", "num_gorotuines": "num_goroutines",
		"dri": "dir", "topic": "", "": "", strings.Repeat("x", 1000): "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q; want %q", word, got, want)
		}
	}
}

func TestDurationRoundTrip(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "30s": 30 * time.Second, "1h": time.Hour, "1m": time.Minute, "1h30m": 90 * time.Minute, "1.5s": 1500 * time.Millisecond,
		"7d": 7 * 24 * time.Hour, "1h0m5s": time.Hour + 5*time.Second, "10m10s": 610 * time.Second,
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
		if back := FormatDuration(want); back != text {
			t.Errorf("FormatDuration(%v) = %q; want %q", want, back, text)
		}
	}
	for _, text := range []string{"", "5", "0", "d", "1d-1h", "+1s", "99999w99999d", "15250w2540400h", "1 h", "1h1d"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v; want an error", text, d)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "name: x\n", "rules:\n- id: a\n  match: [b]\n", "any: {a: [1, 2.5, -x, {b: ~}]}", "map: {a/b: \"c\\n\", 'd': e}", "name: &a x\ninner: *a",
		"wait: 3d4h\nroom: 5MiB\nkey: s\n", "<<: {a: b}", "? [a]\n: b", "a: |\n  x\n---\nb: 1", "%YAML 1.2\n---\n-\n", "- - - {[", "since: 2026-01-02T03:04:05Z\npattern: a+\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := Parse("f", data)
		if err != nil {
			return
		}
		var s sample
		if err := doc.Decode(&s); err != nil {
			var ps Problems
			if !errors.As(err, &ps) {
				t.Fatalf("error %T is no Problems: %v", err, err)
			}
			for _, p := range ps {
				if p.Line < 1 || p.Col < 1 || p.Msg == "" {
					t.Fatalf("problem without a position or text: %+v", p)
				}
				if strings.ContainsAny(p.String(), "\x1b\n\r") {
					t.Fatalf("problem holds control characters: %q", p.String())
				}
			}
			return
		}
		// What was accepted must be printed so that it reads back the same.
		s.Key = ""
		var out strings.Builder
		if err := Print(&out, s, nil); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), mask) {
			return
		}
		back, err := decode(out.String())
		if err != nil {
			t.Fatalf("printed configuration does not read: %v\n%s", err, out.String())
		}
		if !same(s, back) {
			t.Fatalf("read back %+v; want %+v\n%s", back, s, out.String())
		}
	})
}

// same compares what Print can tell: an empty list is like none, and a
// pattern is its text.
func same(a, b sample) bool {
	var x, y strings.Builder
	if Print(&x, a, nil) != nil || Print(&y, b, nil) != nil {
		return false
	}
	return x.String() == y.String() && a.Name == b.Name && reflect.DeepEqual(a.Any, b.Any)
}
