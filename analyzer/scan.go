package analyzer

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/zeebo/xxh3"
)

// Header is what the scan of one raw entry yields: enough to count a request
// and to decide whether the entry must be read in full. Its slices are valid
// until the Decoder's next call and while the Message's Data is.
type Header struct {
	// Key hashes logName, event time and insertId; zero when the entry has no
	// insertId. The arrival time never takes part, as it differs between
	// overlapping log sinks.
	Key Key
	// Time is the event time in nanoseconds since the Unix epoch: timestamp,
	// else receiveTimestamp, else Message.Published, else 0.
	Time     int64
	Received int64 // receiveTimestamp, else Message.Published, else 0
	Severity Severity
	// Origin is shared by all entries of a service, hence without Revision
	// and Instance, which Decoder.Entry adds.
	Origin *Origin
	Status int    // httpRequest.status; 0 when there is none
	Trace  uint64 // hash of the trace id without projects/P/traces/; 0 when there is none
	Client uint64 // hash of httpRequest.remoteIp; 0 when there is none
	// Text holds the unescaped strings of the payload, joined by newlines,
	// for Classifier.Screen. A string that is itself a JSON object follows
	// with its own strings unescaped once more. What the client of a request
	// log controls (URL, user agent, referer) is no part of it.
	Text []byte
	// Audit marks audit and platform event logs, whose changes of the world
	// show only in full.
	Audit bool
	Self  bool // our own entry, or the logging library's about itself
	Split bool // one part of an entry that Cloud Logging cut
}

// Decoder reads raw entries. It is not safe for concurrent use: every
// goroutine has its own.
type Decoder struct {
	cursor
	envelope envelope
	text     []byte
	keyed    []byte
	origins  origins
	paths    map[string]string // raw dotted path of a field to its redacted form
}

// NewDecoder returns a Decoder that names environments by env, which may be
// nil.
func NewDecoder(env Environments) *Decoder {
	return &Decoder{origins: newOrigins(env), paths: make(map[string]string)}
}

// envelope is what one pass notes of an entry.
type envelope struct {
	insertID, logName, trace, spanID []byte
	time, received                   int64
	timed, receivedAt                bool
	severity                         Severity
	status                           int
	client                           []byte
	resource, labels, http, split    span
	payloads                         [3]span
	payloadCount                     int
	known                            knownLabels
	serviceName                      []byte // protoPayload.serviceName
	selfLabel, selfPayload           bool
	text                             []byte
}

// span is a value's place in the raw entry; the zero span means none.
type span struct{ from, to int }

// The indexes of envelope.payloads.
const (
	payloadText = iota
	payloadJSON
	payloadProto
)

// Scan reads the envelope of m in one pass and checks the structure of all of
// it. It allocates nothing once the Origins of the stream are known. The
// error is a *DecodeError.
func (d *Decoder) Scan(m *Message, h *Header) error {
	*h = Header{}
	if err := d.walk(m.Data); err != nil {
		return err
	}
	e := &d.envelope
	published := int64(0)
	if !m.Published.IsZero() {
		published = m.Published.UnixNano()
	}
	h.Received = published
	if e.receivedAt {
		h.Received = e.received
	}
	h.Time = h.Received
	if e.timed {
		h.Time = e.time
	}
	h.Key = d.key()
	h.Severity = e.severity
	h.Status = e.status
	if id := traceID(e.trace); len(id) > 0 {
		h.Trace = xxh3.Hash(id)
	}
	if len(e.client) > 0 {
		h.Client = xxh3.Hash(e.client)
	}
	h.Text = e.text
	id := logID(e.logName)
	h.Audit = isAudit(id)
	h.Self = e.selfLabel || e.selfPayload || isLibraryLog(id)
	h.Split = e.split.to > 0
	h.Origin = d.origin()
	return nil
}

// walk fills the envelope from data.
func (d *Decoder) walk(data []byte) error {
	d.b, d.err = data, nil
	d.scratch, d.text = d.scratch[:0], d.text[:0]
	d.envelope = envelope{}
	d.origins.kind, d.origins.used, d.origins.parted = nil, 0, 0
	if len(data) > maxEntryBytes {
		d.failKind(DecodeTooLarge, maxEntryBytes, "at most 10 MiB", strconv.Itoa(len(data))+" bytes")
		return d.err
	}
	i := 0
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		i = 3
	}
	i = d.space(i)
	switch {
	case i >= len(data):
		d.failKind(DecodeEmpty, i, "a log entry", "nothing")
	case data[i] != '{':
		d.fail(i, "'{'")
		d.err.Kind = DecodeNotObject
	default:
		if i = d.entry(i); i < 0 {
			break
		}
		if i = d.space(i); i < len(data) {
			d.fail(i, "nothing after the entry")
		}
	}
	if d.err != nil {
		return d.err
	}
	if d.envelope.payloadCount > 1 {
		d.recollect()
	}
	return nil
}

// entry reads the top-level object at i.
func (d *Decoder) entry(i int) int {
	i, done := d.begin(i, '}')
	for more := true; more && !done; {
		key, v := d.member(i)
		if v < 0 {
			return -1
		}
		if i = d.field(key, v); i < 0 {
			return -1
		}
		if i, more = d.more(i, '}'); i < 0 {
			return -1
		}
	}
	return i
}

