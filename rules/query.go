package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"
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

// queryParser goes over tokens. Inside the parentheses that follow an
// operator, leaf makes the test of a value; outside it is nil.
type queryParser struct {
	tokens []queryToken
	at     int
	depth  int
}

func (p *queryParser) peek() queryToken {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return queryToken{at: -1}
}

func (p *queryParser) take(text string) bool {
	if t := p.peek(); t.at >= 0 && !t.quoted && t.text == text {
		p.at++
		return true
	}
	return false
}

func (p *queryParser) wanted(what string) error {
	if t := p.peek(); t.at >= 0 {
		return fmt.Errorf("at byte %d: wanted %s, found %q", t.at, what, t.text)
	}
	return fmt.Errorf("at the end: wanted %s", what)
}

// all reads conditions that must all hold. AND may be left out.
func (p *queryParser) all(leaf func(queryToken) (test, error)) (test, error) {
	if p.depth++; p.depth > 50 {
		return nil, p.wanted("at most 50 levels of parentheses")
	}
	defer func() { p.depth-- }()
	var every []test
	for {
		t, err := p.any(leaf)
		if err != nil {
			return nil, err
		}
		every = append(every, t)
		if p.take("AND") {
			continue
		}
		if next := p.peek(); next.at < 0 || !next.quoted && next.text == ")" {
			break
		}
	}
	return func(e map[string]any) bool {
		return !slices.ContainsFunc(every, func(t test) bool { return !t(e) })
	}, nil
}

// any reads conditions of which one must hold.
func (p *queryParser) any(leaf func(queryToken) (test, error)) (test, error) {
	var some []test
	for {
		t, err := p.one(leaf)
		if err != nil {
			return nil, err
		}
		if some = append(some, t); !p.take("OR") {
			break
		}
	}
	return func(e map[string]any) bool {
		return slices.ContainsFunc(some, func(t test) bool { return t(e) })
	}, nil
}

func (p *queryParser) one(leaf func(queryToken) (test, error)) (test, error) {
	if p.take("NOT") || p.take("-") {
		t, err := p.one(leaf)
		if err != nil {
			return nil, err
		}
		return func(e map[string]any) bool { return !t(e) }, nil
	}
	if p.take("(") {
		t, err := p.all(leaf)
		if err == nil && !p.take(")") {
			err = p.wanted("')'")
		}
		return t, err
	}
	t := p.peek()
	if t.at < 0 || !t.quoted && (slices.Contains(querySigns, t.text) || t.text == "AND" || t.text == "OR") {
		return nil, p.wanted("a field or a text")
	}
	p.at++
	if leaf != nil {
		return leaf(t)
	}
	return p.comparison(t)
}

// comparison reads what follows a field, or a text that may stand anywhere.
func (p *queryParser) comparison(t queryToken) (test, error) {
	op := p.peek()
	if op.at < 0 || op.quoted || !slices.Contains([]string{"=", "!=", ":", "=~", "!~", "<", "<=", ">", ">="}, op.text) {
		if !t.quoted && t.text == "sample" && p.take("(") {
			return p.sample()
		}
		return func(e map[string]any) bool { return contains(e, t.text) }, nil
	}
	p.at++
	path := pathParts(t)
	leaf := func(v queryToken) (test, error) { return compare(path, op.text, v) }
	return p.one(leaf)
}

// sample reads sample(insertId, 0.1): a share of the values of a field. Which
// share Google takes is not told; here it is one of the same size.
func (p *queryParser) sample() (test, error) {
	field := p.peek()
	p.at++
	if !p.take(",") {
		return nil, p.wanted("','")
	}
	share, err := strconv.ParseFloat(p.peek().text, 64)
	if err != nil || share < 0 || share > 1 {
		return nil, p.wanted("a share between 0 and 1")
	}
	p.at++
	if !p.take(")") {
		return nil, p.wanted("')'")
	}
	path := pathParts(field)
	return func(e map[string]any) bool {
		return slices.ContainsFunc(valuesAt(e, path), func(v any) bool {
			return float64(xxh3.HashString(textOf(v))>>11)/(1<<53) < share
		})
	}, nil
}

func pathParts(t queryToken) []string {
	if t.quoted {
		return []string{t.text}
	}
	var out []string
	for rest := t.text; rest != ""; {
		if rest[0] == '"' {
			part, end, _ := quotedText(rest) // pathWord saw its end
			out, rest = append(out, part), strings.TrimPrefix(rest[end:], ".")
			continue
		}
		part, after, _ := strings.Cut(rest, ".")
		out, rest = append(out, part), after
	}
	return out
}

// compare makes the test of one field and one value.
func compare(path []string, op string, v queryToken) (test, error) {
	var holds func(any) bool
	switch op {
	case ":":
		if v.text == "*" && !v.quoted {
			return func(e map[string]any) bool { return len(valuesAt(e, path)) > 0 }, nil
		}
		holds = func(x any) bool { return contains(x, v.text) }
	case "=", "!=":
		holds = func(x any) bool { return equals(x, v.text) }
	case "=~", "!~":
		expr, err := regexp.Compile(v.text)
		if err != nil {
			return nil, fmt.Errorf("at byte %d: %w", v.at, err)
		}
		holds = func(x any) bool { return expr.MatchString(textOf(x)) }
	default:
		holds = func(x any) bool { return ordered(path, textOf(x), op, v.text) }
	}
	found := func(e map[string]any) bool { return slices.ContainsFunc(valuesAt(e, path), holds) }
	if op[0] == '!' {
		return func(e map[string]any) bool { return !found(e) }, nil
	}
	return found, nil
}
