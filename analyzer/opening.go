package analyzer

import "slices"

// Few failures open nothing: five of one family at one service do, or five at
// several services of a key domain that began together, because a fault that
// all of them meet need not wait until one of them has met it five times. Only
// grave families count so, see [family.grave].

// together is how many minutes apart complaints of several services may begin
// to be of one fault.
const together = 5

// opened are the complaints that are worth an incident. The small ones of
// other services go to sc.small, by family.
func (sc *scene) opened(all []*complaint) []*complaint {
	sc.small = map[*family][]*complaint{}
	full := map[*family]bool{}
	for _, c := range all {
		if c.small {
			sc.small[c.family] = append(sc.small[c.family], c)
		} else {
			full[c.family] = true
		}
	}
	all = slices.DeleteFunc(all, func(c *complaint) bool { return c.small })
	for i := range families {
		f := &families[i]
		small := sc.small[f]
		if full[f] || len(small) < 2 {
			continue
		}
		if group := sc.group(small); group != nil {
			all, sc.small[f] = append(all, group...), nil
		}
	}
	return all
}

// group are the latest of the small complaints that began together, when they
// come to what opens an incident.
func (sc *scene) group(small []*complaint) []*complaint {
	latest := slices.MaxFunc(small, func(a, b *complaint) int { return int(a.from - b.from) })
	var out []*complaint
	sum, all := int64(0), int64(0)
	for _, c := range small {
		if latest.from-c.from <= together && latest.overlaps(c) {
			out = append(out, c)
			sum, all = sum+c.count, all+c.rates.Accepted+c.rates.Refused
		}
	}
	if len(out) < 2 || sum < sc.cfg.MinCount || all > 0 && wilsonLow(min(sum, all), all) < sc.cfg.MinShare {
		return nil
	}
	for _, c := range out {
		c.small = false
	}
	return out
}

// joined are the small complaints that began with those of an undecided
// conclusion: what they lack is number, not likeness.
func (sc *scene) joined(k *conclusion) []*complaint {
	if k.verdict != Ambiguous || len(k.complaints) == 0 {
		return nil
	}
	of := k.complaints[0]
	return slices.DeleteFunc(slices.Clone(sc.small[of.family]), func(c *complaint) bool { return abs(c.from-of.from) > together || !c.overlaps(of) })
}
