package analyzer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/why401/why401/analyzer"
)

// shapes are entries as the resources of Google Cloud write them, and who is
// behind each.
var shapes = []struct{ name, service, environment, json string }{
	{"cloud run request", "orders", "production", `{"insertId":"a","logName":"projects/acme-prod/logs/run.googleapis.com%2Frequests","timestamp":"2026-11-23T08:00:00.123456Z","receiveTimestamp":"2026-11-23T08:00:01Z","severity":"WARNING","trace":"projects/acme-prod/traces/0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","resource":{"type":"cloud_run_revision","labels":{"project_id":"acme-prod","service_name":"orders","revision_name":"orders-1"}},"labels":{"instanceId":"i1"},"httpRequest":{"requestMethod":"GET","requestUrl":"https://x/v1","status":401,"latency":"0.064s"}}`},
	{"cloud run stderr", "orders", "staging", `{"insertId":"b","logName":"projects/acme-staging/logs/run.googleapis.com%2Fstderr","timestamp":"2026-11-23T08:00:00Z","resource":{"type":"cloud_run_revision","labels":{"project_id":"acme-staging","service_name":"orders"}},"textPayload":"jwt expired"}`},
	{"json payload", "orders", "staging", `{"insertId":"c","logName":"projects/acme-staging/logs/run.googleapis.com%2Fstdout","timestamp":"2026-11-23T08:00:00.5Z","severity":"ERROR","resource":{"type":"cloud_run_revision","labels":{"project_id":"acme-staging","service_name":"orders"}},"jsonPayload":{"message":"rejected","err":{"code":"E1","n":12},"service_name":"somebody-else"}}`},
	{"gke container", "payments", "production", `{"insertId":"d","logName":"projects/acme-prod/logs/stdout","timestamp":"2026-11-23T08:00:00Z","resource":{"type":"k8s_container","labels":{"project_id":"acme-prod","namespace_name":"default","pod_name":"payments-7d391c37f-8en3c","container_name":"payments"}},"textPayload":"x"}`},
	{"gce instance", "4711", "production", `{"insertId":"e","logName":"projects/acme-prod/logs/syslog","timestamp":"2026-11-23T08:00:00Z","resource":{"type":"gce_instance","labels":{"project_id":"acme-prod","instance_id":"4711","zone":"z"}},"textPayload":"x"}`},
	{"app engine", "api", "production", `{"insertId":"f","logName":"projects/acme-prod/logs/appengine.googleapis.com%2Frequest_log","timestamp":"2026-11-23T08:00:00Z","resource":{"type":"gae_app","labels":{"project_id":"acme-prod","module_id":"api","version_id":"v3"}},"textPayload":"x"}`},
	{"function", "hook", "production", `{"insertId":"g","logName":"projects/acme-prod/logs/cloudfunctions.googleapis.com%2Fcloud-functions","timestamp":"2026-11-23T08:00:00Z","resource":{"type":"cloud_function","labels":{"project_id":"acme-prod","function_name":"hook"}},"textPayload":"x"}`},
	{"job", "nightly", "production", `{"insertId":"h","logName":"projects/acme-prod/logs/run.googleapis.com%2Fstdout","timestamp":"2026-11-23T08:00:00Z","resource":{"type":"cloud_run_job","labels":{"project_id":"acme-prod","job_name":"nightly"}},"textPayload":"x"}`},
	{"audit", "", "", `{"insertId":"i","logName":"projects/acme-prod/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-11-23T08:00:00.123456789Z","severity":"NOTICE","resource":{"type":"audited_resource","labels":{"project_id":"acme-prod","service":"secretmanager.googleapis.com"}},"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","methodName":"m","status":{"code":16}}}`},
	{"split", "orders", "staging", `{"insertId":"j","logName":"projects/acme-staging/logs/x","timestamp":"2026-11-23T08:00:00Z","resource":{"type":"cloud_run_revision","labels":{"project_id":"acme-staging","service_name":"orders"}},"textPayload":"part","split":{"uid":"u","index":1,"totalSplits":3}}`},
	{"enum as number, int64 as string", "orders", "staging", `{"insertId":"k","logName":"projects/acme-staging/logs/x","timestamp":"2026-11-23T09:00:00+01:00","severity":500,"resource":{"type":"cloud_run_revision","labels":{"project_id":"acme-staging","service_name":"orders"}},"httpRequest":{"status":403,"requestSize":"899"}}`},
}

