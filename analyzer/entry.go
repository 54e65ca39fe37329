package analyzer

import "time"

// Key identifies an entry: a 128-bit hash of (logName, timestamp, insertId),
// the triple by which Cloud Logging itself tells duplicates. The zero Key
// means that the entry carries no identity and cannot be deduplicated.
type Key [16]byte

// Service names who emitted an entry, as the report and the metrics show it.
type Service struct {
	Name        string // Cloud Run service, container, module, … ; "unknown" when the resource names none
	Environment string // production, staging, development, test, or the project when nothing says more
}

// Origin is a Service with the details that populations need.
type Origin struct {
	Service
	Project      string
	ResourceType string // MonitoredResource.type: cloud_run_revision, k8s_container, …
	Revision     string // Cloud Run revision, pod template hash, App Engine version
	Instance     string // instanceId label, pod name, instance_id
	Location     string
}

// HTTPRequest is what LogEntry.httpRequest tells, less what a client controls
// freely: user agent and referer are not kept.
type HTTPRequest struct {
	Method   string
	Path     string // without scheme, host and query
	Status   int
	Latency  time.Duration
	RemoteIP string
}

// Split is LogEntry.split: one original entry that Cloud Logging cut in parts.
type Split struct {
	UID   string
	Index int
	Total int
}

// Field is one leaf of a structured payload: its dotted path inside the
// payload (array indexes as numbers) and its value as text.
type Field struct {
	Path  string
	Value string
}

// Entry is one Cloud Logging LogEntry, decoded in full and redacted. Only
// entries that the Classifier's screen lets through become one.
type Entry struct {
	Key      Key
	InsertID string
	LogName  string
	Time     time.Time // event time; the receive time when the entry gives none
	Received time.Time
	Severity Severity
	Origin   *Origin
	Labels   map[string]string
	Trace    string // trace id alone, without projects/P/traces/
	SpanID   string
	HTTP     *HTTPRequest // nil when the entry is no request log
	Split    *Split

	// Message is the text a person would read first: textPayload, or the
	// payload's message field (message, msg, log, textPayload, …), or
	// protoPayload.status.message.
	Message string
	// Fields are the leaves of jsonPayload or protoPayload in the order of
	// the entry, Message's own leaf included. Empty for textPayload.
	Fields []Field
}

// Field returns the value at path, or "" when the payload has none.
func (e *Entry) Field(path string) string {
	for i := range e.Fields {
		if e.Fields[i].Path == path {
			return e.Fields[i].Value
		}
	}
	return ""
}

// Severity is LogEntry.severity, with the numbers of the LogSeverity enum.
type Severity int

// The severities of google.logging.type.LogSeverity.
const (
	SeverityDefault   Severity = 0
	SeverityDebug     Severity = 100
	SeverityInfo      Severity = 200
	SeverityNotice    Severity = 300
	SeverityWarning   Severity = 400
	SeverityError     Severity = 500
	SeverityCritical  Severity = 600
	SeverityAlert     Severity = 700
	SeverityEmergency Severity = 800
)
