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
	Probes  []ProbeResult
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

// ProbeResult is what one active check saw.
type ProbeResult struct {
	Probe   string            `json:"probe"`
	Target  string            `json:"target"`
	Service Service           `json:"-"`
	Status  Status            `json:"status"`
	Cause   Cause             `json:"cause,omitempty"`
	Facts   map[string]string `json:"facts,omitempty"` // fingerprints and states, never secrets
	Detail  string            `json:"detail"`
	At      time.Time         `json:"at"`
	Took    time.Duration     `json:"took"`
}