// The decoder must read what protojson reads of the same bytes.
func TestDecodeLikeProtojson(t *testing.T) {
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			m := &analyzer.Message{Data: []byte(s.json)}
			d := analyzer.NewDecoder(nil)
			var h analyzer.Header
			if err := d.Scan(m, &h); err != nil {
				t.Fatal(err)
			}
			e, err := d.Entry(m)
			if err != nil {
				t.Fatal(err)
			}
			if s.service != "" && (e.Origin.Name != s.service || e.Origin.Environment != s.environment) {
				t.Errorf("origin %s (%s); want %s (%s)", e.Origin.Name, e.Origin.Environment, s.service, s.environment)
			}
			var p loggingpb.LogEntry
			if strings.Contains(s.json, "protoPayload") {
				return // protojson knows no AuditLog here
			}
			if err := protojson.Unmarshal([]byte(s.json), &p); err != nil {
				t.Fatalf("protojson refuses the shape: %v", err)
			}
			want := fmt.Sprint(p.InsertId, p.LogName, p.Timestamp.AsTime().UTC().Format(time.RFC3339Nano), int(p.Severity), p.GetHttpRequest().GetStatus(), p.SpanId, p.GetTextPayload())
			got := fmt.Sprint(e.InsertID, e.LogName, e.Time.UTC().Format(time.RFC3339Nano), int(e.Severity), status(e), e.SpanID, text(e, &p))
			if got != want {
				t.Errorf("decoded %s\nwant    %s", got, want)
			}
			if h.Time != p.Timestamp.AsTime().UnixNano() || int32(h.Status) != p.GetHttpRequest().GetStatus() {
				t.Errorf("scan: time %d status %d; want %d %d", h.Time, h.Status, p.Timestamp.AsTime().UnixNano(), p.GetHttpRequest().GetStatus())
			}
			if sp := p.GetSplit(); sp != nil && (e.Split == nil || e.Split.UID != sp.Uid || e.Split.Index != int(sp.Index) || e.Split.Total != int(sp.TotalSplits)) {
				t.Errorf("split %+v; want %v", e.Split, sp)
			}
			for _, path := range []string{"message", "err.code", "err.n"} {
				if j := p.GetJsonPayload(); j != nil && e.Field(path) == "" {
					t.Errorf("field %s of the payload is missing", path)
				}
			}
		})
	}
}

func status(e *analyzer.Entry) int32 {
	if e.HTTP == nil {
		return 0
	}
	return int32(e.HTTP.Status)
}

func text(e *analyzer.Entry, p *loggingpb.LogEntry) string {
	if p.GetTextPayload() == "" {
		return ""
	}
	return e.Message
}

func TestUndecodable(t *testing.T) {
	for name, data := range map[string]string{
		"empty": "", "garbage": "what is this", "truncated": `{"insertId":"a","textPayl`, "array": `[1]`, "bare word": `{"a": tru}`,
		"trailing": `{"a":1} x`, "open string": `{"a":"b`, "too deep": strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
	} {
		t.Run(name, func(t *testing.T) {
			var h analyzer.Header
			err := analyzer.NewDecoder(nil).Scan(&analyzer.Message{Data: []byte(data)}, &h)
			if err == nil || !strings.Contains(err.Error(), "decode entry") {
				t.Errorf("error %v; want one that says what was wanted and found", err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range shapes {
		f.Add([]byte(s.json))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &analyzer.Message{Data: data}
		var h analyzer.Header
		d := analyzer.NewDecoder(nil)
		if d.Scan(m, &h) != nil {
			return
		}
		if _, err := d.Entry(m); err != nil {
			t.Skip() // scanned by structure, refused in full: quarantined
		}
	})
}
