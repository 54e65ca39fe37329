package sinks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/why401/why401/analyzer"
)

// counters are what reports sum up, as counters that never fall: the sums of
// a report do fall when old minutes are forgotten, and Prometheus would take
// that for a reset and count everything again.
type counters struct {
	outcomes, refusals, entries, unmatched, drift *family
	notes                                         analyzer.Notes // nil: nothing is noted
}

// family is the series of one metric.
type family struct {
	name  string
	width int // number of labels
	desc  *prometheus.Desc
	held  map[string]*counted // by labels
	data  string              // as it is noted
}

// counted is one series; as JSON it survives a restart.
type counted struct {
	Labels []string `json:"l"`
	Shown  int64    `json:"n"` // what the counter shows
	Sum    int64    `json:"s"` // what reports summed up to at that time

	scraped  bool // a series is seen at zero first, so that rate() sees its first event
	exemplar *prometheus.Exemplar
	newest   time.Time // of the exemplars that were shown
}

func newCounters() *counters {
	f := func(name, help string, labels ...string) *family {
		return &family{name: name, width: len(labels), desc: desc(name, help, labels...), held: map[string]*counted{}}
	}
	return &counters{
		outcomes:  f("auth_outcomes_total", "Authentication decisions seen in the logs, by outcome: accepted or refused.", "service", "environment", "outcome"),
		refusals:  f("auth_refusals_total", "Authentication failures seen in the logs, by primary reason.", "service", "environment", "reason"),
		entries:   f("entries_total", "Log entries by what became of them.", "result"),
		unmatched: f("entries_unmatched_total", "Entries that look like authentication failures and that no rule claims.", "service"),
		drift:     f("config_drift_detected_total", "Incidents in which a service was found with another configuration than the others, by cause.", "cause"),
	}
}

func (c *counters) all() []*family {
	return []*family{c.outcomes, c.refusals, c.entries, c.unmatched, c.drift}
}

// counterTopic is where counters are noted, one key a family.
const counterTopic = "counters"

func (c *counters) resume(ctx context.Context, notes analyzer.Notes) error {
	c.notes = notes
	held, err := notes.Notes(ctx, counterTopic)
	if err != nil {
		return fmt.Errorf("read counters: %w", err)
	}
	var errs []error
	for _, f := range c.all() {
		data, ok := held[f.name]
		if !ok {
			continue
		}
		var series []*counted
		if err := json.Unmarshal(data, &series); err != nil {
			errs = append(errs, fmt.Errorf("decode counter %s: %w", f.name, err))
			continue
		}
		for _, s := range series {
			if len(s.Labels) == f.width {
				s.scraped = true
				f.held[key(s.Labels)] = s
			}
		}
		f.data = string(data)
	}
	return errors.Join(errs...)
}

func key(labels []string) string { return strings.Join(labels, "\x00") }

// sums is what an update sums up to, by labels.
type sums map[string]*counted

func (s sums) add(n int64, labels ...string) *counted {
	k := key(labels)
	if s[k] == nil {
		s[k] = &counted{Labels: labels}
	}
	s[k].Sum += n
	return s[k]
}

// follow takes the sums of an update over. What cannot be noted is not shown:
// a crash could otherwise make a counter fall.
func (c *counters) follow(ctx context.Context, u *analyzer.Update, l *labels) error {
	var errs []error
	for f, now := range map[*family]sums{
		c.outcomes: outcomeSums(u.Report, l), c.refusals: refusalSums(u, l, c.refusals.held), c.entries: entrySums(u.Report),
		c.unmatched: unmatchedSums(u.Report, l), c.drift: driftSums(u.Records),
	} {
		next := f.advance(now, l.late)
		if c.notes != nil {
			if err := f.note(ctx, c.notes, next); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		f.held = next
	}
	return errors.Join(errs...)
}

// advance returns the series after an update that sums up to now. A service
// that was counted under other begins where it stands.
func (f *family) advance(now sums, late bool) map[string]*counted {
	next := make(map[string]*counted, len(now))
	for k, n := range now {
		was := f.held[k]
		switch {
		case was != nil:
			n.Shown, n.scraped = was.Shown+max(0, n.Sum-was.Sum), was.scraped
		case !late || n.Labels[0] == other:
			n.Shown = n.Sum
		}
		n.exemplify(was)
		next[k] = n
	}
	return next
}

// exemplify brings the exemplar into an order that Prometheus takes: that of
// another incident is later than those that were shown before, and one that
// tells nothing new is shown as it was.
func (n *counted) exemplify(was *counted) {
	if was != nil {
		n.newest = was.newest
	}
	switch {
	case n.exemplar == nil:
		return
	case n.exemplar.Timestamp.After(n.newest):
	case was.exemplar != nil && was.exemplar.Labels["incident"] == n.exemplar.Labels["incident"]:
		n.exemplar = was.exemplar
		return
	default:
		x := *n.exemplar
		x.Timestamp = n.newest.Add(time.Millisecond)
		n.exemplar = &x
	}
	n.newest = n.exemplar.Timestamp
}

// note writes the series of a family down if they changed.
func (f *family) note(ctx context.Context, notes analyzer.Notes, next map[string]*counted) error {
	series := make([]*counted, 0, len(next))
	for _, k := range slices.Sorted(maps.Keys(next)) {
		series = append(series, next[k])
	}
	data, err := json.Marshal(series)
	if err != nil || string(data) == f.data {
		return err
	}
	if err := notes.Note(ctx, counterTopic, f.name, data); err != nil {
		return fmt.Errorf("write counter %s: %w", f.name, err)
	}
	f.data = string(data)
	return nil
}

func (c *counters) collect(ch chan<- prometheus.Metric) {
	for _, f := range c.all() {
		for _, s := range f.held {
			n := s.Shown
			if !s.scraped {
				n, s.scraped = 0, true
			}
			m := prometheus.MustNewConstMetric(f.desc, prometheus.CounterValue, float64(n), s.Labels...)
			if s.exemplar != nil && n > 0 {
				m = prometheus.MustNewMetricWithExemplars(m, *s.exemplar)
			}
			ch <- m
		}
	}
}
