package rules

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// MaxSinkFilter is the length in characters that Cloud Logging takes
// (https://cloud.google.com/logging/quotas).
const MaxSinkFilter = 20_000

// SinkFilterConfig says what a log export lets through beside failures.
type SinkFilterConfig struct {
	// Requests is the share of request logs that are exported as the
	// denominator of rates: 1 all of them, 0 only those refused.
	Requests float64
	// Room is the greatest length in characters; 0 means MaxSinkFilter.
	Room int
}

// SinkFilter is a filter for a log export, compiled from rules.
type SinkFilter struct {
	Text string
	// Lost are the rules, by full name, that have an example which the filter
	// does not let through: there was no room for it, or it holds no words
	// that tell it from ordinary lines.
	Lost []string
}

// changeLogs are what tells of changes: audit entries of the services that
// hold secrets and run revisions, and the platform's own account of instances.
const changeLogs = `logName:"cloudaudit.googleapis.com" AND protoPayload.serviceName=("secretmanager.googleapis.com" OR "run.googleapis.com" OR "container.googleapis.com" OR "k8s.io" OR "iam.googleapis.com" OR "cloudfunctions.googleapis.com" OR "appengine.googleapis.com") AND NOT protoPayload.methodName=~"(?i)[.](list|get|watch)[a-z]*$|[.]coordination[.]|[.]events[.]"`

// Everything that reads like a decision about a token carries one word of each
// list; the rules' own texts that do not are added one by one.
var (
	subjects = []string{"jw", "token", "bearer", "sign", "skew", "oidc", "oauth", "openid", "auth", "credential", "claim", "kid", "alg", "session", "key", "secret", "certificate", "issuer", "aud", "iss", "nonce", "scope", "permission", "login", "password", "user", "base64", "segment", "pem", "rsa", "hmac", "curve", "crypt", "digest", "dpop", "discovery", "metadata", "client", "header", "payload", "verif", "padding", "saml", "principal", "json", "idx1", "idx2", "idw1", "aadsts", "jose", "nbf", "introspect", "grant", "subject", "account", "extension", "令牌", "токен"}
	defects  = []string{"invalid", "expir", "fail", "err", "malform", "match", "miss", "not ", "no ", "un", "denied", "reject", "refus", "revo", "bad", "wrong", "can't", "doesn", "isn't", "illegal", "incorrect", "forbid", "exception", "too ", "must ", "expect", "absent", "empty", "without", "could", "require", "only", "block", "corrupt", "short", "differ", "already", "future", "before", "null", "nil", "never", "disab", "lock", "problem", "should", "more than", "limit", "does not", "allowed", "support", "blacklist", "violat", "denial", "timeout", "timed out", "warn", "401", "403", "stale", "replay", "reuse", "duplicate", "ungültig", "abgelaufen", "invál", "geçersiz", "无效", "过期", "黑名单", "недействи", "immature", "multiple"}
)

// asides are what the parts under a verifier say, of which no word tells that
// it was a token or a key set: the network, and the code that takes a token
// apart.
var asides = []string{"econnrefused", "enotfound", "socket hang up", "values to unpack", "could not load configuration", "черный список", "email not confirmed"}

// frameLine is an entry of one line that a traceback was cut into, or that
// quotes source code: it says where, never why. It has no
// backslash: on how many a quoted text needs, tools differ.
const frameLine = `^[[:space:]]*(?:at (?:async |new )?[^[:space:]]*(?: [(]|[.(:/])|from [^[:space:]]*[.:/]|File "|raise |return ).*[[:cntrl:]]?$|^[[:blank:]]{2,}[^-[:space:]].*[[:cntrl:]]?$|^[^[:space:]]+[.](?:go|js|ts|py|java):[0-9]+.*[[:cntrl:]]?$|^[^[:space:]]+[.]rb:[0-9]+:in .*'[[:cntrl:]]?$`

