package analyzer

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Bounds on one entry. Cloud Logging's own limits are 256 KiB for an entry
// and 512 KiB for an audit entry; Pub/Sub carries at most 10 MB.
const (
	maxEntryBytes = 10 << 20
	maxEntryDepth = 64
	maxFields     = 512
)

// cursor walks JSON text. Its methods take a position and return the one
// after what they read, or -1 once err is set: positions stay in registers,
// which is what makes one pass over a kilobyte cost less than a microsecond.
type cursor struct {
	b       []byte
	err     *DecodeError
	scratch []byte // unescaped keys and values; slices into it stay valid when it grows
}

// fail records that want was not found at i and returns -1.
func (c *cursor) fail(i int, want string) int {
	kind := DecodeSyntax
	found := "the end"
	if i >= len(c.b) {
		kind, i = DecodeTruncated, len(c.b)
	} else if ch := c.b[i]; ch >= 0x20 && ch < 0x7f {
		found = fmt.Sprintf("'%c'", ch)
	} else {
		found = fmt.Sprintf("byte 0x%02x", ch)
	}
	return c.failKind(kind, i, want, found)
}

func (c *cursor) failKind(kind DecodeKind, i int, want, found string) int {
	if c.err == nil {
		c.err = &DecodeError{Kind: kind, Offset: i, Want: want, Found: found}
	}
	return -1
}

func (c *cursor) space(i int) int {
	for i < len(c.b) && (c.b[i] == ' ' || c.b[i] == '\n' || c.b[i] == '\r' || c.b[i] == '\t') {
		i++
	}
	return i
}

const (
	swarOnes  = 0x0101010101010101
	swarHighs = 0x8080808080808080
)

// str reads a string whose opening quote is before i and returns the position
// of its closing quote. Eight bytes are looked at together for a quote, a
// backslash or a control character; the lowest mark of each of the three
// tests is exact, so the lowest of all is.
func (c *cursor) str(i int) (end int, escaped bool) {
	b := c.b
	for {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			quote := w ^ swarOnes*'"'
			slash := w ^ swarOnes*'\\'
			mark := ((quote-swarOnes)&^quote | (slash-swarOnes)&^slash | (w-swarOnes*0x20)&^w) & swarHighs
			if mark != 0 {
				i += bits.TrailingZeros64(mark) >> 3
				break
			}
			i += 8
		}
		for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 {
			i++
		}
		if i >= len(b) {
			return c.fail(i, `'"' to close a string`), false
		}
		if b[i] == '"' {
			return i, escaped
		}
		if b[i] != '\\' {
			return c.fail(i, "no control character in a string"), false
		}
		escaped = true
		if i = c.escape(i + 1); i < 0 {
			return -1, false
		}
	}
}

// escape reads what follows a backslash.
func (c *cursor) escape(i int) int {
	if i >= len(c.b) {
		return c.fail(i, "an escaped character")
	}
	switch c.b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for k := i + 1; k < i+5; k++ {
			if k >= len(c.b) || nibble(c.b[k]) < 0 {
				return c.fail(k, `a hexadecimal digit of \u`)
			}
		}
		return i + 5
	}
	return c.fail(i, `one of "\/bfnrtu after a backslash`)
}

// begin steps over the opening bracket at i. Empty means that the closing one
// followed at once; then the position is the one after it.
func (c *cursor) begin(i int, closing byte) (next int, empty bool) {
	i++
	if i < len(c.b) && c.b[i] <= ' ' {
		i = c.space(i)
	}
	if i < len(c.b) && c.b[i] == closing {
		return i + 1, true
	}
	return i, false
}

// member reads a key and its colon and returns the position of the value.
func (c *cursor) member(i int) (key []byte, value int) {
	b := c.b
	if i < len(b) && b[i] <= ' ' {
		i = c.space(i)
	}
	if i >= len(b) || b[i] != '"' {
		want := `'"' to open a key`
		if i < len(b) && lastMeaning(b[:i]) == '{' {
			want = `'"' or '}'`
		}
		return nil, c.fail(i, want)
	}
	end, escaped := c.str(i + 1)
	if end < 0 {
		return nil, -1
	}
	key = b[i+1 : end]
	if escaped {
		key = c.unescaped(key)
	}
	i = end + 1
	if i < len(b) && b[i] <= ' ' {
		i = c.space(i)
	}
	if i >= len(b) || b[i] != ':' {
		return nil, c.fail(i, "':'")
	}
	i++
	if i < len(b) && b[i] <= ' ' {
		i = c.space(i)
	}
	return key, i
}

// lastMeaning returns the last byte of b that is no white space, 0 if none.
func lastMeaning(b []byte) byte {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] > ' ' {
			return b[i]
		}
	}
	return 0
}

// more reads the comma or the closing bracket after a value.
func (c *cursor) more(i int, closing byte) (next int, more bool) {
	if i < len(c.b) && c.b[i] <= ' ' {
		i = c.space(i)
	}
	if i < len(c.b) {
		switch c.b[i] {
		case ',':
			return i + 1, true
		case closing:
			return i + 1, false
		}
	}
	if closing == '}' {
		return c.fail(i, "',' or '}'"), false
	}
	return c.fail(i, "',' or ']'"), false
}

// skip reads one value of any type. Depth is that of the value if it is an
// object or an array; the entry itself has depth 1.
func (c *cursor) skip(i, depth int) int {
	if i >= len(c.b) {
		return c.fail(i, "a value")
	}
	switch c.b[i] {
	case '"':
		end, _ := c.str(i + 1)
		if end < 0 {
			return -1
		}
		return end + 1
	case '{':
		if depth > maxEntryDepth {
			return c.tooDeep(i)
		}
		return c.skipObject(i, depth)
	case '[':
		if depth > maxEntryDepth {
			return c.tooDeep(i)
		}
		return c.skipArray(i, depth)
	}
	return c.scalar(i)
}

func (c *cursor) tooDeep(i int) int {
	return c.failKind(DecodeTooDeep, i, fmt.Sprintf("at most %d levels", maxEntryDepth), "one more")
}

func (c *cursor) skipObject(i, depth int) int {
	i, done := c.begin(i, '}')
	for more := true; more && !done; {
		_, v := c.member(i)
		if v < 0 {
			return -1
		}
		if i = c.skip(v, depth+1); i < 0 {
			return -1
		}
		if i, more = c.more(i, '}'); i < 0 {
			return -1
		}
	}
	return i
}

func (c *cursor) skipArray(i, depth int) int {
	i, done := c.begin(i, ']')
	for more := true; more && !done; {
		if i = c.skip(c.space(i), depth+1); i < 0 {
			return -1
		}
		if i, more = c.more(i, ']'); i < 0 {
			return -1
		}
	}
	return i
}

// value reads what should be a string or, as proto3 JSON allows for
// 64-bit numbers and enums, a number. Other types give nil, as null does.
func (c *cursor) value(i, depth int) (value []byte, end int) {
	if i < len(c.b) && c.b[i] == '"' {
		end, escaped := c.str(i + 1)
		if end < 0 {
			return nil, -1
		}
		value = c.b[i+1 : end]
		if escaped {
			value = c.unescaped(value)
		}
		return value, end + 1
	}
	end = c.skip(i, depth)
	if end > 0 && (c.b[i] == '-' || c.b[i] <= '9') {
		return c.b[i:end], end
	}
	return nil, end
}
