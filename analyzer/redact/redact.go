// Package redact takes tokens, secrets, e-mail addresses and raw subjects out
// of text: of every log line before anything of it is kept, and of whatever
// others tell (errors of servers, answers of services) before it is shown.
//
// [Text] reads prose, [Field] the value of a named field. Both replace what
// they find by a marker in brackets, never by a part of it, leave the words
// that rules read, and change nothing in their own output.
package redact

import "strings"

// Text strips tokens, secrets, e-mail addresses and raw subjects from free
// text and leaves the words around them, because rules match on those words.
//
// A compact JWT (also encoded, wrapped or cut short) becomes
// "[jwt alg=RS256 kid=k1 typ=JWT exp=… iat=… nbf=…]", other credentials
// "[secret]", cookies "[cookie]", subjects "[sub]", addresses "[email]" and
// PEM blocks "[pem LABEL]". A text that holds none of them is returned as it
// is, without allocation. The work is linear in len(s), whatever s holds, and
// Text(Text(s)) == Text(s).
func Text(s string) string {
	for range maxPasses {
		t := redactRuns(redactOnce(s))
		if t == s {
			return s
		}
		s = t
	}
	// A text that goes on changing was built to do so. Nothing of it is worth
	// the risk.
	return markDropped
}

// maxPasses bounds how often a text is looked at again after a replacement.
// Ordinary texts settle in the second pass; the rest is for hostile ones.
const maxPasses = 6

// Secret stands for a credential that was removed.
const Secret = "[secret]"

// The other markers that stand for what was removed.
const (
	markCookie  = "[cookie]"
	markSubject = "[sub]"
	markEmail   = "[email]"
	markDropped = "[redacted]"
)

// Field does the same for the value of a structured field. The last
// named element of path (array indexes are skipped) decides what a value is
// that does not show it: a password, a cookie, a subject. Values of other
// fields are read as free text.
func Field(path, value string) string {
	if value == "" {
		return value
	}
	if isReference(path, value) {
		return Text(value)
	}
	leaf, parent := fieldNames(path)
	class := classOfName(leaf)
	if class == className {
		class = classNone
	}
	switch {
	case class == classNone && isPersonPart(leaf, parent):
		class = classSubject
	case class == classHolder && parent != "":
		class = classOfName(parent)
	case class == classJWK && !(len(value) >= 16 && isTokenText(value)):
		class = classNone
	}
	if class == classNone || class == classHolder {
		return Text(value)
	}
	if isKeptValue(value) && Text(value) == value && (value[0] != '[' || isOneMarker(value)) {
		return value
	}
	switch class {
	case classCookie:
		return markCookie
	case classSubject:
		if isMachine(value) {
			return Text(value)
		}
		return markSubject
	case classEmail:
		if isMachine(value) {
			return Text(value)
		}
		return markEmail
	case classAuth, classToken:
		t := Text(value)
		if t != value || strings.ContainsAny(value, " \t\n") || !isOpaque(value) {
			return t
		}
	case classSecret, classJWK:
		if strings.HasPrefix(value, "eyJ") {
			if t := Text(value); strings.HasPrefix(t, "[jwt") && isOneMarker(t) {
				return t
			}
		}
		if isResourceName(value) {
			return Text(value)
		}
	}
	return Secret
}

// isOneMarker tells a marker, or another word in brackets, from one with text
// behind it.
func isOneMarker(v string) bool {
	return strings.IndexByte(v, ']') == len(v)-1
}

// fieldNames returns the last two named elements of a field path.
func fieldNames(path string) (leaf, parent string) {
	for path != "" {
		rest, name := "", path
		if dot := strings.LastIndexByte(path, '.'); dot >= 0 {
			rest, name = path[:dot], path[dot+1:]
		}
		path = rest
		if name == "" || strings.Trim(name, "0123456789") == "" {
			continue
		}
		if leaf == "" {
			leaf = name
			continue
		}
		return leaf, name
	}
	return leaf, ""
}

// isPersonPart tells user.id, user.name, subject.id and their like.
func isPersonPart(leaf, parent string) bool {
	if classOfName(parent) != classSubject {
		return false
	}
	switch strings.ToLower(leaf) {
	case "id", "name", "login", "value", "displayname", "display_name":
		return true
	}
	return false
}

