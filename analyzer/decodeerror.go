package analyzer

import "fmt"

// DecodeKind sorts decoding errors into few classes, fit for counting.
type DecodeKind string

// The classes of a DecodeError.
const (
	DecodeEmpty     DecodeKind = "empty"
	DecodeTooLarge  DecodeKind = "too_large"
	DecodeTooDeep   DecodeKind = "too_deep"
	DecodeNotObject DecodeKind = "not_an_object"
	DecodeTruncated DecodeKind = "truncated"
	DecodeSyntax    DecodeKind = "syntax"
	DecodeValue     DecodeKind = "bad_value"
)

// DecodeError says why bytes are no log entry. It quotes at most one byte of
// them, so that it may be printed and stored.
type DecodeError struct {
	Kind   DecodeKind
	Offset int    // of the byte in question, from 0
	Want   string // what would have been right there
	Found  string // what is there
}

// Error gives the place, what was wanted and what was found.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode entry: byte %d: wanted %s, found %s", e.Offset, e.Want, e.Found)
}
