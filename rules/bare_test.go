package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What Running leaves out is what only tests need: every rule must come out
// the same otherwise, at the same place.
func TestRunningHoldsTheSameRules(t *testing.T) {
	full, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	bare, err := Running()
	if err != nil {
		t.Fatal(err)
	}
	if len(full.rules) != len(bare.rules) {
		t.Fatalf("%d rules with samples, %d without", len(full.rules), len(bare.rules))
	}
	left := 0
	for i, a := range full.rules {
		b := bare.rules[i]
		left += len(b.Examples) + len(b.NearMisses)
		want := []any{a.ID, a.pack.Pack, a.pack.Library, a.Reason, a.Success, a.Benign, a.Wrapper, a.Change, a.Text, a.With, a.Not, a.Where, a.places.rule}
		got := []any{b.ID, b.pack.Pack, b.pack.Library, b.Reason, b.Success, b.Benign, b.Wrapper, b.Change, b.Text, b.With, b.Not, b.Where, b.places.rule}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(place{})); diff != "" {
			t.Errorf("%s/%s (-full +bare):\n%s", a.pack.Pack, a.ID, diff)
		}
	}
	if left > 0 {
		t.Errorf("%d examples and near misses were not left out", left)
	}
}
