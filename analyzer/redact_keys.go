package analyzer

import "strings"

// A nameClass says what the value beside a name is.
type nameClass uint8

const (
	classNone    nameClass = iota
	classSecret            // whatever stands there is secret
	classToken             // secret when it looks like a token: the word is used in plain talk too
	classAuth              // a scheme and credentials
	classCookie            // cookie pairs
	classSubject           // who a request was made for
	classEmail             // an address
	classJWK               // secret inside a JSON Web Key
	classHolder            // header, value, payload …: the word before it decides
)

// maxName is the longest name that is looked at.
const maxName = 64

// classOfName classifies a field name as it is written.
func classOfName(name string) nameClass {
	class, _ := readName(name, len(name), 0)
	return class
}

// readName classifies the name that ends before end and returns where it
// begins. It does not look below floor. Dots part a path: the last element
// counts.
func readName(s string, end, floor int) (class nameClass, from int) {
	var buf [maxName]byte
	var letters uint32
	at := maxName
	for from = end; from > floor && end-from < maxName; from-- {
		c := s[from-1]
		switch kinds[c] {
		case kindUpper, kindLower:
			at--
			buf[at] = c | 0x20
			letters |= 1 << (c & 31)
		case kindDigit:
			at--
			buf[at] = c
		case kindURL64:
		default:
			return classify(buf[at:], letters), from
		}
	}
	return classify(buf[at:], letters), from
}

// letterSet is the set of the letters of words, as readName collects it.
func letterSet(word string) (set uint32) {
	for i := 0; i < len(word); i++ {
		set |= 1 << (word[i] & 31)
	}
	return set
}

// A nameWord is a word that gives a name its class. Names are compared in
// lower case and without - and _.
type nameWord struct {
	word    string
	letters uint32
	class   nameClass
	where   wordPlace
}

// A wordPlace says where in a name the word must stand.
type wordPlace uint8

const (
	anywhere wordPlace = iota
	suffix
	whole
)

// nameWords is in order of precedence and never written to after
// initialisation.
var nameWords = func() []nameWord {
	var all []nameWord
	add := func(class nameClass, where wordPlace, words ...string) {
		for _, w := range words {
			all = append(all, nameWord{w, letterSet(w), class, where})
		}
	}
	add(classAuth, suffix, "authorization")
	add(classCookie, suffix, "cookie", "cookies")
	add(classSecret, anywhere, "secret", "password", "passwd", "passphrase", "passcode", "credential",
		"privatekey", "apikey", "signingkey", "encryptionkey", "masterkey", "hmackey", "sharedkey", "jwtkey",
		"accesskey", "accesstoken", "refreshtoken", "idtoken", "authtoken", "sessiontoken", "clientassertion")
	add(classSecret, suffix, "pwd", "pepper", "keymaterial", "tokenkey", "authkey", "codeverifier")
	add(classSecret, whole, "pass", "xamzsecuritytoken", "sigkey")
	add(classToken, suffix, "token", "tokens", "jwt", "bearer", "assertion", "tokenstring", "signature", "sessionid")
	add(classToken, whole, "auth", "session", "sid", "sig", "jws", "jwe", "connectsid", "jsessionid", "phpsessid", "securitytoken")
	add(classEmail, suffix, "email", "emailaddress", "mail", "mailaddress")
	add(classSubject, suffix, "userid", "username", "userprincipalname", "subject", "principalid")
	add(classSubject, whole, "sub", "user", "uid", "upn", "oid", "nameid", "uniquename", "login", "actor", "remoteuser",
		"authenticateduser", "enduser", "userinfo")
	add(classJWK, whole, "d", "p", "q", "dp", "dq", "qi", "k")
	add(classHolder, whole, "header", "headers", "value", "string", "envelope", "payload", "segment", "key")
	return all
}()

// metadataWords end the names of what is said about a secret, not of the
// secret itself.
var metadataWords = [...]string{
	"name", "names", "length", "len", "bytes", "bits", "size", "id", "ids", "version", "versions", "path", "file", "dir",
	"location", "source", "available", "valid", "validated", "provider", "ref", "arn", "type", "count", "age", "rotation", "rotated",
	"loaded", "set", "present", "missing", "error", "errors", "policy", "manager", "store", "url", "uri", "endpoint", "expiry",
	"expires", "expiresin", "expiresat", "expiration", "exp", "ttl", "lifetime", "status", "fingerprint", "hash", "class",
	"found", "enabled", "required", "configured", "consistency", "env", "method", "changed", "reset", "format", "encoding",
	"alg", "algorithm", "callback", "service", "client", "scopes", "scope", "kind", "rpcerror", "field", "mismatch", "invalid",
}

// classify classifies a name in lower case without - and _.
func classify(name []byte, letters uint32) nameClass {
	if len(name) == 0 {
		return classNone
	}
	for i := range nameWords {
		w := &nameWords[i]
		if letters&w.letters != w.letters || len(name) < len(w.word) {
			continue
		}
		ends := string(name[len(name)-len(w.word):]) == w.word
		switch {
		case ends && (w.where != whole || len(name) == len(w.word)):
			return w.class
		case w.where == anywhere && !ends && containsWord(name, w.word):
			if isMetadata(name) {
				return classNone
			}
			return w.class
		}
	}
	return classNone
}

func containsWord(name []byte, word string) bool {
	for i := 0; i+len(word) <= len(name); i++ {
		if string(name[i:i+len(word)]) == word {
			return true
		}
	}
	return false
}

func isMetadata(name []byte) bool {
	for _, w := range metadataWords {
		if len(name) > len(w) && string(name[len(name)-len(w):]) == w {
			return true
		}
	}
	return false
}

// A keyed is a name with its value, as separator finds them.
type keyed struct {
	class nameClass
	// firm is true when the notation leaves no doubt that a value follows
	// (name=value, "name": "value", name:value). "name: words" may be talk.
	firm      bool
	nameFrom  int
	nameTo    int
	quoted    bool // the name stands in quotes
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
		case '/':
			if k.separator == ':' && strings.HasPrefix(s[at:], "//") {
				return r.phrase(i, n)
			}
		}
	}
	if k.class == classJWK && !k.quoted {
		return 0
	}
	v := readValue(s, at, k.separator)
	if v.from >= len(s) || v.from == v.to {
		return 0
	}
	k.firm = k.separator != ':' || v.from == at || v.quoted && (k.quoted || v.from == at+1) || k.quoted && isBareJSON(s[v.from:v.to])
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
	if k.class == classHolder && k.nameFrom > r.last && s[k.nameFrom-1] == ' ' {
		if prev, from := readName(s, k.nameFrom-1, r.last); prev == classAuth || prev == classToken || prev == classCookie {
			k.class, k.nameFrom = prev, from
		}
	}
	if k.separator == '>' && (k.nameFrom <= r.last || s[k.nameFrom-1] != '<') {
		return k, false
	}
	return k, k.class != classNone && k.class != classHolder
}

// skipQuotesBack steps back over the closing quote of a name, in any of the
// ways quotes are escaped, and over the bracket that PHP puts there.
func skipQuotesBack(s string, end, floor int) (int, bool) {
	from := end
	if end > floor && s[end-1] == ']' {
		end--
	}
	for _, e := range htmlEntities {
		if strings.HasSuffix(s[floor:end], e.text) && kinds[e.c]&kindQuote != 0 {
			return end - len(e.text), true
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

// isBareJSON tells a number: after a quoted name even a bare value is one.
func isBareJSON(v string) bool {
	return v[0] == '-' || kinds[v[0]] == kindDigit
}
