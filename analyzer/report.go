package analyzer

import "time"

// Cause is why refusals happen: an id of the cause catalogue, such as
// key.stale_cache.
type Cause string

// Verdict is how sure a diagnosis is.
type Verdict string

// The verdicts. Confirmed needs a probe that only this cause predicts;
// probable needs two independent signals and no refuter; everything else is
// ambiguous and lists its candidates. Wording alone is never a signal.
const (
	Confirmed Verdict = "confirmed"
	Probable  Verdict = "probable"
	Ambiguous Verdict = "ambiguous"
)

// Level is how bad an incident is.
type Level string

// The levels of an incident, as alerts carry them.
const (
	LevelInfo     Level = "info"
	LevelWarning  Level = "warning"
	LevelError    Level = "error"
	LevelCritical Level = "critical"
)

// Report is the state of the world over a span of event time. Its JSON is the
// contract of `analyze --format json` and /api/v1/report.
type Report struct {
	Span      Span              `json:"span"`
	Totals    ReportTotals      `json:"totals"`
	Services  []ServiceReport   `json:"services"`
	Incidents []Incident        `json:"incidents"`
	Changes   []Change          `json:"changes"`
	Secrets   []Holding         `json:"secrets,omitempty"` // who holds which version of a secret
	Score     Score             `json:"score"`             // of the environment that is worst off
	Scores    map[string]Score  `json:"scores,omitempty"`  // by environment; "all" for key domains that name none
	Gaps      []Gap             `json:"gaps"`
	Unmatched []UnmatchedReport `json:"unmatched"`
}

// Span is the event time that a report covers: the first and last entry.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// String writes s for people, in UTC.
func (s Span) String() string {
	if s.To.IsZero() {
		return "no entry with a time"
	}
	return stamp(s.From) + " to " + stamp(s.To)
}

// ReportTotals sums a report up. Entries counts all that was handed over,
// duplicates and malformed included.
type ReportTotals struct {
	Entries    int64 `json:"entries"`
	Duplicates int64 `json:"duplicates"`
	Malformed  int64 `json:"malformed"`
	Accepted   int64 `json:"accepted"`
	Refused    int64 `json:"refused"`
	Unmatched  int64 `json:"unmatched"`
	Self       int64 `json:"self"`
}

// ServiceReport is one service's share. Reasons count failures by primary
// reason, those included that refused no request, such as a secret that could
// not be loaded at start; Refused counts requests.
type ServiceReport struct {
	Name        string           `json:"name"`
	Environment string           `json:"environment"`
	Accepted    int64            `json:"accepted"`
	Refused     int64            `json:"refused"`
	Reasons     map[Reason]int64 `json:"reasons"`
	Unmatched   int64            `json:"unmatched,omitempty"` // entries that look like failures and that no rule claims
	// Denominator says where Accepted comes from: "requests", "sampled
	// requests", "success lines", or "none" when the log export carries neither.
	Denominator string    `json:"denominator"`
	FirstSeen   time.Time `json:"first_seen"`
	LastSeen    time.Time `json:"last_seen"`
}

// Incident is one cause in one key domain.
type Incident struct {
	ID          string     `json:"id"`
	Cause       Cause      `json:"cause"`
	Verdict     Verdict    `json:"verdict"`
	Candidates  []Cause    `json:"candidates"`
	NextProbe   string     `json:"next_probe,omitempty"`
	KeyDomain   string     `json:"key_domain"`
	Environment string     `json:"environment,omitempty"`
	Services    []string   `json:"services"`
	Severity    Level      `json:"severity"`
	Opened      time.Time  `json:"opened"`
	LastSeen    time.Time  `json:"last_seen"`
	Resolved    *time.Time `json:"resolved"`
	Count       int64      `json:"count"`
	Rate        float64    `json:"rate"`     // refused share of the affected services' requests since Opened, 0..1
	Baseline    float64    `json:"baseline"` // the same share before Opened
	Summary     string     `json:"summary"`
	For         []string   `json:"for"`
	Evidence    []Evidence `json:"evidence,omitempty"` // what of For decides, and what that rests on
	Against     []string   `json:"against"`
	Do          []string   `json:"do"`
	Exemplars   []Exemplar `json:"exemplars,omitempty"`
}

// Score is the configuration health, 0 to 100. A part that nobody could check
// is lost, not won.
type Score struct {
	Total        int    `json:"total"`
	Availability int    `json:"availability"` // of 40
	Consistency  int    `json:"consistency"`  // of 30
	Format       int    `json:"format"`       // of 20
	Alignment    int    `json:"alignment"`    // of 10
	Lost         []Lost `json:"lost"`
}

// Lost names the check that cost points.
type Lost struct {
	Part   string `json:"part"`
	Points int    `json:"points"`
	Check  string `json:"check"`
	Why    string `json:"why"`
}

// Gap is something that why401 could not see, and what that hides.
type Gap struct {
	Kind    string `json:"kind"` // no_probes, no_denominator, clock, join_overflow, late, quarantine, …
	Service string `json:"service,omitempty"`
	Detail  string `json:"detail"`
}

// UnmatchedReport is one cluster of auth-looking texts that no rule claims.
type UnmatchedReport struct {
	Service  string `json:"service"`
	Template string `json:"template"`
	Count    int64  `json:"count"`
}
