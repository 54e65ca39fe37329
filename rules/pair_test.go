package rules

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pairs says what nextPair finds, slowly.
var pairs = regexp.MustCompile(`(?:^| )([A-Za-z_][\w.-]*)=([^\s"'{\[]+)`)

func FuzzPairs(f *testing.F) {
	for _, text := range []string{
		"", "=", "a=b", "a=b c=d e=f", " a=b  c=d=e f={x} g='h' 1=2 k.e-y=v\nw=x y=\tz q=[1] r=s", "k=vé é=k _x=1", "a=b=c d=", "x =y z=1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want, got [][]int
		for _, m := range pairs.FindAllStringSubmatchIndex(text, -1) {
			want = append(want, []int{m[0], m[2], m[3], m[1]})
		}
		for p, ok := nextPair(text, 0); ok; p, ok = nextPair(text, p.to) {
			got = append(got, []int{p.from, p.key, p.eq, p.to})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pairs of %q: -regexp +nextPair\n%s", text, diff)
		}
	})
}
