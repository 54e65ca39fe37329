package analyzer_test

import (
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// What lies before the retention must leave the report, and nothing else.
func TestForget(t *testing.T) {
	w := shop(map[string]int{"payments": 8}, 10*time.Minute, badSignature, "")
	w.rotate(9 * time.Minute)
	p := pipeline(t, &memory{})
	before := feed(t, p, 50, w.entries...)
	if len(before.Changes) != 1 || len(before.Incidents) == 0 {
		t.Fatalf("the story has %d changes and %d incidents", len(before.Changes), len(before.Incidents))
	}
	p.Forget(began.Add(20 * time.Minute))
	after := p.Report(analyzer.DiagnosisConfig{})
	if len(after.Changes) != 0 {
		t.Errorf("a forgotten change is reported: %v", after.Changes)
	}
	if got, want := after.Totals.Refused, before.Totals.Refused/2; got < want-10 || got > want+10 {
		t.Errorf("%d refused after half of the failures was forgotten, want about %d", got, want)
	}
	if in := after.Incidents[0]; in.Opened.Before(began.Add(20 * time.Minute)) {
		t.Errorf("the incident goes back to %s", in.Opened)
	}
	p.Forget(began.Add(time.Hour))
	if rest := p.Report(analyzer.DiagnosisConfig{}); len(rest.Services) != 0 || len(rest.Incidents) != 0 {
		t.Errorf("all was forgotten, and %d services and %d incidents are left", len(rest.Services), len(rest.Incidents))
	}
}
