package rules

import (
	"regexp"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
)

// Proposal is a rule that a line asks for: a skeleton for a person to finish.
// Its text, examples and near misses are redacted, and the rule passes its own
// tests as it stands.
type Proposal struct {
	Rule    Rule
	Count   int64    // entries that ask for it; 0 when it was made of one line
	Service string   // who prints it, where known
	Known   []string // rules that fit the line already
	ByWords bool     // the reason was read from the line's words, not given
}

// Propose makes a rule of an entry's text. An empty reason is filled with what
// the line reads like, which is unspecified where it says no more than no.
func (s *Set) Propose(e *analyzer.Entry, reason analyzer.Reason) Proposal {
	rd := newReading()
	s.read(e, rd)
	var p Proposal
	for _, m := range rd.matches {
		if !slices.Contains(p.Known, m.rule.Name()) {
			p.Known = append(p.Known, m.rule.Name())
		}
	}
	c, _ := s.conclude(e, rd)
	line := c.Text
	if line == "" {
		line = firstText(rd.parts)
	}
	if reason == "" {
		reason, p.ByWords = c.Primary(), true
	}
	return s.propose(p, line, reason)
}

// ProposeTemplate makes a rule of a masked text as a report lists it.
func (s *Set) ProposeTemplate(u analyzer.UnmatchedReport) Proposal {
	return s.propose(Proposal{Count: u.Count, Service: u.Service, ByWords: true}, strings.ReplaceAll(u.Template, maskHole, "7"), "")
}

// maskHole is what [analyzer.Mask] leaves of what varies.
const maskHole = "<*>"

func (s *Set) propose(p Proposal, line string, reason analyzer.Reason) Proposal {
	line, _, _ = strings.Cut(strings.TrimSpace(line), "\n")
	message := analyzer.Excerpt(messageOf(line), proposedBytes)
	text, other := guess(message)
	if reason == "" {
		reason = analyzer.Unspecified
	}
	if other == message {
		other = `level=error msg="` + message + `"`
	}
	p.Rule = Rule{
		ID: idOfText(text), Reason: reason, Text: []string{text},
		Source: "seen in a log; name the repository, the file and the versions that print it", Examples: []string{message, other},
	}
	p.Rule.NearMisses = []string{s.nearMiss(text, &p.Rule)}
	return p
}

// proposedBytes bounds a proposed text: a longer one is a story, not a message.
const proposedBytes = 240

func firstText(parts []part) string {
	for _, p := range parts {
		if strings.TrimSpace(p.Text) != "" {
			return p.Text
		}
	}
	return ""
}

// loggers are what loggers put before a message: times, levels, thread and
// logger names. They say nothing of who prints the message.
var loggers = regexp.MustCompile(`^\s*(?:` +
	`\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d[\d.,:+Z-]*\]?` +
	`|\[?(?i:trace|debug|info|notice|warn|warning|error|err|fatal|critical|severe)\]?(?:\s|:)` +
	`|[A-Z], \[[^\]]{1,60}\]\s+[A-Z]+ -- [^:]{0,40}:` +
	`|[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w.]+:\d+\]` +
	`|\[[^\]\n]{1,60}\]` +
	`|[a-z]\w*(?:\.\w+)+:\s` +
	`)\s*[-|:]?\s*`)

// logfmt finds the message of a key=value line.
var logfmt = regexp.MustCompile(`\b(?:msg|message|error|err|reason)="((?:[^"\\]|\\.){8,})"`)

// messageOf takes the logger's part from a line, as long as what stays is long
// enough to be a message.
func messageOf(line string) string {
	if m := logfmt.FindStringSubmatch(line); m != nil {
		return strings.ReplaceAll(m[1], `\"`, `"`)
	}
	for {
		at := loggers.FindStringIndex(line)
		if at == nil || at[1] == 0 || letters(foldLiteral(line[at[1]:])) < 12 {
			return strings.TrimSpace(line)
		}
		line = line[at[1]:]
	}
}

// variable finds what differs from one line of a message to the next.
var variable = regexp.MustCompile(
	`\[(?:jwt|secret|sub|email|cookie|pem|redacted)[^\]]*\]` + // 0: what the redactor left
		`|https?://[^\s"',;)\]]+` +
		`|"[^"]{0,200}"|'[^']{0,200}'` +
		`|\{[^{}]{0,80}\}` +
		`|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}` +
		`|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.:+Z-]*` +
		`|\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b` +
		`|\b(?:HS|RS|ES|PS)(?:256|384|512)\b|\bEdDSA\b` +
		`|projects/[^\s"']+/secrets/[^\s"']+` +
		`|\b\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)(?:\d+(?:\.\d+)?(?:ms|s|m))*\b` +
		`|\S*\d\S*`)

