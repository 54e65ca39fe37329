package analyzer

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// complaint is one family of reasons at one service, in its latest episode:
// the failures that follow one another without a pause of DiagnosisConfig.Quiet.
type complaint struct {
	scene    *scene
	service  Service
	family   *family
	reasons  map[Reason]int64
	count    int64
	from, to int64 // minutes, both included
	series   []int64
	rates    Rates // of the episode
	share    float64
	baseline float64 // the same share in the hour before
	quiet    bool    // it ended
	small    bool    // too few failures for an incident of its own
	told     map[*fact]told
	kept     *complaintSort
	fellow   []string // see fellows; nil before it was asked for
	around   *pace    // see accepts; nil likewise
	cited    []rest   // what the fact that is being asked rests on
}

// complaints finds what stands out of its baseline at a service, both as a
// count and as a share of its decisions.
func (sc *scene) complaintsOf(s Service) []*complaint {
	sr := sc.ledger.window.services[s]
	if sr == nil || len(sr.reasons) == 0 {
		return nil
	}
	var out []*complaint
	for i := range families {
		f := &families[i]
		if !slices.ContainsFunc(f.reasons, func(r Reason) bool { return sr.reasons[r] }) {
			continue
		}
		if c := sc.complaint(s, sr, f); c != nil {
			out = append(out, c)
		}
	}
	return out
}

// complaint finds the latest episode of a family at a service, without the
// trickle before it.
func (sc *scene) complaint(s Service, sr *series, f *family) *complaint {
	w := sc.ledger.window
	pause := max(1, int64(sc.cfg.Quiet/time.Minute))
	from, to := sr.episode(f, pause)
	if to < from {
		return nil
	}
	began := from
	from, to, trickle := sr.fault(f, from, to, sc.cfg.Quiet)
	c := sc.over(s, sr, f, from, to)
	if c == nil {
		return nil
	}
	// A flood of forged tokens hides when regular requests began to fail:
	// those that are let through tell it.
	if m := c.fell(); m > from+2 && (c.holds(factStrangers) || c.holds(factManyKids)) {
		if hidden := sc.over(s, sr, f, m, to); hidden != nil && !hidden.small {
			c, from = hidden, m
		}
	}
	c.baseline = trickle
	before := w.Service(s, from-60, from)
	if all := before.Accepted + before.Refused; all > 0 && began == from {
		n := int64(0)
		for _, r := range f.reasons {
			n += before.Reasons[r]
		}
		c.baseline = float64(n) / float64(all)
	}
	return c
}

// over is the complaint of the minutes from to to; nil when it is not worth an
// incident.
func (sc *scene) over(s Service, sr *series, f *family, from, to int64) *complaint {
	w := sc.ledger.window
	c := &complaint{scene: sc, service: s, family: f, from: from, to: to, told: map[*fact]told{}, reasons: map[Reason]int64{}, rates: w.Service(s, from, to+1)}
	always := false // a secret that cannot be loaded refuses no request and matters all the same
	for _, r := range f.reasons {
		if n := c.rates.Reasons[r]; n > 0 {
			c.reasons[r], c.count = n, c.count+n
			always = always || !r.Refusal()
		}
	}
	c.small = c.count < sc.cfg.MinCount && !always
	if c.count == 0 || c.small && !f.grave() {
		return nil
	}
	if all := c.rates.Accepted + c.rates.Refused; all > 0 {
		c.share = min(1, float64(c.count)/float64(all))
		if !always && !c.small && wilsonLow(min(c.count, all), all) < sc.cfg.MinShare {
			return nil
		}
	}
	c.quiet = time.Unix((to+1)*60, 0).Add(sc.cfg.Quiet).Before(sc.now)
	for m := from; m <= to; m++ {
		c.series = append(c.series, sr.failures(m, f))
	}
	return c
}

// level is how grave the complaint is while nothing decides. What always
// happens a little is grave when it happens to most; what strangers or one
// client send while everybody else is let through as before is not, nor what
// nobody explains while it keeps few people out.
func (c *complaint) level() Level {
	if c.newcomer() && !c.holds(factAcceptedFell) {
		return LevelInfo
	}
	if c.holds(factFlood) || c.holds(factAcceptedHolds) && (c.holds(factOneClient) || c.fromUnknown()) {
		return LevelInfo
	}
	if c.reasons[Unspecified] > 0 && !c.holds(factMost) && !c.holds(factAcceptedFell) {
		return LevelInfo // nobody says that it has to do with tokens
	}
	most := (c.holds(factMost) || c.mostLately()) && c.count >= 2*c.scene.cfg.MinCount
	switch {
	case c.family.ordinary() && most, c.family.unknown == "form.missing" && most && c.holds(factAcceptedFell):
		return LevelError
	case c.family.ordinary() && c.risesWithOthers(), c.family.unknown == "form.missing" && c.holds(factRegularsRise):
		return LevelWarning
	}
	return c.family.level
}

