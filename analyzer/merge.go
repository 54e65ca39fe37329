package analyzer

import "slices"

// merge puts conclusions of one cause together: one incident for each cause
// in a key domain. An undecided one keeps to its family.
func merge(all []*conclusion) []*conclusion {
	var out []*conclusion
	for _, k := range all {
		i := slices.IndexFunc(out, func(o *conclusion) bool { return o.fits(k) })
		if i < 0 {
			out = append(out, k)
			continue
		}
		o := out[i]
		o.complaints = append(o.complaints, k.complaints...)
		for _, r := range k.results {
			if !slices.Contains(o.results, r) {
				o.results = append(o.results, r)
			}
		}
		if o.verdict == Probable && k.verdict == Confirmed {
			o.verdict, o.proof = Confirmed, nil
		}
		o.refuted = append(o.refuted, k.refuted...)
		o.services, o.lines, o.rests = append(o.services, k.services...), append(o.lines, k.lines...), append(o.rests, k.rests...)
	}
	return out
}

func (k *conclusion) fits(o *conclusion) bool {
	if k.cause.ID != o.cause.ID || (k.verdict == Ambiguous) != (o.verdict == Ambiguous) {
		return false
	}
	if len(k.complaints) == 0 || len(o.complaints) == 0 {
		return true // a silent fault belongs to the one that users met
	}
	return k.verdict != Ambiguous || k.complaints[0].family == o.complaints[0].family
}

// follow takes out the conclusions that another one explains, and returns the
// services that they add to it.
func (sc *scene) follow(all *[]*conclusion) map[*conclusion][]string {
	affected := map[*conclusion][]string{}
	var stay []*conclusion
	for _, k := range *all {
		by := k.explainedBy(*all)
		if by == nil {
			stay = append(stay, k)
			continue
		}
		for _, c := range k.complaints {
			affected[by] = append(affected[by], c.service.Name)
		}
	}
	*all = stay
	return affected
}

// explainedBy finds a surer conclusion of which k is a consequence: its cause
// is listed there, and it began no earlier.
func (k *conclusion) explainedBy(all []*conclusion) *conclusion {
	if k.verdict == Confirmed || len(k.complaints) == 0 {
		return nil
	}
	for _, o := range all {
		if o == k || o.verdict == Ambiguous || len(o.complaints) == 0 || !o.explains(k) || slices.Contains(k.cause.Explains, o.cause.ID) {
			continue
		}
		a, b := o.span(), k.span()
		if b.from >= a.from-1 && b.from <= a.to+1 {
			return o
		}
	}
	return nil
}

// relays takes out the conclusions of services that pass on what others
// refuse, wherever in the environment these are: a gateway is seldom of the
// key domain whose tokens pass through it.
func relays(scenes []*scene) {
	for _, sc := range scenes {
		sc.concluded = slices.DeleteFunc(sc.concluded, func(k *conclusion) bool {
			for _, other := range scenes {
				if other.env != sc.env {
					continue
				}
				if by := sc.relayedFrom(k, other.concluded); by != nil {
					for _, c := range k.complaints {
						other.affected[by] = append(other.affected[by], c.service.Name)
					}
					return true
				}
			}
			return false
		})
	}
}

// relayedFrom finds the conclusion whose refusals k passes on: at a service
// that never said anything of tokens itself, such as a gateway, requests are
// refused without a reason since others refuse theirs with one.
func (sc *scene) relayedFrom(k *conclusion, all []*conclusion) *conclusion {
	if k.cause.ID != "meta.unclassified" || len(k.complaints) == 0 ||
		slices.ContainsFunc(k.complaints, func(c *complaint) bool { return sc.ledger.window.reasons(c.service) }) {
		return nil
	}
	for _, o := range all {
		if o == k || len(o.complaints) == 0 || o.complaints[0].family == k.complaints[0].family || 2*o.count() < k.count() {
			continue
		}
		if a, b := o.span(), k.span(); abs(a.from-b.from) <= 1 {
			return o
		}
	}
	return nil
}

func (k *conclusion) count() int64 {
	n := int64(0)
	for _, c := range k.complaints {
		n += c.count
	}
	return n
}

// explains reports whether k is a consequence of o by its cause.
func (o *conclusion) explains(k *conclusion) bool {
	return slices.Contains(o.cause.Explains, k.cause.ID) || slices.Contains(o.cause.ExplainsHere, k.cause.ID) && o.covers(k) || o.cause.shared && k.verdict == Ambiguous && slices.Contains(k.candidates, o.cause.ID)
}

// covers reports whether o is of all the services that k is of.
func (o *conclusion) covers(k *conclusion) bool {
	return !slices.ContainsFunc(k.complaints, func(c *complaint) bool {
		return !slices.ContainsFunc(o.complaints, func(d *complaint) bool { return d.service == c.service })
	})
}

type minutes struct{ from, to int64 }

func (k *conclusion) span() minutes {
	s := minutes{k.complaints[0].from, k.complaints[0].to}
	for _, c := range k.complaints {
		s.from, s.to = min(s.from, c.from), max(s.to, c.to)
	}
	return s
}

// front moves the named causes to the head of the list.
func front(list []Cause, first ...Cause) []Cause {
	rest := slices.DeleteFunc(slices.Clone(list), func(c Cause) bool { return slices.Contains(first, c) })
	return append(slices.Clone(first), rest...)
}
