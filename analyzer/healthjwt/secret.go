package healthjwt

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// mask is all that a Secret ever prints.
const mask = "[secret]"

// Secret holds bytes that must not be printed: not by fmt whatever the verb,
// not as JSON, text or gob, not by slog or zerolog, not in a panic, and not as
// a field of something else that is printed. The zero value is empty. Secrets
// cannot be compared with ==; use Equal.
type Secret struct {
	// A function and not a slice: reflection, by which fmt prints unexported
	// fields, cannot look inside.
	reveal func() []byte
}

// NewSecret returns a secret that holds a copy of b.
func NewSecret[T string | []byte](b T) Secret {
	held := slices.Clone([]byte(b))
	return Secret{reveal: func() []byte { return held }}
}

// Bytes returns the bytes themselves, to compute with. They must be neither
// changed nor kept.
func (s Secret) Bytes() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// Empty reports whether there is no byte.
func (s Secret) Empty() bool { return len(s.Bytes()) == 0 }

// Equal compares two secrets; for equal lengths in a time that does not
// depend on the bytes.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare(s.Bytes(), other.Bytes()) == 1
}

// Wipe overwrites the bytes. It is a best effort: the runtime, or whoever
// handed the bytes over, may hold copies.
func (s Secret) Wipe() { clear(s.Bytes()) }

// String returns [secret].
func (s Secret) String() string { return mask }

// GoString returns [secret].
func (s Secret) GoString() string { return mask }

// Format prints [secret] for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, mask) // fmt reports nothing either
}

// MarshalText returns [secret].
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalJSON returns "[secret]".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// GobEncode returns [secret].
func (s Secret) GobEncode() ([]byte, error) { return []byte(mask), nil }

// LogValue makes slog print [secret].
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// UnmarshalText takes the bytes of text as they are.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(text)
	return nil
}
