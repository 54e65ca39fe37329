package redact

import "strings"

// unescape reads one byte written as %2E, %252E, \u002e, \x2e or as one of
// the HTML entities that matter. n is 0 when there is no such escape at i.
func unescape(s string, i int) (c byte, n int) {
	switch s[i] {
	case '%':
		j := i + 1
		for k := 0; k < 2 && strings.HasPrefix(s[j:], "25"); k++ {
			j += 2
		}
		if c, ok := hexByte(s, j); ok {
			return c, j + 2 - i
		}
		if j > i+1 { // "%25" alone is a percent sign
			return '%', 3
		}
	case '\\':
		j := i
		for j < len(s) && j < i+maxSlashes && s[j] == '\\' {
			j++
		}
		if strings.HasPrefix(s[j:], "u00") {
			if c, ok := hexByte(s, j+3); ok {
				j += 5
				if c == '&' { // an entity of HTML inside JSON
					for _, e := range htmlEntities {
						if strings.HasPrefix(s[j:], e.text[1:]) {
							return e.c, j + len(e.text) - 1 - i
						}
					}
				}
				return c, j - i
			}
		}
		if strings.HasPrefix(s[j:], "x") {
			if c, ok := hexByte(s, j+1); ok {
				return c, j + 3 - i
			}
		}
	case '&':
		for _, e := range htmlEntities {
			if strings.HasPrefix(s[i:], e.text) {
				return e.c, len(e.text)
			}
		}
	}
	return 0, 0
}

// maxSlashes bounds the backslashes before an escape: JSON in JSON in JSON has
// up to 31 before a quote, once more quoted 63.
const maxSlashes = 64

// htmlEntities is never written to.
var htmlEntities = [...]struct {
	text string
	c    byte
}{
	{"&quot;", '"'}, {"&#34;", '"'}, {"&#39;", '\''}, {"&#x27;", '\''}, {"&#x22;", '"'},
	{"&gt;", '>'}, {"&lt;", '<'}, {"&#61;", '='}, {"&#x3D;", '='}, {"&#x3d;", '='}, {"&#64;", '@'}, {"&#x40;", '@'},
}

func hexByte(s string, i int) (byte, bool) {
	if i+2 > len(s) {
		return 0, false
	}
	hi, lo := hexValue(s[i]), hexValue(s[i+1])
	return hi<<4 | lo, hi < 16 && lo < 16
}

