package redact

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// maxSegment bounds how much of a segment is decoded; longer ones are removed
// without a description.
const maxSegment = 16 << 10

// minBareHeader is the length from which a segment that stands alone counts
// as a token. Libraries print shorter ones on purpose ("eyJhbGciOi...").
const minBareHeader = 24

// token replaces a compact JWS or JWE. i is at the J of "eyJ", which is what
// every JSON object that begins with {" looks like in base64.
func (r *redactor) token(i int) int {
	from := i - 2
	if from < r.last || r.s[from:i] != "ey" {
		return 0
	}
	c := readCompact(r.s, from)
	if c.count == 1 && isHarmlessStub(c.segments[0]) {
		return c.end
	}
	// A token whose first bytes were tampered with, or that follows another
	// text without a break, begins before its first "eyJ".
	from = runStart(r.s, from, kindWord, max(r.last, from-8))
	r.replace(from, c.end, describeToken(c.segments[0], c.segments[1]))
	return c.end
}

// isHarmlessStub tells the beginning of a header that was cut short by the
// one who printed it: nothing but the words that headers begin with.
func isHarmlessStub(segment []byte) bool {
	if len(segment) >= minBareHeader {
		return false
	}
	text := string(decodeSegment(segment[:len(segment)/4*4]))
	for _, open := range [...]string{`{"alg":"`, `{"typ":"JWT"`, `{"typ":"at+jwt"`} {
		if strings.HasPrefix(text, open) || strings.HasPrefix(open, text) {
			return true
		}
	}
	return false
}

// A compact is a JOSE compact serialisation found in a text, its first two
// segments freed of whatever escapes they were written in.
type compact struct {
	segments [2][]byte // header and payload, at most maxSegment bytes of each
	count    int
	end      int // where it ends in the text
}

// readCompact reads the token that begins at i. It goes on over percent and
// JSON escapes, padding, line breaks inside a segment and blanks around the
// dots, and over any number of segments.
func readCompact(s string, i int) compact {
	c := compact{count: 1, end: i}
	w := wrapping{}
	for i < len(s) {
		b, n := tokenByte(s, i)
		if n == 0 {
			if i = w.next(s, i); i < 0 {
				return c
			}
			continue
		}
		w.column++
		if b != '.' {
			c.keep(b)
			i += n
			c.end = i
			continue
		}
		next := afterDot(s, i+n, c.count)
		if next < 0 {
			if c.count == 2 && !strings.HasPrefix(s[i+n:], ".") { // alg none: an empty signature
				c.end = i + n
			}
			return c
		}
		if next > i+n {
			w.column = 0
		}
		c.count++
		i = next
	}
	return c
}

// keep collects a byte of the header or the payload.
func (c *compact) keep(b byte) {
	if c.count <= 2 && len(c.segments[c.count-1]) < maxSegment {
		c.segments[c.count-1] = append(c.segments[c.count-1], b)
	}
}

// tokenByte reads one byte of a token, plain or escaped; n is 0 at anything
// else.
func tokenByte(s string, i int) (b byte, n int) {
	b, n = s[i], 1
	if b == '%' || b == '\\' {
		b, n = unescape(s, i)
	}
	if n > 0 && (b == '.' || kinds[b]&kindBase64 != 0) {
		return b, n
	}
	return 0, 0
}

// afterDot returns where the segment after a dot begins, or -1 when the dot
// ended the token (a full stop, an ellipsis, the end of the text).
func afterDot(s string, i, count int) int {
	if i >= len(s) {
		return -1
	}
	b, n := tokenByte(s, i)
	switch {
	case b == '.': // JWE with a direct key: header..iv.text.tag
		if count != 1 || i+n >= len(s) {
			return -1
		}
		if b, n := tokenByte(s, i+n); n > 0 && b != '.' {
			return i
		}
		return -1
	case n > 0:
		return i
	}
	if j := skipBreak(s, i); j > i && (isSegmentStart(s, j) || count > 1 && isInnerSegment(s, j, count)) {
		return j
	}
	return -1
}

// isInnerSegment tells a segment of a JWE that is too short to be known by
// its randomness: the initialisation vector, which a dot follows, and behind
// four segments the tag at the end of a line.
func isInnerSegment(s string, i, count int) bool {
	end := runEnd(s, i, kindBase64, 64)
	return end-i >= 16 && (end < len(s) && s[end] == '.' || count == 4 && isLineEnd(s, end))
}

// A wrapping follows a token over line breaks that a printer or a mail
// program put into it.
type wrapping struct {
	column  int  // bytes since the last break
	wrapped bool // a line was broken off before
}

