package rules

import "strings"

// pair is a bare key=value in a text: text[from:to] is all of it with the space
// before it, text[key:eq] its key, text[eq+1:to] its value.
type pair struct{ from, key, eq, to int }

// nextPair finds the first key=value at or after i that stands at the start of
// the text or after a space and whose value is one bare word.
func nextPair(text string, i int) (p pair, ok bool) {
	for ; i < len(text); i++ {
		key := i
		switch {
		case text[i] == ' ':
			key++
		case i > 0:
			gap := strings.IndexByte(text[i:], ' ')
			if gap < 0 {
				return pair{}, false
			}
			i += gap
			key = i + 1
		}
		eq := key
		for eq < len(text) && keyByte(text[eq], eq == key) {
			eq++
		}
		if eq == key || eq == len(text) || text[eq] != '=' {
			continue
		}
		to := eq + 1
		for to < len(text) && !endsValue(text[to]) {
			to++
		}
		if to > eq+1 {
			return pair{i, key, eq, to}, true
		}
	}
	return pair{}, false
}

func keyByte(c byte, first bool) bool {
	return letter(c) || c == '_' || !first && (c >= '0' && c <= '9' || c == '.' || c == '-')
}

func endsValue(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\f', '\r', '"', '\'', '{', '[':
		return true
	}
	return false
}

// withoutPairs drops the bare key=value pairs of an access line, a metric or
// a logfmt record, which name much and complain of nothing, but for the keys
// that tell a cause. Fewer than three are a sentence's own.
func withoutPairs(text string) string {
	if strings.Count(text, "=") < 3 {
		return text
	}
	var b strings.Builder
	at, found := 0, 0
	for p, ok := nextPair(text, 0); ok; p, ok = nextPair(text, p.to) {
		found++
		if key := text[p.key:p.eq]; causeKeys[key] || messageKeys[key] {
			continue
		}
		b.WriteString(text[at:p.from])
		at = p.to
	}
	if found < 3 {
		return text
	}
	b.WriteString(text[at:])
	return b.String()
}
