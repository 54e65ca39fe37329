package probe

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/why401/why401/analyzer"
)

// traceLife is how long the lines of a canary are waited for and kept out of
// every count: an export may lag behind by minutes.
const traceLife = time.Hour

// maxTraces bounds the canaries that are remembered.
const maxTraces = 100_000

// Traces knows the requests that are ours by their trace: what services log
// about a canary answers it, and counts for nothing else. It is safe for
// concurrent use.
type Traces struct {
	mu    sync.Mutex
	known map[uint64]*said
	sent  map[string][]*said // by service, oldest first: for lines without a trace
}

// said is what the log told of one trace.
type said struct {
	at      time.Time
	classes []analyzer.Classification
	fresh   chan struct{} // closed when a line has come
	come    bool
	claimed bool // a line without a trace was taken for its own
}

// NewTraces returns an empty set.
func NewTraces() *Traces { return &Traces{known: map[uint64]*said{}, sent: map[string][]*said{}} }

// mark makes a request known for one of ours that expects no line: it belongs
// to no rate. A nil t marks nothing.
func (t *Traces) mark(req *http.Request) {
	if t != nil {
		carry(req, t.open(""))
	}
}

// carry puts a trace into a request, in both forms that platforms take up.
func carry(req *http.Request, trace string) {
	req.Header.Set("Traceparent", "00-"+trace+"-"+trace[:16]+"-01")
	req.Header.Set("X-Cloud-Trace-Context", trace+"/1;o=1")
}

// open starts a new trace. A service that it names is expected to log a line.
func (t *Traces) open(service string) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, crypto/rand
	id := hex.EncodeToString(b[:])
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if len(t.known) >= maxTraces {
		for k, s := range t.known {
			if now.Sub(s.at) > traceLife {
				delete(t.known, k)
			}
		}
	}
	if len(t.known) < maxTraces {
		s := &said{at: now, fresh: make(chan struct{})}
		t.known[xxh3.HashString(id)] = s
		if service != "" {
			t.expect(service, s)
		}
	}
	return id
}

// Own reports whether a trace, given by the xxh3 hash of its id, is of a
// canary: its requests belong to no rate.
func (t *Traces) Own(hash uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.known[hash]
	return s != nil && time.Since(s.at) < traceLife
}

// heard returns what was logged of a trace, and a channel that closes with
// the next line.
func (t *Traces) heard(id string) ([]analyzer.Classification, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.known[xxh3.HashString(id)]
	if s == nil {
		return nil, nil
	}
	return s.classes, s.fresh
}

// Listen returns a classifier that answers as c does, and keeps the lines of
// canaries for them: these are no finding, no outcome and no change.
func (t *Traces) Listen(c analyzer.Classifier) analyzer.Classifier { return listener{c, t} }

type listener struct {
	analyzer.Classifier
	traces *Traces
}

// Classify implements [analyzer.Classifier].
func (l listener) Classify(e *analyzer.Entry) analyzer.Classification {
	if e.Trace == "" {
		c := l.Classifier.Classify(e)
		if len(c.Reasons) > 0 && e.Origin != nil && l.traces.claim(e.Origin.Service.Name, e.Time) {
			return analyzer.Classification{}
		}
		return c
	}
	if !l.traces.Own(xxh3.HashString(e.Trace)) {
		return l.Classifier.Classify(e)
	}
	c := inContext(l.Classifier, e)
	l.traces.mu.Lock()
	defer l.traces.mu.Unlock()
	if s := l.traces.known[xxh3.HashString(e.Trace)]; s != nil && len(c.Reasons) > 0 && len(s.classes) < 20 {
		s.classes = append(s.classes, c)
		if !s.come {
			s.come = true
			close(s.fresh)
		}
	}
	return analyzer.Classification{}
}
