package redact

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// skipGap skips what may stand between a scheme and its credentials.
func skipGap(s string, i int) int {
	for end := min(len(s), i+24); i < end; {
		switch {
		case s[i] == ' ' || s[i] == '\t' || s[i] == '+':
			i++
		case s[i] == '%' || s[i] == '\\':
			c, n := unescape(s, i)
			if n == 0 || c != ' ' && c != '+' {
				return i
			}
			i += n
		default:
			return i
		}
	}
	return i
}

// scheme replaces the credentials after "Bearer" and "Basic" anywhere.
func (r *redactor) scheme(i int) int {
	s := r.s
	if i > 0 && kinds[s[i-1]]&kindAlnum != 0 && !(i > 2 && s[i-3] == '%') {
		return 0 // inside a word
	}
	var after int
	basic := false
	switch {
	case len(s) >= i+7 && strings.EqualFold(s[i:i+6], "bearer"):
		after = i + 6
	case len(s) >= i+6 && strings.EqualFold(s[i:i+5], "basic"):
		after, basic = i+5, true
	default:
		return 0
	}
	from := skipGap(s, after)
	comma := false
	if from < len(s) && from == after && (s[from] == ':' || s[from] == '=' || s[from] == ',') {
		comma = s[from] == ','
		from = skipGap(s, from+1)
	}
	if from == after || from >= len(s) || isMarkerAt(s, from) {
		return 0
	}
	if q, _, ok := quotedText(s[:min(len(s), from+16)], from); ok {
		from = q
	}
	to := credentialEnd(s[:min(len(s), from+maxLook+1)], from)
	text := s[from:to]
	if strings.HasPrefix(text, "eyJ") || strings.HasSuffix(text, "=") && len(text) < 24 && isCamel(text[:len(text)-1]) {
		return 0 // a token, or a parameter of a challenge: error="invalid_token"
	}
	if comma && !isRandom(text) && !isHex(text, 24) {
		return 0
	}
	if basic && !isBasic(text) || !basic && !isCredential(strings.TrimRight(text, ".")) {
		return 0
	}
	if to > from+maxLook {
		to = credentialEnd(s, from)
	}
	r.replace(from, to, Secret)
	return to
}

// credentialEnd returns the end of the token68 at i, plain or escaped.
func credentialEnd(s string, i int) int {
	for i < len(s) {
		_, n := tokenByte(s, i)
		if n == 0 && s[i] != '~' {
			break
		}
		i += max(n, 1)
	}
	return i
}

// isCredential tells credentials from the word after "bearer" in a sentence.
func isCredential(v string) bool {
	if len(v) > maxLook {
		return true
	}
	digits := strings.ContainsAny(v, "0123456789")
	switch {
	case len(v) < 4 || isKeptValue(v):
		return false
	case isEnvName(v) && len(v) < 32, isTalk(v):
		return false
	case strings.Contains(v, "://"):
		return false
	}
	if at := strings.IndexByte(v, '='); at > 0 && at < len(v)-2 && isCamel(v[:at]) && !digits {
		return false // realm=api
	}
	return digits || isRandom(v) || len(v) >= 18 && !isCamelWords(v)
}

// isCamelWords tells BearerTokenAuthenticationFilter and token-endpoint-auth.
func isCamelWords(v string) bool {
	upper := 0
	for i := 0; i < len(v); i++ {
		if kinds[v[i]] == kindUpper || kinds[v[i]] == kindURL64 {
			upper++
		}
	}
	return upper > 0 && upper*4 <= len(v) && isCamel(v)
}

// isBasic tells the base64 of user:password from the word after "basic".
func isBasic(v string) bool {
	if len(v) < 8 {
		return false
	}
	var buf [maxLook]byte
	n, err := base64.RawStdEncoding.Decode(buf[:], []byte(strings.TrimRight(v[:min(len(v), maxLook)/4*4], "=")))
	if err == nil && bytes.IndexByte(buf[:n], ':') >= 0 {
		return true
	}
	return len(v) >= 12 && (isRandom(v) || strings.HasSuffix(v, "="))
}

// A keyShape is the look of one provider's credentials.
type keyShape struct {
	prefix string
	kind   uint16 // of the bytes that follow
	min    int    // how many must follow
}

// keyShapes is never written to. The last byte of each prefix, or its first
// when that is A, is one that triggers ruleShape or ruleDash.
var keyShapes = [...]keyShape{
	{"ghp_", kindAlnum, 20}, {"gho_", kindAlnum, 20}, {"ghu_", kindAlnum, 20}, {"ghs_", kindAlnum, 20}, {"ghr_", kindAlnum, 20},
	{"github_pat_", kindWord, 20}, {"sk_live_", kindAlnum, 10}, {"sk_test_", kindAlnum, 10}, {"rk_live_", kindAlnum, 10},
	{"rk_test_", kindAlnum, 10}, {"whsec_", kindBase64, 16}, {"npm_", kindAlnum, 30}, {"dop_v1_", kindAlnum, 30},
	{"ya29.", kindWord, 16}, {"SG.", kindWord | kindDot, 30}, {"hvs.", kindWord, 20}, {"hvb.", kindWord, 20},
	{"1//0", kindWord, 20}, {"xoxb-", kindWord, 10}, {"xoxp-", kindWord, 10}, {"xoxa-", kindWord, 10}, {"xoxr-", kindWord, 10},
	{"xoxs-", kindWord, 10}, {"xapp-", kindWord, 10}, {"glpat-", kindWord, 16}, {"GOCSPX-", kindWord, 16},
	{"sk-proj-", kindWord, 20}, {"sk-ant-", kindWord, 20}, {"sk-", kindAlnum, 32}, {"AGE-SECRET-KEY-", kindAlnum, 20},
	{"hooks.slack.com/services/", kindBase64, 16},
}

