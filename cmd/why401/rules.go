package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/rules"
)

func newRulesCmd(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rules", Short: "the rule packs: list, show, test and extend them",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRulesListCmd(env), newRulesShowCmd(env), newRulesTestCmd(env), newRulesCoverageCmd(env), newRulesNewCmd(env), newRulesExportCmd(env))
	return cmd
}

// ruleFilter chooses rules; an empty part lets all through.
type ruleFilter struct{ pack, reason, library string }

func (f *ruleFilter) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.pack, "pack", "", "only the rules of this pack")
	cmd.Flags().StringVar(&f.reason, "reason", "", "only the rules that mean this: a reason, success, benign, or a kind of change")
	cmd.Flags().StringVar(&f.library, "library", "", "only the rules of this library")
}

func (f *ruleFilter) choose(set *rules.Set) ([]*rules.Rule, error) {
	var out []*rules.Rule
	for _, r := range set.Rules() {
		if (f.pack == "" || r.Pack().Pack == f.pack) && (f.reason == "" || r.Meaning() == f.reason) && (f.library == "" || r.Library() == f.library) {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil, exitHint(exitUsage, errors.New("choose rules: no rule is of this pack, reason and library"), "why401 rules list")
	}
	return out, nil
}

// listedRule is one object of `rules list --format json`.
type listedRule struct {
	Rule     string   `json:"rule"`
	Meaning  string   `json:"meaning"`
	Library  string   `json:"library"`
	Language string   `json:"language"`
	Text     []string `json:"text"`
	Source   string   `json:"source"`
	Place    string   `json:"place"`
	User     bool     `json:"user"`
	Replaces string   `json:"replaces,omitempty"` // where the rule of ours stands that it replaces
}

func newRulesListCmd(env *environment) *cobra.Command {
	format := "text"
	var filter ruleFilter
	cmd := &cobra.Command{
		Use: "list", Short: "list the rules: what each means, and who prints its text",
		Example: "  why401 rules list --library golang-jwt\n  why401 rules list --reason bad_signature --format json", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if format != "text" && format != "json" {
				return exitHint(exitUsage, fmt.Errorf("unknown format %q", format), "--format text|json")
			}
			set, err := env.rules()
			if err != nil {
				return err
			}
			chosen, err := filter.choose(set)
			if err != nil {
				return err
			}
			rows := listRules(set, chosen)
			if format == "json" {
				return writeJSON(env.stdout, rows)
			}
			return env.printRules(rows)
		},
	}
	cmd.Flags().StringVar(&format, "format", format, "text or json")
	filter.flags(cmd)
	return cmd
}

func listRules(set *rules.Set, chosen []*rules.Rule) []listedRule {
	replaced := map[string]string{}
	for _, x := range set.Replaced() {
		replaced[x.Rule] = x.Old
	}
	rows := make([]listedRule, 0, len(chosen))
	for _, r := range chosen {
		text := r.Text
		if text == nil {
			text = []string{}
		}
		rows = append(rows, listedRule{r.Name(), r.Meaning(), r.Library(), r.Pack().Language, text, ruleSource(r), r.Place(), r.Pack().User(), replaced[r.Name()]})
	}
	return rows
}

