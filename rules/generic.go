package rules

import (
	"strings"

	"github.com/why401/why401/analyzer"
)

// generic reads the structure of a text that no rule knows: which subject,
// which complaint, which claim. The innermost clause that says something
// definite decides; a text that only refuses stays unspecified.
func (s *Set) generic(rd *reading, known []match, c *analyzer.Classification) {
	texts := make([]string, len(rd.parts))
	var all concept
	for i, p := range rd.parts {
		texts[i] = camel(p.Text)
		all |= s.concepts(texts[i])
		for _, m := range known {
			if m.part == i && m.rule.weak() && m.to <= len(p.Text) {
				texts[i] = camel(p.Text[:m.from] + ". " + p.Text[m.to:])
			}
		}
	}
	if all&elsewhere != 0 || all&(aToken|anAuth|aSignature|aKeySet|aSecret|anIssuer|anAudience) == 0 {
		return
	}
	vague := false
	for i, text := range texts {
		for line := range strings.SplitSeq(text, "\n") {
			r := s.readLine(line, all)
			if r == analyzer.Unspecified {
				vague = true
				continue
			}
			if r != "" {
				c.Reasons, c.Rule, c.Library, c.Match = []analyzer.Reason{r}, "generic/"+strings.ReplaceAll(string(r), "_", "-"), "", analyzer.MatchGeneric
				c.Text = rd.parts[i].Text
				return
			}
		}
	}
	switch {
	case len(c.Reasons) > 0:
	case vague:
		c.Reasons, c.Rule, c.Match = []analyzer.Reason{analyzer.Unspecified}, "generic/unspecified", analyzer.MatchGeneric
	case all&aToken != 0 && all&(negated|denied|differs) != 0 && all&(success|hypothesis|otherTrade) == 0:
		c.Unmatched = true
	}
}

// readLine decides on one line: its clauses from the last to the first, then
// the line as a whole.
func (s *Set) readLine(line string, all concept) analyzer.Reason {
	clauses := splitClauses(line)
	whole, vague := concept(0), false
	for i := len(clauses) - 1; i >= 0; i-- {
		got := s.concepts(clauses[i])
		whole |= got
		r := decide(got, all)
		vague = vague || r == analyzer.Unspecified
		if r != "" && r != analyzer.Unspecified {
			return r
		}
	}
	if r := decide(whole, all); r != "" {
		return r
	}
	if vague {
		return analyzer.Unspecified
	}
	return ""
}

// splitClauses cuts a line where one statement ends and the next begins.
func splitClauses(line string) []string {
	var out []string
	start := 0
	for i := 0; i+1 < len(line); i++ {
		switch line[i] {
		case ':', ';', '|', '(', '[', '{':
			if line[i] != ':' || line[i+1] == ' ' {
				out = append(out, line[start:i])
				start = i + 1
			}
		case '.', ',':
			if line[i+1] == ' ' {
				out = append(out, line[start:i])
				start = i + 1
			}
		case '-':
			if line[i+1] == ' ' && i > 0 && line[i-1] == ' ' {
				out = append(out, line[start:i])
				start = i + 1
			}
		}
	}
	return append(out, line[start:])
}

// concepts collects what the words of a text mean.
func (s *Set) concepts(text string) (c concept) {
	var f folded
	f.fold(text)
	var room [64]hit
	for _, h := range s.words.scan(f.b, room[:0]) {
		p := &s.patterns[h.pattern]
		if p.word|p.stem == 0 || !edge(f.b, int(h.end)-len(p.literal)) {
			continue
		}
		c |= p.stem
		if p.word != 0 && edge(f.b, int(h.end)) {
			c |= p.word
		}
	}
	return c
}

// camel parts the words of ExpiredSignatureError.
func camel(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := 0; i < len(s); i++ {
		if i > 0 && upper(s[i]) && (lower(s[i-1]) || i+1 < len(s) && upper(s[i-1]) && lower(s[i+1])) {
			b.WriteByte(' ')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func upper(c byte) bool { return c >= 'A' && c <= 'Z' }
func lower(c byte) bool { return c >= 'a' && c <= 'z' }
