package rules

import "slices"

// The fold makes texts comparable that differ only in spelling: ASCII letters
// lose their case, every quote becomes ', an underscore or any run of blanks
// becomes one space, and backslashes vanish, so that \"exp\" inside JSON inside
// logfmt still reads 'exp'. Envoy, for one, prints "Jwt is expired" with
// underscores in RESPONSE_CODE_DETAILS.

const (
	foldSkip  = 0   // backslash: contributes nothing
	foldSpace = ' ' // blank or underscore: at most one in a row
)

var foldTable = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = byte(c - 'A' + 'a')
	}
	for _, c := range []byte{'_', '\t', '\r', '\v', '\f', 0} {
		t[c] = foldSpace
	}
	for _, c := range []byte{'"', '`'} {
		t[c] = '\''
	}
	t['\\'] = foldSkip
	return t
}()

// typographic reports whether s continues, after its first byte 0xE2, as one
// of the curly quotes U+2018 to U+201F or the primes U+2032 and U+2033.
func typographic[T string | []byte](s T) bool {
	if len(s) < 3 || s[1] != 0x80 {
		return false
	}
	return s[2] >= 0x98 && s[2] <= 0x9F || s[2] == 0xB2 || s[2] == 0xB3
}

// folded is a folded text that remembers where each byte came from.
type folded struct {
	b    []byte
	from []int32 // from[i] is the offset in the original of b[i]; one more at the end
}

// fold appends the folded form of s to f, after resetting it.
func (f *folded) fold(s string) {
	f.b, f.from = slices.Grow(f.b[:0], len(s)), slices.Grow(f.from[:0], len(s)+1)
	space := true
	for i := 0; i < len(s); i++ {
		c := foldTable[s[i]]
		width := 1
		if c == 0xE2 && typographic(s[i:]) {
			c, width = '\'', 3
		}
		switch {
		case c == foldSkip:
			continue
		case c == foldSpace:
			if space {
				continue
			}
			space = true
		case c == '\n':
			space = true
		default:
			space = false
		}
		f.b = append(f.b, c)
		f.from = append(f.from, int32(i))
		i += width - 1
	}
	f.from = append(f.from, int32(len(s)))
}

// foldLiteral is the fold for the fixed parts of a rule's template. A space at
// either end stays, because a hole may follow it. Most parts are written
// folded.
func foldLiteral(s string) string {
	if isFolded(s) {
		return s
	}
	var f folded
	f.fold("x" + s)
	return string(f.b[1:])
}

func isFolded(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != foldTable[c] || c == 0xE2 || c == foldSkip || c == '\n' || c == foldSpace && i > 0 && s[i-1] == foldSpace {
			return false
		}
	}
	return true
}
