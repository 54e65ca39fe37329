package analyzer_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// What came from a log acts neither on a terminal nor in Markdown.
func TestHostileReport(t *testing.T) {
	const hostile = "pay\x1b[31mments\u202e`<script>` | [click](https://evil.example) @channel\n# heading"
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	r := &analyzer.Report{
		Span:     analyzer.Span{From: at, To: at},
		Services: []analyzer.ServiceReport{{Name: hostile, Environment: hostile}},
		Incidents: []analyzer.Incident{{
			Cause: "key.stale_cache", Verdict: analyzer.Ambiguous, Severity: analyzer.LevelError, Opened: at, Services: []string{hostile}, Environment: hostile, Summary: hostile,
			For: []string{hostile}, Against: []string{hostile}, Do: []string{hostile}, Candidates: []analyzer.Cause{"key.stale_cache", hostile}, NextProbe: hostile, Count: 1,
			Exemplars: []analyzer.Exemplar{{At: at, Excerpt: hostile, Rule: "a/b"}},
		}},
		Changes:   []analyzer.Change{{Kind: hostile, Target: hostile, Version: hostile, At: at}},
		Secrets:   []analyzer.Holding{{Service: hostile, Secret: hostile, Variable: hostile, Versions: []string{hostile}, Newest: hostile}},
		Gaps:      []analyzer.Gap{{Kind: "x", Service: hostile, Detail: hostile}},
		Unmatched: []analyzer.UnmatchedReport{{Service: hostile, Template: hostile, Count: 1}},
	}
	for format, bad := range map[string][]string{
		"text": {"\x1b", "\u202e", "\n# heading"},
		"md":   {"\x1b", "\u202e", "\n# heading", "<script>", "[click](", "@channel", "ments`"},
	} {
		var b bytes.Buffer
		if err := r.Write(&b, format); err != nil {
			t.Fatal(err)
		}
		for _, x := range bad {
			if strings.Contains(b.String(), x) {
				t.Errorf("%s holds %q:\n%s", format, x, b.String())
			}
		}
		if !strings.Contains(b.String(), "heading") {
			t.Errorf("%s lacks the text itself", format)
		}
	}
}