// hexValue returns the value of a hex digit, or 255.
func hexValue(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// The kinds of byte that the rules tell apart.
const (
	kindLower   = 1 << iota
	kindUpper   // A-Z
	kindDigit   // 0-9
	kindURL64   // - and _, which base64url adds
	kindStd64   // + / =, which base64 adds
	kindDot     // . and ~
	kindSpace   // blank, tab, newline, carriage return
	kindQuote   // ' " `
	kindBracket // , ; ) ] } and <
	kindHigh    // not ASCII
)

const (
	kindLetter = kindLower | kindUpper
	kindAlnum  = kindLetter | kindDigit
	kindWord   = kindAlnum | kindURL64
	kindBase64 = kindWord | kindStd64
)

// kinds is never written to after initialisation.
var kinds = func() (k [256]uint16) {
	for c := range k {
		switch b := byte(c); {
		case b >= 'a' && b <= 'z':
			k[c] = kindLower
		case b >= 'A' && b <= 'Z':
			k[c] = kindUpper
		case b >= '0' && b <= '9':
			k[c] = kindDigit
		case b == '-' || b == '_':
			k[c] = kindURL64
		case b == '+' || b == '/' || b == '=':
			k[c] = kindStd64
		case b == '.' || b == '~':
			k[c] = kindDot
		case b == ' ' || b == '\t' || b == '\n' || b == '\r':
			k[c] = kindSpace
		case b == '"' || b == '\'' || b == '`':
			k[c] = kindQuote
		case strings.IndexByte(",;)]}<", b) >= 0:
			k[c] = kindBracket
		case b >= 0x80:
			k[c] = kindHigh
		}
	}
	return k
}()

// runEnd returns the end of the run of bytes of the given kinds that begins
// at i, looking at limit bytes at most.
func runEnd(s string, i int, kind uint16, limit int) int {
	end := min(len(s), i+limit)
	for i < end && kinds[s[i]]&kind != 0 {
		i++
	}
	return i
}

// runStart returns the start of the run of bytes of the given kinds that ends
// before i. It does not go below floor.
func runStart(s string, i int, kind uint16, floor int) int {
	for i > floor && kinds[s[i-1]]&kind != 0 {
		i--
	}
	return i
}

// isRandom tells text that a generator made from text that a person wrote:
// all three of upper case, lower case and digits, changing often. Names,
// paths and class names change rarely. One in a few hundred short secrets has
// no digit; then it must be longer and change still more often.
func isRandom(s string) bool {
	var seen uint16
	changes, letters := 0, 0
	for i := 0; i < len(s); i++ {
		k := kinds[s[i]] & kindAlnum
		if k == 0 {
			continue
		}
		letters++
		if i > 0 && kinds[s[i-1]] != k {
			changes++
		}
		seen |= k
	}
	if seen == kindLetter {
		return len(s) >= 16 && letters*10 >= len(s)*8 && changes*10 >= len(s)*4
	}
	return seen == kindAlnum && letters*10 >= len(s)*8 && changes*10 >= len(s)*3
}

// isHex tells a run of at least n hex digits that holds a digit and a letter.
func isHex(s string, n int) bool {
	if len(s) < n {
		return false
	}
	var seen uint16
	for i := 0; i < len(s); i++ {
		if hexValue(s[i]) == 255 {
			return false
		}
		seen |= kinds[s[i]]
	}
	return seen&kindDigit != 0 && seen&kindLetter != 0
}

// isTokenText tells a text of base64 characters, dots and tildes alone.
func isTokenText(s string) bool {
	return runEnd(s, 0, kindBase64|kindDot, len(s)) == len(s)
}

// redactRuns removes what no rule recognised by its surroundings: long runs
// of base64, as the middle of a token that was cut in two leaves them. It
// probes at a stride shorter than the shortest run, so ordinary text costs a
// few bytes per probe.
func redactRuns(s string) string {
	if len(s) < minRun {
		return s
	}
	r := redactor{s: s}
	for i := minRun - 1; i < len(s); {
		if kinds[s[i]]&kindBase64 == 0 {
			i += minRun
			continue
		}
		from := runStart(s, i, kindBase64, max(r.last, i-minRun))
		to := runEnd(s, i, kindBase64, len(s))
		if !isBlob(s, from, to) {
			i = max(i+minRun, to)
			continue
		}
		from = runStart(s, from, kindWord|kindDot, max(r.last, from-minBlob))
		for to < len(s) && s[to] == '.' {
			next := runEnd(s, to+1, kindBase64, len(s))
			if next < to+9 {
				break
			}
			to = next
		}
		from, to = randomLines(s, from, to, r.last)
		r.replace(from, to, Secret)
		i = to + minRun - 1
	}
	return r.text()
}

// randomLines widens s[from:to], a line of a key that was cut at both ends, to
// the rests of the lines before and behind it.
func randomLines(s string, from, to, floor int) (int, int) {
	if line := lineBefore(s, from, floor); line >= 0 {
		if text := strings.TrimSpace(s[line:from]); len(text) >= 12 && isRandom(text) {
			from = line
		}
	}
	for {
		next := skipBreak(s, to)
		end := runEnd(s, next, kindBase64, len(s))
		if next == to || end-next < 12 || end-next > 2*maxLabel || !isRandom(s[next:end]) || !strings.ContainsAny(s[to:next], "n\n") {
			return from, to
		}
		to = end
	}
}

const (
	minRun  = 40 // no longer than the shortest run of interest, an HS256 signature's 43
	minBlob = 64 // a run this long and this random is no name; key ids have up to 54
)

// isBlob tells whether s[from:to] is part of a token: a long random run, or a
// run as long as a signature right before or after the dot between segments.
func isBlob(s string, from, to int) bool {
	n := to - from
	if n < 43 || !isRandom(s[from:min(to, from+512)]) {
		return false
	}
	if n >= minBlob || to < len(s) && s[to] == '.' && isRandomAt(s, to+1) {
		return true
	}
	return from > 1 && s[from-1] == '.' && kinds[s[from-2]]&kindWord != 0 &&
		isSegmentTail(s[runStart(s, from-1, kindWord, max(0, from-33)):from-1])
}

// isRandomAt tells whether another segment begins at i.
func isRandomAt(s string, i int) bool {
	end := runEnd(s, i, kindBase64, 64)
	return end-i >= 16 && isRandom(s[i:end])
}

// isSegmentTail tells the end of a base64url JSON object ("}" encodes to a
// tail of fQ, 9 or J9 preceded by random text) from a word before a dot.
func isSegmentTail(s string) bool {
	if strings.HasSuffix(s, "fQ") || strings.HasSuffix(s, "J9") {
		return true
	}
	return len(s) >= 12 && isRandom(s)
}
