package analyzer

import (
	"slices"
	"strings"
)

// Evidence is one thing that speaks for a verdict, and what it was read from.
type Evidence struct {
	Kind string `json:"kind"` // probe, text, time, population or change
	Says string `json:"says"`
	// Needed: without it the verdict would be weaker. It is found by leaving
	// the evidence out. Of what changes alone let see it is worked out in key
	// domains of up to 1,000 services.
	Needed bool `json:"needed"`
	// RestsOn names the changes, probe results and services beside the
	// incident's own entries that it was read from. Of what is needed, each
	// one is.
	RestsOn []string `json:"rests_on,omitempty"`
}

// weighed lists the evidence of a conclusion, and marks what it needs.
func (sc *scene) weighed(k *conclusion) []Evidence {
	var out []Evidence
	for _, r := range k.results {
		out = append(out, Evidence{"probe", "probe " + r.Probe + ": " + r.Detail, len(k.results) == 1 && !k.cause.observed && k.verdict == Confirmed, []string{r.ref()}})
	}
	for _, words := range k.lines {
		out = append(out, Evidence{Kind: string(signalChange), Says: words})
	}
	for _, r := range slices.Compact(slices.Sorted(slices.Values(k.rests))) {
		kind, says, _ := strings.Cut(r, " ")
		out = append(out, Evidence{kind, says, sc.needs(k, r), []string{r}})
	}
	said := map[string]bool{}
	for _, c := range k.complaints[:min(len(k.complaints), maxWeighed)] {
		for _, f := range slices.Concat(k.proof, k.cause.supports) {
			t := c.tell(f)
			if t.answer != yes || said[f.name+t.words] {
				continue
			}
			said[f.name+t.words] = true
			e := Evidence{Kind: string(f.signal), Says: t.words}
			if decides := k.verdict == Probable && len(k.lines) == 0; decides && len(t.rests) == 0 {
				e.Needed = !k.stands(func(o *complaint, g *fact) bool { return o != c || g != f })
			} else if decides {
				for _, r := range t.rests {
					if r.only && !k.standsWithout(r.what) {
						e.Needed, e.RestsOn = true, append(e.RestsOn, r.what)
					}
				}
			}
			if !e.Needed {
				for _, r := range t.rests {
					e.RestsOn = append(e.RestsOn, r.what)
				}
			}
			out = append(out, e)
		}
	}
	return out
}

// stands reports whether the cause would still be probable at some service of
// the conclusion if only the facts held that keep lets through.
func (k *conclusion) stands(keep func(*complaint, *fact) bool) bool {
	return slices.ContainsFunc(k.complaints, func(c *complaint) bool {
		return slices.ContainsFunc(k.cause.needs, func(alternative []*fact) bool {
			return !slices.ContainsFunc(alternative, func(f *fact) bool { return !c.holds(f) || !keep(c, f) })
		})
	})
}

// standsWithout reports whether it would if a change or a service had not been
// seen.
func (k *conclusion) standsWithout(what string) bool {
	return k.stands(func(c *complaint, f *fact) bool {
		return serviceRef(c.service.Name) != what && !slices.ContainsFunc(c.tell(f).rests, func(r rest) bool { return r.only && r.what == what })
	})
}

// maxWeighed is for how many services of an incident the evidence is listed.
const maxWeighed = 10

// largeDomain is the number of services above which changes are not left out
// one by one.
const largeDomain = 1000

// needs reports whether a conclusion from changes alone would be gone without
// one of them.
func (sc *scene) needs(k *conclusion, ref string) bool {
	if len(k.complaints) > 0 || len(k.results) > 0 || len(sc.services) > largeDomain {
		return false
	}
	return strings.HasPrefix(ref, "probe ") || !sc.without(ref).finds(k.cause.ID)
}

// without is the scene as if one change had not been told.
func (sc *scene) without(ref string) *scene {
	other := *sc
	other.changes = slices.DeleteFunc(slices.Clone(sc.changes), func(c *Change) bool { return c.ref() == ref })
	other.index, other.histories, other.peers, other.told = nil, nil, nil, false
	return &other
}

func (sc *scene) finds(cause Cause) bool {
	return slices.ContainsFunc(sc.latent(), func(k *conclusion) bool { return k.cause.ID == cause })
}
