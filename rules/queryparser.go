package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"
)

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
