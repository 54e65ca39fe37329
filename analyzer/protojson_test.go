package analyzer_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	_ "google.golang.org/genproto/googleapis/appengine/logging/v1" // protoPayload resolves its @type
	"google.golang.org/genproto/googleapis/cloud/audit"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/redact"
)

// likeProtojson compares what the decoder read with what Google's own library
// reads of the same bytes. It reports whether that library reads them.
func likeProtojson(t *testing.T, raw string, h *analyzer.Header, e *analyzer.Entry) bool {
	t.Helper()
	var p loggingpb.LogEntry
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(raw), &p); err != nil {
		if !toleratedByDecoder(err) {
			t.Errorf("protojson refuses the entry: %v", err)
		}
		return false
	}
	got, want := members(e), membersOf(&p)
	if err := protojson.Unmarshal([]byte(raw), &loggingpb.LogEntry{}); err != nil && strings.Contains(err.Error(), "invalid value for enum") {
		delete(want, "severity") // a name in another case, which protojson drops
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s is %q; protojson reads %q", name, got[name], want[name])
		}
	}
	if (p.Timestamp != nil && h.Time != p.Timestamp.AsTime().UnixNano()) || int32(h.Status) != p.GetHttpRequest().GetStatus() || h.Split != (p.Split != nil) {
		t.Errorf("scan: time %d status %d split %t; protojson reads %v %d %v", h.Time, h.Status, h.Split, p.Timestamp, p.GetHttpRequest().GetStatus(), p.Split)
	}
	if j := p.GetJsonPayload(); j != nil {
		sameFields(t, e, j.AsMap())
	}
	if any := p.GetProtoPayload(); any != nil {
		var a audit.AuditLog
		if any.MessageIs(&a) {
			if err := any.UnmarshalTo(&a); err != nil {
				t.Fatal(err)
			}
			sameAudit(t, e, &a)
		}
	}
	return true
}

// toleratedByDecoder lists what the decoder reads although protojson, which
// serves programs that write entries, does not.
func toleratedByDecoder(err error) bool {
	for _, reason := range []string{
		"duplicate field", "is already set", // the last one counts
		"unable to resolve",                    // payloads of types that are compiled in nowhere
		"invalid value for enum",               // a severity in lower case
		"invalid google.protobuf.Timestamp",    // ten digits, a space for the T
		"invalid escape code", "invalid UTF-8", // lone surrogates
	} {
		if strings.Contains(err.Error(), reason) {
			return true
		}
	}
	return false
}

// members are those of LogEntry that are one value each.
func members(e *analyzer.Entry) map[string]string {
	m := map[string]string{
		"insertId": e.InsertID, "logName": e.LogName, "severity": strconv.Itoa(int(e.Severity)),
		"trace": e.Trace, "spanId": e.SpanID, "resource.type": e.Origin.ResourceType, "textPayload": e.Message,
		"timestamp": clock(e.Time), "receiveTimestamp": clock(e.Received),
	}
	if r := e.HTTP; r != nil {
		m["request"] = fmt.Sprint(r.Status, r.Method, r.RemoteIP, r.Latency)
	}
	if s := e.Split; s != nil {
		m["split"] = fmt.Sprint(s.UID, s.Index, s.Total)
	}
	for name, value := range e.Labels {
		m["labels."+name] = value
	}
	return m
}

// membersOf are those same members as protojson reads them; without those
// that the decoder fills from elsewhere when they are not set.
func membersOf(p *loggingpb.LogEntry) map[string]string {
	m := map[string]string{
		"insertId": p.InsertId, "logName": p.LogName, "severity": strconv.Itoa(int(p.Severity)),
		"trace": p.Trace[strings.LastIndexByte(p.Trace, '/')+1:], "spanId": p.SpanId, "resource.type": p.GetResource().GetType(),
	}
	if p.Timestamp != nil {
		m["timestamp"] = clock(p.Timestamp.AsTime())
	}
	if p.ReceiveTimestamp != nil {
		m["receiveTimestamp"] = clock(p.ReceiveTimestamp.AsTime())
	}
	if text, ok := p.Payload.(*loggingpb.LogEntry_TextPayload); ok {
		m["textPayload"] = redact.Text(text.TextPayload)
	}
	if r := p.HttpRequest; r != nil {
		m["request"] = fmt.Sprint(r.Status, r.RequestMethod, r.RemoteIp, r.Latency.AsDuration())
	}
	if s := p.Split; s != nil {
		m["split"] = fmt.Sprint(s.Uid, s.Index, s.TotalSplits)
	}
	for name, value := range p.Labels {
		m["labels."+name] = redact.Field(name, value)
	}
	return m
}

// sameFields compares Entry.Fields with a payload as protojson reads it:
// every leaf is there and no other, order aside.
func sameFields(t *testing.T, e *analyzer.Entry, payload map[string]any) {
	t.Helper()
	want := make(map[string]any)
	leaves(want, "", payload, false)
	for _, f := range e.Fields {
		value, there := want[f.Path]
		if !there {
			t.Errorf("field %s = %q is none that protojson reads", f.Path, f.Value)
			continue
		}
		delete(want, f.Path)
		if n, ok := value.(float64); ok {
			if read, err := strconv.ParseFloat(f.Value, 64); err != nil || math.Abs(read-n) > 1e-9*math.Abs(n) {
				t.Errorf("field %s = %q; protojson reads %v", f.Path, f.Value, n)
			}
		} else if s := redact.Field(f.Path, fmt.Sprint(value)); s != f.Value {
			t.Errorf("field %s = %q; protojson reads %q", f.Path, f.Value, s)
		}
	}
	for path, value := range want {
		t.Errorf("field %s = %v is missing", path, value)
	}
}

// leaves notes the leaves of a value by path, and those of objects that were
// logged as strings.
func leaves(into map[string]any, path string, value any, inner bool) {
	join := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	switch v := value.(type) {
	case nil:
	case map[string]any:
		for key, member := range v {
			leaves(into, join(key), member, inner)
		}
	case []any:
		for i, member := range v {
			leaves(into, join(strconv.Itoa(i)), member, inner)
		}
	case string:
		into[path] = v
		var object map[string]any
		if !inner && json.Unmarshal([]byte(v), &object) == nil {
			leaves(into, path, object, true)
		}
	default:
		into[path] = v
	}
}

// sameAudit compares the fields of an AuditLog that rules read.
func sameAudit(t *testing.T, e *analyzer.Entry, a *audit.AuditLog) {
	t.Helper()
	want := map[string]string{
		"serviceName": a.ServiceName, "methodName": a.MethodName, "resourceName": a.ResourceName,
		"authenticationInfo.principalEmail": a.GetAuthenticationInfo().GetPrincipalEmail(),
		"requestMetadata.callerIp":          a.GetRequestMetadata().GetCallerIp(),
		"status.message":                    a.GetStatus().GetMessage(),
	}
	if code := a.GetStatus().GetCode(); code != 0 {
		want["status.code"] = strconv.Itoa(int(code))
	}
	for i, info := range a.AuthorizationInfo {
		want[fmt.Sprintf("authorizationInfo.%d.permission", i)] = info.Permission
	}
	for path, value := range want {
		if got := e.Field(path); got != redact.Field(path, value) {
			t.Errorf("field %s = %q; protojson reads %q", path, got, value)
		}
	}
	if a.Status != nil && a.Status.Message != "" && !slices.Contains([]string{a.Status.Message, redact.Text(a.Status.Message)}, e.Message) {
		t.Errorf("message %q; protojson reads %q", e.Message, a.Status.Message)
	}
}
