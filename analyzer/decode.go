package analyzer

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/why401/why401/analyzer/redact"
)

// Entry reads m in full. Every string of the result has passed package
// redact; nothing of it refers to m.Data. The error is a *DecodeError.
func (d *Decoder) Entry(m *Message) (*Entry, error) {
	var h Header
	if err := d.Scan(m, &h); err != nil {
		return nil, err
	}
	return d.whole(&h), nil
}

// whole reads in full the entry that the last Scan gave the header of.
func (d *Decoder) whole(h *Header) *Entry {
	raw := &d.envelope
	e := &Entry{
		Key:      h.Key,
		InsertID: keepText(raw.insertID),
		LogName:  keepText(raw.logName),
		Time:     instant(h.Time),
		Received: instant(h.Received),
		Severity: h.Severity,
		Origin:   d.instance(h.Origin),
		Labels:   d.labelMap(raw.labels),
		Trace:    keepText(traceID(raw.trace)),
		SpanID:   keepText(raw.spanID),
		HTTP:     d.httpRequest(raw.http),
		Split:    d.splitOf(raw.split),
	}
	f := flattener{d: d}
	for _, kind := range [...]int{payloadJSON, payloadProto} {
		if at := raw.payloads[kind]; at.to > 0 && d.b[at.from] == '{' {
			f.object(&d.cursor, at.from, 2, "")
		}
	}
	e.Fields = f.fields
	e.Message = d.message(e)
	return e
}

func instant(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// keepText makes a string that may be kept.
func keepText(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	return redact.Text(validText(string(raw)))
}

// validText replaces each invalid byte by U+FFFD, as encoding/json does.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// messageFields are the fields of a payload that hold what a person would
// read first, best first.
var messageFields = []string{
	"message", "msg", "log", "textPayload", "@message", "status.message", "event", "error", "err",
	"error.message", "err.message", "exception", "error_description", "errorMessage", "detail", "details",
	"description", "reason", "statusDetails", "stack_trace",
}

// message picks Entry.Message.
func (d *Decoder) message(e *Entry) string {
	if at := d.envelope.payloads[payloadText]; at.to > 0 {
		if s, _ := d.value(at.from, 2); len(s) > 0 {
			return keepText(s)
		}
	}
	if at := d.envelope.payloads[payloadJSON]; at.to > 0 && d.b[at.from] == '"' {
		s, _ := d.value(at.from, 2)
		return keepText(s)
	}
	for _, path := range messageFields {
		if s := e.Field(path); s != "" {
			return s
		}
	}
	return ""
}

// members calls f with the key, the position and the depth of every value of
// the object at v, whose structure is known to be right. F returns the
// position after the value.
func (c *cursor) members(v int, f func(key []byte, at int) int) int {
	i, done := c.begin(v, '}')
	for more := true; more && !done; {
		key, at := c.member(i)
		i = f(key, at)
		i, more = c.more(i, '}')
	}
	return i
}

func (d *Decoder) labelMap(at span) map[string]string {
	if at.to == 0 {
		return nil
	}
	labels := make(map[string]string)
	d.members(at.from, func(key []byte, v int) int {
		value, end := d.value(v, 3)
		if value != nil {
			name := validText(string(key))
			labels[redact.Text(name)] = redact.Field(name, validText(string(value)))
		}
		return end
	})
	if len(labels) == 0 {
		return nil
	}
	return labels
}

func (d *Decoder) httpRequest(at span) *HTTPRequest {
	if at.to == 0 {
		return nil
	}
	r := &HTTPRequest{Status: d.envelope.status}
	d.members(at.from, func(key []byte, v int) int {
		value, end := d.value(v, 3)
		switch string(key) {
		case "requestMethod", "request_method":
			r.Method = keepText(value)
		case "requestUrl", "request_url":
			r.Path = redact.Text(urlPath(validText(string(value))))
		case "latency":
			r.Latency = seconds(value)
		case "remoteIp", "remote_ip":
			r.RemoteIP = keepText(value)
		}
		return end
	})
	return r
}

// urlPath returns the path of a request URL, without scheme, host, query and
// fragment.
func urlPath(url string) string {
	if at := strings.IndexAny(url, "?#"); at >= 0 {
		url = url[:at]
	}
	if at := strings.Index(url, "://"); at >= 0 && strings.IndexByte(url[:at], '/') < 0 {
		url = url[at+len("://"):]
		slash := strings.IndexByte(url, '/')
		if slash < 0 {
			return "/"
		}
		return url[slash:]
	}
	return url
}

// seconds reads a proto3 JSON duration such as "0.123s"; 0 for what is none.
func seconds(s []byte) time.Duration {
	if !bytes.HasSuffix(s, []byte("s")) {
		return 0
	}
	latency, err := time.ParseDuration(string(s))
	if err != nil {
		return 0 // a request log without a readable latency still counts
	}
	return latency
}

func (d *Decoder) splitOf(at span) *Split {
	if at.to == 0 {
		return nil
	}
	s := &Split{}
	d.members(at.from, func(key []byte, v int) int {
		value, end := d.value(v, 3)
		switch string(key) {
		case "uid":
			s.UID = keepText(value)
		case "index":
			s.Index = count(value)
		case "totalSplits", "total_splits":
			s.Total = count(value)
		}
		return end
	})
	return s
}

// count reads a number that is no less than 0; -1 for what is none.
func count(s []byte) int {
	n, err := strconv.ParseUint(string(s), 10, 31)
	if err != nil {
		return wholeNumber(s)
	}
	return int(n)
}
