package sinks

import (
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/why401/why401/analyzer"
)

// The most series of each kind. With everything at its cap, the closed lists,
// the Go runtime and 20 sinks a process stays under 5,000 series
// (TestSeriesAreBounded).
const (
	maxServices     = 200 // service × environment
	maxEnvironments = 10
	maxRefusals     = 1200 // service × environment × reason
	maxProbeSeries  = 400  // probe × service × status
	maxProbes       = 20
	maxSecrets      = 100
	maxIncidents    = 150 // cause × severity × verdict
	maxResolved     = 40  // causes with a histogram of how long they took
)

// other is the label value of what found no room of its own.
const other = "other"

// identity is a service of an environment as labels tell it.
type identity struct{ service, environment string }

// labels decides which names become label values. Who has a place keeps it
// for as long as the reports know him, so that no series moves to other and
// back.
type labels struct {
	services     map[identity]bool // true: in the latest report
	environments map[string]bool
	folded       map[string]int // by label: distinct values without a place, the most at a time
	now          map[string]int // the same, in this update
	late         bool           // something was folded before: what finds a place now has a past under other
}

var overflowDesc = desc("label_overflow_total", "Label values that are counted under other because there are too many, by label.", "label")

// cappedLabels are the labels that can overflow.
var cappedLabels = []string{"environment", "incident", "probe", "reason", "secret", "service"}

func newLabels() *labels {
	return &labels{services: map[identity]bool{}, environments: map[string]bool{}, folded: map[string]int{}, now: map[string]int{}}
}

// known gives a place to whom an earlier process gave one.
func (l *labels) known(service, environment string) {
	l.environment(environment)
	if service != other {
		l.services[identity{service, environment}] = true
	} else {
		l.late = true
	}
}

// begin takes the services of a report in: those that are gone leave their
// places, and new ones take what is free, the busiest first.
func (l *labels) begin(all []analyzer.ServiceReport) {
	clear(l.now)
	l.late = l.late || l.folded["service"] > 0 || l.folded["reason"] > 0
	for id := range l.services {
		l.services[id] = false
	}
	var fresh []*analyzer.ServiceReport
	for i := range all {
		id := identity{all[i].Name, l.environment(all[i].Environment)}
		if _, ok := l.services[id]; ok {
			l.services[id] = true
		} else {
			fresh = append(fresh, &all[i])
		}
	}
	for id, here := range l.services {
		if !here {
			delete(l.services, id)
		}
	}
	slices.SortStableFunc(fresh, func(a, b *analyzer.ServiceReport) int { return cmp.Compare(b.Accepted+b.Refused, a.Accepted+a.Refused) })
	for _, s := range fresh {
		if len(l.services) >= maxServices {
			l.overflow("service", 1)
			continue
		}
		l.services[identity{s.Name, l.environment(s.Environment)}] = true
	}
}

func (l *labels) environment(name string) string {
	if l.environments[name] {
		return name
	}
	if len(l.environments) >= maxEnvironments {
		l.overflow("environment", 1)
		return other
	}
	l.environments[name] = true
	return name
}

// service returns the labels of a service.
func (l *labels) service(name, environment string) identity {
	id := identity{name, l.environment(environment)}
	if _, ok := l.services[id]; ok {
		return id
	}
	return identity{other, id.environment}
}

// among returns a value of a label that has room for most of them.
func (l *labels) among(held map[string]bool, label, value string, most int) string {
	if !held[value] && len(held) >= most {
		l.overflow(label, 1)
		return other
	}
	held[value] = true
	return value
}

// overflow counts values of a label that found no place in this update.
func (l *labels) overflow(label string, n int) {
	l.now[label] += n
	l.folded[label] = max(l.folded[label], l.now[label])
}

func (l *labels) collect(ch chan<- prometheus.Metric) {
	for _, label := range cappedLabels {
		ch <- prometheus.MustNewConstMetric(overflowDesc, prometheus.CounterValue, float64(l.folded[label]), label)
	}
}
