package source

import "bytes"

// maxDepth is how deep objects and arrays may be nested; deeper input is
// taken for broken. A LogEntry's payload stays far below.
const maxDepth = 64

// shortString is up to where looking byte by byte is faster than bytes.IndexByte.
const shortString = 24

// verdict is what scanObject found out.
type verdict int

const (
	whole   verdict = iota // an object ends at the position returned
	more                   // it goes on after the bytes at hand
	malform                // it breaks at the position returned
)

// What the grammar of JSON expects next.
type expectation int

const (
	expectValue expectation = iota
	expectValueOrEnd
	expectKey
	expectKeyOrEnd
	expectColon
	expectNext // comma or end
)

// scanObject finds the end of the JSON object that b begins with. It follows
// strings and structure, not the grammar of numbers and literals: it is there
// to find boundaries and to notice early when something that began like an
// entry does not go on like one.
func scanObject(b []byte) (int, verdict) {
	s := nesting{expect: expectValue}
	for i := 0; i < len(b); {
		switch c := b[i]; c {
		case ' ', '\t', '\n', '\r':
			i++
		case '"':
			n, v := scanString(b[i+1:])
			if !s.text() {
				return i, malform
			}
			if v != whole {
				return i + 1 + n, v
			}
			i += 1 + n
		case '{', '[':
			if !s.open(c) {
				return i, malform
			}
			i++
		case '}', ']':
			if !s.shut(c) {
				return i, malform
			}
			i++
			if s.depth == 0 {
				return i, whole
			}
		case ':', ',':
			if !s.mark(c) {
				return i, malform
			}
			i++
		default:
			n := scalar(b[i:])
			if n == 0 || (s.expect != expectValue && s.expect != expectValueOrEnd) {
				return i, malform
			}
			s.expect = expectNext
			i += n
		}
	}
	return len(b), more
}

// nesting is the state between two tokens.
type nesting struct {
	expect  expectation
	objects uint64 // bit n is set when level n is an object
	depth   int
}

// object tells whether the innermost level is an object.
func (s *nesting) object() bool { return s.objects>>(s.depth-1)&1 == 1 }

func (s *nesting) text() bool {
	switch s.expect {
	case expectKey, expectKeyOrEnd:
		s.expect = expectColon
	case expectValue, expectValueOrEnd:
		s.expect = expectNext
	default:
		return false
	}
	return true
}

func (s *nesting) open(c byte) bool {
	if (s.expect != expectValue && s.expect != expectValueOrEnd) || s.depth == maxDepth {
		return false
	}
	bit := uint64(1) << s.depth
	s.depth++
	if c == '{' {
		s.objects |= bit
		s.expect = expectKeyOrEnd
	} else {
		s.objects &^= bit
		s.expect = expectValueOrEnd
	}
	return true
}

func (s *nesting) shut(c byte) bool {
	end := expectValueOrEnd
	if c == '}' {
		end = expectKeyOrEnd
	}
	if s.object() != (c == '}') || (s.expect != end && s.expect != expectNext) {
		return false
	}
	s.depth--
	s.expect = expectNext
	return true
}

func (s *nesting) mark(c byte) bool {
	switch {
	case c == ':' && s.expect == expectColon:
		s.expect = expectValue
	case c == ',' && s.expect == expectNext && s.object():
		s.expect = expectKey
	case c == ',' && s.expect == expectNext:
		s.expect = expectValue
	default:
		return false
	}
	return true
}

// scanString finds the end of a string whose opening quote is just before b:
// the position after the closing quote. A line break inside is malformed.
func scanString(b []byte) (int, verdict) {
	for i, c := range b[:min(len(b), shortString)] { // no call for the many short ones
		if c == '"' {
			return i + 1, whole
		}
		if c == '\\' || c == '\n' {
			break
		}
	}
	from := 0
	for {
		n := bytes.IndexByte(b[from:], '"')
		text := b[from:]
		if n >= 0 {
			text = text[:n]
		}
		if bad := bytes.IndexByte(text, '\n'); bad >= 0 {
			return from + bad, malform
		}
		if n < 0 {
			return len(b), more
		}
		end := from + n
		slashes := 0
		for end-slashes > 0 && b[end-slashes-1] == '\\' {
			slashes++
		}
		from = end + 1
		if slashes%2 == 0 {
			return from, whole
		}
	}
}

// scalar returns the length of the number or literal that b begins with.
func scalar(b []byte) int {
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c == '-', c == '+', c == '.':
		default:
			return i
		}
	}
	return len(b)
}
