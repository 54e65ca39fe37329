package analyzer

import (
	"slices"
	"time"
)

// Series are the decisions of one service over time, in steps of equal
// length. What they add up to over the whole is what a report says of it.
type Series struct {
	Service     string    `json:"service"`
	Environment string    `json:"environment"`
	From        time.Time `json:"from"`         // of the first step
	Step        int64     `json:"step_seconds"` // a multiple of 60
	Accepted    []int64   `json:"accepted"`
	Refused     []int64   `json:"refused"`
	// Reasons holds, for each primary reason that occurred, as many counts
	// as there are steps.
	Reasons map[Reason][]int64 `json:"reasons"`
}

// MaxPoints is the most steps that Series has, whatever the span.
const MaxPoints = 200

// steps are the lengths of a step, in minutes, that fall on the hours and days
// of a clock.
var steps = []int64{1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, 2880, 10080}

// stepFor is the shortest of steps that cuts n minutes into at most MaxPoints.
func stepFor(n int64) int64 {
	for _, s := range steps {
		if n/s < MaxPoints {
			return s
		}
	}
	last := steps[len(steps)-1]
	return (n/MaxPoints/last + 1) * last
}

// Series returns the series of every service that was seen in [from, to), by
// environment and name, cut into at most MaxPoints steps.
func (l *Ledger) Series(from, to time.Time) []Series {
	out := []Series{}
	for _, s := range l.window.Services() {
		if se, ok := l.series(s, from, to); ok {
			out = append(out, se)
		}
	}
	return out
}

func (l *Ledger) series(s Service, from, to time.Time) (Series, bool) {
	sr := l.window.services[s]
	a, b := minute(from.UnixNano()), minute(to.UnixNano()-1)+1
	if sr == nil || sr.last < a || sr.first >= b || a >= b {
		return Series{}, false
	}
	step := stepFor(b - a)
	a -= (a%step + step) % step
	n := int((b - a + step - 1) / step)
	out := Series{
		Service: s.Name, Environment: s.Environment, From: time.Unix(a*60, 0).UTC(), Step: step * 60,
		Accepted: make([]int64, n), Refused: make([]int64, n), Reasons: map[Reason][]int64{},
	}
	success := make([]int64, n)
	var open, requests, accepted, told int64
	for i := range n {
		var sum rateSum
		from := a + int64(i)*step
		open = sr.sum(&sum, from, min(from+step, b), open)
		if i == n-1 {
			sum.unexplained(open)
		}
		out.Accepted[i], out.Refused[i], success[i] = sum.Accepted, sum.Refused, sum.success
		requests, accepted, told = requests+sum.requests, accepted+sum.Accepted, told+sum.success
		for r, k := range sum.Reasons {
			if out.Reasons[r] == nil {
				out.Reasons[r] = make([]int64, n)
			}
			out.Reasons[r][i] = k
		}
	}
	if requests == 0 || told > accepted {
		out.Accepted = success
	}
	return out, true
}

// seriesAtOnce is how many services' series are made while nothing else gets
// at the ledger.
const seriesAtOnce = 32

// Series is [Ledger.Series] for a running pipeline, which it holds up for a
// few services at a time only.
func (p *Pipeline) Series(from, to time.Time) []Series {
	var services []Service
	p.View(func(l *Ledger) { services = l.window.Services() })
	out := []Series{}
	for some := range slices.Chunk(services, seriesAtOnce) {
		p.View(func(l *Ledger) {
			for _, s := range some {
				if se, ok := l.series(s, from, to); ok {
					out = append(out, se)
				}
			}
		})
	}
	return out
}
