package analyzer

import "strings"

// A fieldValue is a value as it stands in the text: s[from:to], and end where
// it stops with its closing quote.
type fieldValue struct {
	from, to int
	quoted   bool
	bracket  bool // it is a list or an object: { or [ stands before it
}

// maxLook bounds how much of a value is read to judge it.
const maxLook = 256

// readValue reads the value that begins at or shortly after i.
func readValue(s string, i int, separator byte) fieldValue {
	for n := 0; n < 4 && i < len(s) && (s[i] == ' ' || s[i] == '\t'); n++ {
		i++
	}
	if separator == '>' {
		return fieldValue{from: i, to: i + indexOr(s[i:], '<', len(s)-i)}
	}
	v := fieldValue{from: i, to: i}
	if i < len(s) && (s[i] == '[' || s[i] == '{') && !isMarkerAt(s, i) {
		v.bracket = true
		i++
	}
	if i+1 < len(s) && (s[i] == 'b' || s[i] == 'u' || s[i] == 'r') && kinds[s[i+1]]&kindQuote != 0 {
		i++ // a Python literal
	}
	if from, to, ok := quotedText(s, i); ok {
		v.from, v.to, v.quoted = from, to, true
		return v
	}
	v.from, v.to = i, bareEnd(s, i)
	return v
}

func indexOr(s string, c byte, or int) int {
	if i := strings.IndexByte(s, c); i >= 0 {
		return i
	}
	return or
}

// quotedText reads the text between quotes that open at i, whatever way they
// are escaped. Without a closing quote it ends with the line.
func quotedText(s string, i int) (from, to int, ok bool) {
	slashes := 0
	for i < len(s) && s[i] == '\\' && slashes < 8 {
		slashes++
		i++
	}
	if i < len(s) && kinds[s[i]]&kindQuote != 0 {
		return i + 1, closingQuote(s, i+1, s[i], slashes), true
	}
	if i-slashes >= len(s) {
		return 0, 0, false
	}
	c, n := unescape(s, i-slashes)
	if n == 0 || kinds[c]&kindQuote == 0 {
		return 0, 0, false
	}
	from = i - slashes + n
	rest := lineOf(s[from:])
	if at := strings.Index(rest, s[i-slashes:from]); at >= 0 {
		return from, from + at, true
	}
	return from, from + len(rest), true
}

// closingQuote finds the quote that closes one opened with so many
// backslashes. One with fewer closes the text around it, so this one too.
func closingQuote(s string, i int, quote byte, slashes int) int {
	line := lineOf(s[i:])
	for at := 0; ; {
		next := strings.IndexByte(line[at:], quote)
		if next < 0 {
			return i + len(line)
		}
		at += next
		n := 0
		for n < at && line[at-1-n] == '\\' {
			n++
		}
		if n <= slashes {
			return i + at - n
		}
		// An even number of backslashes before a plain quote are escaped
		// themselves and leave the quote what it is.
		if slashes == 0 && n%2 == 0 {
			return i + at
		}
		at++
	}
}

func lineOf(s string) string {
	return s[:indexOr(s, '\n', len(s))]
}

// bareEnd finds the end of an unquoted value. Blanks, quotes and & end it
// always; commas and brackets only when what follows up to the next of those
// cannot belong to it, because passwords hold such characters.
func bareEnd(s string, i int) int {
	open := 0
	for i < len(s) {
		switch k := kinds[s[i]]; {
		case k&(kindSpace|kindQuote) != 0, s[i] == '&':
			return i
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == 'n' || s[i+1] == 'r' || s[i+1] == 't' || s[i+1] == '\\' || kinds[s[i+1]]&kindQuote != 0):
			return i
		case s[i] == '%' && (strings.HasPrefix(s[i:], "%26") || strings.HasPrefix(s[i:], "%20") || strings.HasPrefix(s[i:], "%22")):
			return i
		case s[i] == '[' || s[i] == '(' || s[i] == '{':
			open++
		case k == kindBracket && (open == 0 || s[i] == ',' || s[i] == ';') && bracketEnds(s, i):
			return i
		case k == kindBracket && s[i] != ',' && s[i] != ';':
			open--
		}
		i++
	}
	return i
}

// bracketEnds tells whether the comma or bracket at i ends a bare value.
func bracketEnds(s string, i int) bool {
	i++
	for n := 0; i < len(s) && n < 64; i, n = i+1, n+1 {
		switch {
		case kinds[s[i]]&(kindSpace|kindQuote) != 0 || s[i] == '&':
			return n == 0
		case s[i] == '=' || s[i] == ':' || s[i] == '<' || s[i] == '[':
			return true
		case kinds[s[i]] == kindBracket && n == 0:
			continue
		}
	}
	return i >= len(s) && kinds[s[i-1]] == kindBracket
}

// markers are the words that redaction, here and elsewhere, leaves behind.
var markers = [...]string{
	"[jwt", markSecret, markCookie, markSubject, markEmail, markDropped, "[pem ",
	"[REDACTED", "[Redacted", "[FILTERED", "[Filtered", "[PII ", "[hidden", "[masked", "[object ", "[Object",
}

// isMarkerAt tells whether a marker stands at i.
func isMarkerAt(s string, i int) bool {
	if i >= len(s) || s[i] != '[' {
		return false
	}
	for _, m := range markers {
		if strings.HasPrefix(s[i:], m) {
			return true
		}
	}
	return false
}

