package analyzer

import "strings"

// separator looks at the name before a = or : and at the value behind it.
func (r *redactor) separator(i, n int) int {
	s := r.s
	name, plain := r.nameBefore(i)
	class := classOfName(name)
	if class == classNone || class == classHolder || name == "" {
		return 0
	}
	from := i + n
	for from < len(s) && (s[from] == '>' || s[from] == '=' || s[from] == ' ' || s[from] == '\t') && from < i+n+4 {
		from++
	}
	spaced := from > i+n && s[from-1] == ' '
	quote, width := quoteAt(s, from)
	if quote != 0 {
		from += width
	}
	to := valueEnd(s, from, quote, class == classCookie)
	value := s[from:to]
	if value == "" || isKeptValue(value) || strings.HasPrefix(value, "[") || strings.HasPrefix(value, "{") {
		return 0
	}
	if !credible(class, value, quote != 0, plain || s[i] == ':' && spaced) {
		return 0
	}
	switch class {
	case classSubject:
		r.replace(from, to, markSubject)
	case classEmail:
		r.replace(from, to, markEmail)
	case classCookie:
		r.replace(from, to, markCookie)
	default:
		if strings.Contains(value, "eyJ") && class != classSecret || isResourceName(value) {
			return 0
		}
		r.replace(from, to, markSecret)
	}
	return to
}

// credible tells a value from the talk that follows a name in prose: "invalid
// token: signature is invalid", "secret: must be at least 32 bytes".
func credible(class nameClass, value string, quoted, prose bool) bool {
	switch class {
	case classSecret:
		return quoted || !prose || isOpaque(value) || strings.ContainsAny(value, "0123456789!#$%^&*+")
	case classSubject, classEmail:
		return quoted || !prose || isOpaque(value) || strings.ContainsAny(value, "|@0123456789")
	case classJWK:
		return len(value) >= 16 && isTokenText(value)
	case classCookie:
		return strings.Contains(value, "=") || isOpaque(value)
	case classAuth:
		return isOpaque(value)
	}
	return isOpaque(value) && len(value) >= 8
}

// nameBefore returns the name that ends before i, over a quote and one blank;
// plain says that nothing but a blank parted them, as in prose.
func (r *redactor) nameBefore(i int) (name string, plain bool) {
	s, end := r.s, i
	for end > r.last && i-end < 4 && (kinds[s[end-1]]&kindQuote != 0 || s[end-1] == ' ' || s[end-1] == '\\' || s[end-1] == ']') {
		plain = plain || s[end-1] == ' '
		end--
	}
	start := end
	for start > r.last && end-start < 48 && (kinds[s[start-1]]&(kindAlnum|kindURL64) != 0) {
		start--
	}
	return s[start:end], plain
}

// quoteAt returns the quote that opens at i, which JSON inside JSON escapes.
func quoteAt(s string, i int) (q byte, width int) {
	j := i
	for j < len(s) && s[j] == '\\' && j-i < 4 {
		j++
	}
	if (j < len(s)) && (s[j] == 'b' || s[j] == 'u') && j+1 < len(s) && kinds[s[j+1]]&kindQuote != 0 && j == i {
		j++ // b'…' of Python
	}
	if j < len(s) && kinds[s[j]]&kindQuote != 0 {
		return s[j], j + 1 - i
	}
	return 0, 0
}

// maxValue bounds how far a value is followed.
const maxValue = 8 << 10

// valueEnd returns where a value ends: at its quote, or at the first blank or
// bracket (a cookie goes on to the end of its line).
func valueEnd(s string, i int, quote byte, line bool) int {
	end := min(len(s), i+maxValue)
	for ; i < end; i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				for i > 0 && s[i-1] == '\\' {
					i--
				}
				return i
			}
		case line:
			if c == '\n' || c == '"' || c == '\'' {
				return i
			}
		case kinds[c]&(kindSpace|kindQuote|kindBracket) != 0 || c == '&' || c == '|' || c == '\\':
			return i
		}
	}
	return end
}

// address removes the local part and domain of an e-mail address, or the
// password of a URL.
func (r *redactor) address(i, n int) int {
	s := r.s
	from := runStart(s, i, kindAlnum|kindURL64|kindStd64|kindDot, max(r.last, i-80))
	if from > r.last+2 && (s[from-1] == ':' || s[from-1] == '%') {
		if at := strings.LastIndex(s[max(r.last, i-400):i], "://"); at >= 0 {
			begin := max(r.last, i-400) + at + 3
			if !strings.ContainsAny(s[begin:i], " \n\"'") {
				r.replace(begin, i, markSecret)
				return i + n
			}
		}
	}
	to := runEnd(s, i+n, kindAlnum|kindDot|kindURL64, 254)
	for to > i+n && (s[to-1] == '.' || s[to-1] == '-') {
		to--
	}
	domain := s[i+n : to]
	if from == i || !strings.Contains(domain, ".") || strings.HasSuffix(domain, ".gserviceaccount.com") {
		return 0
	}
	r.replace(from, to, markEmail)
	return to
}

