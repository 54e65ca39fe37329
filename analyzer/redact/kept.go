package redact

import "strings"

// markers are the words that redaction, here and elsewhere, leaves behind.
var markers = [...]string{
	"[jwt", Secret, markCookie, markSubject, markEmail, markDropped, "[pem ",
	"[REDACTED", "[Redacted", "[FILTERED", "[Filtered", "[PII ", "[hidden", "[masked", "[object ", "[Object",
}

// isMarkerAt tells whether a marker stands at i.
func isMarkerAt(s string, i int) bool {
	if i >= len(s) || s[i] != '[' {
		return false
	}
	for _, m := range markers {
		if strings.HasPrefix(s[i:], m) {
			return true
		}
	}
	return false
}

// keptValues say something about a secret instead of being one. They are in
// lower case.
var keptValues = map[string]bool{
	"true": true, "false": true, "null": true, "nil": true, "none": true, "undefined": true, "nan": true, "yes": true, "no": true,
	"ok": true, "set": true, "unset": true, "missing": true, "present": true, "absent": true, "empty": true, "required": true,
	"invalid": true, "valid": true, "expired": true, "revoked": true, "redacted": true, "hidden": true, "masked": true,
	"filtered": true, "removed": true, "unknown": true, "found": true, "loaded": true, "rotated": true, "bearer": true,
	"basic": true, "jwt": true, "not": true, "is": true, "must": true, "malformed": true, "mismatch": true, "rejected": true,
	"incorrect": true, "wrong": true, "denied": true, "disabled": true, "enabled": true, "default": true, "provided": true,
	"unavailable": true, "error": true, "timeout": true, "changed": true, "updated": true, "configured": true, "unsupported": true,
	"forbidden": true, "unauthorized": true, "too": true, "weak": true, "bad": true, "cannot": true, "could": true,
	"short": true, "long": true, "should": true, "has": true, "was": true, "does": true, "token": true, "secret": true, "password": true,
	"latest": true, "failed": true, "array": true, "object": true, "string": true, "-": true, "x": true, "<nil>": true, "n/a": true,
	// "Incorrect id_token: aud" names the claim that failed (RFC 7519 section 4.1, OpenID Connect Core section 2).
	"iss": true, "sub": true, "aud": true, "exp": true, "nbf": true, "iat": true, "jti": true, "nonce": true, "azp": true, "kid": true, "alg": true,
}

// lowered returns v in lower case in buf, or nothing when it does not fit.
func lowered(v string, buf []byte) []byte {
	if len(v) > len(buf) {
		return nil
	}
	for i := 0; i < len(v); i++ {
		buf[i] = v[i]
		if kinds[v[i]] == kindUpper {
			buf[i] |= 0x20
		}
	}
	return buf[:len(v)]
}

// isKeptValue tells values that are no secret whatever their name: words of
// status, placeholders, masks, references to where a secret comes from.
func isKeptValue(v string) bool {
	if v == "" || len(v) > maxLook {
		return v == ""
	}
	var buf [10]byte
	if keptValues[string(lowered(v, buf[:]))] {
		return true
	}
	switch v[0] {
	case '[':
		return isMarkerAt(v, 0) || isPlaceholder(v, ']')
	case '<':
		return isPlaceholder(v, '>')
	case '{':
		return isPlaceholder(v, '}')
	case '$':
		return len(v) > 1 && (v[1] == '{' || v[1] == '(') && strings.IndexByte("})", v[len(v)-1]) >= 0 ||
			runEnd(v, 1, kindUpper|kindURL64, len(v)) == len(v)
	case '%':
		return len(v) == 2
	case '*', 'x', 'X', '.':
		if strings.Trim(v, v[:1]) == "" {
			return true
		}
	}
	for _, p := range [...]string{"process.env", "os.environ", "os.getenv", "System.getenv", "ENV[", "env.", "env:", "secretref:"} {
		if strings.HasPrefix(v, p) {
			return true
		}
	}
	return isResourceName(v) || runEnd(v, 0, kindWord, len(v)) == len(v)-len(":latest") && strings.HasSuffix(v, ":latest") || strings.HasPrefix(v, "sha256:") && len(v) < 80
}

