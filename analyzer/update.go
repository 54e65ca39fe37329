package analyzer

import (
	"context"
	"time"
)

// Update is the only thing a sink receives: the world after a tick, and what
// changed since the tick before.
type Update struct {
	At      time.Time  // event time of the tick
	Report  *Report    // never nil
	Changed []Incident // opened, updated or resolved since the last Update
	Alerts  []Alert    // those that fire, and those that were resolved of late
	Probes  []ProbeResult
	JWT     *JWTHealth // what the probes say together; nil: none has looked yet
	Unready string     // why traffic should not be sent here yet; empty: it may
	// Records are the lives of incidents, the open ones first; Ended are those
	// resolved since the last Update, and Interventions counts what people did
	// about any since then.
	Records       []Record
	Ended         []Record
	Interventions int
}

// Sink takes updates. Package sinks implements it. Deliver may be slow: each
// sink has a queue of its own.
type Sink interface {
	Deliver(ctx context.Context, u *Update) error
}

// Status is a probe's answer. Unknown means that it could not look; it never
// counts as ok.
type Status string

// The statuses, from best to worst knowledge.
const (
	StatusOK      Status = "ok"
	StatusWarn    Status = "warn"
	StatusFail    Status = "fail"
	StatusUnknown Status = "unknown"
)

// ProbeResult is what one active check saw. A probe knows best what its
// observation means: it names the cause that only this observation predicts
// and the causes that it rules out, so that the diagnosis need not know the
// probe.
type ProbeResult struct {
	Probe   string            `json:"probe"`      // the kind: fingerprint, secret_manager, environment, jwks, …
	Target  string            `json:"target"`     // what was looked at: a service, a secret, a host; never a query string
	Domain  string            `json:"key_domain"` // name of the KeyDomain; empty when it concerns none
	Service Service           `json:"-"`          // the service that the result is about; zero for the domain as a whole
	Status  Status            `json:"status"`
	Cause   Cause             `json:"cause,omitempty"`   // what Status warn or fail shows; empty when it shows no single cause
	Refutes []Cause           `json:"refutes,omitempty"` // causes that this result rules out for Service (or the domain)
	Facts   map[string]string `json:"facts,omitempty"`   // states, version numbers, mutations; never a secret nor a fingerprint
	Detail  string            `json:"detail"`            // one sentence for a person: what was seen and what to do
	At      time.Time         `json:"at"`
	Took    time.Duration     `json:"took"`
}

// Facts that measure a service or a secret store, in seconds, such as 0.012.
const (
	FactLoadSeconds = "load_seconds" // how long reading a secret from its store took
	FactMintSeconds = "mint_seconds" // how long a service took to mint a token
)
