package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Exported is what a log export lets through of what a diagnosis lives on.
type Exported struct {
	On       []ExportedFrom // by where the entries come from
	Accepted float64        // share of the request logs that tell of success
	Own      bool           // why401's own entries come through
}

// ExportedFrom is how many of the rules' examples of failures and changes a
// log export lets through when they come from one platform.
type ExportedFrom struct {
	Platform string
	Kept, Of int
	Lost     []string // rules, by full name, of which no example comes through
}

// platforms are what services write from, as Cloud Logging labels it. A filter
// may want one of them, or a severity that an unparsed line does not have.
var platforms = []struct{ name, entry string }{
	{"Cloud Run", `{"logName":"projects/acme-prod/logs/run.googleapis.com%2Fstderr","resource":{"type":"cloud_run_revision","labels":{"project_id":"acme-prod","service_name":"orders","revision_name":"orders-00007-abc","location":"europe-west1"}},"insertId":"a1","severity":"ERROR"}`},
	{"Cloud Run without severity", `{"logName":"projects/acme-prod/logs/run.googleapis.com%2Fstdout","resource":{"type":"cloud_run_revision","labels":{"project_id":"acme-prod","service_name":"orders","revision_name":"orders-00007-abc","location":"europe-west1"}},"insertId":"a1","severity":"DEFAULT"}`},
	{"GKE", `{"logName":"projects/acme-prod/logs/stderr","resource":{"type":"k8s_container","labels":{"project_id":"acme-prod","cluster_name":"main","namespace_name":"shop","pod_name":"orders-6bb5d96d4f-x2x7k","container_name":"orders","location":"europe-west1"}},"insertId":"a1","severity":"ERROR"}`},
	{"GKE without severity", `{"logName":"projects/acme-prod/logs/stdout","resource":{"type":"k8s_container","labels":{"project_id":"acme-prod","cluster_name":"main","namespace_name":"shop","pod_name":"orders-6bb5d96d4f-x2x7k","container_name":"orders","location":"europe-west1"}},"insertId":"a1","severity":"INFO"}`},
}

// Exported evaluates the filter of a log export, and its exclusions, over the
// examples of the rules, which must have been loaded with them. The error says
// where a filter is beyond [Query].
func (s *Set) Exported(filter string, exclusions ...string) (*Exported, error) {
	var q *Query
	var err error
	if strings.TrimSpace(filter) == "" { // a sink without one exports everything
		q = &Query{func(map[string]any) bool { return true }}
	} else if q, err = ParseQuery(filter); err != nil {
		return nil, err
	}
	var out []*Query
	for i, text := range exclusions {
		x, err := ParseQuery(text)
		if err != nil {
			return nil, fmt.Errorf("exclusion %d: %w", i+1, err)
		}
		out = append(out, x)
	}
	through := func(e map[string]any) bool {
		return q.root(e) && !slices.ContainsFunc(out, func(x *Query) bool { return x.root(e) })
	}
	e := &Exported{}
	examples := s.failuresAndChanges()
	for _, p := range platforms {
		e.On = append(e.On, exportedFrom(p.name, decodeEntry(p.entry), examples, through))
	}
	request := decodeEntry(platforms[0].entry)
	request["severity"], request["logName"] = "INFO", "projects/acme-prod/logs/run.googleapis.com%2Frequests"
	request["httpRequest"] = map[string]any{"status": json.Number("200"), "requestMethod": "GET", "requestUrl": "https://orders.example/v1/orders"}
	const requests = 4000     // a share is right to about one in a hundred
	for i := range requests { // under ids as different as those of Logging
		if request["insertId"] = strconv.FormatUint(uint64(i)*0x9e3779b97f4a7c15, 36); through(request) {
			e.Accepted += 1. / requests
		}
	}
	own := decodeEntry(platforms[0].entry)
	own["jsonPayload"] = map[string]any{"why401.self": "true", "message": "jwt expired: token signature is invalid", "level": "error"}
	own["severity"] = "ERROR"
	e.Own = through(own)
	return e, nil
}

// ruledEntry is an example as far as it is a LogEntry: the rest of it comes
// from the platform.
type ruledEntry struct {
	rule  *Rule
	entry map[string]any
}

// failuresAndChanges are all examples but those of success and of lines that
// mean nothing.
func (s *Set) failuresAndChanges() []ruledEntry {
	var out []ruledEntry
	for _, r := range s.rules {
		if r.Success || r.Benign {
			continue
		}
		for _, x := range r.Examples {
			e := map[string]any{"textPayload": x}
			if logEntryKeys.MatchString(x) {
				e = decodeEntry(x)
			}
			if e != nil {
				out = append(out, ruledEntry{r, e})
			}
		}
	}
	return out
}

func exportedFrom(name string, platform map[string]any, examples []ruledEntry, through func(map[string]any) bool) ExportedFrom {
	out := ExportedFrom{Platform: name, Of: len(examples)}
	kept := map[*Rule]bool{}
	for _, x := range examples {
		e := maps.Clone(platform)
		maps.Copy(e, x.entry) // what an example says of itself counts
		if through(e) {
			out.Kept++
			kept[x.rule] = true
		} else if !kept[x.rule] {
			kept[x.rule] = false
		}
	}
	for r, any := range kept {
		if !any {
			out.Lost = append(out.Lost, r.Name())
		}
	}
	slices.Sort(out.Lost)
	return out
}

// decodeEntry reads a LogEntry, or returns nil when it is none.
func decodeEntry(text string) map[string]any {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var e map[string]any
	if d.Decode(&e) != nil {
		return nil
	}
	return e
}
