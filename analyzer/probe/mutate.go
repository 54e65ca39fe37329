package probe

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"net/url"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/why401/why401/analyzer"
)

// Mutation is one way in which a secret changes between the store and the
// memory of a service.
type Mutation struct {
	Name  string // in the sentence "version 3 …": with a trailing newline; "" for none
	Cause analyzer.Cause
	apply func([]byte) ([]byte, bool) // false: it would leave this value as it is, or make nonsense of it
}

// Mutations gives value as every known mutation leaves it, the value itself
// first and the more frequent ones before the rarer. The same bytes come only
// once, under the first name that leads to them.
func Mutations(value []byte) iter.Seq2[Mutation, []byte] {
	return func(yield func(Mutation, []byte) bool) {
		seen := map[string]bool{string(value): true}
		if !yield(Mutation{}, value) {
			return
		}
		each := func(m Mutation, from []byte) bool {
			b, ok := m.apply(from)
			if !ok || len(b) == 0 || seen[string(b)] {
				return true
			}
			seen[string(b)] = true
			return yield(m, b)
		}
		for _, m := range mutations {
			if !each(m, value) {
				return
			}
		}
		// Two in a row happen where a shell encodes: the newline of echo gets
		// into the base64, or after it.
		for _, first := range mutations {
			for _, second := range mutations {
				if (first.Cause == spaceLost) == (second.Cause == spaceLost) {
					continue
				}
				between, ok := first.apply(value)
				if !ok {
					continue
				}
				m := Mutation{Name: first.Name + " and then " + second.Name, Cause: codeLost, apply: second.apply}
				if !each(m, between) {
					return
				}
			}
		}
	}
}

const (
	spaceLost analyzer.Cause = "key.whitespace_mutation"
	codeLost  analyzer.Cause = "key.encoding_mismatch"
)

// mutations are the known ones, the frequent first. Nobody changes them at
// run time.
var mutations = []Mutation{
	{"with a trailing newline", spaceLost, after("\n")},
	{"with a trailing CRLF", spaceLost, after("\r\n")},
	{"with a trailing carriage return", spaceLost, after("\r")},
	{"with a trailing space", spaceLost, after(" ")},
	{"with a leading space", spaceLost, around(" ", "")},
	{"with spaces around it", spaceLost, around(" ", " ")},
	{"with a trailing tab", spaceLost, after("\t")},
	{"with a leading newline", spaceLost, around("\n", "")},
	{"with two trailing newlines", spaceLost, after("\n\n")},
	{"with a trailing \\n in letters", spaceLost, after(`\n`)},
	{"with a trailing NUL byte", spaceLost, after("\x00")},
	{"without the white space around it", spaceLost, trimmed},
	{"without its trailing newline", spaceLost, without("\n")},
	{"in double quotes", spaceLost, around(`"`, `"`)},
	{"in single quotes", spaceLost, around(`'`, `'`)},
	{"in backticks", spaceLost, around("`", "`")},
	{"in escaped double quotes", spaceLost, around(`\"`, `\"`)},
	{"with a double quote left at its end", spaceLost, after(`"`)},
	{"with a double quote left at its start", spaceLost, around(`"`, "")},
	{"without the quotes around it", spaceLost, unquoted},
	{"with a byte order mark", spaceLost, around("\ufeff", "")},
	{"without its byte order mark", spaceLost, withoutBOM},
	{"with a trailing semicolon", spaceLost, after(";")},
	{"with a trailing comma", spaceLost, after(",")},

	{"decoded from base64", codeLost, decoded(base64.StdEncoding, base64.RawStdEncoding)},
	{"decoded from base64url", codeLost, decoded(base64.URLEncoding, base64.RawURLEncoding)},
	{"decoded from hex", codeLost, fromHex},
	{"encoded as base64", codeLost, encoded(base64.StdEncoding)},
	{"encoded as base64 without padding", codeLost, encoded(base64.RawStdEncoding)},
	{"encoded as base64url", codeLost, encoded(base64.URLEncoding)},
	{"encoded as base64url without padding", codeLost, encoded(base64.RawURLEncoding)},
	{"encoded as hex", codeLost, func(b []byte) ([]byte, bool) { return []byte(hex.EncodeToString(b)), true }},
	{"encoded as upper-case hex", codeLost, func(b []byte) ([]byte, bool) { return bytes.ToUpper([]byte(hex.EncodeToString(b))), true }},
	{"decoded from base64 twice", codeLost, twice(decoded(base64.StdEncoding, base64.RawStdEncoding))},
	{"encoded as base64 twice", codeLost, twice(encoded(base64.StdEncoding))},
	{"encoded as UTF-16 with a byte order mark", codeLost, asUTF16("\xff\xfe")},
	{"encoded as UTF-16", codeLost, asUTF16("")},
	{"read as Latin-1", codeLost, asLatin1},
	{"in lower case", codeLost, func(b []byte) ([]byte, bool) { return bytes.ToLower(b), utf8.Valid(b) }},
	{"in upper case", codeLost, func(b []byte) ([]byte, bool) { return bytes.ToUpper(b), utf8.Valid(b) }},
	{"percent-encoded", codeLost, func(b []byte) ([]byte, bool) { return []byte(url.QueryEscape(string(b))), true }},
	{"percent-decoded", codeLost, percentDecoded},
	{"with spaces for its plus signs", codeLost, func(b []byte) ([]byte, bool) { return bytes.ReplaceAll(b, []byte("+"), []byte(" ")), true }},
	{"without its base64 padding", codeLost, without("=")},
	{"with newlines for its \\n", codeLost, func(b []byte) ([]byte, bool) { return bytes.ReplaceAll(b, []byte(`\n`), []byte("\n")), true }},
	{"with \\n for its newlines", codeLost, func(b []byte) ([]byte, bool) { return bytes.ReplaceAll(b, []byte("\n"), []byte(`\n`)), true }},
	{"cut at its first #", codeLost, cutAt('#')},
	{"cut at its first $", codeLost, cutAt('$')},
	{"cut at its first space", codeLost, cutAt(' ')},
	{"cut at its first newline", codeLost, cutAt('\n')},
	{"cut at its first NUL byte", codeLost, cutAt(0)},
	{"cut to 32 bytes", codeLost, cutTo(32)},
	{"cut to 64 bytes", codeLost, cutTo(64)},
}

