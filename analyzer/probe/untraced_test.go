package probe

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/why401/why401/analyzer"
)

// refuses says that every entry is a refusal.
type refuses struct{ analyzer.Classifier }

func (refuses) Classify(*analyzer.Entry) analyzer.Classification {
	return analyzer.Classification{Outcome: analyzer.OutcomeRefused, Reasons: []analyzer.Reason{analyzer.BadSignature}}
}

// Of the lines that carry no trace, as many are taken for canaries as were
// sent to the service, and only of their moment.
func TestLinesWithoutATrace(t *testing.T) {
	traces := NewTraces()
	c := traces.Listen(refuses{})
	counted := func(service, trace string, after time.Duration) int {
		e := &analyzer.Entry{Origin: &analyzer.Origin{Service: analyzer.Service{Name: service}}, Trace: trace, Time: time.Now().Add(after)}
		return len(c.Classify(e).Reasons)
	}
	first := traces.open("payments")
	traces.open("payments")
	for _, x := range []struct {
		name, service, trace string
		after                time.Duration
		want                 int
	}{
		{"another service", "orders", "", 0, 1},
		{"long after", "payments", "", time.Minute, 1},
		{"long before", "payments", "", -time.Minute, 1},
		{"under its trace", "payments", first, 0, 0},
		{"the other canary's", "payments", "", time.Second, 0},
		{"a user's, beyond the canaries", "payments", "", time.Second, 1},
		{"a user's, with a trace", "payments", "4bf92f3577b34da6a3ce929d0e0e4736", 0, 1},
	} {
		if got := counted(x.service, x.trace, x.after); got != x.want {
			t.Errorf("%s: %d findings, wanted %d", x.name, got, x.want)
		}
	}
}

// What asks /health/jwt is known for ours, so that no rate counts it, and
// takes no user's line for its own.
func TestHealthRequestsAreOurs(t *testing.T) {
	traces := NewTraces()
	var own atomic.Int64
	f := &fleet{raw: map[string]http.Handler{"orders": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if parts := strings.Split(r.Header.Get("Traceparent"), "-"); len(parts) == 4 && traces.Own(xxh3.HashString(parts[1])) {
			own.Add(1)
		}
		fmt.Fprintf(w, agreed, "")
	})}}
	d, domain := f.start(t)
	d.Traces = traces
	checked(t, only(t, "secret", domain, d))
	if own.Load() == 0 {
		t.Error("no request carried a trace of ours")
	}
	users := &analyzer.Entry{Origin: &analyzer.Origin{Service: analyzer.Service{Name: "orders"}}, Time: time.Now()}
	if c := traces.Listen(refuses{}).Classify(users); len(c.Reasons) == 0 {
		t.Error("a user's refusal was taken for an answer to a health request")
	}
}