// A redactor walks one text from left to right. Everything before last is in
// out already; out stays nil until the first replacement.
type redactor struct {
	s    string
	out  []byte
	last int

	sawKTY   int8      // 0 not looked yet, 1 the text holds "kty", -1 it does not
	pemEnd   int       // where the next "-----END" stands, len(s) when there is none
	pemRead  bool      // pemEnd is known
	argsRead int       // up to where the arguments of calls have been read
	pair     nameClass // what a value is that belongs to the last name: or key:
	pairAt   int       // where that name ended
	personAt int       // where the last object of a person (user: {) began
}

// replace puts mark in the place of s[from:to].
func (r *redactor) replace(from, to int, mark string) {
	if r.out == nil {
		r.out = make([]byte, 0, len(r.s)+32)
	}
	r.out = append(r.out, r.s[r.last:from]...)
	r.out = append(r.out, mark...)
	r.last = to
}

// text returns the redacted text.
func (r *redactor) text() string {
	if r.out == nil {
		return r.s
	}
	return string(append(r.out, r.s[r.last:]...))
}

// redactOnce applies every rule once. Each rule hangs on one byte that must
// occur in what it looks for; from there it looks a bounded way back, and
// forward over what it then removes. So a text without such bytes costs one
// table lookup per byte.
func redactOnce(s string) string {
	r := redactor{s: s}
	for i := 0; i < len(s); {
		rule := triggers[s[i]]
		if rule == noRule {
			i++
			continue
		}
		if next := r.apply(rule, i); next > i {
			i = next
			continue
		}
		i++
	}
	return r.text()
}

// A ruleID names the rules that hang on a byte.
type ruleID uint8

const (
	noRule ruleID = iota
	ruleSeparator
	ruleAt
	ruleEscape
	ruleToken
	ruleEncoded
	ruleScheme
	ruleShape
	ruleDash
	ruleParen
	ruleQuoted
	ruleList
	ruleHexToken
	ruleWord
)

// triggers is never written to.
var triggers = [256]ruleID{
	'=': ruleSeparator, ':': ruleSeparator, '>': ruleSeparator,
	'@': ruleAt, '%': ruleEscape, '\\': ruleEscape, '&': ruleEscape,
	'J': ruleToken, 'Z': ruleEncoded, 'Q': ruleEncoded,
	'B': ruleScheme, 'b': ruleScheme,
	'A': ruleShape, '_': ruleShape, '.': ruleShape, '/': ruleShape,
	'k': ruleWord, 'w': ruleWord, 'c': ruleWord,
	'-': ruleDash, '(': ruleParen, '"': ruleQuoted, '\'': ruleQuoted, '`': ruleQuoted,
	',': ruleList, '6': ruleHexToken,
}

// apply runs the rule of the byte at i and returns where to read on, or 0
// when there is nothing to remove.
func (r *redactor) apply(rule ruleID, i int) int {
	switch rule {
	case ruleSeparator:
		return r.separator(i, 1)
	case ruleAt:
		return r.address(i, 1)
	case ruleEscape:
		return r.escaped(i)
	case ruleToken:
		return r.token(i)
	case ruleEncoded:
		return r.encodedToken(i)
	case ruleScheme:
		return r.scheme(i)
	case ruleShape:
		return r.shape(i)
	case ruleDash:
		return r.dash(i)
	case ruleParen:
		return r.paren(i)
	case ruleQuoted:
		return r.quotedAfterWord(i)
	case ruleList:
		return r.listed(i)
	case ruleHexToken:
		return r.hexToken(i)
	case ruleWord:
		return r.randomAfterWord(i)
	}
	return 0
}

// escaped handles separators and at signs that arrive percent-encoded, as a
// JSON escape or as an HTML entity.
func (r *redactor) escaped(i int) int {
	c, n := unescape(r.s, i)
	if n == 0 {
		return 0
	}
	switch c {
	case '=', ':', '>':
		return r.separator(i, n)
	case '@':
		return r.address(i, n)
	}
	return 0
}
