package analyzer

import (
	"fmt"
	"slices"
	"strings"
)

var factEveryone = &fact{"everyone", signalPopulation, func(c *complaint) (answer, string) {
	if c.rates.Accepted+c.rates.Refused == 0 {
		return unknown, ""
	}
	return truth(c.share >= 0.9), percent(c.share) + " of its decisions fail so"
}}

var factSome = &fact{"some", signalPopulation, func(c *complaint) (answer, string) {
	if c.rates.Accepted+c.rates.Refused == 0 {
		return unknown, ""
	}
	return truth(c.share < 0.5), "most of its requests are let through"
}}

// factHeavy: more than the short, small and falling number that an orderly
// rotation may cost.
var factHeavy = &fact{"heavy", signalPopulation, func(c *complaint) (answer, string) {
	all := c.rates.Accepted + c.rates.Refused
	if all == 0 {
		return unknown, ""
	}
	return truth(wilsonLow(min(c.count, all), all) >= 0.25), percent(c.share) + " of its decisions fail so, which is more than a rotation within its overlap costs"
}}

var factMost = negate(factSome, "most", "most of its requests fail so")

// peers are what the other services of a scene do while a family of failures
// stands at one of them. Most complaints of an outage ask the same question, so
// that the answer is kept.
type peers struct {
	sound  []string // verifiers that let requests through and have none of it
	spread bool     // some fail in the same way, too little for a complaint of their own
}

type peersKey struct {
	family   *family
	from, to int64
	flooded  bool
	uncommon bool
}

// peers looks at the verifiers of the scene during the complaint.
func (c *complaint) peers() peers {
	sc, k := c.scene, peersKey{c.family, c.from, c.to, c.sort().flood, c.sort().uncommon}
	if p, ok := sc.peers[k]; ok {
		return p
	}
	ill := map[Service]bool{}
	for _, o := range sc.byFamily[c.family] {
		ill[o.service] = ill[o.service] || o == c || o.overlaps(c) && o.counts(c)
	}
	var p peers
	for _, s := range sc.verifiers() {
		_, complained := ill[s]
		spreads := !complained && c.spreads(s)
		p.spread = p.spread || spreads
		if !ill[s] && !spreads && sc.ledger.window.accepts(s, c.from, c.to+1) {
			p.sound = append(p.sound, s.Name)
		}
	}
	if sc.peers == nil {
		sc.peers = map[peersKey]peers{}
	}
	sc.peers[k] = p
	return p
}

// sound are the other verifiers of the scene that let requests through while
// the complaint stood, and have no complaint of its family.
func (c *complaint) sound() []string { return c.peers().sound }

// counts reports whether o says something to c: strangers' tokens at another
// service are no sign that it shares c's fault, and neither is the ordinary
// level of what always happens a little.
func (o *complaint) counts(c *complaint) bool {
	mine, theirs := c.sort(), o.sort()
	return (theirs.uncommon || !mine.uncommon) && (!theirs.flood || mine.flood)
}

// complaintSort is what sets complaints of one family apart; it is asked for
// every two of them.
type complaintSort struct{ uncommon, flood bool }

func (c *complaint) sort() *complaintSort {
	if c.kept == nil {
		c.kept = &complaintSort{c.uncommon(), c.tell(factFlood).answer == yes}
	}
	return c.kept
}

// uncommon: most fail for what an ordinary day has a few failures of.
func (c *complaint) uncommon() bool { return c.family.ordinary() && c.holds(factMost) }

var factPeersSound = &fact{"peers_sound", signalPopulation, func(c *complaint) (answer, string) {
	sound := c.sound()
	if len(sound) == 0 {
		return no, ""
	}
	if len(sound) == 1 {
		c.cite(rest{serviceRef(sound[0]), true})
	}
	return yes, "other services that verify tokens of the same key domain accept them over the same time: " + list(sound)
}}

var factNoPeerSound = negate(factPeersSound, "no_peer_sound", "no other verifier of the key domain was seen to accept tokens meanwhile")

// fellows are the other services with the same complaint, begun within five
// minutes.
func (c *complaint) fellows() []string {
	if c.fellow == nil {
		out := []string{}
		for _, o := range c.scene.byFamily[c.family] {
			if o != c && o.overlaps(c) && abs(o.from-c.from) <= together && o.counts(c) {
				out = append(out, o.service.Name)
			}
		}
		slices.Sort(out)
		c.fellow = slices.Compact(out)
	}
	return c.fellow
}

func abs(x int64) int64 { return max(x, -x) }

var factSeveral = &fact{"several_services", signalPopulation, func(c *complaint) (answer, string) {
	f := c.fellows()
	if len(f) == 0 {
		return no, ""
	}
	if len(f) == 1 {
		c.cite(rest{serviceRef(f[0]), true})
	}
	return yes, "it began at the same time at " + list(f)
}}

