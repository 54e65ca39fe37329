package lab

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// The logs that a sink may leave out, in the words of scenario files.
const (
	logRequests = "requests" // the front door's request logs
	logApp      = "app"      // what programs write
	logSystem   = "system"   // starts of instances and the platform's own events
	logAudit    = "audit"    // Cloud Audit Logs of people and automation
)

var logNames = []string{logRequests, logApp, logSystem, logAudit}

// logOf sorts an entry under one of the logNames.
func (e *entry) logOf() string {
	switch {
	case strings.HasSuffix(e.LogName, "%2Fsystem_event"), strings.HasSuffix(e.LogName, "%2Fvarlog%2Fsystem"):
		return logSystem
	case strings.Contains(e.LogName, "cloudaudit.googleapis.com"):
		return logAudit
	case e.HTTPRequest != nil:
		return logRequests
	}
	return logApp
}

// delivery loses, repeats and delays entries on their way out.
type delivery struct {
	Delivery
	luck *chance
	plan *plan
	mu   *sync.Mutex // the sink's, for what is handed over later
}

func newDelivery(sc Scenario, luck *chance, p *plan, mu *sync.Mutex) *delivery {
	d := &delivery{Delivery: sc.Logs, luck: luck, plan: p, mu: mu}
	if d.LateBy <= 0 {
		d.LateBy = 20 * time.Second
	}
	return d
}

// send hands an entry over: once, twice, later or not at all.
func (d *delivery) send(e *entry, data []byte, now time.Time, handOver func([]byte)) {
	log := e.logOf()
	if slices.Contains(d.Without, log) {
		return
	}
	often := log == logRequests || log == logApp
	if often && d.Lose > 0 && d.luck.happens(d.Lose) {
		return
	}
	copies := 1
	if d.Duplicate > 0 && d.luck.happens(d.Duplicate) {
		copies++
	}
	for i := range copies {
		if i == 0 && !(d.Late > 0 && d.luck.happens(d.Late)) {
			handOver(data)
			continue
		}
		d.plan.at(now.Add(d.luck.between(time.Second, d.LateBy)), func(context.Context) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			handOver(slices.Clone(data))
			return nil
		})
	}
}
