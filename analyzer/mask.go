package analyzer

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// hole stands in a template for what varies from entry to entry.
const hole = "<*>"

// maskBytes is the length of the longest template.
const maskBytes = 200

var variable = regexp.MustCompile(
	`"[^"]*"|'[^']*'|` + "`[^`]*`" + // quoted
		`|\[(?:jwt|secret|sub|email|cookie|pem)[^\]]*\]` + // what the redactor left
		`|https?://\S+` +
		`|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}` +
		`|\S*[0-9]\S*` + // numbers, times, addresses, identifiers
		`|[A-Za-z0-9+/_=-]{32,}`)

var holesInARow = regexp.MustCompile(`<\*>(?:[\s,;:=/-]*<\*>)+`)

// Mask turns a redacted text into a template: numbers, identifiers, addresses
// and quoted values become <*>. It keeps the first line and at most 200 bytes,
// and masking a template changes nothing.
func Mask(s string) string {
	s = Excerpt(s, 4*maskBytes)
	s = variable.ReplaceAllString(s, hole)
	s = holesInARow.ReplaceAllString(s, hole)
	return strings.TrimSuffix(cut(strings.Join(strings.Fields(s), " "), maskBytes), " ")
}

// Excerpt cuts a redacted text to at most n bytes, at the edge of a rune, and
// makes line ends and control characters visible, so that it stays one line
// wherever it is shown.
func Excerpt(s string, n int) string {
	return cut(EscapeTerminal(cut(strings.TrimSpace(s), n)), n)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