// SinkFilter compiles a filter that lets every example of a failure or a change
// through, and as little else as it can: the rules must have been loaded with
// their examples. The same rules give the same filter.
func (s *Set) SinkFilter(cfg SinkFilterConfig) (*SinkFilter, error) {
	c := filterCompiler{cfg: cfg, room: cmp.Or(cfg.Room, MaxSinkFilter)}
	out := &SinkFilter{Text: c.text(nil)}
	q, err := ParseQuery(out.Text)
	if err != nil {
		return nil, err
	}
	open, bystanders := s.uncovered(q)
	c.room -= len(c.text([]string{"", " "}))
	literals := c.cover(open, bystanders)
	out.Text = c.text(literals)
	if q, err = ParseQuery(out.Text); err != nil {
		return nil, err
	}
	lost := map[string]bool{}
	open, _ = s.uncovered(q)
	for _, x := range open {
		lost[x.rule.Name()] = true
	}
	out.Lost = slices.Sorted(maps.Keys(lost))
	return out, nil
}

// shown is one line that a rule is shown by.
type shown struct {
	rule *Rule
	text string // in small letters
}

// uncovered returns the examples that q does not let through and should, and
// the lines that should stay outside.
func (s *Set) uncovered(q *Query) (open, bystanders []shown) {
	for _, r := range s.rules {
		for _, x := range r.Examples {
			switch {
			case r.Success || r.Benign:
				bystanders = append(bystanders, shown{r, strings.ToLower(x)})
			case !letThrough(q, x):
				open = append(open, shown{r, strings.ToLower(x)})
			}
		}
		for _, x := range r.NearMisses {
			bystanders = append(bystanders, shown{r, strings.ToLower(x)})
		}
	}
	return open, bystanders
}

// letThrough reports whether q passes an example: a LogEntry, or the text of
// one.
func letThrough(q *Query, example string) bool {
	entry := []byte(example)
	if !logEntryKeys.MatchString(example) {
		entry, _ = json.Marshal(map[string]string{"textPayload": example}) // a string can always be written
	}
	ok, err := q.Matches(entry)
	return err == nil && ok
}

// filterCompiler puts a filter together.
type filterCompiler struct {
	cfg  SinkFilterConfig
	room int // characters left
}

// text is the filter with these literals.
func (c *filterCompiler) text(literals []string) string {
	lines := []string{
		`httpRequest.status=(401 OR 403)`,
		`severity>=CRITICAL AND NOT textPayload:*`,
		`protoPayload.status.code=(7 OR 16)`,
		changeLogs,
		`logName:("run.googleapis.com%2Fvarlog%2Fsystem" OR "run.googleapis.com%2Fsystem")`,
		`(jsonPayload.status=(401 OR 403) OR jsonPayload.statusCode=(401 OR 403 OR 500) OR jsonPayload.res.statusCode=(400 OR 401 OR 403 OR 500) OR jsonPayload.response_code=(401 OR 403))`,
		`textPayload=~"(^|[^0-9A-Za-z.])40[13]($|[^0-9A-Za-z.])"`,
	}
	texts := fields(subjects, defects) + " OR " + fields(asides)
	words, runs := split(literals)
	if len(words) > 0 {
		texts += " OR " + fields(words)
	}
	if len(runs) > 0 {
		texts += " OR (NOT httpRequest.requestMethod:* AND (" + alternatives(runs) + "))"
	}
	lines = append(lines, fmt.Sprintf("(%s) AND NOT textPayload=~%s", texts, quoteQuery(frameLine)))
	switch {
	case c.cfg.Requests >= 1:
		lines = append(lines, `httpRequest.status<400`)
	case c.cfg.Requests > 0:
		lines = append(lines, `httpRequest.status<400 AND sample(insertId, `+strconv.FormatFloat(c.cfg.Requests, 'g', 4, 64)+`)`)
	}
	var b strings.Builder
	b.WriteString("NOT labels.\"why401.self\"=\"true\"\nNOT jsonPayload.\"why401.self\"=\"true\"\nNOT logName:\"%2Fdiagnostic-log\"\nNOT logName:\"/diagnostic-log\"\n(\n")
	for i, line := range lines {
		if i > 0 {
			b.WriteString("OR\n")
		}
		b.WriteString("(" + line + ")\n")
	}
	b.WriteString(")\n")
	return b.String()
}