// risesWithOthers reports whether it rose far above the usual at three services
// or more at once, which is not the doing of clients that slept.
func (c *complaint) risesWithOthers() bool {
	others := 0
	for _, o := range c.scene.byFamily[c.family] {
		if o != c && o.overlaps(c) && abs(o.from-c.from) <= together && o.holds(factRisen) {
			others++
		}
	}
	return others >= 2 && c.holds(factRisen)
}

// newcomer reports whether one client that was never let through sends nearly
// all of the failures: nobody who was served is refused.
func (c *complaint) newcomer() bool {
	name, share, sum := top(c.population(DimClient))
	return sum >= fewFailures && 2*sum >= c.count && share >= oneClientShare && c.scene.ledger.Population(c.service, "", DimClient, c.from/60-1, c.to/60+1)[name] == 0
}

// fromUnknown reports whether most of the failures came from clients that were
// not let through in the same hours.
func (c *complaint) fromUnknown() bool {
	fine, known, sum := c.accepted(DimClient), int64(0), int64(0)
	for v, n := range c.population(DimClient) {
		if sum += n; fine[v] > 0 {
			known += n
		}
	}
	return sum >= fewFailures && known*3 < sum
}

// onset is when the episode began, known to the minute.
func (c *complaint) onset() time.Time { return time.Unix(c.from*60, 0).UTC() }

// began is the first of its entries where that is kept, else the horizon.
func (c *complaint) began() time.Time {
	at := c.horizon()
	for _, r := range c.family.reasons {
		if list := c.exemplars(r); len(list) > 0 && list[0].At.Before(at) {
			at = list[0].At
		}
	}
	return at
}

// end is the last second of its last minute.
func (c *complaint) end() time.Time { return time.Unix(c.to*60+59, 0).UTC() }

// population sums up a dimension over the episode's hours. The first and last
// hour may reach beyond the episode.
func (c *complaint) population(d Dimension) map[string]int64 {
	out := map[string]int64{}
	for _, r := range c.family.reasons {
		for v, n := range c.scene.ledger.Population(c.service, r, d, c.from/60, c.to/60+1) {
			out[v] += n
		}
	}
	if len(out) == 0 && d == DimClient {
		return c.scene.ledger.Population(c.service, "", DimRefused, c.from/60, c.to/60+1)
	}
	return out
}

// exemplars are the kept entries of a reason in the complaint's own episode.
func (c *complaint) exemplars(r Reason) []Exemplar {
	return slices.DeleteFunc(c.scene.ledger.Exemplars(c.service, r, c.from/60, c.to/60+1), func(x Exemplar) bool { return x.At.Before(c.onset()) || x.At.After(c.end()) })
}

// accepted sums up a dimension over the accepted requests of the same hours.
func (c *complaint) accepted(d Dimension) map[string]int64 {
	return c.scene.ledger.Population(c.service, "", d, c.from/60, c.to/60+1)
}

// top is the most frequent value of a population and its share; of several,
// the first in order of text.
func top(p map[string]int64) (value string, share float64, sum int64) {
	best := int64(0)
	for v, n := range p {
		sum += n
		if n > best || n == best && v < value {
			value, best = v, n
		}
	}
	if sum > 0 {
		share = float64(best) / float64(sum)
	}
	return value, share, sum
}

// overlaps reports whether two complaints stood at the same time.
func (c *complaint) overlaps(o *complaint) bool { return c.from <= o.to+1 && o.from <= c.to+1 }

// wilsonLow is the lower bound of the 95 % Wilson score interval of k in n.
func wilsonLow(k, n int64) float64 {
	const z = 1.96
	p, f := float64(k)/float64(n), float64(n)
	d := 1 + z*z/f
	return (p + z*z/(2*f) - z*math.Sqrt(max(0, p*(1-p)/f+z*z/(4*f*f)))) / d
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func percent(x float64) string { return strconv.FormatFloat(100*x, 'f', 1, 64) + " %" }

func compareComplaint(a, b *complaint) int {
	return cmp.Or(compareService(a.service, b.service), cmp.Compare(a.family.name, b.family.name))
}
