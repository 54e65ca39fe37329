package rules

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func small(t *testing.T, text string) *Set {
	t.Helper()
	s, err := Load(fstest.MapFS{"p.yaml": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Coverage tells rules that fit from rules that decide, pairs that claim one
// example, and rules that never win their own.
func TestCoverage(t *testing.T) {
	s := small(t, `pack: p
rules:
  - id: long
    reason: expired_token
    text: ["frobnicator token is expired"]
    examples: ["frobnicator token is expired", "E frobnicator token is expired"]
    near_misses: ["frobnicator is done"]
  - id: short
    reason: revoked_token
    text: ["token is expired"]
    examples: ["frobnicator token is expired", "X frobnicator token is expired"]
    near_misses: ["token is fine"]
  - id: other
    reason: bad_signature
    text: ["grumbling signature"]
    examples: ["grumbling signature", "E grumbling signature"]
    near_misses: ["signature fine"]
`)
	seen := s.NewCoverage()
	for range 3 {
		seen.Classify(TextEntry("E frobnicator token is expired"))
	}
	seen.Classify(TextEntry("token is expired"))
	seen.Classify(TextEntry("all is well"))
	hits, entries := seen.Hits()
	var got []string
	for _, h := range hits {
		got = append(got, h.Rule.Name())
		if h.Rule.ID == "short" && (h.Fits != 4 || h.Decides != 1) || h.Rule.ID == "long" && (h.Fits != 3 || h.Decides != 3) {
			t.Errorf("%s fits %d, decides %d", h.Rule.Name(), h.Fits, h.Decides)
		}
	}
	if diff := cmp.Diff([]string{"p/short", "p/long"}, got); diff != "" || entries != 5 {
		t.Errorf("%d entries, hits (-want +got):\n%s", entries, diff)
	}
	if un := seen.Unmet(); len(un) != 1 || un[0].ID != "other" {
		t.Errorf("unmet %v; want p/other", un)
	}
	over := s.Overlaps()
	if len(over) != 1 || over[0].A.ID != "long" || over[0].B.ID != "short" || over[0].Same || len(over[0].Examples) != 3 {
		t.Errorf("overlaps %+v; want long and short in three examples, of different meaning", over)
	}
	shadows := s.Shadowed()
	if len(shadows) != 1 || shadows[0].Rule.ID != "short" || shadows[0].Same || !slices.Equal(shadows[0].By, []string{"p/long"}) {
		t.Errorf("shadowed %+v; want short by long", shadows)
	}
}
