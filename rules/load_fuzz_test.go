package rules

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

// FuzzLoad feeds the loader packs as a user may write them. It refuses them
// with a place, or yields a set that reads every text it is given.
func FuzzLoad(f *testing.F) {
	packs, err := fs.Glob(embedded, "packs/*.yaml")
	if err != nil || len(packs) == 0 {
		f.Fatal(packs, err)
	}
	for _, name := range packs {
		data, err := fs.ReadFile(embedded, name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 2<<10)])
	}
	f.Add([]byte("pack: a\nrules:\n  - {id: b, reason: expired_token, text: [\"^seal {*} is {word}$\"], with: [x], not: [y], examples: [a, b], near_misses: [c]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Load(fstest.MapFS{"a.yaml": {Data: data}})
		if err != nil {
			if !strings.Contains(err.Error(), "a.yaml") {
				t.Errorf("%v does not say where", err)
			}
			return
		}
		for _, r := range s.Rules() {
			for _, x := range append(r.Examples, r.Text...) {
				s.Classify(TextEntry(x))
			}
		}
	})
}

// FuzzPeel takes texts apart and sees that nothing is made up: every part and
// frame that is left stands in the text.
func FuzzPeel(f *testing.F) {
	f.Add("jwt expired\n    at verify (/app/node_modules/jsonwebtoken/verify.js:152:21)\nCaused by: io.jsonwebtoken.SecurityException: no ---> [cause]: x")
	f.Add("Traceback (most recent call last):\n  File \"a.py\", line 7, in f\n    raise X(\n           ^^^\nDuring handling of the above exception, another exception occurred:\njwt.exceptions.X: y")
	f.Add("a.rb:1:in `b'\n#0 x\ngoroutine 1 [running]:\nmain.f(0x1)\n\t/a.go:3 +0x1\n--- End of stack trace ---\n... 3 more")
	f.Fuzz(func(t *testing.T, text string) {
		out, frames := peel([]part{{"message", text}})
		for _, p := range out {
			for line := range strings.Lines(p.Text) {
				if !strings.Contains(text, line) {
					t.Errorf("the line %q is not in the text", line)
				}
			}
			if utf8.ValidString(text) && !utf8.ValidString(p.Text) {
				t.Errorf("the part %q is cut inside a letter", p.Text)
			}
			prepare(p.Text)
		}
		if len(frames) > len(text)+strings.Count(text, "\n")+1 {
			t.Errorf("%d bytes of frames in %d bytes of text", len(frames), len(text))
		}
	})
}
