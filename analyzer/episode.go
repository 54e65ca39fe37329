package analyzer

import (
	"math"
	"slices"
	"time"
)

// An episode is a run of failures without a pause. Most services have a
// trickle of them all the time (scanners, forged tokens, sleepy clients), so
// that a fault neither begins nor ends with zero: it shows as a stretch of
// minutes whose share of failures stands out of what was before.

// episode returns the first and last minute of the latest run of failures
// whose pauses are shorter than pause minutes; to < from when there is none.
func (sr *series) episode(f *family, pause int64) (from, to int64) {
	var hit []int64
	for m, t := range sr.minutes {
		if t.failures(f) > 0 {
			hit = append(hit, m)
		}
	}
	if len(hit) == 0 {
		return 0, -1
	}
	slices.Sort(hit)
	from, to = hit[len(hit)-1], hit[len(hit)-1]
	for i := len(hit) - 2; i >= 0 && from-hit[i] <= pause; i-- {
		from = hit[i]
	}
	return from, to
}

func (sr *series) failures(m int64, f *family) int64 {
	if t := sr.minutes[m]; t != nil {
		return t.failures(f)
	}
	return 0
}

// failures are a minute's entries of a family, before lines and requests are
// paired.
func (t *tally) failures(f *family) int64 {
	n := int64(0)
	for _, x := range t.reasons {
		if slices.Contains(f.reasons, x.reason) {
			n += x.finding + x.stackEnd + x.joined + x.notice
		}
	}
	if slices.Contains(f.reasons, Unspecified) {
		n += t.request
	}
	return n
}

// decisions are a minute's requests, as far as they are known.
func (t *tally) decisions() int64 {
	n := t.accepted + t.request
	for _, x := range t.reasons {
		n += x.joined
	}
	return n
}

const (
	standsOut   = 4  // a stretch has so many times the failure rate of what is around it
	significant = 12 // log likelihood ratio; by chance it is reached in about one of 10,000 runs
	leadMinutes = 3  // of a trickle before a stretch, below which it is the fault's own beginning
)

// run is an episode minute by minute, with prefix sums of failures and of
// exposure: the decisions, or the minutes themselves while none are known.
type run struct{ k, e []float64 }

func (sr *series) run(f *family, from, to int64) run {
	n := int(to - from + 1)
	r := run{make([]float64, n+1), make([]float64, n+1)}
	requests := false
	for i := range n {
		t := sr.minutes[from+int64(i)]
		if t == nil {
			r.k[i+1], r.e[i+1] = r.k[i], r.e[i]
			continue
		}
		k, e := t.failures(f), t.decisions()
		requests = requests || e > k
		r.k[i+1], r.e[i+1] = r.k[i]+float64(k), r.e[i]+float64(max(k, e))
	}
	if !requests {
		for i := range r.e {
			r.e[i] = float64(i)
		}
	}
	return r
}

func (r run) len() int { return len(r.k) - 1 }

// rate is the failure rate of the minutes [a, b).
func (r run) rate(a, b int) float64 {
	if e := r.e[b] - r.e[a]; e > 0 {
		return (r.k[b] - r.k[a]) / e
	}
	return 0
}

// ratio is the log likelihood ratio of a rate of its own in [a, b) against one
// rate throughout [from, to): the scan statistic of Kulldorff (1997) for
// Poisson counts. It is 0 for a stretch that does not stand out.
func (r run) ratio(from, to, a, b int) float64 {
	k, e := r.k[b]-r.k[a], r.e[b]-r.e[a]
	all, exposed := r.k[to]-r.k[from], r.e[to]-r.e[from]
	if e <= 0 || exposed-e <= 0 || k/e < standsOut*(all-k)/(exposed-e) {
		return 0
	}
	llr := k * math.Log(k/(all*e/exposed))
	if rest := all - k; rest > 0 {
		llr += rest * math.Log(rest/(all*(exposed-e)/exposed))
	}
	return llr
}

// scanned is how many points a scan looks at; longer runs are looked at in
// steps first and by the minute at the edges.
const scanned = 64

// stretch finds the minutes [a, b) of [from, to) that stand out most; ok is
// false when none does.
func (r run) stretch(from, to int) (a, b int, ok bool) {
	step := max(1, (to-from+scanned-1)/scanned)
	best := float64(significant)
	try := func(x, y int) {
		if l := r.ratio(from, to, x, y); l > best {
			best, a, b, ok = l, x, y, true
		}
	}
	for x := from; x < to; x += step {
		for y := min(x+step, to); y <= to; y = min(y+step, to) {
			try(x, y)
			if y == to {
				break
			}
		}
	}
	if !ok || step == 1 {
		return a, b, ok
	}
	for x, lo := max(from, a-step), min(b, a+step); x < lo; x++ {
		for y := max(x+1, b-step); y <= min(to, b+step); y++ {
			try(x, y)
		}
	}
	return a, b, ok
}

// fault is the part of an episode that stands out of the trickle before it,
// and the trickle's share; the whole when there is none.
func (sr *series) fault(f *family, from, to int64, quiet time.Duration) (int64, int64, float64) {
	r := sr.run(f, from, to)
	if r.len() <= leadMinutes {
		return from, to, 0
	}
	trickle, lo, hi := 0.0, 0, r.len()
	for at := 0; at < r.len(); {
		a, b, ok := r.stretch(at, r.len())
		if !ok {
			break
		}
		if a < at+leadMinutes || at == 0 && sr.ramp(r, from, a, quiet) {
			a = at
		}
		end := r.fall(a, b, at, quiet)
		if a == at && end == r.len() {
			break // it is the whole
		}
		if a > at {
			trickle = r.rate(at, a)
		}
		lo, hi = a, end
		if end >= r.len() || end == at {
			break
		}
		at = end // a later one counts for more
	}
	return from + int64(lo), from + int64(hi) - 1, trickle
}

// ramp reports whether the minutes [0, a) of a run are the fault's own slow
// beginning, as when tokens are renewed one by one: nothing of it was seen for
// a while before, and it grew.
func (sr *series) ramp(r run, from int64, a int, quiet time.Duration) bool {
	if time.Duration(a)*time.Minute > quiet || from-sr.first < int64(max(leadMinutes, a/2)) {
		return false
	}
	return r.rate((a+1)/2, a) >= r.rate(0, (a+1)/2)
}

// fall is where a stretch gives way to the trickle of before, or to a
// twentieth of itself for longer than quiet; the end of the run when it never
// does. A long fade belongs to the stretch.
func (r run) fall(a, b, at int, quiet time.Duration) int {
	limit, least := 2*r.rate(at, a), leadMinutes
	if a == at {
		limit, least = r.rate(a, b)/20, int(quiet/time.Minute)
	}
	end := r.len()
	for x := r.len() - 1; x >= b; x-- {
		if y := min(x+leadMinutes, r.len()); r.rate(x, y) > limit && r.k[y]-r.k[x] > 3 {
			break
		}
		end = x
	}
	if r.len()-end < least {
		return r.len()
	}
	return end
}
