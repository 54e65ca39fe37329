package analyzer

import "strings"

// A nameClass is what the name of a field or variable says of its value.
type nameClass uint8

const (
	classNone    nameClass = iota
	classSecret            // password, client_secret, api_key: redacted whatever it looks like
	classToken             // token, jwt: redacted when it looks like one
	classAuth              // authorization headers
	classCookie            // cookies
	classSubject           // sub, user_id
	classEmail             // email
	classJWK               // private members of a JWK
	classHolder            // value, data: the parent's name decides
)

// namesOf maps the last words of a name, folded to letters alone, to its
// class. The longest ending that stands here decides.
var namesOf = map[string]nameClass{
	"password": classSecret, "passwd": classSecret, "pwd": classSecret, "passphrase": classSecret, "secret": classSecret, "clientsecret": classSecret, "secretkey": classSecret,
	"apikey": classSecret, "accesskey": classSecret, "privatekey": classSecret, "signingkey": classSecret, "jwtsecret": classSecret, "jwtsecretkey": classSecret, "hmackey": classSecret,
	"secretorprivatekey": classSecret, "secretorpublickey": classSecret, "encryptionkey": classSecret, "secretvalue": classSecret, "credential": classSecret, "credentials": classSecret,
	"jwtsecretstaging": classSecret, "jwtsecretproduction": classSecret, "jwtsecretprod": classSecret, "jwtkey": classSecret, "sharedsecret": classSecret,
	"token": classToken, "jwt": classToken, "idtoken": classToken, "accesstoken": classToken, "refreshtoken": classToken, "bearer": classToken, "assertion": classToken,
	"sessiontoken": classToken, "authtoken": classToken, "xapikey": classSecret, "xauthtoken": classToken, "code": classNone,
	"authorization": classAuth, "proxyauthorization": classAuth, "xforwardedauthorization": classAuth, "xserverlessauthorization": classAuth, "xgoogiapjwtassertion": classToken,
	"cookie": classCookie, "setcookie": classCookie, "sessionid": classCookie, "cookies": classCookie,
	"sub": classSubject, "subject": classSubject, "userid": classSubject, "uid": classSubject, "username": classSubject, "user": classSubject, "preferredusername": classSubject,
	"upn": classEmail, "email": classEmail, "useremail": classEmail, "mail": classEmail, "emailaddress": classEmail, "principalemail": classNone,
	"d": classJWK, "p": classJWK, "q": classJWK, "dp": classJWK, "dq": classJWK, "qi": classJWK, "k": classJWK,
	"value": classHolder, "data": classHolder, "val": classHolder,
}

// classOfName tells the class of a name such as JWT_SECRET_KEY or clientSecret.
func classOfName(name string) nameClass {
	var b [48]byte
	n := 0
	for i := len(name) - 1; i >= 0 && n < len(b); i-- {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case kinds[c]&kindAlnum == 0:
			continue
		}
		n++
		b[len(b)-n] = c
	}
	folded := string(b[len(b)-n:])
	if class, ok := namesOf[folded]; ok {
		return class
	}
	for _, end := range [...]struct {
		text  string
		class nameClass
	}{{"clientsecret", classSecret}, {"secretkey", classSecret}, {"secret", classSecret}, {"password", classSecret}, {"passwd", classSecret}, {"apikey", classSecret},
		{"privatekey", classSecret}, {"token", classToken}, {"jwt", classToken}, {"cookie", classCookie}} {
		if strings.HasSuffix(folded, end.text) {
			return end.class
		}
	}
	if strings.HasPrefix(folded, "jwtsecret") {
		return classSecret
	}
	return classNone
}

// isKeptValue tells a value that says nothing: a literal, a plain number, a
// marker, a placeholder.
func isKeptValue(v string) bool {
	switch strings.ToLower(v) {
	case "", "true", "false", "null", "none", "nil", "undefined", "<nil>", "-", "string", "object", "***", "****", "[redacted]", "redacted", "<redacted>", "required", "missing", "invalid", "unset", "empty":
		return true
	}
	if strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]") && markText(v[1:len(v)-1]) {
		return true
	}
	return strings.Trim(v, "*x•.") == ""
}

// markText tells the inside of one of our own markers.
func markText(s string) bool {
	for _, m := range [...]string{"secret", "cookie", "sub", "email", "redacted", "jwt", "pem"} {
		if s == m || strings.HasPrefix(s, m+" ") {
			return true
		}
	}
	return false
}

// isOpaque tells a value that a generator made, or that nobody reads: one run
// of at least 6 token characters with a digit among letters, or a random one.
func isOpaque(v string) bool {
	if len(v) < 6 || !isTokenText(v) {
		return false
	}
	var seen uint16
	for i := 0; i < len(v); i++ {
		seen |= kinds[v[i]]
	}
	return seen&kindDigit != 0 && seen&kindLetter != 0 || len(v) >= 16 && seen&kindLower != 0 && seen&kindUpper != 0
}

// isDistinguishedName tells an X.500 name or a Kubernetes subject, which name
// machines.
func isDistinguishedName(v string) bool {
	return strings.Contains(v, "CN=") || strings.HasPrefix(v, "system:") || strings.HasSuffix(v, ".gserviceaccount.com")
}

// isResourceName tells the name of a secret from its value.
func isResourceName(v string) bool {
	return strings.HasPrefix(v, "projects/") && strings.Contains(v, "/secrets/")
}
