package analyzer

import (
	"fmt"
	"slices"
	"time"
)

var factSudden = &fact{"sudden", signalTime, func(c *complaint) (answer, string) {
	if c.baseline > 0.5*c.share {
		return unknown, ""
	}
	if len(c.series) < 3 {
		// Who was let through all the time is refused by the minute.
		if p := c.accepts(); !p.ok || p.before < 4 || c.baseline > 0.1*c.share || !c.mostLately() {
			return unknown, ""
		}
		return yes, "it began from one minute to the next, at " + c.onset().Format("15:04")
	}
	s := slices.Clone(c.series)
	slices.Sort(s)
	level := s[len(s)/2]
	if max(c.series[0], c.series[1], c.series[2])*2 < level {
		return no, ""
	}
	return yes, "it began from one minute to the next, at " + c.onset().Format("15:04")
}}

// mostLately reports whether most of the latest decisions failed so: the
// minute in which a fault begins holds what was decided before it as well.
func (c *complaint) mostLately() bool {
	sr := c.scene.ledger.window.services[c.service]
	failed, all := int64(0), int64(0)
	for m := c.to; m >= c.from && all < 2*fewFailures; m-- {
		if t := sr.minutes[m]; t != nil {
			k := t.failures(c.family)
			failed, all = failed+k, all+max(k, t.decisions())
		}
	}
	return failed >= fewFailures && wilsonLow(failed, all) >= 0.5
}

var factFromTheStart = &fact{"from_the_start", signalTime, func(c *complaint) (answer, string) {
	sr := c.scene.ledger.window.services[c.service]
	if time.Unix(sr.first*60, 0).Sub(c.scene.ledger.first) < 2*time.Minute {
		return unknown, "" // the log begins there, not the service
	}
	if c.from-sr.first > 3 {
		return no, ""
	}
	return yes, "the service has failed since it was first seen"
}}

// settled is for how many minutes failures must have been seen to say whether
// they fade.
const settled = 3

var factDecays = &fact{"decays", signalTime, func(c *complaint) (answer, string) {
	n := len(c.series)
	if n <= brief && c.scene.now.After(c.end().Add(2*time.Minute)) {
		return yes, fmt.Sprintf("it was over by itself after %d min", n)
	}
	if n < 2 {
		return truth(c.quiet), "it was over within a minute"
	}
	if n < settled {
		return unknown, "" // it has only just begun
	}
	var first, second int64
	for i, k := range c.series {
		if i < (n+1)/2 {
			first += k
		} else {
			second += k
		}
	}
	if second*3 > first {
		return no, ""
	}
	words := fmt.Sprintf("it fades by itself: %d failures in the first half of the time, %d in the second", first, second)
	if d := c.scene.domain; d != nil && d.TokenTTL > 0 && c.tell(factRotation).answer == yes {
		words += ", and is over at " + clock(c.onset().Add(d.TokenTTL)) + " at the latest, when the last token of before has expired"
	}
	return yes, words
}}

var factPersists = negate(factDecays, "persists", "it does not fade by itself")

var factShort = &fact{"short", signalTime, func(c *complaint) (answer, string) {
	if c.to-c.from >= 10 {
		return no, ""
	}
	if !c.quiet && !c.scene.now.After(c.end().Add(3*time.Minute)) {
		return unknown, "" // it may yet go on
	}
	return yes, fmt.Sprintf("it lasted %d min", c.to-c.from+1)
}}

// brief is how long a race at start may take: keys that come later are a
// fault of another sort.
const brief = 4

var factBrief = &fact{"brief", signalTime, func(c *complaint) (answer, string) {
	if c.to-c.from >= brief {
		return no, ""
	}
	return c.tell(factShort).answer, c.tell(factShort).words
}}

