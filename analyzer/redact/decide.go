package redact

import "strings"

// decide replaces the value v of k when it has to go, and returns where to
// read on.
func (r *redactor) decide(k *keyed, v fieldValue) int {
	s := r.s
	text := s[v.from:min(v.to, v.from+maxLook)]
	if text == "" || k.class != classAuth && isKeptValue(text) || isMarkerAt(s, v.from) || v.bracket && isMarkerAt(s, v.from-1) {
		return 0
	}
	switch k.class {
	case classAuth:
		return r.authorization(k, v)
	case classCookie:
		return r.cookie(k, v)
	case classSubject:
		return r.subject(k, v)
	case classEmail:
		if k.firm && !v.bracket && !isMachine(text) {
			return r.cut(v, markEmail)
		}
		return 0
	case classJWK:
		if (k.quoted && v.quoted && len(text) >= 8 || len(text) >= 16) && isTokenText(text) {
			return r.cut(v, Secret)
		}
		return 0
	}
	if strings.HasPrefix(text, "eyJ") {
		return 0 // the token rule describes it
	}
	if v.object {
		r.pair, r.pairAt = k.class, v.from // {"secret":{"value":…}}
		return 0
	}
	if r.isSecretValue(k, v, text) {
		if v.bracket {
			return r.list(v)
		}
		return r.cut(v, Secret)
	}
	return 0
}

// cut puts mark in the place of a value.
func (r *redactor) cut(v fieldValue, mark string) int {
	v = v.whole(r.s)
	r.replace(v.from, v.to, mark)
	return v.to
}

// maxList is the length of the longest list of values that is removed whole.
const maxList = 4096

// list replaces all of ["a", "b"], [115 101] and []string{"a"}.
func (r *redactor) list(v fieldValue) int {
	v = v.whole(r.s)
	closing := byte(']')
	if v.typed {
		closing = '}'
	}
	to := v.to
	if at := strings.IndexByte(lineOf(r.s[to:min(len(r.s), to+maxList)]), closing); at >= 0 {
		to += at
	}
	r.replace(v.from, to, Secret)
	return to
}

// isSecretValue judges the value of a secret or a token.
func (r *redactor) isSecretValue(k *keyed, v fieldValue, text string) bool {
	name := r.s[k.nameFrom:k.nameTo]
	if strings.EqualFold(name, "pwd") && isPath(text) { // the shell's working directory
		return false
	}
	if k.class == classToken && !v.quoted && (isSourceCall(text) || isTypePath(text)) {
		return false
	}
	spaces := strings.IndexByte(text, ' ') >= 0
	switch {
	case k.class == classSecret && k.firm:
		return !(v.quoted && k.separator == ':' && isEnvName(text) && !k.quoted)
	case k.class == classSecret && v.quoted:
		return !isEnvName(text) && (!spaces || k.named && !keptValues[text[:strings.IndexByte(text, ' ')]])
	case k.class == classSecret && k.named && !isEnvName(text) && isLineEnd(r.s, v.to):
		return true
	case k.firm:
		return !spaces && (isOpaque(text) || k.quoted && v.quoted && len(text) >= 16 && strings.IndexByte(text, '/') < 0 && !isCamel(text))
	case v.quoted:
		return !spaces && !isEnvName(text) && isOpaque(text)
	}
	return !isEnvName(text) && isOpaque(strings.TrimRight(text, ".:!?")) && (endsClause(r.s, v.to) || isRandom(text) && len(text) >= 16)
}

// isSourceCall tells the line of source that a traceback shows, as in
// signature = base64url_decode(segment), from a value.
func isSourceCall(v string) bool {
	end := runEnd(v, 0, kindAlnum|kindURL64|kindDot, len(v))
	return end > 0 && end < len(v) && v[end] == '(' && !isRandom(v[:end])
}

// maxTypeName is the length of the longest name of a type that is taken for one.
const maxTypeName = 40

// isTypePath tells AuthError::MissingToken, the name of an error as Rust, Ruby,
// Perl and C++ print it, from a value.
func isTypePath(v string) bool {
	if !strings.Contains(v, "::") {
		return false
	}
	for name := range strings.SplitSeq(v, "::") {
		if name == "" || len(name) > maxTypeName || runEnd(name, 0, kindLetter, len(name)) < len(name) {
			return false
		}
	}
	return true
}

// isEnvName tells JWT_SECRET_STAGING: a name in capitals.
func isEnvName(v string) bool {
	return strings.IndexByte(v, '_') > 0 && runEnd(v, 0, kindUpper|kindDigit|kindURL64, len(v)) == len(v)
}

// endsClause tells whether no further word follows at i: the value is the
// last thing said.
func endsClause(s string, i int) bool {
	if i >= len(s) || s[i] != ' ' {
		return true
	}
	j := i + 1
	for j < len(s) && s[j] == ' ' && j < i+4 {
		j++
	}
	end := runEnd(s, j, kindWord, 64)
	return end == j || end < len(s) && (s[end] == '=' || s[end] == ':')
}

// holdsKTY tells whether the text has a JSON Web Key's "kty" anywhere.
func (r *redactor) holdsKTY() bool {
	if r.sawKTY == 0 {
		r.sawKTY = -1
		if strings.Contains(r.s, "kty") {
			r.sawKTY = 1
		}
	}
	return r.sawKTY > 0
}

// authSchemes are the words that may stand before credentials, in lower case.
// The value tells whether the credentials are a list of parameters.
var authSchemes = map[string]bool{
	"bearer": false, "basic": false, "dpop": false, "token": false, "negotiate": false, "ntlm": false, "apikey": false,
	"api-key": false, "jwt": false, "digest": true, "hawk": true, "aws4-hmac-sha256": true, "signature": true, "oauth": true,
	"goog4-rsa-sha256": true, "hmac": true,
}