// keptValues say something about a secret instead of being one. They are in
// lower case.
var keptValues = map[string]bool{
	"true": true, "false": true, "null": true, "nil": true, "none": true, "undefined": true, "nan": true, "yes": true, "no": true,
	"ok": true, "set": true, "unset": true, "missing": true, "present": true, "absent": true, "empty": true, "required": true,
	"invalid": true, "valid": true, "expired": true, "revoked": true, "redacted": true, "hidden": true, "masked": true,
	"filtered": true, "removed": true, "unknown": true, "found": true, "loaded": true, "rotated": true, "bearer": true,
	"basic": true, "jwt": true, "not": true, "is": true, "must": true, "malformed": true, "mismatch": true, "rejected": true,
	"failed": true, "array": true, "object": true, "string": true, "-": true, "x": true, "<nil>": true, "n/a": true,
}

// isKeptValue tells values that are no secret whatever their name: words of
// status, placeholders, masks, references to where a secret comes from.
func isKeptValue(v string) bool {
	if v == "" || len(v) > maxLook {
		return v == ""
	}
	if len(v) <= 10 && keptValues[strings.ToLower(v)] {
		return true
	}
	switch v[0] {
	case '[':
		return isMarkerAt(v, 0) || isPlaceholder(v, ']')
	case '<':
		return isPlaceholder(v, '>')
	case '{':
		return isPlaceholder(v, '}')
	case '$':
		return len(v) > 1 && (v[1] == '{' || v[1] == '(') && strings.IndexByte("})", v[len(v)-1]) >= 0 ||
			runEnd(v, 1, kindUpper|kindURL64, len(v)) == len(v)
	case '%':
		return len(v) == 2
	case '*', 'x', 'X', '.':
		if strings.Trim(v, v[:1]) == "" {
			return true
		}
	}
	for _, p := range [...]string{"process.env", "os.environ", "os.getenv", "System.getenv", "ENV[", "env.", "env:", "secretref:"} {
		if strings.HasPrefix(v, p) {
			return true
		}
	}
	return isResourceName(v) || strings.HasPrefix(v, "sha256:") && len(v) < 80
}

// isPlaceholder tells <JWT>, {token} or [token]: one word in brackets.
func isPlaceholder(v string, closing byte) bool {
	end := runEnd(v, 1, kindLetter|kindURL64, 32)
	for end < len(v) && v[end] == ' ' && end < 32 {
		end = runEnd(v, end+1, kindLetter|kindURL64, 32)
	}
	return end > 1 && end < len(v) && v[end] == closing
}

// isResourceName tells the name of a secret in Google's Secret Manager.
func isResourceName(v string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(v, "//secretmanager.googleapis.com/"), "projects/")
	if !ok {
		return false
	}
	_, rest, ok = strings.Cut(rest, "/")
	rest, isSecret := strings.CutPrefix(rest, "secrets/")
	return ok && isSecret && len(rest) < 300 && runEnd(rest, 0, kindWord|kindStd64, len(rest)) == len(rest)
}

// isDistinguishedName tells the subject of a certificate, which names a host.
func isDistinguishedName(v string) bool {
	return strings.HasPrefix(v, "CN=") || strings.HasPrefix(v, "/CN=") || strings.HasPrefix(v, "C=") ||
		strings.HasPrefix(v, "O=") || strings.HasPrefix(v, "/C=") || strings.HasPrefix(v, "/O=")
}

// isOpaque tells what looks like a credential from what looks like a word, a
// name, a path or a number of some kind.
func isOpaque(v string) bool {
	if len(v) > maxLook {
		v = v[:maxLook]
	}
	if len(v) < 6 || strings.HasPrefix(v, "/") || strings.Contains(v, "://") || isKeptValue(v) {
		return false
	}
	var seen uint16
	odd := 0
	for i := 0; i < len(v); i++ {
		k := kinds[v[i]]
		seen |= k
		if k&(kindWord|kindDot|kindBracket|kindHigh) == 0 && v[i] != ':' {
			odd++
		}
	}
	switch {
	case seen&kindDigit == 0 && seen&kindUpper == 0:
		return odd > 0 || len(v) >= 32
	case seen&kindLower == 0 && len(v) <= 40 && seen&kindURL64 != 0: // ERR_JWT_EXPIRED, SCRAM-SHA-256
		return false
	case seen&kindDigit != 0 && seen&kindLetter != 0:
		return !isTalk(v)
	}
	return odd > 0 || isRandom(v) || len(v) >= 24 && seen&kindDot == 0 && !isCamel(v)
}

// isTalk tells technical words with digits in them: x509, HS256, IDX10223,
// 1h4m33s, host names with ports, versions, timestamps.
func isTalk(v string) bool {
	letters := runEnd(v, 0, kindLetter, len(v))
	if digits := runEnd(v, letters, kindDigit, len(v)); digits == len(v) && letters > 0 && letters <= 5 && len(v) <= 8 {
		return true
	}
	if kinds[v[0]] == kindDigit && runEnd(v, 0, kindDigit|kindDot, len(v)) > 1 && strings.Trim(v, "0123456789.:hmsµunTZ-+") == "" {
		return true
	}
	return strings.Count(v, ".") >= 2 && !isRandom(v) && strings.IndexByte(v, '/') < 0 && len(v) < 60
}

// isCamel tells the name of a class or a function.
func isCamel(v string) bool {
	return runEnd(v, 0, kindLetter|kindDot|kindURL64, len(v)) == len(v) && !isRandom(v)
}
