package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/why401/why401/analyzer"
)

// taps are those who look on while findings come. As long as nobody does,
// nothing is listened to.
type taps struct {
	mu  sync.Mutex
	all map[*tap]bool
}

// tap is one who looks on. What comes faster than it is read is left out, and
// counted.
type tap struct {
	reason analyzer.Reason // "": any
	came   chan analyzer.Finding
	missed atomic.Int64
}

const (
	tapBuffer = 256
	maxTaps   = 20
)

// open begins to listen; nil when too many do.
func (s *taps) open(reason analyzer.Reason, listen func(func(analyzer.Finding))) *tap {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) >= maxTaps {
		return nil
	}
	t := &tap{reason: reason, came: make(chan analyzer.Finding, tapBuffer)}
	next := map[*tap]bool{t: true}
	for o := range s.all {
		next[o] = true
	}
	s.all = next
	listen(tellAll(next))
	return t
}

func (s *taps) close(t *tap, listen func(func(analyzer.Finding))) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[*tap]bool{}
	for o := range s.all {
		if o != t {
			next[o] = true
		}
	}
	s.all = next
	if len(next) == 0 {
		listen(nil)
		return
	}
	listen(tellAll(next))
}

// tellAll returns what hands a finding to all and waits for none; nobody
// changes all any more.
func tellAll(all map[*tap]bool) func(analyzer.Finding) {
	return func(f analyzer.Finding) {
		for t := range all {
			if t.reason != "" && !slices.Contains(f.Reasons, t.reason) {
				continue
			}
			select {
			case t.came <- f:
			default:
				t.missed.Add(1)
			}
		}
	}
}

// findings is a stream of server-sent events: one "finding" for each, and
// "missed" with a count when some came too fast.
func (w *Web) findings(rw http.ResponseWriter, r *http.Request) {
	if w.cfg.Tap == nil {
		problem(rw, http.StatusNotFound, "no entries are read here")
		return
	}
	t := w.taps.open(analyzer.Reason(r.URL.Query().Get("reason")), w.cfg.Tap)
	if t == nil {
		problem(rw, http.StatusTooManyRequests, fmt.Sprintf("%d look on already", maxTaps))
		return
	}
	defer w.taps.close(t, w.cfg.Tap)
	stream := http.NewResponseController(rw)
	rw.Header().Set("Content-Type", "text/event-stream")
	_ = stream.SetWriteDeadline(time.Time{}) // a stream has no end of its own
	alive := time.NewTicker(beat)
	defer alive.Stop()
	for {
		if len(t.came) == 0 && stream.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-w.ends:
			return
		case <-alive.C:
			_, _ = rw.Write([]byte(": alive\n\n")) // the next Flush tells
		case f := <-t.came:
			data, err := json.Marshal(f)
			if err != nil {
				return
			}
			if n := t.missed.Swap(0); n > 0 {
				fmt.Fprintf(rw, "event: missed\ndata: %d\n\n", n)
			}
			fmt.Fprintf(rw, "event: finding\ndata: %s\n\n", data)
		}
	}
}
