package analyzer

import (
	"slices"
	"testing"
)

// The catalogue must be able to decide: every way to "probable" rests on two
// kinds of evidence, and every cause says what it is and what to do.
func TestCatalogue(t *testing.T) {
	seen := map[Cause]bool{}
	for _, k := range causes {
		if seen[k.ID] {
			t.Errorf("%s stands twice", k.ID)
		}
		seen[k.ID] = true
		if k.Means == "" || severityRank(k.Level) < 0 {
			t.Errorf("%s: no meaning or no level", k.ID)
		}
		if meta := k.ID[:5] == "meta."; !meta && (k.Confirms == "" || len(k.Do) == 0) {
			t.Errorf("%s: nothing confirms it, or there is nothing to do", k.ID)
		}
		for _, alternative := range k.needs {
			kinds := map[signal]bool{}
			for _, f := range alternative {
				kinds[f.signal] = true
				if slices.Contains(k.against, f) {
					t.Errorf("%s: %s speaks for and against", k.ID, f.name)
				}
			}
			if len(kinds) < 2 {
				t.Errorf("%s: an alternative rests on one kind of evidence: %v", k.ID, kinds)
			}
		}
		for _, r := range k.Reasons {
			if (familyOf(r) == nil) != (k.says != "") {
				t.Errorf("%s: %s is in a family, or nothing is said of it", k.ID, r)
			}
		}
		for _, e := range k.Explains {
			if e.rank() == len(causes) {
				t.Errorf("%s explains %s, which is no cause", k.ID, e)
			}
		}
	}
	for _, f := range families {
		if f.unknown.rank() == len(causes) {
			t.Errorf("family %s falls back on %s, which is no cause", f.name, f.unknown)
		}
		for _, r := range f.reasons {
			if familyOf(r).name != f.name {
				t.Errorf("%s is in two families", r)
			}
		}
	}
}
