package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Query is a filter of a Cloud Logging sink, in the subset of the Logging
// query language that [Set.SinkFilter] writes and that people add to it by
// hand: AND, OR, NOT and - (OR binds closer than AND, as there), comparisons
// of one field with one value or a list in parentheses by = != : =~ !~ < <= >
// >=, existence (:*), texts that may stand in any field, sample(), comments.
// Comparisons of texts ignore the case of ASCII letters; =~ is RE2. See
// https://cloud.google.com/logging/docs/view/logging-query-language.
type Query struct{ root test }

// test is a condition on a decoded LogEntry.
type test func(entry map[string]any) bool

// ParseQuery reads a filter. The error says where it stops making sense, as an
// offset in bytes.
func ParseQuery(text string) (*Query, error) {
	tokens, err := queryTokens(text)
	if err != nil {
		return nil, fmt.Errorf("read filter: %w", err)
	}
	p := &queryParser{tokens: tokens}
	root, err := p.all(nil)
	if err == nil && p.at < len(p.tokens) {
		err = p.wanted("AND, OR or the end")
	}
	if err != nil {
		return nil, fmt.Errorf("read filter: %w", err)
	}
	return &Query{root}, nil
}

// Matches reports whether a sink with this filter would export the entry, a
// LogEntry as JSON. What is no JSON object is an error.
func (q *Query) Matches(entry []byte) (bool, error) {
	d := json.NewDecoder(bytes.NewReader(entry))
	d.UseNumber()
	var e map[string]any
	if err := d.Decode(&e); err != nil {
		return false, fmt.Errorf("read entry: %w", err)
	}
	return q.root(e), nil
}

// queryToken is one word, text or sign of a filter.
type queryToken struct {
	text   string
	quoted bool
	at     int
}

var querySigns = []string{"=~", "!~", "!=", ">=", "<=", "=", ":", ">", "<", "(", ")", ",", "-"}

func queryTokens(text string) ([]queryToken, error) {
	var out []queryToken
	for i := 0; i < len(text); {
		rest := text[i:]
		switch {
		case strings.ContainsRune(" \t\r\n", rune(text[i])):
			i++
			continue
		case strings.HasPrefix(rest, "--"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			i += end
			continue
		case text[i] == '"':
			s, end, err := quotedText(rest)
			if err != nil {
				return nil, fmt.Errorf("at byte %d: %w", i, err)
			}
			out = append(out, queryToken{s, true, i})
			i += end
			continue
		}
		if sign := slices.IndexFunc(querySigns, func(s string) bool { return strings.HasPrefix(rest, s) }); sign >= 0 {
			out = append(out, queryToken{querySigns[sign], false, i})
			i += len(querySigns[sign])
			continue
		}
		word, err := pathWord(rest)
		if err != nil {
			return nil, fmt.Errorf("at byte %d: %w", i, err)
		}
		out = append(out, queryToken{word, false, i})
		i += len(word)
	}
	return out, nil
}

// quotedText reads a text in double quotes and returns its end.
func quotedText(s string) (text string, end int, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), i + 1, nil
		case s[i] == '\\' && i+1 < len(s):
			i++
			if s[i] != '"' && s[i] != '\\' {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(s[i])
	}
	return "", 0, errors.New(`wanted '"' to end a text, found the end`)
}

// pathWord reads an unquoted word; a path may have quoted parts:
// labels."why401.self".
func pathWord(s string) (string, error) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' && i > 0 && s[i-1] == '.':
			_, end, err := quotedText(s[i:])
			if err != nil {
				return "", err
			}
			i += end - 1
		case strings.ContainsRune(" \t\r\n()=!:<>,\"", rune(s[i])):
			if i == 0 {
				return "", fmt.Errorf("wanted a field, a text or a sign, found %q", s[i])
			}
			return s[:i], nil
		}
	}
	return s, nil
}
