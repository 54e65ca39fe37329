package rules

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// A template is a library's message with its variable parts as holes:
//
//	token is expired by {delta}
//	unexpected signature algorithm {alg}; expected {expected}
//
// {name} captures a quoted or bare value under that name; {*} skips up to 200
// bytes of one line; {n} skips a number; {word} skips one word. ^ at the start
// and $ at the end bind to the line's ends, the latter past trailing
// punctuation. Everything else is compared folded (see fold.go).
type template struct {
	text    string
	literal string   // set when the template has no hole: the literal is the whole match
	anchor  string   // the longest fixed part
	key     string   // the part of the anchor that the automaton looks for
	keyEnd  int      // where the key ends in the anchor
	pattern string   // set when there is a hole or a bound end
	names   []string // capture names, in the order of the pattern's groups; "" for none

	once sync.Once
	expr *regexp.Regexp
}

// regexp compiles the pattern when a text first needs it: of some thousand
// templates a run meets a few dozen. The pattern is made of known forms and
// quoted text, so that it always compiles.
func (t *template) regexp() *regexp.Regexp {
	t.once.Do(func() { t.expr = regexp.MustCompile(t.pattern) })
	return t.expr
}

// holes whose values have a form of their own. Any other name is a value:
// quoted, bracketed, or one bare word.
var holes = map[string]string{
	"*":     `[^\n]{0,200}?`,
	"n":     `[0-9][0-9.,]*`,
	"word":  `[^\s]{1,120}`,
	"alg":   `'?([a-z0-9.+-]{2,24})'?`,
	"delta": `'?(-?[0-9][0-9a-zµ.: ]{0,40}?)'?`,
	"time":  `([0-9][0-9a-z:.+ -]{3,48})`,
	"host":  `(?:https?://)?([a-z0-9.-]{3,253})`,
	"env":   `'?([a-z][a-z0-9 ]{2,80})'?`,
	"claim": `'?([a-z][a-z0-9:/. -]{0,120}?)'?`,
	"rest":  `([^\n]{1,300})`,
}

// value is the form of a hole without a form of its own.
const value = `(?:'([^'\n]{0,300})'|\[([^\]\n]{0,300})\]|([^\s',;()\[\]]{1,300}))`

// valueGroups is the number of groups in value.
const valueGroups = 3

var holePattern = regexp.MustCompile(`\{(\*|[a-z][a-z0-9]*)\}`)

// compile reads a template. It fails when no fixed part is long enough to
// find: fewer than 4 letters in a row would let half of all lines through.
func compile(text string) (*template, error) {
	t := &template{text: text, names: []string{""}}
	body, start := strings.CutPrefix(text, "^")
	body, end := strings.CutSuffix(body, "$")
	var marks [][]int
	if strings.IndexByte(body, '{') >= 0 {
		marks = holePattern.FindAllStringSubmatchIndex(body, -1)
	}
	if len(marks) == 0 && !start && !end {
		t.anchor = strings.Trim(foldLiteral(body), " ")
		t.literal = t.anchor
	} else {
		t.express(body, marks, start, end)
	}
	if letters(t.anchor) < 4 {
		return nil, fmt.Errorf("compile template %q: wanted a fixed part with at least 4 letters or digits, found %q as the longest", text, t.anchor)
	}
	t.key, t.keyEnd = keyOf(t.anchor)
	return t, nil
}

// express sets the pattern, the names of its groups and the anchor.
func (t *template) express(body string, marks [][]int, start, end bool) {
	var expr strings.Builder
	expr.WriteString(`(?m)`)
	if start {
		expr.WriteString(`^ ?`)
	}
	at := 0
	for _, m := range marks {
		t.fixed(&expr, body[at:m[0]])
		t.hole(&expr, body[m[2]:m[3]])
		at = m[1]
	}
	t.fixed(&expr, body[at:])
	if end {
		expr.WriteString(`[ .!'"\])}]*$`)
	}
	t.pattern = expr.String()
}

func (t *template) fixed(expr *strings.Builder, s string) {
	s = foldLiteral(s)
	if letters(s) > letters(t.anchor) {
		t.anchor = strings.Trim(s, " ")
	}
	expr.WriteString(regexp.QuoteMeta(s))
}

func (t *template) hole(expr *strings.Builder, name string) {
	form, special := holes[name]
	groups := strings.Count(form, "(") - strings.Count(form, "(?:")
	if !special {
		form, groups = value, valueGroups
	}
	expr.WriteString(form)
	for range groups {
		t.names = append(t.names, name)
	}
}

// keyBytes bounds a key: longer ones make the automaton larger than a
// processor's cache and hardly rarer.
const keyBytes = 24

// keyOf picks what the automaton looks for: the run of ASCII with the most
// letters (other bytes would double the automaton's alphabet), cut to
// keyBytes.
func keyOf(anchor string) (key string, end int) {
	from := 0
	for i := 0; i <= len(anchor); i++ {
		if i < len(anchor) && anchor[i] < 0x80 {
			continue
		}
		run := strings.TrimLeft(anchor[from:i], " ")
		start := i - len(run)
		run = strings.TrimRight(run[:min(len(run), keyBytes)], " ")
		if letters(run) > letters(key) {
			key, end = run, start+len(run)
		}
		from = i + 1
	}
	if letters(key) < 4 {
		return anchor, len(anchor)
	}
	return key, end
}

func letters(s string) (n int) {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'a' && s[i] <= 'z' || s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

// edge reports whether the folded text has a word's edge at i: a match must
// not begin or end inside a word.
func edge(b []byte, i int) bool {
	if i <= 0 || i >= len(b) {
		return true
	}
	return !wordByte(b[i-1]) || !wordByte(b[i])
}

func wordByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// find returns the first match of t that covers the anchor hit ending at end,
// as group offsets into b, or nil.
func (t *template) find(b []byte, end int) []int {
	if t.pattern == "" {
		lo := end - t.keyEnd
		hi := lo + len(t.literal)
		if lo >= 0 && hi <= len(b) && string(b[lo:hi]) == t.literal && edge(b, lo) && edge(b, hi) {
			return []int{lo, hi}
		}
		return nil
	}
	lo, hi := window(b, end-len(t.key), end)
	for _, m := range t.regexp().FindAllSubmatchIndex(b[lo:hi], 8) {
		if m[0]+lo > end || m[1]+lo < end || !edge(b, m[0]+lo) || !edge(b, m[1]+lo) {
			continue
		}
		for i := range m {
			if m[i] >= 0 {
				m[i] += lo
			}
		}
		return m
	}
	return nil
}

// window is the line around [lo, hi), at most 1,000 bytes to either side.
func window(b []byte, lo, hi int) (int, int) {
	from, to := max(0, lo-1000), min(len(b), hi+1000)
	for i := lo - 1; i >= from; i-- {
		if b[i] == '\n' {
			from = i + 1
			break
		}
	}
	for i := hi; i < to; i++ {
		if b[i] == '\n' {
			to = i
			break
		}
	}
	return from, to
}
