package rules

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/redact"
)

// unrelated makes log entries of ordinary systems from the lines of
// testdata/unrelated.txt, in the dress of common loggers.
type unrelated struct {
	*rand.Rand
	lines []string
}

func newUnrelated(t testing.TB, seed uint64) *unrelated {
	t.Helper()
	f, err := os.Open("testdata/unrelated.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	u := &unrelated{Rand: rand.New(rand.NewPCG(seed, 401))}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if line := sc.Text(); line != "" && !strings.HasPrefix(line, "#") {
			u.lines = append(u.lines, line)
		}
	}
	return u
}

var (
	plainWords = strings.Fields("orders billing shipping catalog search inventory profile media report export ledger pricing checkout mailer importer gateway indexer worker scheduler planner vector atlas nimbus falcon")
	plainUsers = strings.Fields("alice bob carol dave erin frank grace heidi backup deploy")
	plainPaths = strings.Fields("/ /api/v1/orders /v2/items/17 /healthz /login /search?q=lamp /users/42/profile /static/app.css /auth/session /graphql")
)

func (u *unrelated) pick(words []string) string { return words[u.IntN(len(words))] }

// fill replaces the holes of a line.
func (u *unrelated) fill(line string) string {
	return holePattern.ReplaceAllStringFunc(line, func(hole string) string {
		switch hole {
		case "{n}":
			return strconv.Itoa(u.IntN(100000))
		case "{f}":
			return fmt.Sprintf("%d.%03d", u.IntN(100), u.IntN(1000))
		case "{pct}":
			return fmt.Sprintf("%d.%d", u.IntN(100), u.IntN(10))
		case "{ip}":
			return fmt.Sprintf("10.%d.%d.%d", u.IntN(255), u.IntN(255), u.IntN(255))
		case "{host}":
			return u.pick(plainWords) + ".example.com"
		case "{path}":
			return u.pick(plainPaths)
		case "{hex}":
			return fmt.Sprintf("%08x", u.Uint32())
		case "{uuid}":
			return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", u.Uint32(), u.IntN(65536), u.IntN(4096), u.IntN(4096), u.Uint64()>>16)
		case "{user}":
			return u.pick(plainUsers)
		case "{ts}":
			return fmt.Sprintf("2026-%02d-%02dT%02d:%02d:%02dZ", 1+u.IntN(12), 1+u.IntN(28), u.IntN(24), u.IntN(60), u.IntN(60))
		case "{clf}":
			return fmt.Sprintf("%02d/Nov/2026:%02d:%02d:%02d +0000", 1+u.IntN(28), u.IntN(24), u.IntN(60), u.IntN(60))
		case "{klog}":
			return fmt.Sprintf("1123 %02d:%02d:%02d.%06d", u.IntN(24), u.IntN(60), u.IntN(60), u.IntN(1000000))
		case "{pod}":
			return fmt.Sprintf("%s-%08x-%05x", u.pick(plainWords), u.Uint32(), u.IntN(1<<20))
		case "{word}", "{table}":
			return u.pick(plainWords)
		}
		return hole
	})
}

// next makes one entry: bare, behind a logger's prefix, or structured.
func (u *unrelated) next() *analyzer.Entry {
	text := u.fill(u.pick(u.lines))
	switch u.IntN(8) {
	case 0:
		return TextEntry(u.fill("{ts} ERROR [") + u.pick(plainWords) + "] " + text)
	case 1:
		return TextEntry(u.fill("[{ts}] WARN ") + u.pick(plainWords) + ": " + text)
	case 2:
		return TextEntry(u.fill("E{klog}       1 main.go:{n}] ") + text)
	case 3:
		return TextEntry("level=error ts=" + u.fill("{ts}") + " caller=" + u.pick(plainWords) + ".go:12 msg=" + strconv.Quote(text))
	case 4:
		e := TextEntry(text)
		e.Fields = []analyzer.Field{{Path: "level", Value: "error"}, {Path: "message", Value: e.Message}, {Path: "logger", Value: u.pick(plainWords)}, {Path: "request_id", Value: u.fill("{uuid}")}}
		return e
	case 5:
		e := TextEntry("request failed")
		e.Fields = []analyzer.Field{{Path: "msg", Value: e.Message}, {Path: "error", Value: redact.Text(text)}, {Path: "service", Value: u.pick(plainWords)}}
		return e
	}
	return TextEntry(text)
}

// TestUnrelatedEntriesHaveNoFinding reads generated entries of ordinary
// systems: 50,000, or WHY401_NEGATIVES of them (make negatives: a million).
func TestUnrelatedEntriesHaveNoFinding(t *testing.T) {
	s := load(t)
	n, seed := 50_000, uint64(1)
	if v := os.Getenv("WHY401_NEGATIVES"); v != "" {
		n, _ = strconv.Atoi(v)
	}
	u := newUnrelated(t, seed)
	seen := map[string]int{}
	passed := 0
	for range n {
		e := u.next()
		if s.Screen([]byte(e.Message)) {
			passed++
		}
		if c := s.Classify(e); len(c.Reasons) > 0 {
			if seen[c.Rule]++; seen[c.Rule] <= 3 {
				t.Errorf("%v by %s on %q %v", c.Reasons, c.Rule, e.Message, e.Fields)
			}
		}
	}
	t.Logf("%d entries from %d texts, %d passed the screen, findings by rule: %v", n, len(u.lines), passed, seen)
}

// TestOwnOutputHasNoFinding feeds what why401 itself prints back to it:
// a scheduler may well log the report of a run.
func TestOwnOutputHasNoFinding(t *testing.T) {
	s := load(t)
	for _, r := range analyzer.Reasons() {
		for _, line := range []string{
			`{"line":1,"outcome":"refused","reasons":["` + string(r) + `"],"rule":"generic/` + strings.ReplaceAll(string(r), "_", "-") + `","match":"generic"}`,
			"why401: 12 findings of " + string(r) + " in orders (production), 3 in the last hour",
			`why401_findings_total{service="orders",environment="production",reason="` + string(r) + `"} 12`,
			"analyzer: 0 findings for reason=" + string(r) + " in the last 5m",
		} {
			if c := s.Classify(TextEntry(line)); len(c.Reasons) > 0 {
				t.Errorf("%v by %s on our own %q", c.Reasons, c.Rule, line)
			}
		}
	}
	for _, r := range s.Rules() {
		lines := []string{fmt.Sprintf("%-52s %-28s %-12s %s (+2)", r.Name(), r.Reason, "go", strings.Join(r.Text, " "))}
		for _, x := range slices.Concat(r.Text, r.Examples, r.NearMisses) {
			lines = append(lines, "      - "+x, `# looks for "`+x+`"`)
		}
		for _, line := range append(lines, strings.Join(lines, "\n")) {
			if c := s.Classify(TextEntry(line)); r.Reason != "" && len(c.Reasons) > 0 && c.Primary() != analyzer.TokenInLog {
				t.Errorf("%v by %s on our own dump of %s: %q", c.Reasons, c.Rule, r.Name(), line)
			}
		}
	}
}