// factAtStarts: the complaint is made of short bursts, each of which began
// with a start of the service.
var factAtStarts = &fact{"bursts_at_starts", signalTime, func(c *complaint) (answer, string) {
	if c.holds(factSeveral) {
		return no, ""
	}
	bursts := 0
	for i := 0; i < len(c.series); i++ {
		if c.series[i] == 0 {
			continue
		}
		from := i
		for i+1 < len(c.series) && c.series[i+1] > 0 {
			i++
		}
		at := time.Unix((c.from+int64(from))*60, 0)
		if i-from >= brief || c.seek(c.own(), at.Add(-2*time.Minute), at.Add(time.Minute), nil, InstanceStarted, RevisionDeployed) == nil {
			return no, ""
		}
		bursts++
	}
	return when(bursts > 0, func() string {
		return fmt.Sprintf("%d short bursts of it began with a start of the service each", bursts)
	})
}}

// lastBurst is the minute in which the failures without a pause began that the
// complaint ends with.
func (c *complaint) lastBurst() int64 {
	i := len(c.series) - 1
	for i > 0 && c.series[i-1] > 0 {
		i--
	}
	return c.from + int64(i)
}

// factOver: nothing of it was seen for two minutes.
var factOver = &fact{"over", signalTime, func(c *complaint) (answer, string) {
	return truth(c.scene.now.After(c.end().Add(2 * time.Minute))), "it is over"
}}

// factRaceWindow: the service has only just begun, and it may be over soon.
var factRaceWindow = &fact{"race_window", signalTime, func(c *complaint) (answer, string) {
	if c.tell(factStart).answer != yes || c.holds(factSeveral) || c.to-c.from >= brief {
		return no, ""
	}
	return truth(!c.scene.now.After(c.end().Add(2 * time.Minute))), "the service has only just started: it may be over soon"
}}

// factEachStart: earlier runs of the same failures began with a start too.
var factEachStart = &fact{"each_start", signalTime, func(c *complaint) (answer, string) {
	sr, with, without := c.scene.ledger.window.services[c.service], 0, 0
	for to := c.from - 1; to > sr.first && with+without < 10; {
		m := to
		for m > sr.first && sr.failures(m, c.family) == 0 {
			m--
		}
		from := m
		for from > sr.first && sr.failures(from-1, c.family) > 0 {
			from--
		}
		if sr.failures(from, c.family) == 0 {
			break
		}
		at := time.Unix(from*60, 0)
		if c.scene.lastOf(c.service, at.Add(-2*time.Minute), at.Add(time.Minute), nil, InstanceStarted, RevisionDeployed) != nil {
			with++
		} else {
			without++
		}
		to = from - 1
	}
	if with+without == 0 {
		return unknown, ""
	}
	return when(without == 0, func() string {
		return fmt.Sprintf("%d earlier bursts of it began with a start as well, and none without", with)
	})
}}

// steadyShare is the share of decisions below which ordinary failures, such
// as expired tokens, need no explanation.
const steadyShare = 0.1

var factSteady = &fact{"steady", signalTime, func(c *complaint) (answer, string) {
	all := c.rates.Accepted + c.rates.Refused
	if all == 0 {
		return unknown, ""
	}
	if c.share < steadyShare || wilsonLow(min(c.count, all), all) < 2*c.baseline {
		return yes, fmt.Sprintf("it is at an ordinary level: %s of the decisions, %s in the hour before", percent(c.share), percent(c.baseline))
	}
	return no, ""
}}

// factRisen: it is well above the trickle of before, however small its share.
var factRisen = &fact{"risen", signalTime, func(c *complaint) (answer, string) {
	all := c.rates.Accepted + c.rates.Refused
	if all == 0 || c.count < 2*fewFailures {
		return unknown, ""
	}
	return when(wilsonLow(min(c.count, all), all) > standsOut*c.baseline, func() string {
		return fmt.Sprintf("%s of the decisions fail so, and %s did before", percent(c.share), percent(c.baseline))
	})
}}

var factRises = negate(factSteady, "rises", "it is far above its usual level")

var factNothingAccepted = &fact{"nothing_accepted", signalTime, func(c *complaint) (answer, string) {
	if c.rates.Accepted > 0 {
		return no, ""
	}
	if !c.rates.Requests && c.rates.Refused == 0 && !c.scene.ledger.window.services[c.service].success {
		return yes, "the service has let nothing through since it began"
	}
	return yes, "the service has let nothing through since it began"
}}