func (env *environment) printRules(rows []listedRule) error {
	w := tabwriter.NewWriter(env.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tMEANS\tLANGUAGE\tTEXT")
	packs := map[string]bool{}
	for _, row := range rows {
		text := "(fields alone)"
		if len(row.Text) > 0 {
			text = analyzer.Excerpt(row.Text[0], 70)
		}
		if len(row.Text) > 1 {
			text += fmt.Sprintf(" (+%d)", len(row.Text)-1)
		}
		if row.Replaces != "" {
			text += fmt.Sprintf("  [%s replaces %s]", row.Place, row.Replaces)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", row.Rule, row.Meaning, row.Language, text)
		pack, _, _ := strings.Cut(row.Rule, "/")
		packs[pack] = true
	}
	fmt.Fprintf(w, "%d rules of %d packs\n", len(rows), len(packs))
	return w.Flush()
}

// ruleSource is where a rule's text was read: the pack's source, and the file.
func ruleSource(r *rules.Rule) string {
	parts := slices.DeleteFunc([]string{r.Pack().Source, r.Source}, func(s string) bool { return s == "" })
	return strings.Join(parts, "; ")
}

func newRulesShowCmd(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "show PACK/RULE", Short: "one rule: its stanza, its source, its examples, and what the matcher looks for",
		Example: "  why401 rules show golang-jwt/expired", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			set, err := env.rules()
			if err != nil {
				return err
			}
			i := slices.IndexFunc(set.Rules(), func(r *rules.Rule) bool { return r.Name() == args[0] })
			if i < 0 {
				return exitHint(exitUsage, fmt.Errorf("show rule: no rule %q", args[0]), nearestRule(set, args[0]))
			}
			var b bytes.Buffer
			r := set.Rules()[i]
			for _, x := range set.Replaced() {
				if x.Rule == r.Name() {
					fmt.Fprintf(&b, "# replaces %s\n", x.Old)
				}
			}
			fmt.Fprintf(&b, "# %s, %s (%s)\n# %s\n", r.Place(), r.Pack().Title, r.Pack().Language, ruleSource(r))
			stanza, err := r.Stanza()
			if err != nil {
				return exitWith(exitConfig, err)
			}
			b.Write(stanza)
			for _, a := range r.Anchors() {
				fmt.Fprintf(&b, "# looks for %q\n", a)
			}
			_, err = env.stdout.Write(b.Bytes())
			return err
		},
	}
}

// nearestRule proposes what was meant: a rule of the same pack or of the same
// name, else the list.
func nearestRule(set *rules.Set, name string) string {
	pack, id, _ := strings.Cut(name, "/")
	var near []string
	for _, r := range set.Rules() {
		if len(near) < 5 && (r.ID == id || r.ID == name || r.Pack().Pack == pack) {
			near = append(near, r.Name())
		}
	}
	if len(near) == 0 {
		return "why401 rules list"
	}
	return strings.Join(near, ", ")
}

func newRulesTestCmd(env *environment) *cobra.Command {
	anchors := false
	cmd := &cobra.Command{
		Use: "test [FILE|DIR…]", Short: "run the examples and near misses of our packs, or of the given ones beside ours",
		Example: "  why401 rules test\n  why401 rules test mine/ --anchors",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := env.testRules(args); err != nil || !anchors {
				return err
			}
			return env.testAnchors(args)
		},
	}
	cmd.Flags().BoolVar(&anchors, "anchors", false, "take every anchor away, one at a time, and list those that no test misses")
	return cmd
}

// testAnchors lists the anchors that no test holds.
func (env *environment) testAnchors(paths []string) error {
	set, err := env.rules()
	if len(paths) > 0 {
		set, err = env.rulesWith(paths...)
	}
	if err != nil {
		return err
	}
	report := set.TestAnchors(func(r *rules.Rule) bool { return len(paths) == 0 || r.Pack().User() })
	for _, u := range report.Untested {
		fmt.Fprintf(env.stdout, "%s: %s: no test misses %s\n", u.Place, u.Rule.Name(), u.What)
	}
	fmt.Fprintf(env.stdout, "%d of %d rules are held by their tests in every anchor; %d of %d anchors are not missed\n", report.Sound, report.Rules, len(report.Untested), report.Anchors)
	return nil
}

// testRules runs the examples of the given packs beside ours, or of all.
func (env *environment) testRules(paths []string) error {
	ours := len(paths) == 0
	if ours && env.rulesDir != "" {
		paths = []string{env.rulesDir}
	}
	set, err := env.rulesWith(paths...)
	if err != nil {
		return err
	}
	if ours {
		if err := set.Check(); err != nil {
			return exitWith(exitConfig, fmt.Errorf("rules that miss an example or take a near miss:\n%w", err))
		}
	}
	rules, packs, examples, near := 0, map[string]bool{}, 0, 0
	for _, r := range set.Rules() {
		if ours || r.Pack().User() {
			rules, examples, near = rules+1, examples+len(r.Examples), near+len(r.NearMisses)
			packs[r.Pack().File()] = true
		}
	}
	for _, x := range set.Replaced() {
		fmt.Fprintf(env.stdout, "%s: %s replaces the rule of %s\n", x.New, x.Rule, x.Old)
	}
	fmt.Fprintf(env.stdout, "%d rules of %d packs ok: %d examples, %d near misses\n", rules, len(packs), examples, near)
	return nil
}
