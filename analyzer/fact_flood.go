package analyzer

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Does what fails come on top of ordinary traffic, or is it ordinary traffic
// that fails? Somebody who floods a service with forged tokens leaves the
// requests that are let through as they were; a service that holds the wrong
// key does not.

// pace is how many requests a service let through a minute, in the half hour
// before a complaint and during it.
type pace struct {
	before, during float64
	minutes        float64 // that during is of
	ok             bool    // enough were seen to compare
}

// accepts is the pace around the complaint. Several facts ask for it.
func (c *complaint) accepts() pace {
	if c.around == nil {
		p := c.paced()
		c.around = &p
	}
	return *c.around
}

func (c *complaint) paced() pace {
	sr := c.scene.ledger.window.services[c.service]
	from := sr.awake(max(sr.first, c.from-30), c.from)
	was := c.scene.ledger.window.Service(c.service, from, c.from)
	if c.from-from < 3 || was.Accepted < 20 {
		return pace{}
	}
	minutes := min(float64(c.to-c.from+1), c.scene.now.Sub(c.onset()).Minutes()) // the last one may be under way
	if minutes < 0.2 {
		return pace{}
	}
	before := float64(was.Accepted) / float64(c.from-from)
	if usual := sr.usual(from, c.from); usual >= 4 {
		before = min(before, usual) // who came all at once is not missed afterwards
	}
	return pace{before, float64(c.rates.Accepted) / minutes, minutes, true}
}

// longSilence is for how many minutes a service must have let nobody through,
// and missedInSilence how many requests that must have been at its later pace,
// before what came earlier is no measure any more: it was a test, another day,
// or logs are missing.
const (
	longSilence     = 3
	missedInSilence = 10
)

// awake is the first minute of [from, to) after the last long silence.
func (sr *series) awake(from, to int64) int64 {
	silent, let := int64(0), int64(0)
	for m := to - 1; m >= from; m-- {
		if n := sr.accepts(m); n > 0 {
			silent, let = 0, let+n
			continue
		}
		silent++
		if after := m + silent; silent >= longSilence && let > 0 && let*silent >= missedInSilence*(to-after) {
			return after
		}
	}
	return from
}

// accepts are the requests that a service let through in a minute.
func (sr *series) accepts(m int64) int64 {
	if t := sr.minutes[m]; t != nil {
		return max(t.accepted, t.success)
	}
	return 0
}

// usual is the median of the requests let through a minute in [from, to).
func (sr *series) usual(from, to int64) float64 {
	var list []int64
	for m := from; m < to; m++ {
		list = append(list, sr.accepts(m))
	}
	slices.Sort(list)
	return float64(list[len(list)/2]+list[(len(list)-1)/2]) / 2
}

// fell is the minute of the complaint from which on fewer requests were let
// through than before, 0 when none stands out.
func (c *complaint) fell() int64 {
	to := min(c.to, minute(c.scene.now.UnixNano())-1) // the minute under way tells too little
	if at := c.scene.ledger.window.fell(c.service, c.from-30, to, 0.85); at > c.from {
		return at
	}
	return 0
}

// fell is the minute of [from, to] from which on a service let through less
// than the share below of what it did before; 0 when none stands out.
func (w *Window) fell(s Service, from, to int64, below float64) int64 {
	sr := w.services[s]
	if sr == nil {
		return 0
	}
	from = max(from, sr.first)
	n := int(to - from + 1)
	sum := make([]float64, max(n, 0)+1)
	for i := range n {
		sum[i+1] = sum[i] + float64(sr.accepts(from+int64(i)))
	}
	best, at := float64(significant), int64(0)
	for i := 2; i < n; i++ {
		was, is := sum[i]/float64(i), (sum[n]-sum[i])/float64(n-i)
		if is > below*was {
			continue
		}
		mean := sum[n] / float64(n)
		llr := sum[i] * math.Log(was/mean)
		if is > 0 {
			llr += (sum[n] - sum[i]) * math.Log(is/mean)
		}
		if llr > best {
			best, at = llr, from+int64(i)
		}
	}
	return at
}

