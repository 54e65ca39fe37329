package rules

import (
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// The mutation finds exactly the anchors that no example and no near miss
// holds.
func TestAnchorsThatNoTestHolds(t *testing.T) {
	f := func(name, rule string, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			s, err := Load(fstest.MapFS{"p.yaml": {Data: []byte("pack: p\nrules:\n  - id: a\n    reason: expired_token\n" + rule)}})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Check(); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, u := range s.TestAnchors(func(*Rule) bool { return true }).Untested {
				got = append(got, u.Place+" "+u.What)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("untested anchors (-want +got):\n%s", diff)
			}
		})
	}
	f("held", `    text: ["frobnicator key {kid} is expired", "frobnicator is done"]
    with: [acme]
    not: [beta]
    examples: ["acme: frobnicator key k1 is expired", "acme: frobnicator is done"]
    near_misses: ["frobnicator is done", "acme beta: frobnicator is done", "acme: lease k1 is expired", "acme: frobnicator key k1 is renewed"]
`)
	f("a text without example", `    text: ["frobnicator is expired", "frobnicator is done"]
    examples: ["frobnicator is expired", "E frobnicator is expired"]
    near_misses: ["frobnicator is fine"]
`, `p.yaml:5:38 text "frobnicator is done"`)
	f("a part without near miss", `    text: ["frobnicator key {kid} is expired"]
    examples: ["frobnicator key k1 is expired", "E frobnicator key k2 is expired"]
    near_misses: ["acme: frobnicator key k1 is renewed"]
`, `p.yaml:5:12 "frobnicator key " of text "frobnicator key {kid} is expired"`)
	f("with and not", `    text: ["frobnicator is expired"]
    with: [acme, jwt]
    not: [beta]
    examples: ["acme frobnicator is expired", "acme: frobnicator is expired"]
    near_misses: ["frobnicator is done"]
`, `p.yaml:6:12 with ["acme" "jwt"]`, `p.yaml:7:11 not "beta"`)
	f("captures hold a part", `    text: ["frobnicator key {kid} for {*} expired"]
    captures: {kid: k1}
    examples: ["frobnicator key k1 for acme expired", "frobnicator key k2 for acme expired"]
    near_misses: ["frobnicator key k1 for acme renewed", "lease k1 for acme expired"]
`, `p.yaml:5:12 " for " of text "frobnicator key {kid} for {*} expired"`)
}

// wantSound is the share of rules whose every anchor a test must hold.
const wantSound = 0.95

// Without WHY401_MUTATION=all (make mutation) every 16th rule of our packs is
// tried.
func TestMutation(t *testing.T) {
	s := load(t)
	all := os.Getenv("WHY401_MUTATION") == "all"
	report := s.TestAnchors(func(r *Rule) bool { return all || r.order%16 == 0 })
	for _, u := range report.Untested {
		t.Logf("%s: %s: no test misses %s", u.Place, u.Rule.Name(), u.What)
	}
	share := float64(report.Sound) / float64(report.Rules)
	t.Logf("%d of %d rules (%.1f %%) are held by their tests in every anchor; %d of %d anchors are not missed; noticed by %v",
		report.Sound, report.Rules, 100*share, len(report.Untested), report.Anchors, report.Noticed)
	if all && share < wantSound {
		t.Errorf("%.1f %% of the rules are held by their tests in every anchor; want at least %.0f %%", 100*share, 100*wantSound)
	}
	if !all && report.Rules*16 < len(s.Rules()) {
		t.Errorf("%d rules of %d tried; want every 16th", report.Rules, len(s.Rules()))
	}
}

// What a rule gives as an example must be read so by the whole set. Wrappers
// and texts without a reason yield to any other rule that says more.
func TestExamplesMeanWhatTheirRuleSays(t *testing.T) {
	s := load(t)
	wrong := 0
	for _, r := range s.Rules() {
		if r.weak() {
			continue
		}
		for _, x := range r.Examples {
			if c := s.Classify(SampleEntry(x)); !r.saidBy(&c) {
				wrong++
				t.Logf("%s: %s means %s; the set reads %v by %s in its example %q", r.Place(), r.Name(), r.Meaning(), c.Reasons, c.Rule, x)
			}
		}
	}
	if most := len(s.Rules()) / 50; wrong > most {
		t.Errorf("%d examples are read otherwise by the set; want at most %d: see why401 rules coverage", wrong, most)
	}
}

// Places of texts, with and not are kept, also of rules written in one line.
func TestPlaces(t *testing.T) {
	for _, r := range load(t).Rules() {
		for _, p := range slices.Concat(r.places.text, r.places.with, r.places.not, r.places.examples, r.places.near) {
			if p.line < r.places.rule.line-20 || p.line > r.places.rule.line+400 {
				t.Fatalf("%s: a part is said to stand at %v, the rule at %v", r.Name(), p, r.places.rule)
			}
		}
	}
}
