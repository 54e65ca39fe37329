package lab

import (
	"cmp"
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
	case e.HTTPRequest != nil && e.JSONPayload == nil:
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

	mute map[string]bool // services whose entries get lost
	held time.Time       // nothing is handed over before
}

func newDelivery(sc Scenario, luck *chance, p *plan, mu *sync.Mutex) *delivery {
	d := &delivery{Delivery: sc.Logs, luck: luck, plan: p, mu: mu, mute: map[string]bool{}}
	if d.LateBy <= 0 {
		d.LateBy = 20 * time.Second
	}
	return d
}

// send hands an entry over: once, twice, later or not at all.
func (d *delivery) send(e *entry, data []byte, now time.Time, handOver func(data []byte, again bool)) {
	log := e.logOf()
	if slices.Contains(d.Without, log) || d.mute[e.service()] {
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
		if now.Before(d.held) {
			d.later(d.held, data, i > 0, handOver)
			continue
		}
		if i == 0 && !(d.Late > 0 && d.luck.happens(d.Late)) {
			handOver(data, false)
			continue
		}
		d.later(now.Add(d.luck.between(time.Second, d.LateBy)), data, i > 0, handOver)
	}
}

// later hands an entry over at a later time.
func (d *delivery) later(at time.Time, data []byte, again bool, handOver func(data []byte, again bool)) {
	d.plan.at(at, func(context.Context) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		handOver(slices.Clone(data), again)
		return nil
	})
}

// service is the name of the service that an entry is of; empty for what is
// of none.
func (e *entry) service() string {
	return cmp.Or(e.Resource.Labels["service_name"], e.Resource.Labels["container_name"])
}