var factAcceptedFell = &fact{"accepted_fell", signalTime, func(c *complaint) (answer, string) {
	p := c.accepts()
	if !p.ok {
		return unknown, ""
	}
	missing := (p.before - p.during) * p.minutes
	if float64(c.count) < missing/4 {
		return unknown, "" // something else keeps them out
	}
	return when(p.during < 0.85*p.before && missing > 4*math.Sqrt(p.before*p.minutes), func() string {
		return fmt.Sprintf("it let %.3g requests a minute through before and %.3g since: ordinary traffic fails", p.before, p.during)
	})
}}

var factAcceptedHolds = &fact{"accepted_holds", signalTime, func(c *complaint) (answer, string) {
	p := c.accepts()
	if !p.ok {
		return unknown, ""
	}
	return when(c.tell(factAcceptedFell).answer == no && p.during >= 0.85*p.before, func() string {
		return fmt.Sprintf("as many requests are let through as before (%.3g a minute, %.3g now)", p.before, p.during)
	})
}}

// factOnTop: the failures are additional requests.
var factOnTop = &fact{"on_top", signalTime, func(c *complaint) (answer, string) {
	p := c.accepts()
	if !p.ok {
		return unknown, ""
	}
	extra := float64(c.count) / p.minutes
	return when(c.holds(factAcceptedHolds) && extra > 0.25*p.before && extra > 2*math.Abs(p.during-p.before), func() string {
		return fmt.Sprintf("the failures (%.3g a minute) come on top of ordinary traffic, which goes on as before", extra)
	})
}}

// factScattered: no client stands out. Of a flood only a part of its clients
// is counted.
var factScattered = &fact{"scattered", signalPopulation, func(c *complaint) (answer, string) {
	who := c.population(DimClient)
	_, share, sum := top(who)
	return truth(len(who) >= 5 && 2*share*float64(sum) < float64(c.count)), "no client sends most of them"
}}

// factFlood: tokens of strangers, on top of ordinary traffic. A complaint of
// this sort says nothing of the service's own key.
var factFlood = &fact{"flood", signalPopulation, func(c *complaint) (answer, string) {
	s, k := c.tell(factStrangers), c.tell(factManyKids)
	if s.answer != yes && k.answer != yes || c.holds(factAcceptedFell) {
		return no, ""
	}
	if s.answer == yes {
		return yes, s.words
	}
	return yes, k.words
}}

// factRelayed: another party's refusal is passed on.
var factRelayed = says("relayed", "the text is about a call that the service itself made to another party", "upstream", "outbound", "third-party", "third party", "partner", "api responded", "api returned", "api error", "remote api",
	"get https://", "post https://", "put https://", "request to https://", "response from", "from https://", "calling https://", "http client", "httpclient", "axios")

// factForbidden: all that nothing explains are 403s, which is what a service
// answers when it knows the caller.
var factForbidden = &fact{"forbidden", signalPopulation, func(c *complaint) (answer, string) {
	p := c.scene.ledger.Population(c.service, "", DimStatus, c.from/60, c.to/60+1)
	if _, _, sum := top(p); sum == 0 {
		return unknown, ""
	}
	return truth(p["403"]*10 >= c.count*8), "the answers are 403, not 401: the callers are known and lack something else than a good token"
}}

// factEndedByChange: it ended with another deploy, start or version, so that
// it did not fade by itself.
var factEndedByChange = &fact{"ended_by_change", signalChange, func(c *complaint) (answer, string) {
	if c.to-c.from < 2 {
		return no, ""
	}
	end, began := c.end(), time.Unix(c.lastBurst()*60, 0)
	x := c.seek(c.own(), end.Add(-3*time.Minute), end.Add(time.Minute), func(x *Change) bool { return x.At.After(began.Add(2 * time.Minute)) },
		RevisionDeployed, InstanceStarted, ConfigEdited)
	if x == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("it ended with %s", x.told())
}}
