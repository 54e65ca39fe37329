package lab

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer/conf"
)

// ValueForm says what a secret version holds.
type ValueForm string

// The forms of a value. same:NAME is what the newest version of another
// secret holds; newline:NAME, quoted:NAME and base64:NAME are that with a
// newline, in double quotes, encoded.
const (
	ValueRandom   ValueForm = "random"   // 32 random bytes as base64url, the default
	ValueBase64   ValueForm = "base64"   // 32 random bytes as padded base64
	ValueHex      ValueForm = "hex"      // 32 random bytes as hexadecimal digits
	ValueShort    ValueForm = "short"    // 12 random characters: below the minimum of HS256
	ValueBlank    ValueForm = "blank"    // white space alone
	ValueDefault  ValueForm = "default"  // a value from manuals
	ValueNewline  ValueForm = "newline"  // the version before, and a newline
	ValueQuoted   ValueForm = "quoted"   // the version before, in double quotes
	ValuePrevious ValueForm = "previous" // the one before the version before: a roll-back
	ValueRepeat   ValueForm = "repeat"   // the version before, once more
)

var valueForms = []ValueForm{"", ValueRandom, ValueBase64, ValueHex, ValueShort, ValueBlank, ValueDefault, ValueNewline, ValueQuoted, ValuePrevious, ValueRepeat}

// copies are the forms that are made of another secret.
var copies = map[string]func(string) string{
	"same":    func(v string) string { return v },
	"newline": func(v string) string { return v + "\n" },
	"quoted":  func(v string) string { return `"` + v + `"` },
	"base64":  func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) },
}

// problem says what is wrong with a form, or nothing.
func (f ValueForm) problem(path string, secrets map[string]bool) []conf.FieldError {
	if how, name, ok := strings.Cut(string(f), ":"); ok && copies[how] != nil {
		if secrets[name] {
			return nil
		}
		return []conf.FieldError{{Path: path, Msg: "wanted the name of a secret after " + how + ":, found " + conf.Quote(name), Hint: "list it in secrets"}}
	}
	var words []string
	for _, v := range valueForms[1:] {
		words = append(words, string(v))
	}
	if slices.Contains(valueForms, f) {
		return nil
	}
	return conf.OneOf(path, string(f), append(words, "same:SECRET", "newline:SECRET", "quoted:SECRET", "base64:SECRET")...)
}

// value makes a payload of this form for the next version of a secret. What
// it is made of is looked up in the store without leaving a trace.
func (p *platform) value(f ValueForm, secretName string) ([]byte, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // crypto/rand never fails: it ends the program instead
	if how, name, ok := strings.Cut(string(f), ":"); ok {
		held, err := p.store.peek(p.secretName(name), 0)
		return []byte(copies[how](string(held))), err
	}
	switch f {
	case "", ValueRandom:
		return []byte(base64.RawURLEncoding.EncodeToString(raw)), nil
	case ValueBase64:
		return []byte(base64.StdEncoding.EncodeToString(raw)), nil
	case ValueHex:
		return []byte(hex.EncodeToString(raw)), nil
	case ValueShort:
		return []byte(base64.RawURLEncoding.EncodeToString(raw[:9])), nil
	case ValueBlank:
		return []byte(" \n"), nil
	case ValueDefault:
		return []byte("your-256-bit-secret"), nil
	}
	back := 0
	if f == ValuePrevious {
		back = 1
	}
	before, err := p.store.peek(secretName, back)
	if err != nil {
		return nil, fmt.Errorf("make a value of the form %s: %w", f, err)
	}
	switch f {
	case ValueNewline:
		before = append(before, '\n')
	case ValueQuoted:
		before = []byte(`"` + string(before) + `"`)
	}
	return before, nil
}