// field reads the value at v of the entry's field key. Both the proto3 JSON
// names and the original ones are known; of repeated fields the last wins.
func (d *Decoder) field(key []byte, v int) (end int) {
	e := &d.envelope
	switch string(key) {
	case "insertId", "insert_id":
		e.insertID, end = d.value(v, 2)
	case "logName", "log_name":
		e.logName, end = d.value(v, 2)
	case "trace":
		e.trace, end = d.value(v, 2)
	case "spanId", "span_id":
		e.spanID, end = d.value(v, 2)
	case "timestamp":
		e.time, e.timed, end = d.timestamp(v)
	case "receiveTimestamp", "receive_timestamp":
		e.received, e.receivedAt, end = d.timestamp(v)
	case "severity":
		var name []byte
		name, end = d.value(v, 2)
		e.severity = parseSeverity(name)
	case "resource":
		end = d.resource(v)
	case "labels":
		end = d.entryLabels(v)
	case "httpRequest", "http_request":
		end = d.request(v)
	case "split":
		end = d.object(v, &e.split)
	case "textPayload", "text_payload":
		end = d.payload(v, payloadText)
	case "jsonPayload", "json_payload":
		end = d.payload(v, payloadJSON)
	case "protoPayload", "proto_payload":
		end = d.payload(v, payloadProto)
	default:
		end = d.skip(v, 2)
	}
	return end
}

// object skips the value at v and notes its place if it is an object.
func (d *Decoder) object(v int, at *span) int {
	end := d.skip(v, 2)
	*at = span{}
	if end > 0 && d.b[v] == '{' {
		*at = span{v, end}
	}
	return end
}

func (d *Decoder) timestamp(v int) (nanos int64, ok bool, end int) {
	s, end := d.value(v, 2)
	if len(s) == 0 {
		return 0, false, end
	}
	nanos, ok = parseTimestamp(s)
	if !ok {
		return 0, false, d.failKind(DecodeValue, v, "an RFC 3339 time between 1678 and 2262", "something else")
	}
	return nanos, true, end
}

// request reads httpRequest.
func (d *Decoder) request(v int) int {
	e := &d.envelope
	e.http, e.status, e.client = span{}, 0, nil
	if v >= len(d.b) || d.b[v] != '{' {
		return d.skip(v, 2)
	}
	i, done := d.begin(v, '}')
	for more := true; more && !done; {
		key, at := d.member(i)
		if at < 0 {
			return -1
		}
		switch string(key) {
		case "status":
			var s []byte
			s, i = d.value(at, 3)
			e.status = parseStatus(s)
		case "remoteIp", "remote_ip":
			e.client, i = d.value(at, 3)
		default:
			i = d.skip(at, 3)
		}
		if i < 0 {
			return -1
		}
		if i, more = d.more(i, '}'); i < 0 {
			return -1
		}
	}
	e.http = span{v, i}
	return i
}

// parseStatus reads an HTTP status; 0 for what is none.
func parseStatus(s []byte) int {
	if len(s) != 3 {
		if n := wholeNumber(s); n >= 100 && n <= 999 {
			return n
		}
		return 0
	}
	if n := two(s)*10 + int(s[2]-'0'); n >= 100 && n <= 999 && s[2] >= '0' && s[2] <= '9' {
		return n
	}
	return 0
}

// wholeNumber reads an integer that is written with a fraction or an exponent,
// as proto3 JSON allows and tools that know no integers do: 401.0, 4.01e2. It
// returns -1 for what is none or negative.
func wholeNumber(s []byte) int {
	if len(s) > len("-1.7976931348623157e+308") || !bytes.ContainsAny(s, ".eE") {
		return -1
	}
	n, err := strconv.ParseFloat(string(s), 64)
	if err != nil || n < 0 || n > math.MaxInt32 || n != math.Trunc(n) {
		return -1
	}
	return int(n)
}

// key hashes the entry's identity.
func (d *Decoder) key() Key {
	e := &d.envelope
	if len(e.insertID) == 0 {
		return Key{}
	}
	var at int64
	if e.timed {
		at = e.time
	} else if e.receivedAt {
		at = e.received
	}
	b := append(d.keyed[:0], e.logName...)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	b = append(b, e.insertID...)
	d.keyed = b
	return xxh3.Hash128(b).Bytes()
}

// traceID returns the last element of projects/P/traces/ID.
func traceID(name []byte) []byte {
	return name[bytes.LastIndexByte(name, '/')+1:]
}

// parseSeverity reads a severity by name or by number; what it does not know
// is SeverityDefault.
func parseSeverity(s []byte) Severity {
	switch string(s) {
	case "", "DEFAULT":
		return SeverityDefault
	case "DEBUG":
		return SeverityDebug
	case "INFO":
		return SeverityInfo
	case "NOTICE":
		return SeverityNotice
	case "WARNING":
		return SeverityWarning
	case "ERROR":
		return SeverityError
	case "CRITICAL":
		return SeverityCritical
	case "ALERT":
		return SeverityAlert
	case "EMERGENCY":
		return SeverityEmergency
	}
	if n := parseStatus(s); n > 0 {
		if n%100 == 0 && n <= int(SeverityEmergency) {
			return Severity(n)
		}
		return SeverityDefault
	}
	if len(s) <= len("EMERGENCY") && bytes.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz") {
		return parseSeverity(bytes.ToUpper(s))
	}
	return SeverityDefault
}
