package redact

import "strings"

// maxLocal is the longest local part of an address that is looked back for.
const maxLocal = 64

// serviceAccounts ends the addresses of Google service accounts. They name
// machines, and diagnosis needs to know which one was refused.
const serviceAccounts = ".gserviceaccount.com"

// address replaces an e-mail address and the password of a Go MySQL DSN. The
// at sign is at i and n bytes long.
func (r *redactor) address(i, n int) int {
	s := r.s
	if i <= r.last || i+n >= len(s) {
		return 0
	}
	if next := s[i+n:]; strings.HasPrefix(next, "tcp(") || strings.HasPrefix(next, "unix(") {
		from := i
		for from > r.last && i-from < maxLook && kinds[s[from-1]]&(kindSpace|kindQuote) == 0 {
			from--
		}
		if colon := strings.IndexByte(s[from:i], ':'); colon >= 0 && from+colon+1 < i && !isMarkerAt(s, from+colon+1) {
			r.replace(from+colon+1, i, Secret)
			return i
		}
	}
	from := i
	for from > r.last && i-from < maxLocal && isLocalByte(s[from-1]) {
		from--
	}
	if esc := strings.LastIndexByte(s[from:i], '%'); esc >= 0 { // %22alice@ begins with a quote
		if c, n := unescape(s, from+esc); n > 0 && !isLocalByte(c) {
			from += esc + n
		}
	}
	for from < i && (s[from] == '.' || s[from] == '-' || s[from] == '/') {
		from++
	}
	to := domainEnd(s, i+n)
	if from == i || to == 0 || strings.HasSuffix(s[i+n:to], serviceAccounts) {
		return 0
	}
	r.replace(from, to, markEmail)
	return to
}

func isLocalByte(c byte) bool {
	return kinds[c]&(kindWord|kindHigh) != 0 || c == '.' || c == '+' || c == '%' || c == '!' || c == '#' || c == '$' || c == '~'
}

// domainEnd returns the end of the domain at i, or 0 when there is none: it
// needs a dot and a last label of letters.
func domainEnd(s string, i int) int {
	to := runEnd(s, i, kindAlnum|kindHigh, maxLook)
	if to == i {
		return 0
	}
	last, dots := i, 0
	for to < len(s) && to-i < maxLook {
		c, n := s[to], 1
		if c == '%' {
			c, n = unescape(s, to)
		}
		if c != '.' && c != '-' || n == 0 {
			break
		}
		next := runEnd(s, to+n, kindAlnum|kindHigh, maxLook)
		if next == to+n {
			break
		}
		if c == '.' {
			last, dots = to+n, dots+1
		}
		to = next
	}
	if dots == 0 || to-last < 2 || runEnd(s, last, kindLetter|kindHigh, maxLook) == last {
		return 0
	}
	for j := last; j < to; j++ { // v1.2.0 and 10.0.0.1 are no domains, xn--p1ai is
		if kinds[s[j]] == kindDigit && !strings.HasPrefix(s[last:], "xn--") {
			return 0
		}
	}
	return to
}

// phrase handles separators without a telling name before them: credentials
// in a URL and the sentences in which libraries quote a key.
func (r *redactor) phrase(i, n int) int {
	s := r.s
	if n == 1 && strings.HasPrefix(s[i:], "://") {
		return r.userinfo(i + 3)
	}
	if s[i] != ':' {
		return 0
	}
	if !strings.HasPrefix(s[i:], ": ") {
		return 0
	}
	before := s[max(r.last, i-32):i]
	switch {
	case strings.HasSuffix(before, " from key"): // python-jose: Unable to parse an RSA_JWK from key: …
		text := strings.TrimSpace(lineOf(s[i+2 : min(len(s), i+2+maxLook)]))
		if text == "" || isKeptValue(text) || isMarkerAt(s, i+2) || strings.HasPrefix(text, pemDashes) {
			return 0
		}
		to := i + 2 + len(lineOf(s[i+2:]))
		r.replace(i+2, to, Secret)
		return to
	case strings.HasSuffix(before, "subject invalid. expected"): // jsonwebtoken
		v := readValue(s, i+1, ':')
		if v.from < v.to && !isKeptValue(s[v.from:min(v.to, v.from+maxLook)]) {
			return r.cut(v, markSubject)
		}
	}
	return 0
}

// userinfo replaces the password in scheme://user:password@host, and a token
// that stands there alone. i is behind the slashes.
func (r *redactor) userinfo(i int) int {
	s := r.s
	end := i
	for end < len(s) && end-i < maxLook && kinds[s[end]]&(kindSpace|kindQuote) == 0 && s[end] != '?' && s[end] != '<' && s[end] != '>' {
		end++
	}
	at := strings.LastIndexByte(s[i:end], '@')
	if at <= 0 {
		return 0
	}
	info := s[i : i+at]
	user, _, ok := strings.Cut(info, ":")
	if slash := strings.IndexByte(info, '/'); slash >= 0 && (!ok || slash < len(user) || runEnd(info, len(user)+1, kindDigit, len(info)) == slash) {
		return 0 // the at sign belongs to the path
	}
	from := i + len(user) + 1
	switch {
	case ok && from < i+at && !isMarkerAt(s, from) && !isKeptValue(s[from:i+at]):
	case !ok && len(info) >= 16 && isOpaque(info):
		from = i
	default:
		return 0
	}
	r.replace(from, i+at, Secret)
	return i + at
}

// maxRuby bounds how far back the quote of a Ruby string is looked for.
const maxRuby = 1024

// rubyString replaces the receiver that NoMethodError prints:
// undefined method `verify' for "…":String.
func (r *redactor) rubyString(i int) int {
	s := r.s
	quote := i - 1
	to := slashesBefore(s, quote, r.last) // inside JSON the quotes are escaped once more
	floor := max(r.last, to-maxRuby)
	from := to
	for from > floor && (s[from-1] != s[quote] || from-1-slashesBefore(s, from-1, floor) != quote-to) {
		from--
	}
	if to <= from || isKeptValue(s[from:to]) {
		return 0
	}
	r.replace(from, to, Secret)
	return i
}

// slashesBefore returns where the backslashes that end before i begin.
func slashesBefore(s string, i, floor int) int {
	for i > floor && s[i-1] == '\\' {
		i--
	}
	return i
}

// expectedSubject replaces the subjects in ruby-jwt's
// "Invalid subject. Expected a, received b". i is at the full stop.
func (r *redactor) expectedSubject(i int) int {
	s := r.s
	const expected, received = ". Expected ", ", received "
	if !strings.HasPrefix(s[i:], expected) {
		return 0
	}
	from := i + len(expected)
	line := s[from:min(len(s), from+2*maxLook)]
	line = lineOf(line)
	mid := strings.Index(line, received)
	if mid < 0 {
		return 0
	}
	second := from + mid + len(received)
	end := second + len(line) - mid - len(received)
	if paren := strings.Index(s[second:end], " ("); paren >= 0 {
		end = second + paren
	}
	if isMarkerAt(s, from) && isMarkerAt(s, second) {
		return 0
	}
	r.replace(from, from+mid, markSubject)
	r.replace(second, end, markSubject)
	return end
}
