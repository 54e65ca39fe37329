package rules

import (
	"bytes"
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
