package redact

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
	className              // name, key: what the value beside it names decides
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
			at, from = skipEscape(s, from, &buf, at)
			return classify(buf[at:], letters), from
		}
	}
	return classify(buf[at:], letters), from
}

// skipEscape drops the rest of an escape from the beginning of a name: \nsub
// and \u003cpassword.
func skipEscape(s string, from int, buf *[maxName]byte, at int) (int, int) {
	if s[from-1] != '\\' || at == maxName {
		return at, from
	}
	switch name := buf[at:]; {
	case len(name) > 1 && (name[0] == 'n' || name[0] == 'r' || name[0] == 't'):
		return at + 1, from + 1
	case len(name) > 5 && name[0] == 'u' && name[1] == '0' && name[2] == '0':
		return at + 5, from + 5
	}
	return at, from
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
	add(className, whole, "setsecrets", "updatesecrets") // gcloud's flags: NAME=secret:version
	add(classAuth, suffix, "authorization")
	add(classCookie, suffix, "cookie", "cookies")
	add(classToken, anywhere, "invalidtoken") // InvalidTokenException: no idtoken
	add(classSecret, anywhere, "secret", "password", "passwd", "passphrase", "passcode", "credential",
		"privatekey", "apikey", "signingkey", "encryptionkey", "masterkey", "hmackey", "sharedkey", "jwtkey",
		"accesskey", "accountkey", "storagekey", "accesstoken", "refreshtoken", "idtoken", "authtoken", "sessiontoken", "clientassertion")
	add(classSecret, suffix, "pwd", "pepper", "keymaterial", "tokenkey", "authkey", "codeverifier")
	add(classSecret, whole, "pass", "xamzsecuritytoken", "sigkey")
	add(classToken, suffix, "token", "tokens", "jwt", "bearer", "assertion", "tokenstring", "signature", "sessionid")
	add(classToken, whole, "auth", "session", "sid", "sig", "jws", "jwe", "connectsid", "jsessionid", "phpsessid", "securitytoken")
	add(classEmail, suffix, "email", "emailaddress", "mail", "mailaddress")
	add(classSubject, suffix, "userid", "username", "userprincipalname", "subject", "principalid")
	add(classSubject, whole, "sub", "user", "uid", "upn", "oid", "nameid", "uniquename", "login", "actor", "remoteuser",
		"authenticateduser", "enduser", "userinfo", "givenname", "familyname", "middlename", "nickname", "phonenumber", "birthdate")
	add(classJWK, whole, "d", "p", "q", "dp", "dq", "qi", "k")
	add(classHolder, whole, "header", "headers", "value", "string", "envelope", "payload", "segment")
	add(className, whole, "name", "key", "names", "keys")
	return all
}()

// minInner is the length below which no name can hold a word anywhere but at
// its end: the shortest of those, secret and apikey, have six letters.
const minInner = 6

// wordsByEnd holds, for names shorter than minInner and for longer ones, and
// for the last letter of a name, the indexes of the words that can match it, in
// the order of nameWords. It is never written to after initialisation.
var wordsByEnd = func() (lists [2][32][]uint8) {
	for i, w := range nameWords {
		for end := range 32 {
			ends := end == int(w.word[len(w.word)-1]&31)
			if ends && len(w.word) < minInner {
				lists[0][end] = append(lists[0][end], uint8(i))
			}
			if ends || w.where == anywhere {
				lists[1][end] = append(lists[1][end], uint8(i))
			}
		}
	}
	return lists
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
	long := 0
	if len(name) >= minInner {
		long = 1
	}
	for _, i := range wordsByEnd[long][name[len(name)-1]&31] {
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