// guess makes a template of a message, and the same message with other values
// where it has holes. Where a hole's form does not fit its value after all, it
// tries again with holes that take anything, and last without.
func guess(message string) (text, other string) {
	for _, name := range []func(hole string) string{func(hole string) string { return hole }, func(string) string { return "{*}" }} {
		text, other = withHoles(message, name)
		if tm, err := compile(text); err == nil && tm.standsIn(message) && tm.standsIn(other) {
			return text, other
		}
	}
	return bareText(message), message
}

// bareText takes from a text what would bind it to a line's ends.
func bareText(s string) string { return strings.TrimRight(strings.TrimLeft(s, "^ "), "$ .") }

func withHoles(message string, name func(string) string) (text, other string) {
	var t, o strings.Builder
	at := 0
	for _, m := range variable.FindAllStringIndex(message, -1) {
		from, to := core(message, m[0], m[1])
		hole, sample := holeFor(message[from:to], message[:from])
		if hole == "" {
			continue
		}
		t.WriteString(message[at:from])
		o.WriteString(message[at:from])
		t.WriteString(holePattern.ReplaceAllStringFunc(hole, name))
		o.WriteString(sample)
		at = to
	}
	t.WriteString(message[at:])
	o.WriteString(message[at:])
	return bareText(t.String()), o.String()
}

// core takes from a value what belongs to the text around it: the name of a
// name=value, brackets, and the comma behind.
func core(message string, from, to int) (int, int) {
	value := message[from:to]
	if value[0] == '[' && value[to-from-1] == ']' || strings.Contains("\"'{", value[:1]) || strings.Contains(value, "://") {
		return from, to
	}
	if i := strings.LastIndexByte(value, '='); i >= 0 && i < len(value)-1 {
		from += i + 1
	}
	for to-from > 1 && strings.IndexByte("([<\"'", message[from]) >= 0 {
		from++
	}
	for to-from > 1 && strings.IndexByte(")]>,;:.\"'", message[to-1]) >= 0 {
		to--
	}
	return from, to
}

var registeredClaims = set("exp", "nbf", "iat", "iss", "aud", "sub", "jti", "azp", "scope", "kid", "alg", "typ", "none", "bearer", "authorization")

// holeFor names the hole for a value by its form and by the word before it;
// none where the value belongs to the message itself.
func holeFor(value, before string) (hole, sample string) {
	inner := strings.Trim(value, `"'`)
	quote := value[:(len(value)-len(inner))/2]
	if strings.HasPrefix(value, "projects/") { // before its word: "secret other: 41" would read as a secret's value
		return "{secret}", "projects/p/secrets/other"
	}
	word := lastWord(before)
	if name, ok := namedBy[word]; ok && !registeredClaims[strings.ToLower(inner)] {
		return quote + "{" + name + "}" + quote, quote + "other-" + name + quote
	}
	switch {
	case registeredClaims[strings.ToLower(inner)]:
		return "", ""
	case strings.HasPrefix(value, "[jwt"), strings.HasPrefix(value, "[pem"), strings.HasPrefix(value, "["), strings.HasPrefix(value, "{"):
		return "{*}", "x1"
	case strings.HasPrefix(inner, "http://"), strings.HasPrefix(inner, "https://"):
		return quote + "{host}{*}" + quote, quote + "https://other.example.com/a" + quote
	case quote != "":
		return quote + "{*}" + quote, quote + "other" + quote
	case algorithmName.MatchString(value):
		return "{alg}", "ES384"
	case strings.ToUpper(value) == value && strings.Contains(value, "_"):
		return "{env}", "OTHER_SECRET"
	case value[0] >= '0' && value[0] <= '9' && plainNumber(value):
		return "{n}", "41"
	case strings.ContainsAny(value, `_\"'`):
		return "{*}", "a1b2"
	}
	return "{word}", "a1b2"
}

var algorithmName = regexp.MustCompile(`^(?:[HREP]S(?:256|384|512)|EdDSA)$`)

// namedBy are the words after which a value has a name of its own.
var namedBy = map[string]string{
	"kid": "kid", "keyid": "kid", "alg": "alg", "algorithm": "alg", "iss": "iss", "issuer": "iss", "aud": "aud", "audience": "aud",
	"expected": "expected", "wanted": "expected", "want": "expected", "got": "actual", "received": "actual", "actual": "actual", "found": "actual", "was": "actual",
	"secret": "secret",
}

func lastWord(s string) string {
	s = strings.ToLower(strings.TrimRight(s, " =:(<>\"'"))
	i := strings.LastIndexFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' })
	return strings.ReplaceAll(s[i+1:], "_", "")
}

// idOfText makes an id of the first words of a text.
func idOfText(text string) string {
	words := strings.Fields(holePattern.ReplaceAllString(text, " "))
	return strings.Trim(idOf(strings.Join(words[:min(len(words), 6)], " ")), "-")
}
