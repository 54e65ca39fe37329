package lab

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever the seed, a varied scenario can be played, and the same seed gives
// the same one; the first seed leaves it as it is written.
func TestVariedScenariosAreSound(t *testing.T) {
	all, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	for _, sc := range all {
		if diff := cmp.Diff(sc, sc.Varied(1)); diff != "" {
			t.Errorf("%s: seed 1 changes it:\n%s", sc.Name, diff)
		}
		for seed := uint64(2); seed < 12; seed++ {
			v := sc.Varied(seed)
			if err := v.check(); err != nil {
				t.Errorf("%s, seed %d: %v", sc.Name, seed, err)
			}
			if diff := cmp.Diff(v, sc.Varied(seed)); diff != "" {
				t.Errorf("%s: seed %d gives two scenarios:\n%s", sc.Name, seed, diff)
			}
			for i := range v.Expect {
				if len(v.Expect[i].Services) != len(sc.Expect[i].Services) || v.Expect[i].From < sc.Expect[i].From {
					t.Errorf("%s, seed %d: expects %+v, written is %+v", sc.Name, seed, v.Expect[i], sc.Expect[i])
				}
			}
		}
		if sc.Name == "rotation-missed" && cmp.Equal(sc, sc.Varied(2)) {
			t.Error("seed 2 changes nothing")
		}
	}
}
