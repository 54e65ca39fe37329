package redact

import (
	"encoding/base64"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// wholeToken finds tokens that decode, so that the check does not depend on
// the code under test.
var wholeToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{13,}\.eyJ[A-Za-z0-9_-]{13,}\.[A-Za-z0-9_-]{16,}`)

func FuzzRedact(f *testing.F) {
	token := madeUp(plainHeader, plainPayload)
	for _, name := range []string{"testdata/keeps.txt", "testdata/leaks.txt"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			f.Add(strings.ReplaceAll(line, "{token}", token))
		}
	}
	for _, section := range readCarriers(f) {
		for _, c := range section {
			f.Add(c.fill(token))
			f.Add(c.fill("s3cret\\\"'x"))
		}
	}
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		if again := Text(got); again != got {
			t.Errorf("not idempotent\n in    %q\n once  %q\n twice %q", s, got, again)
		}
		if len(got) > 4*len(s)+64 {
			t.Errorf("%d bytes grow to %d: %q to %q", len(s), len(got), s, got)
		}
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("breaks UTF-8: %q to %q", s, got)
		}
		for _, found := range wholeToken.FindAllString(s, -1) {
			for n, part := range strings.Split(found, ".")[1:] {
				if _, err := base64.RawURLEncoding.DecodeString(part); err == nil && strings.Count(s, part) == 1 && strings.Contains(got, part) {
					t.Errorf("segment %d of a token survives: %q to %q", n+1, s, got)
				}
			}
		}
		field := Field("password", s)
		if again := Field("password", field); again != field {
			t.Errorf("Field is not idempotent: %q then %q", field, again)
		}
	})
}

// FuzzRedactPlanted plants a token between two texts.
func FuzzRedactPlanted(f *testing.F) {
	f.Add("Bearer ", " was refused", uint64(1))
	f.Add(`{"a":"`, `"}`, uint64(2))
	f.Add("token(", ") expired", uint64(3))
	f.Add("password=", "", uint64(4))
	f.Add("-----BEGIN X-----", "-----END", uint64(5))
	f.Fuzz(func(t *testing.T, before, after string, seed uint64) {
		token, parts := newRandomText(seed).token()
		got := Text(before + token + after)
		for _, part := range parts[1:] {
			if strings.Contains(got, part) && !strings.Contains(before, part) && !strings.Contains(after, part) {
				t.Errorf("%q survives between %q and %q: %q", part, before, after, got)
			}
		}
	})
}