// scheme removes the credential behind Bearer and Basic.
func (r *redactor) scheme(i int) int {
	s := r.s
	for _, word := range [...]string{"earer", "asic"} {
		if len(s) < i+2+len(word) || !strings.EqualFold(s[i+1:i+1+len(word)], word) {
			continue
		}
		from := i + 1 + len(word)
		blanks := from
		for from < len(s) && from < blanks+4 && (s[from] == ' ' || s[from] == ':' || s[from] == '+') {
			from++
		}
		if strings.HasPrefix(s[from:], "%20") {
			from += 3
		}
		if from == blanks {
			return 0
		}
		to := runEnd(s, from, kindBase64|kindDot, maxValue)
		if !isOpaque(s[from:to]) || strings.Contains(s[from:to], "eyJ") {
			return 0
		}
		r.replace(from, to, markSecret)
		return to
	}
	return 0
}

// keyShapes are the prefixes by which issuers mark their keys.
var keyShapes = [...]struct {
	prefix string
	at     int // offset of the trigger byte in it
	length int // of the whole, at least
}{
	{"AKIA", 0, 20}, {"ASIA", 0, 20}, {"AIza", 0, 35}, {"ghp_", 3, 30}, {"gho_", 3, 30}, {"ghs_", 3, 30}, {"github_pat_", 6, 40},
	{"sk_live_", 2, 20}, {"sk_test_", 2, 20}, {"rk_live_", 2, 20}, {"whsec_", 5, 20}, {"ya29.", 4, 20}, {"hvs.", 3, 20}, {"npm_", 3, 30}, {"glpat_", 5, 20},
}

// shape removes keys that their issuers made recognisable.
func (r *redactor) shape(i int) int {
	for _, k := range keyShapes {
		from := i - k.at
		if from < r.last || !strings.HasPrefix(r.s[from:], k.prefix) {
			continue
		}
		to := runEnd(r.s, from, kindWord|kindDot, 512)
		if to-from < k.length {
			continue
		}
		r.replace(from, to, markSecret)
		return to
	}
	return 0
}

// dash removes PEM blocks, also those whose end was cut off, and Slack tokens.
func (r *redactor) dash(i int) int {
	s := r.s
	if i >= r.last+4 && strings.HasPrefix(s[i-4:i], "xox") {
		if to := runEnd(s, i, kindWord, 512); to-i > 10 {
			r.replace(i-4, to, markSecret)
			return to
		}
	}
	const begin = "-----BEGIN "
	if !strings.HasPrefix(s[i:], begin) {
		return 0
	}
	label := s[i+len(begin) : min(len(s), i+len(begin)+40)]
	if at := strings.Index(label, "-----"); at >= 0 {
		label = label[:at]
	}
	to := len(s)
	if at := strings.Index(s[i:], "-----END "); at >= 0 {
		to = i + at + len("-----END ")
		if close := strings.Index(s[to:], "-----"); close >= 0 && close < 60 {
			to += close + 5
		}
	}
	r.replace(i, to, "[pem "+strings.TrimSpace(label)+"]")
	return to
}

// paren removes the argument of a call that takes a secret, as tracebacks and
// inspectors print it: HMAC('…'), Secret("…").
func (r *redactor) paren(i int) int {
	name, _ := r.nameBefore(i)
	if class := classOfName(name); class != classSecret && class != classToken {
		return 0
	}
	quote, width := quoteAt(r.s, i+1)
	if quote == 0 {
		return 0
	}
	from := i + 1 + width
	to := valueEnd(r.s, from, quote, false)
	if isKeptValue(r.s[from:to]) || strings.Contains(r.s[from:to], " ") {
		return 0
	}
	r.replace(from, to, markSecret)
	return to
}

// quotedAfterWord removes a quoted value that an error message shows: Ruby's
// "undefined method 'verify' for "the-secret":String" names the receiver, and
// "secret "hunter2"" names what it quotes.
func (r *redactor) quotedAfterWord(i int) int {
	s := r.s
	to := valueEnd(s, i+1, s[i], false)
	if to >= len(s) || to-i > 512 || to == i+1 {
		return 0
	}
	value := s[i+1 : to]
	receiver := strings.HasPrefix(s[to+1:], ":String") || strings.HasPrefix(s[to+1:], ":Symbol")
	if !receiver {
		end := i
		for end > r.last && s[end-1] == ' ' && i-end < 2 {
			end--
		}
		if end == i {
			return 0
		}
		class := classOfName(s[runStart(s, end, kindAlnum|kindURL64, max(r.last, end-48)):end])
		if class != classSecret && class != classToken || !isOpaque(value) {
			return 0
		}
	}
	if isKeptValue(value) {
		return 0
	}
	r.replace(i+1, to, markSecret)
	return to
}

// listed removes the value of a header shown as a pair: 'authorization',
// 'Bearer …', or ("cookie", "…").
func (r *redactor) listed(i int) int {
	name, _ := r.nameBefore(i)
	class := classOfName(name)
	if i == 0 || kinds[r.s[i-1]]&kindQuote == 0 || class == classNone || class == classHolder || class == classJWK {
		return 0
	}
	from := i + 1
	for from < len(r.s) && r.s[from] == ' ' && from < i+3 {
		from++
	}
	quote, width := quoteAt(r.s, from)
	if quote == 0 {
		return 0
	}
	from += width
	to := valueEnd(r.s, from, quote, false)
	value := r.s[from:to]
	if isKeptValue(value) || strings.Contains(value, "eyJ") || !credible(class, value, false, true) {
		return 0
	}
	r.replace(from, to, markSecret)
	return to
}