// next returns where a token goes on behind white space at i: at a dot, or on
// the next line when this one was broken off. It is -1 where the token ends.
func (w *wrapping) next(s string, i int) int {
	j := skipBreak(s, i)
	if j == i || j >= len(s) {
		return -1
	}
	if b, n := tokenByte(s, j); b == '.' && j-i <= 8 {
		if k := skipBreak(s, min(len(s), j+n)); k < len(s) && isSegmentStart(s, k) {
			w.column = 0
			return j
		}
		return -1
	}
	if w.column < 16 || strings.Trim(s[i:j], " \t") == "" || strings.HasPrefix(s[j:], "eyJ") {
		return -1 // no line break, or another token
	}
	end := runEnd(s, j, kindBase64|kindDot, 512)
	goesOn := end-j >= 8 && isRandom(s[j:end]) ||
		w.column >= 40 && end > j && end-j <= w.column && (isSegmentTail(firstSegment(s[j:end])) || w.wrapped && isLineEnd(s, end))
	if !goesOn {
		return -1
	}
	w.column, w.wrapped = 0, true
	return j
}

// firstSegment returns s up to its first dot, or "" when it has none.
func firstSegment(s string) string {
	return s[:max(0, strings.IndexByte(s, '.'))]
}

// isSegmentStart tells whether a segment, and not a word, begins at i.
func isSegmentStart(s string, i int) bool {
	if strings.HasPrefix(s[i:], "eyJ") {
		return true
	}
	return isRandomAt(s, i)
}

// isLineEnd tells whether the text, the line or the quotes end at i.
func isLineEnd(s string, i int) bool {
	return i >= len(s) || s[i] == '\n' || s[i] == '\r' || s[i] == '\\' || kinds[s[i]]&kindQuote != 0
}

// skipBreak skips white space, escaped line breaks and quoted-printable soft
// line breaks, at most 64 bytes of them.
func skipBreak(s string, i int) int {
	for end := min(len(s), i+64); i < end; {
		switch {
		case kinds[s[i]]&kindSpace != 0:
			i++
		case s[i] == '\\':
			j := i
			for j < len(s) && s[j] == '\\' && j < i+4 {
				j++
			}
			if j < len(s) && (s[j] == 'n' || s[j] == 'r' || s[j] == 't') {
				i = j + 1
				continue
			}
			if j < len(s) && (s[j] == '\n' || s[j] == '\r') { // a shell's continued line
				i = j
				continue
			}
			return i
		default:
			return i
		}
	}
	return i
}

// encodedToken replaces the base64 of a token ("eyJ" encodes to ZXlK) or of
// "Bearer " followed by one (QmVhcmVyI).
func (r *redactor) encodedToken(i int) int {
	if !strings.HasPrefix(r.s[i:], "ZXlK") && !strings.HasPrefix(r.s[i:], "QmVhcmVyI") {
		return 0
	}
	end := runEnd(r.s, i, kindBase64, len(r.s))
	if end-i < 12 {
		return 0
	}
	return r.replaceEncoded(i, end, string(decodeSegment([]byte(r.s[i:min(end, i+maxSegment)]))))
}

// hexToken replaces the hex of a token: "eyJ" is 65794a.
func (r *redactor) hexToken(i int) int {
	if !strings.HasPrefix(r.s[i:], "65794a") && !strings.HasPrefix(r.s[i:], "65794A") {
		return 0
	}
	end := i
	for end < len(r.s) && hexValue(r.s[end]) != 255 {
		end++
	}
	if end-i < 32 {
		return 0
	}
	n := min(end-i, maxSegment) / 2 * 2
	text, err := hex.DecodeString(r.s[i : i+n])
	if err != nil {
		text = nil
	}
	return r.replaceEncoded(i, end, string(text))
}

// replaceEncoded replaces s[from:to], which decodes to text.
func (r *redactor) replaceEncoded(from, to int, text string) int {
	mark := markToken
	if at := strings.Index(text, "eyJ"); at >= 0 {
		c := readCompact(text, at)
		mark = describeToken(c.segments[0], c.segments[1])
	}
	r.replace(from, to, mark)
	return to
}

// decodeSegment decodes base64 or base64url with or without padding, as far
// as it can.
func decodeSegment(segment []byte) []byte {
	clean := make([]byte, 0, len(segment))
	for _, b := range segment {
		switch b {
		case '+':
			b = '-'
		case '/':
			b = '_'
		case '=':
			continue
		}
		clean = append(clean, b)
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	n, err := base64.RawURLEncoding.Decode(clean, clean)
	if err != nil {
		return nil
	}
	return clean[:n]
}
