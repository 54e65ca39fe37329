package rules

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

// Our own packs are written in a few forms of YAML only: one member a line,
// lists of one text a line or in brackets, small maps in braces. Reading just
// these takes a tenth of the time that YAML as such takes, which every start
// of a command waits for. What is written otherwise is left to the YAML
// parser; a fuzz test sees that both read the same.

// plainReader reads a pack line by line.
type plainReader struct {
	pack *Pack
	rule *Rule  // the one that the lines belong to
	key  string // its member that the deeper lines belong to
	seen map[string]bool
}

// parsePlain reads a pack without its samples (see withoutSamples), or reports
// false: it is written in another form, or something is wrong with it.
func parsePlain(file string, data []byte) (*Pack, bool) {
	if !utf8.Valid(data) || bytes.ContainsFunc(data, func(c rune) bool { return c < ' ' && c != '\n' || c == 0x7f }) {
		return nil, false
	}
	r := plainReader{pack: &Pack{file: file}, seen: map[string]bool{}}
	r.pack.Rules = make([]Rule, 0, bytes.Count(data, []byte("\n  - id:")))
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimRight(line, "\n")
		if strings.Trim(line, " ") == "" {
			continue
		}
		if !r.line(line, n) {
			return nil, false
		}
	}
	f := form{doc: &conf.Document{}, file: file, bare: true}
	f.pack(r.pack)
	for i := range r.pack.Rules {
		rule := &r.pack.Rules[i]
		rule.pack = r.pack
		at := rule.places.rule
		f.rule(rule, i)
		rule.places.rule = at
	}
	return r.pack, len(f.problems) == 0
}

func (r *plainReader) line(line string, n int) bool {
	if item, ok := strings.CutPrefix(line, "      - "); ok {
		list := r.list()
		text, ok := plainText(item, "")
		if list == nil || !ok {
			return false
		}
		*list = append(*list, text)
		return true
	}
	body := strings.TrimLeft(line, " ")
	indent := len(line) - len(body)
	if indent == 2 && strings.HasPrefix(body, "- id: ") {
		if !r.seen["rules"] || r.open() {
			return false
		}
		r.pack.Rules = append(r.pack.Rules, Rule{})
		r.rule, r.key = &r.pack.Rules[len(r.pack.Rules)-1], ""
		clear(r.seen)
		r.seen["rules"] = true
		id, ok := plainText(body[len("- id: "):], "")
		r.rule.ID, r.rule.places.rule = id, place{n, len("  - id: ") + 1}
		return ok
	}
	key, value, ok := strings.Cut(body, ":")
	if !ok || value != "" && value[0] != ' ' {
		return false
	}
	value = strings.TrimLeft(value, " ")
	switch {
	case indent == 0 && r.rule == nil:
		return r.once(key) && r.top(key, value)
	case indent == 4 && r.rule != nil && !r.open():
		r.key = ""
		return key != "rules" && r.once(key) && r.member(key, value)
	case indent == 6 && r.rule != nil && r.key == "where":
		text, ok := plainText(value, "")
		if _, twice := r.rule.Where[key]; twice || !ok || !plainKey(key) {
			return false
		}
		r.rule.Where[key] = text
		return true
	}
	return false
}

// once reports whether a key is met for the first time.
func (r *plainReader) once(key string) bool {
	was := r.seen[key]
	r.seen[key] = true
	return !was
}

// open reports whether a member waits for lines that have not come: it is
// null to YAML.
func (r *plainReader) open() bool {
	if list := r.list(); list != nil {
		return len(*list) == 0
	}
	return r.rule != nil && r.key == "where" && len(r.rule.Where) == 0
}

// list is the list that the deeper lines belong to, or nil.
func (r *plainReader) list() *[]string {
	switch r.key {
	case "text":
		return &r.rule.Text
	case "with":
		return &r.rule.With
	case "not":
		return &r.rule.Not
	}
	return nil
}

// top reads a member of the pack.
func (r *plainReader) top(key, value string) (ok bool) {
	p := r.pack
	var into *string
	switch key {
	case "rules":
		return value == ""
	case "pack":
		into = &p.Pack
	case "title":
		into = &p.Title
	case "library":
		into = &p.Library
	case "language":
		into = &p.Language
	case "source":
		into = &p.Source
	default:
		return false
	}
	*into, ok = plainText(value, "")
	return ok
}

