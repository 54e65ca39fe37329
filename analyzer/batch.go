package analyzer

import (
	"context"
	"time"
)

// Message is one raw entry as a source hands it over.
type Message struct {
	ID        string    // Pub/Sub message id; "" for files
	Data      []byte    // one LogEntry in proto3 JSON; valid until the handler returns
	Published time.Time // zero for files
	Where     string    // "file.jsonl:17" or the subscription, for the quarantine
	// Attributes are those of the Pub/Sub message; nil for files. They tell
	// Secret Manager's own notifications from entries.
	Attributes map[string]string
}

// Handler takes a group of messages and returns once what follows from them
// is committed. It is safe for concurrent use. An error means that nothing of
// the group was kept and that it must be handed over again.
type Handler func(ctx context.Context, group []Message) error

// Source feeds a Handler until its input ends (nil) or ctx does (ctx.Err()).
// Package source implements it.
type Source interface {
	Run(ctx context.Context, handle Handler) error
}

// Kind tells what a count counts.
type Kind string

// The kinds of count. How they become accepted and refused requests is told
// at [Window.Service].
const (
	KindAccepted Kind = "accepted" // requests let through, from request logs
	KindSuccess  Kind = "success"  // success lines of applications
	KindRequest  Kind = "request"  // refused requests that no entry of their trace explains
	KindFinding  Kind = "finding"  // findings without a trace
	KindJoined   Kind = "joined"   // refused requests, one per trace
	KindNotice   Kind = "notice"   // findings that refuse no request: weak_secret, token_in_log, …
	KindStack    Kind = "stack"    // tracebacks begun, cut into one entry a line
	KindStackEnd Kind = "stackend" // findings told by the last line of a traceback
	KindSeen     Kind = "seen"     // entries of any sort
	KindFailed   Kind = "failed"   // requests that the service answered with 5xx
)

// Cell is one counter: a minute of event time, a service, a kind and, for
// refusals and notices, a reason.
type Cell struct {
	Minute  int64 // minutes since the Unix epoch
	Service Service
	Kind    Kind
	Reason  Reason
}

// Count is a change of a Cell by N, which is negative when a later entry of a
// trace tells more than an earlier one did.
type Count struct {
	Cell
	N int64
}

// Dimension names a population that diagnosis looks at.
type Dimension string

// The dimensions. Values of DimClient are hashes; those of DimInstance are
// followed by the five minutes of the hour, 0 to 11.
const (
	DimInstance Dimension = "instance"
	DimRevision Dimension = "revision"
	DimKeyID    Dimension = "kid"
	DimIssuer   Dimension = "iss"
	DimAudience Dimension = "aud"
	DimAlg      Dimension = "alg"
	DimRule     Dimension = "rule"
	DimClient   Dimension = "client"
	// DimRefused are the clients of refused requests, whatever the reason:
	// the line that gives it seldom knows the client.
	DimRefused Dimension = "refused_client"
	// DimStatus are the HTTP statuses of refused requests.
	DimStatus Dimension = "status"
	// DimDelta is how far the time that a token was refused for lies from the
	// verifier's clock, in seconds, rounded.
	DimDelta Dimension = "delta"
)

// Population is a change by N of how often Value was seen among the findings
// of one service, reason and hour; among its requests where Reason is empty.
type Population struct {
	Hour      int64 // hours since the Unix epoch
	Service   Service
	Reason    Reason
	Dimension Dimension
	Value     string
	N         int64
}

// TraceRow is the state of one trace's join after a batch; a later row of the
// same Hash replaces it.
type TraceRow struct {
	Hash   uint64
	Minute int64
	Data   []byte
}

// Exemplar is one entry kept as evidence: redacted and cut to 300 bytes.
type Exemplar struct {
	Key      Key               `json:"-"`
	Service  Service           `json:"-"`
	Reason   Reason            `json:"reason"`
	At       time.Time         `json:"at"`
	Rule     string            `json:"rule"`
	Library  string            `json:"library,omitempty"`
	Excerpt  string            `json:"excerpt"`
	InsertID string            `json:"insert_id,omitempty"`
	Captures map[string]string `json:"captures,omitempty"`
}

// Template is a cluster of unmatched auth-looking entries: their text with
// numbers, identifiers and quoted values masked, at most 200 bytes.
type Template struct {
	Service Service
	Text    string
	N       int64
	First   time.Time
}

// Poison is an entry that could not be decoded. Data is redacted and cut to
// 4 KiB.
type Poison struct {
	Key    Key // hash of the raw bytes and where they came from
	At     time.Time
	Where  string
	Reason string
	Data   []byte
	Bytes  int // length before the cut
}

// KeyedChange is a Change with the identity of the entry that told it.
type KeyedChange struct {
	Key Key
	Change
}

// Totals count entries by what became of them.
type Totals struct {
	Entries    int64 `json:"entries"` // all that was handed over, duplicates and malformed included
	Duplicates int64 `json:"duplicates"`
	Malformed  int64 `json:"malformed"`
	Self       int64 `json:"self"` // our own log entries, recognised and dropped
	Late       int64 `json:"late"` // older than what the joins remember: counted, but not joined
	Overflow   int64 `json:"overflow"`
}

// Batch is the difference that a group of messages makes. It is committed in
// one transaction: all of it or nothing. What it holds is proportional to
// what changed, not to the number of entries, but for 16 bytes a Key and
// 8 bytes an Accepted mark.
type Batch struct {
	Keys        []Key    // identities not seen before
	Accepted    []uint64 // marks of accepted requests' traces, see Ledger
	Counts      []Count
	Populations []Population
	Traces      []TraceRow
	Exemplars   []Exemplar // to keep; an Exemplar of a known Key replaces it
	Dropped     []Key      // exemplars that gave way
	Changes     []KeyedChange
	Templates   []Template // changes of N
	Poison      []Poison
	Parts       []Part    // in order: a later one of a Key replaces the one before
	Totals      Totals    // changes
	Watermark   time.Time // latest event time seen so far
}

// Part is a part of a split entry that waits for the others; it is committed
// because its message is acked before they come. Without Data it waits no more.
type Part struct {
	Key  Key
	Data []byte // the redacted Entry as JSON
}

// Loaded is what a Store gives back at start: the sum of all its batches,
// within its retention.
type Loaded = Batch

// Store keeps batches. Package store implements it.
type Store interface {
	// Load returns the sum of everything committed and still retained. Keys
	// and Accepted come oldest first, so that a bounded memory keeps the
	// newest.
	Load(ctx context.Context) (*Loaded, error)
	// Commit applies b in one durable transaction.
	Commit(ctx context.Context, b *Batch) error
}