// authorization replaces the credentials of an Authorization header and keeps
// the scheme.
func (r *redactor) authorization(k *keyed, v fieldValue) int {
	s := r.s
	from := v.from
	end := runEnd(s, from, kindWord, 32)
	var buf [32]byte
	params, known := authSchemes[string(lowered(s[from:end], buf[:]))]
	if !known {
		text := s[v.from:min(v.to, v.from+maxLook)]
		if isKeptValue(text) || strings.HasPrefix(text, "eyJ") || !isOpaque(text) && !(k.firm && v.quoted && strings.IndexByte(text, ' ') < 0 && len(text) >= 8) {
			return 0
		}
		return r.cut(v, Secret)
	}
	gap := skipGap(s, end)
	if gap == end || gap >= len(s) || strings.HasPrefix(s[gap:], "eyJ") || isMarkerAt(s, gap) {
		return 0
	}
	text := s[gap:min(max(v.to, gap), gap+maxLook)]
	if !v.quoted && !params {
		text = s[gap:bareEnd(s[:min(len(s), gap+maxLook)], gap)]
	} else if !v.quoted {
		text = lineOf(s[gap:min(len(s), gap+maxLook)])
	}
	if text == "" || isKeptValue(text) || isPlaceholderPrefix(text) || !params && !isCredential(text) {
		return 0
	}
	var to int
	switch {
	case v.quoted:
		to = v.whole(s).to
	case params:
		to = gap + len(lineOf(s[gap:]))
	default:
		to = bareEnd(s, gap)
	}
	r.replace(gap, to, Secret)
	return to
}

// isPlaceholderPrefix tells "<JWT>" and "{token} or DPoP {token}".
func isPlaceholderPrefix(v string) bool {
	closing := strings.IndexByte("<>{}[]", v[0])
	return closing >= 0 && closing%2 == 0 && isPlaceholder(v, "<>{}[]"[closing+1])
}

// cookie replaces cookie pairs.
func (r *redactor) cookie(k *keyed, v fieldValue) int {
	s := r.s
	switch {
	case v.bracket && s[v.from-1] == '{' || v.bracket && v.quoted && v.from > 1 && (s[v.from-2] == '{' || s[v.from-2] == '['):
		line := lineOf(s[v.from:])
		to := v.from + min(indexOr(line, '}', len(line)), indexOr(line, ']', len(line)))
		r.replace(v.from, to, markCookie)
		return to
	case v.quoted:
		text := s[v.from:min(v.to, v.from+maxLook)]
		if strings.IndexByte(text, '=') < 0 && !isOpaque(text) {
			return 0
		}
		return r.cut(v, markCookie)
	}
	to := cookiePairs(s, v.from)
	if to == v.from {
		if !isOpaque(s[v.from:min(v.to, v.from+maxLook)]) {
			return 0
		}
		to = v.whole(s).to
	}
	r.replace(v.from, to, markCookie)
	return to
}

// cookiePairs returns the end of name=value; name=value; Attribute at i, or i
// when there is no pair.
func cookiePairs(s string, i int) int {
	end := i
	for j := i; j < len(s); {
		name := runEnd(s, j, kindWord|kindDot, 256)
		if name == j {
			return end
		}
		if name < len(s) && s[name] == '=' {
			name++
			for name < len(s) && kinds[s[name]]&kindSpace == 0 && s[name] != ';' && s[name] != ']' && s[name] != '}' &&
				!(kinds[s[name]]&kindQuote != 0 && s[name-1] != '=' && isLineOrList(s, name+1)) {
				name++
			}
			// Expires=Wed, 21 Oct 2026 07:28:00 GMT holds blanks.
			if strings.HasSuffix(s[j:name], ",") {
				if semi := runEnd(s, name, kindAlnum|kindSpace|kindURL64, 32); strings.Contains(s[name:min(len(s), semi+8)], "GMT") || semi < len(s) && s[semi] == ':' {
					if gmt := strings.Index(s[name:min(len(s), name+40)], "GMT"); gmt >= 0 {
						name += gmt + 3
					}
				}
			}
		} else if j == i {
			return i
		}
		end = name
		if name >= len(s) || s[name] != ';' {
			return end
		}
		j = name + 1
		for j < len(s) && s[j] == ' ' {
			j++
		}
	}
	return end
}

// isLineOrList tells whether the end, a blank, a comma or a bracket is at i.
func isLineOrList(s string, i int) bool {
	return i >= len(s) || kinds[s[i]]&(kindSpace|kindBracket) != 0
}

// subject replaces who a request was made for.
func (r *redactor) subject(k *keyed, v fieldValue) int {
	s := r.s
	text := s[v.from:min(v.to, v.from+maxLook)]
	name := s[k.nameFrom:k.nameTo]
	if v.object {
		r.personAt = v.from
	}
	if isMachine(text) || v.bracket || text == name { // subject=subject is source
		return 0
	}
	switch {
	case k.firm:
	case strings.EqualFold(name, "sub") && endsClause(s, v.to):
	case v.quoted || !isIdentifier(text):
		return 0
	}
	return r.cut(v, markSubject)
}

// isIdentifier tells user-48213 and auth0|5f7c from a word of a sentence.
func isIdentifier(v string) bool {
	return strings.IndexByte(v, '|') > 0 || strings.IndexByte(v, '@') > 0 ||
		len(v) >= 3 && strings.ContainsAny(v, "0123456789") && !isTalk(v)
}
