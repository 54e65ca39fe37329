package rules

import (
	"strings"
	"unicode"

	"github.com/why401/why401/analyzer"
)

// Errors are wrapped from the inside out: "decode error: signature has
// expired". What stands around only introduces what it is about; which error
// it was, the inner statement says.

// introduces reports whether m stands around o as "m: o" or "m('o')" on one
// line, and o says something else.
func (rd *reading) introduces(m, o match) bool {
	if m.part != o.part && o.rule.Reason != "" && families[m.rule.Reason] {
		return rd.bare(m) && !rd.bare(o)
	}
	if m.part != o.part || m.hi == 0 || m.lo >= o.lo || m.hi >= o.hi || m.rule.Reason == "" || o.rule.Reason == "" || m.rule.Reason == o.rule.Reason || transport[o.rule.Reason] {
		return false
	}
	text := rd.parts[m.part].Text
	if o.from < m.to { // "InvalidClaimError: invalid_claim" around "invalid_claim: The token was …"
		return strings.HasPrefix(text[m.to:], ":")
	}
	between := text[m.to:o.from]
	return strings.ContainsAny(text[max(m.from, m.to-2):o.from], ":(") && strings.Trim(between, ` .:'"()[]{}\`+"`") == ""
}

// bare reports whether m is a name that has its text to itself, as a field
// "exception" has beside the field with the message.
func (rd *reading) bare(m match) bool {
	text := rd.parts[m.part].Text
	return m.name() && m.to == len(text) && !strings.ContainsAny(text, " \n")
}

// name reports whether m is nothing but the name of an error: a class or a code.
func (m match) name() bool {
	return m.hi > 0 && !strings.ContainsAny(m.template, " {") && identifier(strings.Trim(m.template, "^$:"))
}

// transport are the reasons that tell how a request ended, and not what the
// request was for.
var transport = map[analyzer.Reason]bool{analyzer.RateLimited: true, analyzer.UpstreamAuthUnavailable: true}

// family reports whether m is a name that libraries use for several causes,
// with a message behind it: the generic layer may read there what it was.
func (rd *reading) family(m match) bool {
	if !families[m.rule.Reason] || !m.name() {
		return false
	}
	rest := strings.TrimLeft(rd.parts[m.part].Text[m.to:], ` '"`+"`")
	if rest == "" && rd.bare(m) {
		return len(rd.parts) > 1
	}
	return len(rest) > len(": no") && (rest[0] == ':' || rest[0] == '(' && strings.IndexByte("'\"`", rest[1]) >= 0)
}

// identifier reports whether a word is a name of code and none of speech:
// DecodeError, invalid_claim.
func identifier(word string) bool {
	return strings.Contains(word, "_") || strings.ContainsFunc(word[1:], unicode.IsUpper) && strings.ContainsFunc(word, unicode.IsLower)
}

// families are the reasons under which libraries throw one class for several
// causes.
var families = map[analyzer.Reason]bool{
	analyzer.MalformedToken: true, analyzer.InvalidClaim: true, analyzer.MalformedKey: true, analyzer.WrongKeyType: true, analyzer.UnsupportedAlgorithm: true,
	analyzer.InsufficientScope: true, analyzer.ConfigInvalid: true, analyzer.UpstreamAuthUnavailable: true,
}
