package redact

import "strings"

// A fieldValue is a value as it stands in the text, s[from:to] without its
// quotes.
type fieldValue struct {
	from, to  int
	quoted    bool
	bracket   bool // it is a list or an object: { or [ stands before it
	object    bool // { stands before it: its own names decide
	typed     bool // a list with its Go type before it: []string{
	begin     int  // where reading began, before blanks and quotes
	separator byte
	more      bool // it may go on behind to
}

// maxLook bounds how much of a value is read to judge it. What is judged and
// left in place is read again from its next trigger on, so without a bound
// the work would be quadratic.
const maxLook = 256

// readValue reads as much of the value at or shortly after i as is needed to
// judge it.
func readValue(s string, i int, separator byte) fieldValue {
	v := readWhole(s[:min(len(s), i+maxLook+16)], i, separator)
	v.more = v.to == i+maxLook+16 && v.to < len(s)
	return v
}

// whole returns v to its end, for values that are removed.
func (v fieldValue) whole(s string) fieldValue {
	if !v.more {
		return v
	}
	return readWhole(s, v.begin, v.separator)
}

// readWhole reads the value that begins at or shortly after i.
func readWhole(s string, i int, separator byte) fieldValue {
	v := fieldValue{begin: i, separator: separator}
	for n := 0; n < 4 && i < len(s) && (s[i] == ' ' || s[i] == '\t'); n++ {
		i++
	}
	if separator == '>' {
		v.from, v.to = i, elementEnd(s, i)
		return v
	}
	if end := wrapperEnd(s, i); end > i {
		i, v.typed = end, s[end-1] == '{'
		v.bracket = v.typed
	} else if i < len(s) && (s[i] == '[' || s[i] == '{') && !isMarkerAt(s, i) {
		v.bracket, v.object = true, s[i] == '{'
		i++
	}
	if strings.HasPrefix(s[i:], "<Buffer ") {
		v.from, v.to, v.quoted = i, i+min(indexOr(s[i:], '>', len(s)-i)+1, len(s)-i), true
		return v
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

// elementEnd returns where the text of an XML element ends: at the next <,
// plain or escaped.
func elementEnd(s string, i int) int {
	for ; i < len(s); i++ {
		switch s[i] {
		case '<':
			return i
		case '&', '\\':
			if c, n := unescape(s, i); n > 0 && c == '<' {
				return i
			}
		}
	}
	return i
}

// wrapperEnd returns the end of what a printer puts before the quotes: Rust's
// Some(, PHP's string(9), Erlang's <<, Go's []string{. It is i when there is
// nothing of the kind.
func wrapperEnd(s string, i int) int {
	j := i
	if i < len(s) && (s[i] == '\n' || s[i] == '\\') { // var_dump breaks the line behind =>
		j = skipBreak(s, i)
	}
	if j == i && i < len(s) && s[i] == '\\' { // << inside JSON
		if c, n := unescape(s, i); c == '<' {
			if c, more := unescape(s, min(len(s)-1, i+n)); c == '<' {
				return i + n + more
			}
		}
	}
	for _, w := range [...]string{"Some(", "[]string{", "[]uint8{", "[]byte{", "[]byte(", "<<", "SecretStr(", "string("} {
		end := j + len(w)
		if !strings.HasPrefix(s[j:], w) {
			continue
		}
		if digits := runEnd(s, end, kindDigit, 9); digits > end && strings.HasPrefix(s[digits:], ") ") {
			return digits + 2
		}
		if w[len(w)-1] == '{' || end < len(s) && (s[end] == '\\' || kinds[s[end]]&kindQuote != 0) {
			return end
		}
	}
	return i
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
	for i < len(s) && s[i] == '\\' && slashes < maxSlashes {
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
