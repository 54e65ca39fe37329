package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// entry is a Cloud Logging LogEntry in proto3 JSON, its members in the order
// in which log sinks write them.
type entry struct {
	HTTPRequest      *httpRequest      `json:"httpRequest,omitempty"`
	InsertID         string            `json:"insertId"`
	JSONPayload      map[string]any    `json:"jsonPayload,omitempty"`
	Labels           map[string]string `json:"labels,omitempty"`
	LogName          string            `json:"logName"`
	ProtoPayload     any               `json:"protoPayload,omitempty"`
	ReceiveTimestamp string            `json:"receiveTimestamp"`
	Resource         resource          `json:"resource"`
	Severity         string            `json:"severity,omitempty"` // absent: DEFAULT
	SpanID           string            `json:"spanId,omitempty"`
	TextPayload      string            `json:"textPayload,omitempty"`
	Timestamp        string            `json:"timestamp"`
	Trace            string            `json:"trace,omitempty"`
	TraceSampled     bool              `json:"traceSampled,omitempty"`
}

type resource struct {
	Labels map[string]string `json:"labels"`
	Type   string            `json:"type"`
}

type httpRequest struct {
	Latency       string `json:"latency"`
	Protocol      string `json:"protocol"`
	RemoteIP      string `json:"remoteIp"`
	RequestMethod string `json:"requestMethod"`
	RequestSize   string `json:"requestSize"` // int64, so text in proto3 JSON
	RequestURL    string `json:"requestUrl"`
	ResponseSize  string `json:"responseSize"`
	ServerIP      string `json:"serverIp"`
	Status        int    `json:"status"`
	UserAgent     string `json:"userAgent"`
}

// sink writes entries one at a time. It keeps the first error of emit and
// writes nothing after it; Run asks for it after every event.
type sink struct {
	ctx  context.Context
	emit func(context.Context, []byte) error
	luck *chance
	way  *delivery

	mu       sync.Mutex
	entries  int64
	repeated int64
	err      error
}

// write stamps e with its times and an insertId and hands it over. ended is
// when the logged thing was over: what takes long arrives late.
func (s *sink) write(at, ended time.Time, e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	e.Timestamp = at.UTC().Format("2006-01-02T15:04:05.000000Z")
	e.ReceiveTimestamp = ended.Add(s.luck.between(30*time.Millisecond, 400*time.Millisecond)).UTC().Format(time.RFC3339Nano)
	if e.InsertID == "" {
		// Cloud Run's own form: seconds, microseconds, four random bytes.
		e.InsertID = fmt.Sprintf("%08x%08x%s", at.Unix(), at.Nanosecond()/1000, s.luck.hex(8))
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		s.err = fmt.Errorf("encode entry of %s: %w", e.LogName, err)
		return
	}
	data := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	s.way.send(e, data, ended, s.handOver)
}

// handOver gives an entry to whoever takes them; again: it was given before,
// or will be. The lock is held.
func (s *sink) handOver(data []byte, again bool) {
	if s.err != nil {
		return
	}
	if err := s.emit(s.ctx, data); err != nil {
		s.err = fmt.Errorf("emit an entry: %w", err)
		return
	}
	s.entries++
	if again {
		s.repeated++
	}
}

func (s *sink) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *sink) written() (entries, repeated int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries, s.repeated
}

// entryOf begins an entry of the named log (run.googleapis.com/stdout) that
// the service's revision emits; instance may be empty, when none was reached.
func (s *service) entryOf(log, revision, instance string) *entry {
	labels := map[string]string{"env": s.project.Environment}
	if instance != "" {
		labels["instanceId"] = instance
	}
	if s.spec.RunsOn == GKE {
		return s.podEntry(log, revision, instance)
	}
	return &entry{
		LogName: "projects/" + s.project.ID + "/logs/" + url.PathEscape(log),
		Labels:  labels,
		Resource: resource{Type: "cloud_run_revision", Labels: map[string]string{
			"project_id": s.project.ID, "location": s.project.Region, "service_name": s.spec.Name,
			"revision_name": revision, "configuration_name": s.spec.Name,
		}},
	}
}

