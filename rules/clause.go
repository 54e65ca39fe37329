package rules

import "strings"

// clause is one statement of a line. A deeper level stands further in: after
// a colon, in a wrapped cause.
type clause struct {
	text  string
	level int
}

// splitClauses cuts a prepared line where one statement ends and the next
// begins.
func splitClauses(line string) (out []clause) {
	start, level := 0, 0
	cut := func(at, skip, deeper int) {
		if strings.TrimSpace(line[start:at]) != "" {
			out = append(out, clause{line[start:at], level})
		}
		start, level = at+skip, level+deeper
	}
	for i := 0; i+1 < len(line); i++ {
		next := line[i+1]
		switch c := line[i]; {
		case c == ':' && (next == ' ' || next == '"' || next == '\\' || next == '{' || next == '['), c == ';', c == '|', c == '{', c == '}', c == '(' && long(line[i+1:], ')'):
			cut(i, 1, 1)
		case c == '=' && (next == '"' || next == '\\' || next == '\'' || next == '{'):
			cut(i, 1, 1)
		case (c == '.' || c == ',' || c == '!') && (next == ' ' || next == '"'):
			cut(i, 1, 0)
		case c == '-' && next == ' ' && i > 0 && line[i-1] == ' ':
			cut(i, 1, 1)
		}
	}
	cut(len(line), 0, 0)
	return out
}

// long reports whether what stands before the closing byte is more than a
// name: three words or more.
func long(s string, closing byte) bool {
	end := strings.IndexByte(s, closing)
	if end < 0 {
		end = len(s)
	}
	return strings.Count(s[:end], " ") >= 2
}

// prepare readies a text for the reader: names in camel case and with hyphens
// are parted, URLs and dumped claims shrink to what they tell, and words that
// only grade the line (level=error) fall away.
func prepare(text string) string {
	text = ungraded.Replace(text)
	text = withoutPairs(withoutClaims(text))
	var b strings.Builder
	b.Grow(len(text) + 16)
	for i := 0; i < len(text); {
		if n := urlAt(text[i:]); n > 0 {
			b.WriteString(urlWords(text[i : i+n]))
			i += n
			continue
		}
		c := text[i]
		if c == '/' && (i == 0 || text[i-1] == ' ' || text[i-1] == '"' || text[i-1] == '\'' || text[i-1] == '=') && i+1 < len(text) && letter(text[i+1]) {
			b.WriteString("path") // a path names a place, not what went wrong
			for i < len(text) && text[i] > ' ' && text[i] != '"' && text[i] != '\'' {
				i++
			}
			continue
		}
		switch {
		case i > 0 && upper(c) && (lower(text[i-1]) || i+1 < len(text) && upper(text[i-1]) && lower(text[i+1]) && !plural(text[i+1:])):
			b.WriteByte(' ')
			b.WriteByte(c)
		case c == '-' && i > 0 && i+1 < len(text) && letter(text[i-1]) && letter(text[i+1]):
			b.WriteByte(' ')
		case c == '[' || c == ']':
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
		i++
	}
	return b.String()
}

// ungraded takes away how grave a line is and literals of JSON, which read
// like complaints, and the marks of what was redacted.
var ungraded = strings.NewReplacer("= <nil>", "", "[secret]", "", "[cookie]", "", "[sub]", "", "[email]", "", "[redacted]", "", "level=error", "", `"level":"error"`, "", `"level":"warn"`, "", "[error]", "", "[crit]", "", "[warn]", "", "[ERROR]", "", "[ERR]", "", " ERROR ", " ", "ERROR:", "", `":null`, `":0`, `":true`, `":0`,
	`"severity":"ERROR"`, "", "severity=ERROR", "", `"null"`, "", `error="`, `="`, `err="`, `="`, `"error":"`, `":"`, `"err":"`, `":"`, "error=", "=", " err=", "=")

// withoutClaims drops a dump of a token's header or payload, which names
// claims and complains of none.
func withoutClaims(text string) string {
	at := strings.Index(text, "{")
	if at <= 0 {
		return text
	}
	end := strings.IndexByte(text[at:], '}')
	dump := text[at:]
	if end >= 0 {
		dump = text[at : at+end+1]
	}
	for _, k := range []string{"message", "msg", "error", "detail", "reason", "description", "code"} {
		if strings.Contains(dump, k) {
			return text
		}
	}
	for _, k := range []string{`"alg"`, `"exp"`, `"iat"`, `"sub"`, `"kid"`, `"iss"`, `"aud"`} {
		if strings.Contains(dump, k) {
			return text[:at] + " dumpedclaims " + text[at+len(dump):]
		}
	}
	return text
}

func urlAt(s string) int {
	if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
		return 0
	}
	for i := 8; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ' || c == '"' || c == '\'' || c == ')' || c == ']' || c == '}' || c == ',' || c == '>' || c == '\\' || c == ';':
			return i
		case (c == ':' || c == '.') && (i+1 == len(s) || s[i+1] == ' '):
			return i
		}
	}
	return len(s)
}

// urlWords is what a URL tells by its path.
func urlWords(url string) string {
	switch url = strings.ToLower(url); {
	case strings.Contains(url, "openid-configuration") || strings.Contains(url, "oauth-authorization-server"):
		return "discovery url"
	case strings.Contains(url, "jwks") || strings.Contains(url, "/certs") || strings.HasSuffix(url, "/keys"):
		return "jwks url"
	}
	return "link"
}

func upper(c byte) bool  { return c >= 'A' && c <= 'Z' }
func lower(c byte) bool  { return c >= 'a' && c <= 'z' }
func letter(c byte) bool { return upper(c) || lower(c) }

// plural reports whether s is the s of JWTs, and no word of its own.
func plural(s string) bool {
	return s[0] == 's' && (len(s) == 1 || !letter(s[1]))
}