// spreads reports whether another service, which has no complaint of it, fails
// in the same way.
func (c *complaint) spreads(s Service) bool {
	sr := c.scene.ledger.window.services[s]
	if sr == nil || !slices.ContainsFunc(c.family.reasons, func(r Reason) bool { return sr.reasons[r] }) {
		return false
	}
	failed, all := int64(0), int64(0)
	for m := max(c.from, sr.first); m <= min(c.to, sr.last); m++ {
		if t := sr.minutes[m]; t != nil {
			failed, all = failed+t.failures(c.family), all+max(t.decisions(), t.failures(c.family))
		}
	}
	if c.uncommon() {
		return failed >= 2 && 2*failed >= all
	}
	return failed >= 2 && 20*failed >= all
}

var factAlone = &fact{"one_service", signalPopulation, func(c *complaint) (answer, string) {
	switch {
	case c.tell(factSeveral).answer == yes:
		return no, ""
	case c.peers().spread:
		return unknown, ""
	}
	return yes, "no other service complains of it"
}}

var factMany = &fact{"many_services", signalPopulation, func(c *complaint) (answer, string) {
	f := c.fellows()
	return when(len(f) >= 2, func() string { return fmt.Sprintf("it began at the same time at %d services", len(f)+1) })
}}

// Clients are hashes.

const (
	oneClientShare = 0.9 // of the failures come from one client, or all but one
	strangerShare  = 0.7 // likewise, from one that was never let through: strays are likelier than two faults
	fewFailures    = 5   // below this a population says nothing
)

var factOneClient = &fact{"one_client", signalPopulation, func(c *complaint) (answer, string) {
	who := c.population(DimClient)
	name, share, sum := top(who)
	if sum < fewFailures || 2*sum < c.count {
		return unknown, ""
	}
	fine := c.scene.ledger.Population(c.service, "", DimClient, c.from/60-1, c.to/60+1)
	others := int64(0)
	for v, n := range fine {
		if v != name {
			others += n
		}
	}
	// A gateway in front is one client too, but it carries nearly all that
	// is let through.
	stranger := fine[name] == 0 && others >= 20
	most := oneClientShare
	if stranger {
		most = strangerShare
	}
	if share < most && float64(sum)*(1-share) > 1.5 || others == 0 || others*2 < sum && !stranger {
		return no, ""
	}
	return yes, fmt.Sprintf("%s of the failures come from one client, while others are let through", percent(share))
}}

var factManyClients = &fact{"many_clients", signalPopulation, func(c *complaint) (answer, string) {
	who := c.population(DimClient)
	_, share, sum := top(who)
	if sum < fewFailures || 2*sum < c.count {
		return unknown, ""
	}
	return when(len(who) >= 5 && share < 0.5, func() string { return fmt.Sprintf("at least %d clients are affected", len(who)) })
}}

// known counts the failing clients, and those that were let through as well.
func (c *complaint) known() (known, all int) {
	fine := c.accepted(DimClient)
	for v := range c.population(DimClient) {
		all++
		if fine[v] > 0 {
			known++
		}
	}
	return known, all
}

// factStrangers weighs clients by their failures: somebody who floods a
// service outweighs the regular clients that fail now and then.
var factStrangers = &fact{"strangers", signalPopulation, func(c *complaint) (answer, string) {
	before := c.scene.ledger.Population(c.service, "", DimClient, c.from/60-1, c.to/60+1)
	known, sum, all := int64(0), int64(0), 0
	for v, n := range c.population(DimClient) {
		all, sum = all+1, sum+n
		if before[v] > 0 {
			known += n
		}
	}
	if all < fewFailures || sum < 2*fewFailures || len(before) == 0 {
		return unknown, ""
	}
	return when(known*10 < sum, func() string {
		return fmt.Sprintf("of what %d failing clients sent hardly anything came from one that was ever let through", all)
	})
}}

var factRegulars = negate(factStrangers, "regular_clients", "the failing clients are ones that were let through before")

// factRegularsRise: what bots and stray callers meet all day, regular clients
// meet far more often than before.
var factRegularsRise = &fact{"regulars_rise", signalPopulation, func(c *complaint) (answer, string) {
	if t := c.tell(factRisen); t.answer != yes {
		return t.answer, ""
	}
	t := c.tell(factRegulars)
	return t.answer, t.words + ", far more often than they were refused so before"
}}

var factClientsRecover = &fact{"clients_recover", signalPopulation, func(c *complaint) (answer, string) {
	known, all := c.known()
	if all == 0 || len(c.accepted(DimClient)) == 0 {
		return unknown, ""
	}
	return when(known*2 >= all, func() string {
		return fmt.Sprintf("%d of %d failing clients were let through in the same hour", known, all)
	})
}}

var factSignersFail = &fact{"issuer_fails", signalPopulation, func(c *complaint) (answer, string) {
	if c.scene.domain == nil {
		return unknown, ""
	}
	for _, m := range c.scene.domain.Services {
		if !m.Signs {
			continue
		}
		s := Service{m.Name, c.service.Environment}
		if failed, n := c.scene.ledger.window.failing(s, c.from-10, c.to+1); s != c.service && failed >= 5 && 2*failed > n {
			c.cite(rest{serviceRef(m.Name), true})
			return yes, fmt.Sprintf("%s, which signs tokens, answers %d of %d requests with a failure of its own (5xx)", m.Name, failed, n)
		}
	}
	return no, ""
}}

func list(names []string) string {
	s := strings.Join(names[:min(len(names), 5)], ", ")
	if n := len(names) - 5; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}
