package rules

import (
	"strconv"
	"strings"
)

// plainList reads ["a", "b"].
func plainList(s string) (list []string, ok bool) {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return nil, false
	}
	for s = s[1 : len(s)-1]; ; {
		item, rest, ok := plainItem(s)
		if !ok {
			return nil, false
		}
		list = append(list, item)
		if rest == "" {
			return list, true
		}
		s = rest
	}
}

// plainMap reads {a: "b", c: d}.
func plainMap(s string) (map[string]string, bool) {
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return nil, false
	}
	m := map[string]string{}
	for s = s[1 : len(s)-1]; s != ""; {
		key, rest, ok := strings.Cut(s, ": ")
		_, twice := m[key]
		if !ok || twice || !plainKey(key) {
			return nil, false
		}
		if m[key], s, ok = plainItem(rest); !ok {
			return nil, false
		}
	}
	return m, len(m) > 0
}

// plainItem cuts the first item from the inside of a list or map in one line.
func plainItem(s string) (item, rest string, ok bool) {
	end := 0
	if strings.HasPrefix(s, `"`) {
		for end = 1; end < len(s) && s[end] != '"'; end++ {
			if s[end] == '\\' {
				end++
			}
		}
		end = min(end+1, len(s))
	} else if end = strings.IndexByte(s, ','); end < 0 {
		end = len(s)
	}
	item, ok = plainText(s[:end], ",'")
	if rest = s[end:]; ok && rest != "" {
		rest, ok = strings.CutPrefix(rest, ", ")
		ok = ok && rest != ""
	}
	return item, rest, ok
}

// plainText reads a text in double quotes, in single quotes, or one without
// that begins with a letter and holds nothing that YAML reads otherwise, nor
// any byte of but.
func plainText(s, but string) (string, bool) {
	if s == "" {
		return "", false
	}
	if s[0] == '"' {
		for i := 0; i+1 < len(s); i++ {
			if s[i] == '\\' {
				if i++; s[i] >= '0' && s[i] <= '9' { // octal to Go, a NUL to YAML
					return "", false
				}
			}
		}
		text, err := strconv.Unquote(s)
		return text, err == nil
	}
	if s[0] == '\'' {
		body := s[1:]
		if but != "" || !strings.HasSuffix(body, "'") {
			return "", false
		}
		body = body[:len(body)-1]
		text := strings.ReplaceAll(body, "''", "'")
		return text, strings.Count(body, "'") == 2*strings.Count(body, "''")
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || strings.IndexByte("-_./()", c) >= 0):
		case i > 0 && strings.IndexByte(",';=", c) >= 0 && strings.IndexByte(but, c) < 0:
		case i > 0 && i < len(s)-1 && c == ' ':
		default:
			return "", false
		}
	}
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return "", false
	}
	return s, true
}

func plainKey(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c != '.' || i == 0) {
			return false
		}
	}
	_, ok := plainText(s, "")
	return ok
}