func around(before, after string) func([]byte) ([]byte, bool) {
	return func(b []byte) ([]byte, bool) { return []byte(before + string(b) + after), true }
}

func after(s string) func([]byte) ([]byte, bool) { return around("", s) }

func without(suffix string) func([]byte) ([]byte, bool) {
	return func(b []byte) ([]byte, bool) { return bytes.TrimRight(b, suffix), true }
}

func trimmed(b []byte) ([]byte, bool) { return bytes.TrimSpace(b), true }

func withoutBOM(b []byte) ([]byte, bool) { return bytes.CutPrefix(b, []byte("\ufeff")) }

func unquoted(b []byte) ([]byte, bool) {
	if n := len(b); n > 2 && b[0] == b[n-1] && bytes.IndexByte([]byte("\"'`"), b[0]) >= 0 {
		return b[1 : n-1], true
	}
	return nil, false
}

func encoded(e *base64.Encoding) func([]byte) ([]byte, bool) {
	return func(b []byte) ([]byte, bool) { return []byte(e.EncodeToString(b)), true }
}

func decoded(padded, raw *base64.Encoding) func([]byte) ([]byte, bool) {
	return func(b []byte) ([]byte, bool) {
		b = bytes.TrimSpace(b)
		for _, e := range []*base64.Encoding{padded, raw} {
			if out, err := e.DecodeString(string(b)); err == nil {
				return out, true
			}
		}
		return nil, false
	}
}

func fromHex(b []byte) ([]byte, bool) {
	out, err := hex.DecodeString(string(bytes.TrimSpace(b)))
	return out, err == nil
}

func twice(f func([]byte) ([]byte, bool)) func([]byte) ([]byte, bool) {
	return func(b []byte) ([]byte, bool) {
		b, ok := f(b)
		if !ok {
			return nil, false
		}
		return f(b)
	}
}

// asUTF16 is what a file redirection of older PowerShells writes.
func asUTF16(mark string) func([]byte) ([]byte, bool) {
	return func(b []byte) ([]byte, bool) {
		out := []byte(mark)
		for _, u := range utf16.Encode([]rune(string(b))) {
			out = binary.LittleEndian.AppendUint16(out, u)
		}
		return out, utf8.Valid(b)
	}
}

// asLatin1 is what becomes of bytes that are read as Latin-1 and written as
// UTF-8.
func asLatin1(b []byte) ([]byte, bool) {
	var out []byte
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return out, true
}

func percentDecoded(b []byte) ([]byte, bool) {
	s, err := url.QueryUnescape(string(b))
	return []byte(s), err == nil
}

func cutAt(c byte) func([]byte) ([]byte, bool) {
	return func(b []byte) ([]byte, bool) {
		b, _, found := bytes.Cut(b, []byte{c})
		return b, found
	}
}

func cutTo(n int) func([]byte) ([]byte, bool) {
	return func(b []byte) ([]byte, bool) { return b[:min(n, len(b))], len(b) > n }
}