// member reads a member of a rule.
func (r *plainReader) member(key, value string) (ok bool) {
	rule := r.rule
	switch key {
	case "reason":
		var reason string
		reason, ok = plainText(value, "")
		rule.Reason = analyzer.Reason(reason)
		return ok
	case "success":
		rule.Success = value == "true"
		return rule.Success
	case "benign":
		rule.Benign = value == "true"
		return rule.Benign
	case "wrapper":
		rule.Wrapper = value == "true"
		return rule.Wrapper
	case "set":
		rule.Set, ok = plainMap(value)
		return ok
	case "change":
		m, ok := plainMap(value)
		if !ok {
			return false
		}
		rule.Change = &ChangeRule{Kind: analyzer.ChangeKind(m["kind"]), Target: m["target"], Version: m["version"]}
		for k := range m {
			ok = ok && (k == "kind" || k == "target" || k == "version")
		}
		return ok
	case "where":
		if value == "" {
			r.key, rule.Where = key, map[string]string{}
			return true
		}
		rule.Where, ok = plainMap(value)
		return ok
	}
	r.key = key
	list := r.list()
	if list == nil || value == "" {
		return list != nil
	}
	r.key = ""
	*list, ok = plainList(value)
	return ok
}

// plainList reads ["a", "b"].
func plainList(s string) (list []string, ok bool) {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return nil, false
	}
	for s = s[1 : len(s)-1]; ; {
		item, rest, ok := plainItem(s)
		if !ok {
			return nil, false
		}
		list = append(list, item)
		if rest == "" {
			return list, true
		}
		s = rest
	}
}

// plainMap reads {a: "b", c: d}.
func plainMap(s string) (map[string]string, bool) {
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return nil, false
	}
	m := map[string]string{}
	for s = s[1 : len(s)-1]; s != ""; {
		key, rest, ok := strings.Cut(s, ": ")
		_, twice := m[key]
		if !ok || twice || !plainKey(key) {
			return nil, false
		}
		if m[key], s, ok = plainItem(rest); !ok {
			return nil, false
		}
	}
	return m, len(m) > 0
}

// plainItem cuts the first item from the inside of a list or map in one line.
func plainItem(s string) (item, rest string, ok bool) {
	end := 0
	if strings.HasPrefix(s, `"`) {
		for end = 1; end < len(s) && s[end] != '"'; end++ {
			if s[end] == '\\' {
				end++
			}
		}
		end = min(end+1, len(s))
	} else if end = strings.IndexByte(s, ','); end < 0 {
		end = len(s)
	}
	item, ok = plainText(s[:end], ",'")
	if rest = s[end:]; ok && rest != "" {
		rest, ok = strings.CutPrefix(rest, ", ")
		ok = ok && rest != ""
	}
	return item, rest, ok
}

// plainText reads a text in double quotes, in single quotes, or one without
// that begins with a letter and holds nothing that YAML reads otherwise, nor
// any byte of but.
func plainText(s, but string) (string, bool) {
	if s == "" {
		return "", false
	}
	if s[0] == '"' {
		for i := 0; i+1 < len(s); i++ {
			if s[i] == '\\' {
				if i++; s[i] >= '0' && s[i] <= '9' { // octal to Go, a NUL to YAML
					return "", false
				}
			}
		}
		text, err := strconv.Unquote(s)
		return text, err == nil
	}
	if s[0] == '\'' {
		body := s[1:]
		if but != "" || !strings.HasSuffix(body, "'") {
			return "", false
		}
		body = body[:len(body)-1]
		text := strings.ReplaceAll(body, "''", "'")
		return text, strings.Count(body, "'") == 2*strings.Count(body, "''")
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || strings.IndexByte("-_./()", c) >= 0):
		case i > 0 && strings.IndexByte(",';=", c) >= 0 && strings.IndexByte(but, c) < 0:
		case i > 0 && i < len(s)-1 && c == ' ':
		default:
			return "", false
		}
	}
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return "", false
	}
	return s, true
}

func plainKey(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c != '.' || i == 0) {
			return false
		}
	}
	_, ok := plainText(s, "")
	return ok
}