// podEntry is the same of a container on GKE: the revision stands in for the
// ReplicaSet.
func (s *service) podEntry(log, revision, instance string) *entry {
	pod := revision
	if len(instance) > 12 {
		pod += "-" + instance[2:7]
	}
	return &entry{
		LogName: "projects/" + s.project.ID + "/logs/" + strings.TrimPrefix(log, "run.googleapis.com/"),
		Labels:  map[string]string{"k8s-pod/app": s.spec.Name, "k8s-pod/env": s.project.Environment, "compute.googleapis.com/resource_name": "gke-main-pool-1-7c2f9a1e-" + s.spec.Name[:1] + "k3x"},
		Resource: resource{Type: "k8s_container", Labels: map[string]string{
			"project_id": s.project.ID, "location": s.project.Region, "cluster_name": "main", "namespace_name": s.project.Environment,
			"pod_name": pod, "container_name": s.spec.Name,
		}},
	}
}

// system writes a line of the platform itself about an instance.
func (in *instance) system(severity, text string) {
	if in.svc.spec.RunsOn == GKE {
		return // the cluster's own events are another export
	}
	e := in.svc.entryOf("run.googleapis.com/varlog/system", in.revision, in.id)
	e.Severity, e.TextPayload = severity, text
	now := in.p.clock.Now()
	in.p.logs.write(now, now, e)
}

// say writes a line of the service's own program. As text it goes to stderr
// in the form of Go's log package, and Cloud Run knows neither severity nor
// trace; as JSON it goes to stdout, and Cloud Run lifts both out of it. rq is
// nil for what belongs to no request.
func (in *instance) say(rq *request, severity, message string, fields map[string]any) {
	now := in.p.clock.Now()
	if in.svc.spec.Logs == LogJSON {
		e := in.svc.entryOf("run.googleapis.com/stdout", in.revision, in.id)
		e.Severity = severity
		e.JSONPayload = maps.Clone(fields)
		if e.JSONPayload == nil {
			e.JSONPayload = map[string]any{}
		}
		e.JSONPayload["message"] = message
		if rq != nil {
			e.Trace, e.SpanID, e.TraceSampled = rq.traceName(), rq.span, rq.sampled
		}
		in.p.logs.write(now, now, e)
		return
	}
	e := in.svc.entryOf("run.googleapis.com/stderr", in.revision, in.id)
	e.TextPayload = now.UTC().Format("2006/01/02 15:04:05 ") + message
	if err, ok := fields["error"]; ok {
		e.TextPayload += fmt.Sprintf(": %v", err)
	}
	in.p.logs.write(now, now, e)
}

// requestLog writes the platform's log of one request. text is what the front
// door itself has to say, when it refused.
func (s *service) requestLog(p *platform, rq *request, revision, instance string, status, size int, text string) {
	log := "run.googleapis.com/requests"
	if s.spec.RunsOn == GKE {
		log = "stdout" // an access line of the program
	}
	e := s.entryOf(log, revision, instance)
	ended := p.clock.Now()
	e.HTTPRequest = &httpRequest{
		Latency:       strconv.FormatFloat(ended.Sub(rq.arrived).Seconds(), 'f', 9, 64) + "s",
		Protocol:      "HTTP/1.1",
		RemoteIP:      rq.remoteIP,
		RequestMethod: rq.method,
		RequestSize:   strconv.Itoa(rq.size),
		RequestURL:    s.url() + rq.path,
		ResponseSize:  strconv.Itoa(size),
		ServerIP:      "216.239.36.53",
		Status:        status,
		UserAgent:     rq.userAgent,
	}
	switch {
	case status >= 500:
		e.Severity = "ERROR"
	case status >= 400:
		e.Severity = "WARNING"
	default:
		e.Severity = "INFO"
	}
	e.TextPayload = text
	if s.spec.RunsOn == GKE {
		e.JSONPayload = map[string]any{"message": rq.method + " " + rq.path}
	}
	e.Trace, e.SpanID, e.TraceSampled = rq.traceName(), rq.span, rq.sampled
	p.logs.write(rq.arrived, ended, e)
}

// url is the address that Cloud Run would give the service; it ends in the
// initials of the region.
func (s *service) url() string {
	initials := ""
	for part := range strings.SplitSeq(s.project.Region, "-") {
		initials += part[:min(1, len(part))]
	}
	return "https://" + s.spec.Name + "-4xk2hq7vba-" + initials + ".a.run.app"
}
