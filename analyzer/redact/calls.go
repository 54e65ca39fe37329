package redact

import "strings"

// maxArgument bounds how far the arguments of a call are read.
const maxArgument = 512

// paren replaces what libraries quote in parentheses: token(…) as Hono prints
// it, and the arguments of encode and decode in a PHP trace.
func (r *redactor) paren(i int) int {
	s := r.s
	end := i
	if end > r.last && s[end-1] == ' ' {
		end--
	}
	class, from := readName(s, end, r.last)
	if class == classSecret || class == classToken || class == classSubject && end-from == 3 {
		to := i + 1
		for to < len(s) && to < i+maxArgument && kinds[s[to]]&kindSpace == 0 && s[to] != ')' {
			to++
		}
		text := s[i+1 : min(to, i+1+maxLook)]
		if class != classSubject && to < len(s) && s[to] == ')' && !strings.HasPrefix(text, "eyJ") && strings.IndexByte(text, '@') < 0 && isOpaque(text) && !isCall(text) {
			r.replace(i+1, to, Secret)
			return to
		}
		return 0
	}
	if from < 2 || end != i || s[from-2:from] != "::" && s[from-2:from] != "->" {
		return 0
	}
	switch s[from:end] {
	case "decode", "encode", "sign", "verify", "hash_hmac":
		return r.arguments(i + 1)
	}
	return 0
}

// isCall tells code in parentheses from a value.
func isCall(v string) bool {
	return strings.ContainsAny(v, "('\",") || strings.Contains(v, "->") || isCamel(v)
}

// arguments replaces the quoted arguments of a call in a trace. A call inside
// the arguments of another goes on where that one stopped.
func (r *redactor) arguments(i int) int {
	s, done := r.s[:min(len(r.s), i+maxArgument)], 0
	i = max(i, r.argsRead)
	for i < len(s) && s[i] != ')' && s[i] != '\n' {
		if kinds[s[i]]&kindQuote == 0 && triggers[s[i]] != ruleEscape {
			i++
			continue
		}
		from, to, ok := quotedText(s, i)
		if !ok {
			i++
			continue
		}
		text, opening := s[from:to], s[i:from]
		i = to
		if !isKeptValue(text) && len(text) > 5 && !strings.HasPrefix(text, "eyJ") {
			r.replace(from, to, Secret)
			done = to
		}
		if strings.HasPrefix(s[to:], opening) {
			i += len(opening)
		}
	}
	r.argsRead = i
	return done
}

// listed replaces the value in ('Cookie', 'a=b') and ["Authorization", "x"],
// the way header lists are dumped.
func (r *redactor) listed(i int) int {
	s := r.s
	if i == 0 || kinds[s[i-1]]&(kindQuote|kindAlnum) == 0 && s[i-1] != '>' {
		return 0
	}
	end, quoted := skipQuotesBack(s, i, r.last)
	if strings.HasSuffix(s[r.last:end], `">>`) { // Erlang's <<"name">>
		end, quoted = end-3, true
	}
	if end <= r.last {
		return 0
	}
	class, from := readName(s, end, r.last)
	if !quoted && (class != classSecret || from <= r.last || s[from-1] != '{') { // an Erlang atom
		return 0
	}
	flag := class == classToken && strings.HasPrefix(s[from:end], "--")
	if !quoted || flag {
		class = classSecret
	} else if class != classAuth && class != classCookie && (class != classSecret || end-from < 5 || !strings.ContainsAny(s[from:end], "-_")) {
		return 0
	}
	v := readValue(s, skipBreak(s, i+1), ',')
	text := s[v.from:min(v.to, v.from+maxLook)]
	if !v.quoted || v.bracket || isKeptValue(text) || strings.HasPrefix(text, "eyJ") {
		return 0
	}
	k := keyed{class: class, firm: true, nameFrom: from, nameTo: end, quoted: true, separator: ','}
	switch {
	case class == classAuth:
		return r.authorization(&k, v)
	case class == classCookie && strings.IndexByte(text, '=') > 0:
		return r.cut(v, markCookie)
	case class == classSecret && (!quoted || isOpaque(text)):
		return r.cut(v, Secret)
	}
	return 0
}

// quotedAfterWord replaces the value in: unknown api key "x", bad secret 'x'.
func (r *redactor) quotedAfterWord(i int) int {
	s := r.s
	i = slashesBefore(s, i, max(r.last, i-maxSlashes))
	end := i - 1 // of the word
	if end <= r.last+2 || s[end] != ' ' {
		return 0
	}
	switch s[end-1] | 0x20 {
	case 't', 'n', 'd', 'y', 'e', 'r': // secret token password key cookie header
	default:
		return 0
	}
	class, _ := readName(s, end, r.last)
	if class == className && strings.HasSuffix(s[r.last:end], "ey") { // api key, signing key, private key
		if at := runStart(s, end, kindAlnum, r.last); at > r.last+1 {
			switch prev := s[runStart(s, at-1, kindAlnum, r.last) : at-1]; strings.ToLower(prev) {
			case "api", "private", "signing", "hmac", "shared", "symmetric":
				class = classSecret
			}
		}
	}
	if class != classSecret && class != classToken {
		return 0
	}
	from, to, ok := quotedText(s[:min(len(s), i+maxArgument)], i)
	if !ok {
		return 0
	}
	text := s[from:min(to, from+maxLook)]
	if strings.HasPrefix(text, "eyJ") || strings.IndexByte(text, ' ') >= 0 || isPath(text) || len(text) < 12 || !isRandom(text) && !isHex(text, 24) {
		return 0
	}
	r.replace(from, to, Secret)
	return to
}

// randomAfterWord replaces what a generator made behind the words token,
// secret and password: "using secret 3f9a…". i is inside the word.
func (r *redactor) randomAfterWord(i int) int {
	s := r.s
	var rest string
	switch s[i] {
	case 'k':
		rest = "ken "
	case 'c':
		rest = "cret "
	case 'w':
		rest = "word "
	}
	if !strings.HasPrefix(s[i:], rest) {
		return 0
	}
	switch before := s[max(r.last, i-5):i]; s[i] {
	case 'k':
		if !strings.HasSuffix(before, "to") && !strings.HasSuffix(before, "To") {
			return 0
		}
	case 'c':
		if !strings.HasSuffix(before, "se") && !strings.HasSuffix(before, "Se") {
			return 0
		}
	case 'w':
		if !strings.HasSuffix(before, "pass") && !strings.HasSuffix(before, "Pass") {
			return 0
		}
	}
	from := i + len(rest)
	to := credentialEnd(s[:min(len(s), from+maxLook+1)], from)
	text := s[from:to]
	if len(text) < 16 || strings.HasPrefix(text, "eyJ") || isPath(text) || !isRandom(text) && !isHex(text, 24) {
		return 0
	}
	to = credentialEnd(s, from)
	r.replace(from, to, Secret)
	return to
}
