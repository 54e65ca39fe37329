package analyzer

import (
	"slices"
	"time"
)

// Record is the life of one incident, from its first opening to its last
// resolution. The diagnosis is a function of what is known now and forgets
// with the windows it reads; a Record remembers for people: how long it took,
// who laid hands on it, whether it came back.
type Record struct {
	ID          string   `json:"id"`
	Cause       Cause    `json:"cause"`
	Verdict     Verdict  `json:"verdict"`
	KeyDomain   string   `json:"key_domain"`
	Environment string   `json:"environment,omitempty"`
	Services    []string `json:"services"`
	Severity    Level    `json:"severity"` // the highest it had
	Summary     string   `json:"summary"`
	// Opened is the start of the present episode, or of the last one.
	Opened   time.Time  `json:"opened"`
	Resolved *time.Time `json:"resolved"`
	// Returns counts the episodes after the first.
	Returns       int            `json:"returns"`
	Names         []string       `json:"names,omitempty"` // that the diagnosis gave it beside ID
	Interventions []Intervention `json:"interventions,omitempty"`
}

// Duration is how long the present or last episode took until now, which
// must be later than it began.
func (r *Record) Duration(now time.Time) time.Duration {
	if r.Resolved != nil {
		now = *r.Resolved
	}
	return max(0, now.Sub(r.Opened))
}

// Acknowledged reports whether a person took the present episode on.
func (r *Record) Acknowledged() bool {
	return slices.ContainsFunc(r.Interventions, func(i Intervention) bool { return i.Kind == Acknowledgement && !i.At.Before(r.Opened) })
}

// InterventionKind says by what a person took part in an incident.
type InterventionKind string

// The kinds of intervention. A change is one that an audit entry ascribes to a
// person while the incident was open.
const (
	Acknowledgement InterventionKind = "acknowledgement"
	ManualChange    InterventionKind = "change"
	RotateCommand   InterventionKind = "rotate"
	Annotation      InterventionKind = "annotation"
)

// Intervention is something that a person did about an incident.
type Intervention struct {
	Kind InterventionKind `json:"kind"`
	At   time.Time        `json:"at"`
	By   string           `json:"by,omitempty"`   // "person" with a hashed principal, or the name they signed in with
	What string           `json:"what,omitempty"` // the change or the step taken, redacted; at most 500 bytes
}
