package analyzer

import (
	"fmt"
	"strconv"
	"strings"
)

// Instances: which of them fail, and which do not.

// instances sums up the instances of a reason (of the accepted requests for
// none) over the five minutes of hour and slot [from, to] of the complaint.
func (c *complaint) instances(into map[string]int64, r Reason, from, to int64) {
	for h := from / 60; h <= to/60; h++ {
		for v, n := range c.scene.ledger.Population(c.service, r, DimInstance, h, h+1) {
			name, slot, ok := strings.Cut(v, " ")
			k, err := strconv.ParseInt(slot, 10, 64)
			if at := h*60 + k*slotMinutes; ok && err == nil && at >= from && at <= to {
				into[name] += n
			}
		}
	}
}

// factSomeInstances: only what was served in the five minutes after those in
// which it began counts, for by then it is known who was let through since.
var factSomeInstances = &fact{"some_instances", signalPopulation, func(c *complaint) (answer, string) {
	failing, fine := map[string]int64{}, map[string]int64{}
	from := c.from/slotMinutes*slotMinutes + slotMinutes
	for _, r := range c.family.reasons {
		c.instances(failing, r, from, c.to)
	}
	c.instances(fine, "", from, c.to)
	if len(failing) == 0 || len(fine) == 0 {
		return unknown, ""
	}
	sound, ill := 0, 0
	failed, all := int64(0), int64(0)
	for _, n := range failing {
		failed, all = failed+n, all+n
	}
	for _, n := range fine {
		all += n
	}
	spared := 0.0 // failures that the sound ones would have had if all were alike
	for name, n := range fine {
		if failing[name]*10 < n && n >= 3 {
			sound, spared = sound+1, spared+float64((n+failing[name])*failed)/float64(all)-float64(failing[name])
		}
	}
	for name, n := range failing {
		if n >= 3 && float64(n)/float64(n+fine[name]) >= 0.3 {
			ill++
		}
	}
	switch {
	case sound == 0 || ill == 0:
		return no, ""
	case spared < fewFailures:
		return unknown, "" // it may be chance
	}
	return yes, fmt.Sprintf("%d of its instances fail and %d do not", ill, sound)
}}

var factAllInstances = negate(factSomeInstances, "all_instances", "its instances fail alike")
