package web

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/why401/why401/analyzer"
)

// timeline is the time that layers lie in: steps from the first on, of which
// the last one and the first may be seen in part only.
type timeline struct {
	first    time.Time
	step     time.Duration
	from, to time.Time // what was seen
}

func timelineOf(s *analyzer.Series, from, to time.Time) timeline {
	return timeline{s.From, time.Duration(s.Step) * time.Second, from, to}
}

// seen is how much of step i was.
func (l timeline) seen(i int) time.Duration {
	begin := l.first.Add(l.step * time.Duration(i))
	return earlier(l.to, begin.Add(l.step)).Sub(later(l.from, begin))
}

// glimpse reports whether too little of step i was seen to tell a rate.
func (l timeline) glimpse(i int) bool { return l.seen(i) < l.step/4 }

// minutes is what counts of step i are divided by.
func (l timeline) minutes(i int) float64 { return max(l.seen(i), l.step/4).Minutes() }

// top is where the axis of stacked values ends, so that its three parts are
// round.
func top(values [][]float64) float64 {
	most := 0.0
	for i := range values[0] {
		sum := 0.0
		for _, v := range values {
			sum += v[i]
		}
		most = max(most, sum)
	}
	part := most / 3
	if part == 0 {
		return 3
	}
	unit := math.Pow(10, math.Floor(math.Log10(part)))
	for _, n := range []float64{1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10} {
		if n*unit >= part {
			return 3 * n * unit
		}
	}
	return most
}

// ticks are the lengths between two labels of the axis of time.
var ticks = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour,
	6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 4 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour}

// tickFor is the shortest of ticks that gives at most 9 labels.
func tickFor(span time.Duration) time.Duration {
	i, _ := slices.BinarySearchFunc(ticks, span/8, func(a, b time.Duration) int { return cmp.Compare(a, b) })
	return ticks[min(i, len(ticks)-1)]
}

// clockLabels labels the steps that begin at a round time, in UTC.
func clockLabels(from time.Time, step time.Duration, points int) []string {
	out := make([]string, points)
	tick := max(tickFor(step*time.Duration(points)), step)
	for i := range out {
		if t := from.Add(step * time.Duration(i)).UTC(); t.Truncate(tick).Equal(t) && i < points-1 {
			out[i] = tickLabel(t, tick)
		}
	}
	return out
}

func tickLabel(t time.Time, tick time.Duration) string {
	if tick >= 24*time.Hour || t.Hour() == 0 && t.Minute() == 0 {
		return t.Format("Jan 2")
	}
	return t.Format("15:04")
}
