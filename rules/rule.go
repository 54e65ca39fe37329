package rules

import (
	"strconv"

	"github.com/why401/why401/analyzer"
)

// Pack is one YAML file: the messages of one library, framework or platform.
type Pack struct {
	Pack     string `yaml:"pack"`     // id, the first half of a rule's full name
	Title    string `yaml:"title"`    // for people
	Library  string `yaml:"library"`  // what findings report as library; the pack id when empty
	Language string `yaml:"language"` // go, node, python, java, …; platform for gateways
	Source   string `yaml:"source"`   // repository and version range the texts were read in
	Rules    []Rule `yaml:"rules"`

	file string // as problems name it
	user bool   // not one of ours
}

// Rule is one stanza of a pack. It matches when one of Text does and neither
// With nor Not nor Where speaks against it. Exactly one of Reason, Success,
// Benign and Change says what that means.
type Rule struct {
	ID      string          `yaml:"id"`
	Reason  analyzer.Reason `yaml:"reason"`
	Success bool            `yaml:"success"` // the text tells of an accepted token
	Benign  bool            `yaml:"benign"`  // the text looks like a failure and is none
	Change  *ChangeRule     `yaml:"change"`

	// Text lists templates (see template.go); any of them will do.
	Text []string `yaml:"text"`
	// With lists literals of which at least one must stand in the entry too,
	// for texts that other programs print in other trades.
	With []string `yaml:"with"`
	// Not lists literals that speak against the rule wherever they stand.
	Not []string `yaml:"not"`
	// Where binds fields of the entry: a payload path, or resource.type,
	// log, severity, status. Values are templates over the whole field.
	Where map[string]string `yaml:"where"`
	// Wrapper marks a text that stands around the real cause: any other
	// finding of the entry decides before it.
	Wrapper bool `yaml:"wrapper"`
	// Set adds captures that follow from the text itself, such as alg: none.
	Set map[string]string `yaml:"set"`

	Source     string   `yaml:"source"`      // file, and version range when narrower than the pack's
	Examples   []string `yaml:"examples"`    // lines that the rule must match, as they stand in a log
	NearMisses []string `yaml:"near_misses"` // lines that it must not win
	// Captures are what the first example must yield.
	Captures map[string]string `yaml:"captures"`
	// CapturesOf are what further examples must yield, by their number: "2"
	// is the second.
	CapturesOf map[string]map[string]string `yaml:"captures_of"`

	pack      *Pack
	places    places
	order     int
	templates []*template
	with, not []int32 // pattern ids
	where     []condition
}

// ChangeRule says which change a text or an audit entry tells of. Its values
// may name captures: "{secret}".
type ChangeRule struct {
	Kind    analyzer.ChangeKind `yaml:"kind"`
	Target  string              `yaml:"target"`
	Version string              `yaml:"version"`
	Details map[string]string   `yaml:"details"`
}

// User reports whether the pack is a user's, not one that why401 ships.
func (p *Pack) User() bool { return p.user }

// File is where the pack was read from, as problems name it.
func (p *Pack) File() string { return p.file }

// Name is the rule's full name, pack/rule.
func (r *Rule) Name() string { return r.pack.Pack + "/" + r.ID }

// Library is what a finding of this rule reports as its library.
func (r *Rule) Library() string {
	if r.pack.Library != "" {
		return r.pack.Library
	}
	return r.pack.Pack
}

// Pack is the pack that the rule stands in. It must not be changed.
func (r *Rule) Pack() *Pack { return r.pack }

// Place is where the rule is written, as file:line:col.
func (r *Rule) Place() string { return r.places.rule.in(r.pack.file) }

// Meaning says in one word what the rule's text means: its reason, success,
// benign, or the kind of its change.
func (r *Rule) Meaning() string {
	switch {
	case r.Change != nil:
		return string(r.Change.Kind)
	case r.Success:
		return "success"
	case r.Benign:
		return "benign"
	}
	return string(r.Reason)
}

// Anchors are what the automaton looks for, one a text: the longest fixed part
// of each template, folded.
func (r *Rule) Anchors() []string {
	out := make([]string, 0, len(r.templates))
	for _, t := range r.templates {
		out = append(out, t.anchor)
	}
	return out
}

// weak reports whether the rule yields to any other that says more.
func (r *Rule) weak() bool { return r.Wrapper || r.Reason == analyzer.Unspecified }

// yields are what the i-th example must capture.
func (r *Rule) yields(i int) map[string]string {
	if i == 0 {
		return r.Captures
	}
	return r.CapturesOf[strconv.Itoa(i+1)]
}

// condition is one Where clause.
type condition struct {
	path string
	form *template
}
