package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

// place is where something is written in a pack.
type place struct{ line, col int }

func (p place) in(file string) string { return fmt.Sprintf("%s:%d:%d", file, p.line, p.col) }

// places keeps where the parts of a rule are written that a later check may
// speak of.
type places struct {
	rule                            place
	text, examples, near, with, not []place
	captures                        place
}

// form checks that a pack is well formed, and collects all that is not.
type form struct {
	doc      *conf.Document
	file     string
	bare     bool // the pack comes without its samples
	problems conf.Problems
}

func (f *form) add(path, msg, hint string) {
	line, col := f.doc.At(path)
	f.problems = append(f.problems, conf.Problem{File: f.file, Line: line, Col: col, Path: path, Msg: msg, Hint: hint})
}

func (f *form) at(path string) place {
	line, col := f.doc.At(path)
	return place{line, col}
}

func (f *form) each(path string, n int) []place {
	out := make([]place, n)
	for i := range out {
		out[i] = f.at(fmt.Sprintf("%s[%d]", path, i))
	}
	return out
}

// idForm is the form of pack and rule ids: they stand in reports, metrics and
// file names.
var idForm = regexp.MustCompile(`^[a-z0-9]+(?:[-.][a-z0-9]+)*$`)

func (f *form) pack(p *Pack) {
	base := strings.TrimSuffix(strings.TrimSuffix(f.file[strings.LastIndexByte(f.file, '/')+1:], ".yaml"), ".yml")
	switch {
	case p.Pack == "":
		f.add("", "wanted pack: an id of lower-case letters, found none", "add pack: "+base)
	case !idForm.MatchString(p.Pack):
		f.add("pack", fmt.Sprintf("wanted lower-case letters, digits and dashes, found %q", p.Pack), "write "+idOf(p.Pack))
	}
	if len(p.Rules) == 0 {
		f.add("rules", "wanted rules, found none", "why401 rules new LINE proposes one")
	}
}

// rule compiles a rule and reports all that is wrong with it.
func (f *form) rule(r *Rule, i int) {
	where := fmt.Sprintf("rules[%d]", i)
	if f.bare {
		r.places.rule = f.at(where + ".id")
	} else {
		r.places = f.places(r, where)
	}
	switch {
	case r.ID == "":
		f.add(where, "wanted an id, found none", "name what the text means, such as expired")
	case !idForm.MatchString(r.ID):
		f.add(where+".id", fmt.Sprintf("wanted lower-case letters, digits and dashes, found %q", r.ID), "write "+idOf(r.ID))
	}
	f.meaning(r, where)
	f.texts(r, where)
	f.context(r, where)
	if !f.bare {
		f.samples(r, where)
	}
}

func (f *form) meaning(r *Rule, where string) {
	if r.Reason != "" && !r.Reason.Known() {
		f.add(where+".reason", fmt.Sprintf("unknown reason %q", r.Reason), "did you mean "+nearestReason(r.Reason)+"?")
	}
	if r.Change != nil && !slices.Contains(changeKinds, r.Change.Kind) {
		f.add(where+".change.kind", fmt.Sprintf("unknown kind of change %q", r.Change.Kind), "did you mean "+nearestKind(r.Change.Kind)+"?")
	}
	said := 0
	for _, is := range []bool{r.Reason != "", r.Success, r.Benign, r.Change != nil} {
		if is {
			said++
		}
	}
	if said != 1 {
		f.add(where, fmt.Sprintf("wanted exactly one of reason, success, benign and change, found %d", said), "say what the text means, once")
	}
}

func (f *form) texts(r *Rule, where string) {
	if len(r.Text) == 0 && len(r.Where) == 0 {
		f.add(where, "wanted text or where, found neither", "give the message as the library prints it")
	}
	for k, t := range r.Text {
		tm, err := compile(t)
		if err != nil {
			f.add(fmt.Sprintf("%s.text[%d]", where, k), err.Error(), "use a longer fixed part of the message")
			continue
		}
		r.templates = append(r.templates, tm)
	}
	for _, path := range slices.Sorted(maps.Keys(r.Where)) {
		tm, err := compile(r.Where[path])
		if err != nil {
			f.add(where+".where", fmt.Sprintf("%s: %v", path, err), "give the whole value of the field, with holes for what varies")
			continue
		}
		r.where = append(r.where, condition{path, tm})
	}
}

// context checks with and not: an empty literal would stand in every entry.
func (f *form) context(r *Rule, where string) {
	for key, list := range map[string][]string{"with": r.With, "not": r.Not} {
		for k, w := range list {
			if contextLiteral(w) == "" {
				f.add(fmt.Sprintf("%s.%s[%d]", where, key, k), fmt.Sprintf("wanted a word or a phrase, found %q", w), "an empty text stands in every entry: remove it")
			}
		}
	}
	for k, w := range r.Not {
		if slices.ContainsFunc(r.With, func(o string) bool { return contextLiteral(o) == contextLiteral(w) }) {
			f.add(fmt.Sprintf("%s.not[%d]", where, k), fmt.Sprintf("%q stands in with and in not", w), "keep one of the two")
		}
	}
}

