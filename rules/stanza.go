package rules

import (
	"fmt"

	"github.com/goccy/go-yaml"

	"github.com/why401/why401/analyzer"
)

// stanza is a rule as a pack writes it, less what is not set.
type stanza struct {
	ID         string                       `yaml:"id"`
	Reason     analyzer.Reason              `yaml:"reason,omitempty"`
	Success    bool                         `yaml:"success,omitempty"`
	Benign     bool                         `yaml:"benign,omitempty"`
	Change     *ChangeRule                  `yaml:"change,omitempty"`
	Text       []string                     `yaml:"text,omitempty"`
	With       []string                     `yaml:"with,omitempty,flow"`
	Not        []string                     `yaml:"not,omitempty,flow"`
	Where      map[string]string            `yaml:"where,omitempty"`
	Wrapper    bool                         `yaml:"wrapper,omitempty"`
	Set        map[string]string            `yaml:"set,omitempty"`
	Source     string                       `yaml:"source,omitempty"`
	Captures   map[string]string            `yaml:"captures,omitempty"`
	CapturesOf map[string]map[string]string `yaml:"captures_of,omitempty"`
	Examples   []string                     `yaml:"examples,omitempty"`
	NearMisses []string                     `yaml:"near_misses,omitempty"`
}

// Stanza is the rule in the form that a pack holds, as YAML.
func (r *Rule) Stanza() ([]byte, error) {
	out, err := yaml.MarshalWithOptions([]stanza{{
		ID: r.ID, Reason: r.Reason, Success: r.Success, Benign: r.Benign, Change: r.Change, Text: r.Text, With: r.With, Not: r.Not, Where: r.Where,
		Wrapper: r.Wrapper, Set: r.Set, Source: r.Source, Captures: r.Captures, CapturesOf: r.CapturesOf, Examples: r.Examples, NearMisses: r.NearMisses,
	}}, yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("print rule %s: %w", r.Name(), err)
	}
	return out, nil
}