// isPlaceholder tells <JWT>, {token} or [token]: one word in brackets.
func isPlaceholder(v string, closing byte) bool {
	end := runEnd(v, 1, kindLetter|kindURL64, 32)
	for end < len(v) && v[end] == ' ' && end < 32 {
		end = runEnd(v, end+1, kindLetter|kindURL64, 32)
	}
	return end > 1 && end < len(v) && v[end] == closing
}

// isResourceName tells the name of a secret in Google's Secret Manager.
func isResourceName(v string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(v, "//secretmanager.googleapis.com/"), "projects/")
	if !ok {
		return false
	}
	_, rest, ok = strings.Cut(rest, "/")
	rest, isSecret := strings.CutPrefix(rest, "secrets/")
	return ok && isSecret && len(rest) < 300 && runEnd(rest, 0, kindWord|kindStd64, len(rest)) == len(rest)
}

// isReference tells a field that names a secret of the secret store, as a
// deploy of Cloud Run's v2 API does: secretKeyRef.secret and
// volumes[].secret.secret, a short name of at most 255 letters, digits, '-' and
// '_'.
func isReference(path, v string) bool {
	if !strings.HasSuffix(path, ".secretKeyRef.secret") && !(strings.HasSuffix(path, ".secret.secret") && strings.Contains(path, ".volumes.")) {
		return false
	}
	return v != "" && len(v) <= 255 && runEnd(v, 0, kindWord|kindURL64, len(v)) == len(v) && !isRandom(v)
}

// isMachine tells a subject that names a host or a workload instead of a
// person: that of a certificate, a Kubernetes service account, a Google one.
func isMachine(v string) bool {
	for _, p := range [...]string{"CN=", "/CN=", "C=", "/C=", "O=", "/O=", "system:serviceaccount:", "spiffe://"} {
		if strings.HasPrefix(v, p) {
			return true
		}
	}
	return strings.HasSuffix(v, serviceAccounts)
}

// isOpaque tells what looks like a credential from what looks like a word, a
// name, a path or a number of some kind.
func isOpaque(v string) bool {
	if len(v) > maxLook {
		v = v[:maxLook]
	}
	if len(v) < 6 || isPath(v) || strings.Contains(v, "://") || isKeptValue(v) {
		return false
	}
	var seen uint16
	odd := 0
	for i := 0; i < len(v); i++ {
		k := kinds[v[i]]
		seen |= k
		if k&(kindWord|kindDot|kindBracket|kindHigh) == 0 && v[i] != ':' {
			odd++
		}
	}
	switch {
	case seen&kindDigit == 0 && seen&kindUpper == 0:
		return odd > 0 || len(v) >= 32
	case seen&kindLower == 0 && len(v) <= 40 && seen&kindURL64 != 0: // ERR_JWT_EXPIRED, SCRAM-SHA-256
		return false
	case seen&kindDigit != 0 && seen&kindLetter != 0:
		return !isTalk(v)
	}
	return odd > 0 || isRandom(v) || len(v) >= 24 && seen&kindDot == 0 && !isCamel(v)
}

// isPath tells a path from base64 that begins with a slash.
func isPath(v string) bool {
	return strings.HasPrefix(v, "/") && !(len(v) >= 20 && isRandom(v) && strings.Count(v, "/") <= len(v)/10)
}

// isTalk tells technical words with digits in them: x509, HS256, IDX10223,
// 1h4m33s, host names with ports, versions, timestamps.
func isTalk(v string) bool {
	letters := runEnd(v, 0, kindLetter, len(v))
	if digits := runEnd(v, letters, kindDigit, len(v)); digits == len(v) && letters > 0 && letters <= 5 && len(v) <= 8 {
		return true
	}
	if kinds[v[0]] == kindDigit && runEnd(v, 0, kindDigit|kindDot, len(v)) > 1 && strings.Trim(v, "0123456789.:hmsµunTZ-+") == "" {
		return true
	}
	return strings.Count(v, ".") >= 2 && !isRandom(v) && strings.IndexByte(v, '/') < 0 && len(v) < 60
}

// isCamel tells the name of a class or a function.
func isCamel(v string) bool {
	return runEnd(v, 0, kindLetter|kindDot|kindURL64, len(v)) == len(v) && !isRandom(v)
}
