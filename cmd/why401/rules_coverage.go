package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/rules"
)

// coverage is what `rules coverage --format json` prints.
type coverage struct {
	Entries  int            `json:"entries,omitempty"` // read in full; without files the examples are looked at instead
	Rules    int            `json:"rules"`
	Hit      []coverageHit  `json:"hit"`
	Unmet    []string       `json:"unmet"`
	Overlap  []coveragePair `json:"overlap"`
	Shadowed []coverageLost `json:"shadowed"`
}

type coverageHit struct {
	Rule    string `json:"rule"`
	Fits    int    `json:"fits"`
	Decides int    `json:"decides"`
}

type coveragePair struct {
	Rules    [2]string `json:"rules"`
	Means    [2]string `json:"means"`
	Examples []string  `json:"examples"`
}

type coverageLost struct {
	Rule string   `json:"rule"`
	By   []string `json:"by"`
	Same bool     `json:"same_meaning"`
}

func newRulesCoverageCmd(env *environment) *cobra.Command {
	format := "text"
	cmd := &cobra.Command{
		Use:     "coverage [FILE…|-]",
		Short:   "which rules the given logs meet, or without logs the examples; rules that overlap or never decide",
		Example: "  why401 rules coverage export.jsonl",
		Long: "With logs: how often each rule's text stood in an entry and how often it decided, and the rules never met.\n" +
			"Without: the same for the examples of the packs, the pairs of rules that claim one example, and the rules\n" +
			"whose every example another rule decides.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return exitHint(exitUsage, fmt.Errorf("unknown format %q", format), "--format text|json")
			}
			set, err := env.rules()
			if err != nil {
				return err
			}
			seen := set.NewCoverage()
			if len(args) > 0 {
				err = env.feed(cmd.Context(), seen, args, env.stdin)
			} else {
				for _, r := range set.Rules() {
					for _, x := range r.Examples {
						seen.Classify(rules.SampleEntry(x))
					}
				}
			}
			c := covered(set, seen, len(args) > 0)
			if werr := c.write(env.stdout, format); werr != nil {
				return werr
			}
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", format, "text or json")
	return cmd
}

// covered sums up. Overlap and shadowing are properties of the packs, told
// where no log is given.
func covered(set *rules.Set, seen *rules.Coverage, logs bool) coverage {
	hits, entries := seen.Hits()
	c := coverage{Rules: len(set.Rules()), Hit: []coverageHit{}, Unmet: []string{}, Overlap: []coveragePair{}, Shadowed: []coverageLost{}}
	for _, h := range hits {
		c.Hit = append(c.Hit, coverageHit{h.Rule.Name(), h.Fits, h.Decides})
	}
	for _, r := range seen.Unmet() {
		c.Unmet = append(c.Unmet, r.Name())
	}
	if logs {
		c.Entries = entries
		return c
	}
	for _, o := range set.Overlaps() {
		c.Overlap = append(c.Overlap, coveragePair{[2]string{o.A.Name(), o.B.Name()}, [2]string{o.A.Meaning(), o.B.Meaning()}, o.Examples})
	}
	for _, s := range set.Shadowed() {
		c.Shadowed = append(c.Shadowed, coverageLost{s.Rule.Name(), s.By, s.Same})
	}
	return c
}

func (c *coverage) write(w io.Writer, format string) error {
	if format == "json" {
		return writeJSON(w, c)
	}
	var b strings.Builder
	if c.Entries > 0 {
		fmt.Fprintf(&b, "%d of %d rules were met in %d entries\n\n", len(c.Hit), c.Rules, c.Entries)
		fmt.Fprintf(&b, "%8s %8s  %s\n", "FITS", "DECIDES", "RULE")
		for _, h := range c.Hit {
			fmt.Fprintf(&b, "%8d %8d  %s\n", h.Fits, h.Decides, h.Rule)
		}
	} else {
		fmt.Fprintf(&b, "%d of %d rules are met by the examples\n", len(c.Hit), c.Rules)
	}
	if len(c.Unmet) > 0 {
		fmt.Fprintf(&b, "\nnever met: %d rules\n", len(c.Unmet))
		for _, r := range c.Unmet {
			fmt.Fprintf(&b, "  %s\n", r)
		}
	}
	if len(c.Shadowed) > 0 {
		fmt.Fprintf(&b, "\nnever decide, because others win each of their examples: %d rules\n", len(c.Shadowed))
		for _, s := range c.Shadowed {
			note := "read as something else"
			if s.Same {
				note = "read the same"
			}
			fmt.Fprintf(&b, "  %s: by %s (%s)\n", s.Rule, strings.Join(s.By, ", "), note)
		}
	}
	if len(c.Overlap) > 0 {
		fmt.Fprintf(&b, "\nclaim the same example: %d pairs\n", len(c.Overlap))
		for _, o := range c.Overlap {
			note := o.Means[0]
			if o.Means[0] != o.Means[1] {
				note += " against " + o.Means[1]
			}
			fmt.Fprintf(&b, "  %s, %s: %s, %d examples such as %q\n", o.Rules[0], o.Rules[1], note, len(o.Examples), analyzer.Excerpt(o.Examples[0], 100))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
