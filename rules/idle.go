package rules

import (
	"strings"

	"github.com/why401/why401/analyzer"
)

// Some lines only name failures: the sample of a metric, the result of a test,
// our own report or rules printed to a log. No request was refused.

// idleMarks stand in such lines and in no others: Go's, pytest's and mocha's
// test results, Prometheus' exposition format, and what why401 prints.
var idleMarks = []string{
	"--- PASS: ", "--- FAIL: ", "--- SKIP: ", "=== RUN ", "=== CONT ", "=== PAUSE ", "::test_", "::Test", "✓ ", "✔ ", "# HELP ", "# TYPE ",
	"why401", "# looks for ", ` × `, `"outcome":"`, "findings for reason=", "0 findings", "probable cause: ", "confirmed cause: ",
}

// idle reports whether a line tells of no request.
func idle(line string) bool {
	for _, mark := range idleMarks {
		if strings.Contains(line, mark) {
			return true
		}
	}
	return metric(line) || listed(line) || row(line) || counted(line)
}

// metric reports whether a line is name{label="value"} 12.
func metric(line string) bool {
	open := strings.IndexByte(line, '{')
	if open < 0 {
		return false
	}
	start := open
	for start > 0 && (letter(line[start-1]) || line[start-1] == '_' || line[start-1] == ':' || line[start-1] >= '0' && line[start-1] <= '9') {
		start--
	}
	_, value, ok := strings.Cut(line[open:], "} ")
	return ok && strings.IndexByte(line[start:open], '_') > 0 && plainNumber(strings.Trim(value, ` "\r`))
}

// listed reports whether a line is an item of an indented list, as a document
// has it and a log has not.
func listed(line string) bool {
	bare := strings.TrimLeft(line, " ")
	return len(line)-len(bare) >= 2 && strings.HasPrefix(bare, "- ")
}

// row reports whether a line is one of `why401 rules list`.
func row(line string) bool {
	name, rest, ok := strings.Cut(line, "  ")
	if !ok || strings.IndexByte(name, '/') < 0 || strings.IndexByte(name, ' ') >= 0 {
		return false
	}
	means, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	return analyzer.Reason(means).Known()
}

// counted reports whether a line counts our reasons, as a report does: "12
// accepted  3 refused  expired_token 2, key_not_found 1".
func counted(line string) bool {
	if strings.IndexByte(line, '_') < 0 {
		return false
	}
	last := ""
	for word := range strings.FieldsSeq(line) {
		if last != "" && plainNumber(strings.TrimRight(word, ",")) && analyzer.Reason(last).Known() {
			return true
		}
		last = strings.ReplaceAll(word, `\`, "")
	}
	return false
}
