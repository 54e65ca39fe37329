package analyzer

import (
	"unicode/utf16"
	"unicode/utf8"
)

// scalar reads true, false, null or a number.
func (c *cursor) scalar(i int) int {
	switch c.b[i] {
	case 't':
		return c.literal(i, "true")
	case 'f':
		return c.literal(i, "false")
	case 'n':
		return c.literal(i, "null")
	}
	return c.number(i)
}

func (c *cursor) literal(i int, word string) int {
	for k := range len(word) {
		if i+k >= len(c.b) || c.b[i+k] != word[k] {
			return c.fail(i+k, word)
		}
	}
	return i + len(word)
}

// number reads a number by the grammar of RFC 8259.
func (c *cursor) number(i int) int {
	b := c.b
	if b[i] == '-' {
		i++
	} else if b[i] < '0' || b[i] > '9' {
		return c.fail(i, "a value")
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if i = c.digits(i); i < 0 {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		if i = c.digits(i + 1); i < 0 {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return c.digits(i)
	}
	return i
}

func (c *cursor) digits(i int) int {
	if i >= len(c.b) || c.b[i] < '0' || c.b[i] > '9' {
		return c.fail(i, "a digit")
	}
	for i < len(c.b) && c.b[i] >= '0' && c.b[i] <= '9' {
		i++
	}
	return i
}

func (c *cursor) unescaped(s []byte) []byte {
	from := len(c.scratch)
	c.scratch = appendUnescaped(c.scratch, s)
	return c.scratch[from:len(c.scratch):len(c.scratch)]
}

// appendUnescaped appends s, the inside of a JSON string that str has read,
// without its escapes. Lone surrogates become U+FFFD.
func appendUnescaped(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			from := i
			for i < len(s) && s[i] != '\\' {
				i++
			}
			dst = append(dst, s[from:i]...)
			continue
		}
		switch s[i+1] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hexRune(s[i+2:])
			if utf16.IsSurrogate(r) {
				if i+12 <= len(s) && s[i+6] == '\\' && s[i+7] == 'u' {
					r = utf16.DecodeRune(r, hexRune(s[i+8:]))
				} else {
					r = utf8.RuneError
				}
				if r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
			i += 6
			continue
		default:
			dst = append(dst, s[i+1])
		}
		i += 2
	}
	return dst
}

func hexRune(s []byte) rune {
	var r rune
	for _, ch := range s[:4] {
		r = r<<4 | rune(nibble(ch))
	}
	return r
}

func nibble(ch byte) int {
	switch {
	case ch >= '0' && ch <= '9':
		return int(ch - '0')
	case ch >= 'a' && ch <= 'f':
		return int(ch-'a') + 10
	case ch >= 'A' && ch <= 'F':
		return int(ch-'A') + 10
	}
	return -1
}
