package analyzer_test

import (
	"testing"
	"unicode/utf8"

	"github.com/why401/why401/analyzer"
)

func FuzzMask(f *testing.F) {
	for _, s := range []string{
		"", "token of user 17 expired 3m ago", `kid "k-1" of [jwt alg=RS256 kid=k1] at https://acme.example/keys?x=1 1f0c1c3e-0000-4000-8000-000000000000`,
		"a\nsecond line", "\x1b[31mred\u202e", "<*>: <*> 1 2 3", "é\xff\u20ac 12 'quoted' `code`",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		mask := analyzer.Mask(s)
		if len(mask) > 200 || analyzer.Mask(mask) != mask {
			t.Errorf("Mask(%q): %d bytes, %q then %q", s, len(mask), mask, analyzer.Mask(mask))
		}
		x := analyzer.Excerpt(s, 80)
		if len(x) > 80 {
			t.Errorf("Excerpt(%q) has %d bytes", s, len(x))
		}
		if utf8.ValidString(s) && !utf8.ValidString(x) {
			t.Errorf("Excerpt(%q) breaks UTF-8: %q", s, x)
		}
	})
}