// samples checks examples, near misses and captures for what can be told
// without running them.
func (f *form) samples(r *Rule, where string) {
	if r.Change == nil && len(r.Examples) < 2 {
		f.add(where, fmt.Sprintf("wanted at least 2 examples, found %d", len(r.Examples)), "paste lines as they stand in a log")
	}
	if r.Change == nil && len(r.NearMisses) < 1 {
		f.add(where, "wanted at least 1 near miss, found none", "give the same words in another meaning")
	}
	for k, x := range r.NearMisses {
		if slices.Contains(r.Examples, x) {
			f.add(fmt.Sprintf("%s.near_misses[%d]", where, k), fmt.Sprintf("%q is an example too", x), "a near miss is a line that the rule must not win")
		}
	}
	known := r.captureNames()
	for _, name := range slices.Sorted(maps.Keys(r.Captures)) {
		if !slices.Contains(known, name) {
			f.add(where+".captures."+name, fmt.Sprintf("no text has a hole {%s}", name), holesHint(known))
		}
	}
	for _, number := range slices.Sorted(maps.Keys(r.CapturesOf)) {
		at := where + ".captures_of." + number
		if i, err := strconv.Atoi(number); err != nil || i < 2 || i > len(r.Examples) {
			f.add(at, fmt.Sprintf("wanted the number of an example after the first, up to %d, found %q", len(r.Examples), number), "what the first must yield stands in captures")
		}
		for _, name := range slices.Sorted(maps.Keys(r.CapturesOf[number])) {
			if !slices.Contains(known, name) {
				f.add(at+"."+name, fmt.Sprintf("no text has a hole {%s}", name), holesHint(known))
			}
		}
	}
	if r.Change == nil {
		return
	}
	for _, v := range append([]string{r.Change.Target, r.Change.Version}, slices.Collect(maps.Values(r.Change.Details))...) {
		for _, m := range holePattern.FindAllStringSubmatch(v, -1) {
			if !slices.Contains(known, m[1]) {
				f.add(where+".change", fmt.Sprintf("no text or where has a hole {%s}", m[1]), holesHint(known))
			}
		}
	}
}

// captureNames lists what a rule may capture.
func (r *Rule) captureNames() []string {
	names := map[string]bool{}
	for k := range r.Set {
		names[k] = true
	}
	for _, t := range r.templates {
		for _, n := range t.names {
			names[n] = n != ""
		}
	}
	for _, c := range r.where {
		for _, n := range c.form.names {
			names[n] = n != ""
		}
	}
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}

func holesHint(known []string) string {
	if len(known) == 0 {
		return "write the variable part of the text as a hole, such as {kid}"
	}
	return "holes: " + strings.Join(known, ", ")
}

// idOf makes an id of what a person wrote.
func idOf(s string) string {
	var b strings.Builder
	dash := false
	for _, c := range strings.ToLower(s) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(c)
			dash = false
			continue
		}
		dash = true
	}
	if b.Len() == 0 {
		return "my-rule"
	}
	return b.String()
}

func nearestReason(r analyzer.Reason) string {
	names := make([]string, 0, len(analyzer.Reasons()))
	for _, k := range analyzer.Reasons() {
		names = append(names, string(k))
	}
	if n := conf.Nearest(string(r), names); n != "" {
		return n
	}
	return "one of the catalogue, such as bad_signature"
}

// changeKinds are the changes that a log line can tell.
var changeKinds = []analyzer.ChangeKind{
	analyzer.SecretVersionAdded, analyzer.SecretVersionEnabled, analyzer.SecretVersionDisabled, analyzer.SecretVersionDestroyed, analyzer.SecretAccessed,
	analyzer.SecretLoaded, analyzer.SecretRotated, analyzer.RevisionDeployed, analyzer.InstanceStarted, analyzer.KeySetRefreshed,
	analyzer.JWKSKeyAdded, analyzer.JWKSKeyRemoved, analyzer.ConfigEdited, analyzer.PolicyChanged, analyzer.ValueChanged, analyzer.DriftBegan, analyzer.DriftEnded,
}

func nearestKind(k analyzer.ChangeKind) string {
	names := make([]string, 0, len(changeKinds))
	for _, c := range changeKinds {
		names = append(names, string(c))
	}
	if n := conf.Nearest(string(k), names); n != "" {
		return n
	}
	return "one of " + strings.Join(names, ", ")
}

// places notes where the parts of a rule are written.
func (f *form) places(r *Rule, where string) places {
	return places{
		rule: f.at(where + ".id"), captures: f.at(where + ".captures"),
		text: f.each(where+".text", len(r.Text)), with: f.each(where+".with", len(r.With)), not: f.each(where+".not", len(r.Not)),
		examples: f.each(where+".examples", len(r.Examples)), near: f.each(where+".near_misses", len(r.NearMisses)),
	}
}