// fields asks for one word of every list, in the text or in the fields of a
// structured payload. In a text one expression looks for all words, which takes
// five characters less for each; below a structure only ":" looks.
func fields(lists ...[]string) string {
	var text, structure []string
	for _, words := range lists {
		text = append(text, "textPayload=~"+quoteQuery("(?i)"+expression(words)))
		structure = append(structure, "jsonPayload:("+alternatives(words)+")")
	}
	return "((" + strings.Join(text, " AND ") + ") OR (" + strings.Join(structure, " AND ") + "))"
}

// expression matches any of the words. A byte that means something in
// an expression is put in brackets, for a backslash stands any byte: of
// backslashes there is none, see frameLine.
func expression(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte('|')
		}
		for _, c := range w {
			switch {
			case c == '\\':
				b.WriteByte('.')
			case strings.ContainsRune(`.+*?()|{}$[]`, c):
				b.WriteString("[" + string(c) + "]")
			default:
				b.WriteRune(c)
			}
		}
	}
	return b.String()
}

// split parts single words from runs of words. A run may be looked for in any
// field, which takes half the characters: no name of a service, a log or a
// label holds a blank.
func split(literals []string) (words, runs []string) {
	for _, l := range literals {
		if strings.Contains(l, " ") {
			runs = append(runs, l)
		} else {
			words = append(words, l)
		}
	}
	return words, runs
}

// width is how many characters a literal takes.
func width(literal string) int {
	n := len(` OR `) + len(quoteQuery(literal))
	if !strings.Contains(literal, " ") {
		n += len(`|`) + len(expression([]string{literal}))
	}
	return n
}

func alternatives(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quoteQuery(w)
	}
	return strings.Join(quoted, " OR ")
}

func quoteQuery(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// literal is a text to filter by, with the samples that it stands in.
type literal struct {
	text string
	in   []int
	cost float64
}

// cover chooses literals until every sample holds one or there is no room:
// first those that hold many samples for few characters and stand in few of
// the lines that should stay outside.
func (c *filterCompiler) cover(open, bystanders []shown) []string {
	var all []literal
	in := map[string][]int{}
	for i, x := range open {
		for _, w := range phrases(x.text) {
			in[w] = append(in[w], i)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(in)) {
		outside := 0
		for _, b := range bystanders {
			if strings.Contains(b.text, text) {
				outside++
			}
		}
		all = append(all, literal{text, in[text], float64(width(text)) * float64(1+3*outside)})
	}
	var chosen []string
	done := make([]bool, len(open))
	for len(all) > 0 {
		best, bestScore := -1, 0.0
		for i := range all {
			all[i].in = slices.DeleteFunc(all[i].in, func(k int) bool { return done[k] })
			if score := float64(len(all[i].in)) / all[i].cost; score > bestScore {
				best, bestScore = i, score
			}
		}
		if best < 0 {
			break
		}
		pick := all[best]
		all = slices.DeleteFunc(slices.Delete(all, best, best+1), func(x literal) bool { return len(x.in) == 0 })
		size := width(pick.text)
		if size > c.room {
			continue
		}
		c.room -= size
		chosen = append(chosen, pick.text)
		for _, k := range pick.in {
			done[k] = true
		}
	}
	slices.SortFunc(chosen, func(a, b string) int { return cmp.Compare(a, b) })
	return chosen
}

// phrases are the words of a text, and the runs of up to three of them, that
// are long enough to be chosen by.
func phrases(text string) []string {
	seen := map[string]bool{}
	starts := []int{}
	for i := 0; i < len(text); i++ {
		if phraseByte(text[i]) && (i == 0 || !phraseByte(text[i-1])) {
			starts = append(starts, i)
		}
	}
	for n, from := range starts {
		for k := n; k < min(n+3, len(starts)); k++ {
			to := starts[k]
			for to < len(text) && phraseByte(text[to]) {
				to++
			}
			if p := text[from:to]; len(p) >= 5 && len(p) <= 40 && !strings.ContainsAny(p, "\n\r\t") {
				seen[p] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func phraseByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80 || c == '_'
}
