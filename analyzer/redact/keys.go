package redact

import "strings"

// A keyed is a name with its value, as separator finds them.
type keyed struct {
	class nameClass
	// firm is true when the notation leaves no doubt that a value follows
	// (name=value, "name": "value", name:value). "name: words" may be talk.
	firm     bool
	nameFrom int
	nameTo   int
	quoted   bool // the name stands in quotes
	// named is true when the name is an identifier (jwt_secret, apiKey) and
	// not also a word of plain talk (secret, password).
	named     bool
	separator byte
}

// separator looks at a name before and a value behind the separator at i,
// which is n bytes long.
func (r *redactor) separator(i, n int) int {
	if i > r.last && kinds[r.s[i-1]]&kindQuote != 0 && strings.HasPrefix(r.s[i:], ":String") {
		return r.rubyString(i)
	}
	k, ok := r.readKey(i, n)
	if !ok {
		return r.phrase(i, n)
	}
	s, at := r.s, i+n
	if at < len(s) && k.separator != '>' {
		switch s[at] {
		case '=', ':': // == and ::, but := assigns
			if k.separator == '=' || s[at] == ':' {
				return 0
			}
			at++
		case '>': // =>
			at++
		case '\\', '&', '%': // => with its second half escaped
			if c, n := unescape(s, at); c == '>' && k.separator == '=' {
				at += n
			}
		case '/':
			if k.separator == ':' && strings.HasPrefix(s[at:], "//") {
				return r.phrase(i, n)
			}
		}
	}
	if k.class == classJWK && !r.holdsKTY() {
		return 0
	}
	v := readValue(s, at, k.separator)
	if v.from >= len(s) || v.from == v.to {
		return 0
	}
	if k.class == className {
		r.pair, r.pairAt = classOfName(s[v.from:min(v.to, v.from+maxName)]), v.to
		return r.phrase(i, n)
	}
	k.firm = k.separator != ':' || v.from == at || v.quoted && (k.quoted || s[at] != ' ') || k.quoted && isBareJSON(s[v.from:v.to])
	return r.decide(&k, v)
}

// readKey reads the name that a separator at i belongs to.
func (r *redactor) readKey(i, n int) (keyed, bool) {
	s, end := r.s, i
	k := keyed{separator: s[i]}
	if n > 1 {
		k.separator, _ = unescape(s, i)
	}
	for end > r.last && i-end < 4 && (s[end-1] == ' ' || s[end-1] == '\t') {
		end--
	}
	end, k.quoted = skipQuotesBack(s, end, r.last)
	if end <= r.last || kinds[s[end-1]]&kindAlnum == 0 {
		return k, false
	}
	k.nameTo = end
	k.class, k.nameFrom = readName(s, end, r.last)
	k.named = isIdentifierName(s[k.nameFrom:k.nameTo])
	if k.class == classHolder && r.pair != classNone && k.nameFrom-r.pairAt < maxName && strings.EqualFold(s[k.nameFrom:k.nameTo], "value") {
		k.class, k.named, r.pair = r.pair, true, classNone
		return k, k.class != classHolder && k.class != className
	}
	if (k.class == classNone || k.class == className) && r.isPersonKey(&k) {
		k.class = classSubject
	}
	if k.class == classHolder && k.nameFrom > r.last && s[k.nameFrom-1] == ' ' {
		if prev, from := readName(s, k.nameFrom-1, r.last); prev == classAuth || prev == classToken || prev == classCookie {
			k.class, k.nameFrom = prev, from
		}
	}
	if k.separator == '>' && k.quoted {
		return k, r.attributed(&k)
	}
	if k.separator == '>' && !opensElement(s[r.last:k.nameFrom]) {
		return k, false
	}
	return k, k.class != classNone && k.class != classHolder
}

// opensElement tells whether a < ends s, plain or escaped.
func opensElement(s string) bool {
	for _, open := range [...]string{"<", "&lt;", "u003c", "u003C", "u0026lt;"} {
		if strings.HasSuffix(s, open) {
			return true
		}
	}
	return false
}

// attributed finds the name of an XML element whose attributes end before k.
func (r *redactor) attributed(k *keyed) bool {
	s := r.s[max(r.last, k.nameTo-2*maxName):k.nameTo]
	open := strings.LastIndexByte(s, '<') + 1
	if open == 0 {
		open = strings.LastIndex(s, "u003c") + len("u003c")
	}
	if open < len("<") || open >= len(s) || !opensElement(s[:open]) {
		return false
	}
	from := k.nameTo - len(s) + open
	to := runEnd(r.s, from, kindWord|kindDot, maxName)
	if to >= k.nameTo || r.s[to] != ' ' {
		return false
	}
	k.nameFrom, k.nameTo, k.class = from, to, classOfName(r.s[from:to])
	return k.class != classNone && k.class != classHolder && k.class != className
}

// isPersonKey tells the id in user.id=7 and in "user":{"id":7}.
func (r *redactor) isPersonKey(k *keyed) bool {
	name := r.s[k.nameFrom:k.nameTo]
	if k.nameFrom-1 > r.last && r.s[k.nameFrom-1] == '.' {
		return isPersonPart(name, r.s[r.last:k.nameFrom-1])
	}
	return r.personAt > 0 && k.nameFrom-r.personAt < maxName && isPersonPart(name, "user") &&
		strings.IndexByte(r.s[r.personAt:k.nameFrom], '}') < 0
}

// skipQuotesBack steps back over the closing quote of a name, in any of the
// ways quotes are escaped, and over the bracket that PHP puts there.
func skipQuotesBack(s string, end, floor int) (int, bool) {
	from := end
	if end > floor && s[end-1] == ']' {
		end--
	}
	if end > floor && s[end-1] == ';' {
		for _, e := range htmlEntities {
			at := end - len(e.text)
			if kinds[e.c]&kindQuote == 0 || !strings.HasSuffix(s[floor:end], e.text[1:]) {
				continue
			}
			if at >= floor && s[at] == '&' {
				return at, true
			}
			if strings.HasSuffix(s[floor:at+1], `\u0026`) {
				return slashesBefore(s, at-4, floor), true
			}
		}
	}
	if end-3 > floor && s[end-3] == '%' && s[end-2] == '2' && (s[end-1] == '2' || s[end-1] == '7') {
		return end - 3, true
	}
	if end-6 > floor && strings.HasPrefix(s[end-6:], `\u002`) && (s[end-1] == '2' || s[end-1] == '7') {
		return end - 6, true
	}
	if end > floor && kinds[s[end-1]]&kindQuote != 0 {
		end--
		for end > floor && s[end-1] == '\\' {
			end--
		}
	}
	return end, end < from
}

// isIdentifierName tells jwt_secret, apiKey, x-api-key and PASSWORD from a
// word that may stand in a sentence.
func isIdentifierName(name string) bool {
	var seen uint16
	for i := 1; i < len(name); i++ {
		seen |= kinds[name[i]]
	}
	return seen&(kindUpper|kindURL64) != 0
}

// isBareJSON tells a number: after a quoted name even a bare value is one.
func isBareJSON(v string) bool {
	return v[0] == '-' || kinds[v[0]] == kindDigit
}