// isShapeTail tells whether a prefix of keyShapes can end in these two bytes.
// It spares ordinary dots and dashes the search.
func isShapeTail(a, b byte) bool {
	switch b {
	case '_':
		return strings.IndexByte("pousrtecm1", a) >= 0
	case '.':
		return strings.IndexByte("9Gsb", a) >= 0
	case '-':
		return strings.IndexByte("bparstXjkY", a) >= 0
	case '/':
		return a == '/' || a == 's'
	}
	return false
}

// shape replaces keys that are known by how they begin.
func (r *redactor) shape(i int) int {
	s := r.s
	if s[i] == 'A' {
		return r.awsOrGoogleKey(i)
	}
	if s[i] == '.' && i >= 7 && strings.HasSuffix(s[r.last:i], "subject") {
		return r.expectedSubject(i)
	}
	if i == 0 || !isShapeTail(s[i-1], s[i]) {
		return 0
	}
	for at := range keyShapes {
		k := &keyShapes[at]
		n := len(k.prefix)
		from := i + 1 - n
		if k.prefix[n-1] != s[i] {
			if k.prefix != "1//0" || s[i] != '/' {
				continue
			}
			from = i - 2
			if from < r.last || !strings.HasPrefix(s[from:], k.prefix) {
				continue
			}
		} else if from < r.last || s[from:i+1] != k.prefix {
			continue
		}
		if from > 0 && kinds[s[from-1]]&kindAlnum != 0 && !isEscaped(s, from) {
			continue
		}
		to := runEnd(s, from+n, k.kind, len(s))
		if to-from-n < k.min {
			continue
		}
		r.replace(from, to, Secret)
		return to
	}
	return 0
}

// isEscaped tells whether an escape such as %20 or \n ends before i.
func isEscaped(s string, i int) bool {
	return i >= 3 && s[i-3] == '%' || i >= 2 && s[i-2] == '\\'
}

// awsOrGoogleKey replaces AKIA…, ASIA… and AIza….
func (r *redactor) awsOrGoogleKey(i int) int {
	s := r.s
	if len(s) < i+20 || i > 0 && kinds[s[i-1]]&kindWord != 0 && !isEscaped(s, i) {
		return 0
	}
	switch s[i : i+4] {
	case "AKIA", "ASIA":
		if to := runEnd(s, i, kindUpper|kindDigit, 64); to-i >= 20 {
			r.replace(i, to, Secret)
			return to
		}
	case "AIza":
		if to := runEnd(s, i, kindWord, 128); to-i >= 30 {
			r.replace(i, to, Secret)
			return to
		}
	}
	return 0
}

// dash handles what begins with dashes or is known by one: PEM blocks,
// command line flags, keys.
func (r *redactor) dash(i int) int {
	s := r.s
	if strings.HasPrefix(s[i:], pemDashes) {
		switch {
		case strings.HasPrefix(s[i:], pemBeginMark):
			return r.pem(i)
		case strings.HasPrefix(s[i:], pemEndMark):
			return r.pemTail(i)
		}
		return 0
	}
	if strings.HasPrefix(s[i:], "--") && i+2 < len(s) && kinds[s[i+2]]&kindLower != 0 && (i == 0 || s[i-1] == ' ' || kinds[s[i-1]]&kindQuote != 0) {
		return r.flag(i + 2)
	}
	if strings.HasPrefix(s[i:], "-u ") && strings.Contains(s[max(r.last, i-2*maxName):i], "curl ") {
		return r.curlUser(i + 3)
	}
	return r.shape(i)
}

// flag replaces the value in "--client-secret value".
func (r *redactor) flag(i int) int {
	s := r.s
	end := runEnd(s, i, kindWord, maxName)
	if end >= len(s) || s[end] != ' ' {
		return 0
	}
	class := classOfName(s[i:end])
	if class != classSecret && class != classToken {
		return 0
	}
	v := readValue(s, end+1, '=')
	text := s[v.from:min(v.to, v.from+maxLook)]
	if v.bracket || isKeptValue(text) || strings.HasPrefix(text, "eyJ") || strings.HasPrefix(text, "--") {
		return 0
	}
	// A word that another flag or nothing follows is an argument, other words
	// talk about the flag.
	if !isOpaque(text) && !(class == classSecret && (isLineEnd(s, v.to) || strings.HasPrefix(s[v.to:], " -"))) {
		return 0
	}
	return r.cut(v, Secret)
}

// curlUser replaces the password in curl -u user:password. The user is at i.
func (r *redactor) curlUser(i int) int {
	v := readValue(r.s, i, '=')
	colon := strings.IndexByte(r.s[v.from:v.to], ':')
	if colon < 0 || v.bracket || isKeptValue(r.s[v.from+colon+1:v.to]) {
		return 0
	}
	v = v.whole(r.s)
	r.replace(v.from+colon+1, v.to, Secret)
	return v.to
}
