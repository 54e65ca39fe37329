package analyzer

import (
	"fmt"
	"slices"
	"strings"
)

// ofKeySet: the key that changed is one of a key set, not a shared secret.
func (c *Change) ofKeySet() bool {
	return c.Kind == JWKSKeyAdded || c.Kind == JWKSKeyRemoved || c.Details[thumbprintDetail] != ""
}

// thumbprintDetail is the key of Change.Details that holds the RFC 7638
// thumbprint of a key of a key set.
const thumbprintDetail = "thumbprint"

// inKeySet is the latest change of a key set that may have come before the complaint:
// a probe sees one only with its next look.
func (c *complaint) inKeySet(kind ChangeKind, keep func(*Change) bool) *Change {
	return c.seek(c.scene.changes, c.onset().Add(-adoption), c.horizon().Add(echo), func(x *Change) bool {
		return (x.Details[toldDetail] != "" || !x.At.After(c.horizon())) && x.ofKeySet() && x.Details[atStartDetail] == "" && (keep == nil || keep(x))
	}, kind)
}

var factKeyAdded = &fact{"key_added", signalChange, func(c *complaint) (answer, string) {
	k := c.inKeySet(JWKSKeyAdded, nil)
	if k == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("key %s was added to the key set at %s", k.Version, k.At.UTC().Format("15:04:05"))
}}

var factKeyRemoved = &fact{"key_removed", signalChange, func(c *complaint) (answer, string) {
	kids := c.population(DimKeyID)
	k := c.inKeySet(JWKSKeyRemoved, func(x *Change) bool { return len(kids) == 0 || kids[x.Version] > 0 })
	if k == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("key %s was removed from the key set at %s", k.Version, k.At.UTC().Format("15:04:05"))
}}

var factKeyExchanged = &fact{"key_exchanged", signalChange, func(c *complaint) (answer, string) {
	k := c.inKeySet(ValueChanged, nil)
	if k == nil {
		return no, ""
	}
	return yes, fmt.Sprintf("the key behind kid %s was exchanged, seen at %s", k.Version, k.At.UTC().Format("15:04:05"))
}}

// liveKeySet is what a probe found of the key set since the complaint began,
// when that is sound.
func (c *complaint) liveKeySet() *ProbeResult {
	for i := len(c.scene.results) - 1; i >= 0; i-- {
		r := c.scene.results[i]
		if r.Probe == "jwks" && r.Facts["kids"] != "" && r.about(c.service) {
			if r.Status != StatusOK || r.At.Before(c.began()) {
				return nil
			}
			return r
		}
	}
	return nil
}

var factLiveSet = &fact{"live_key_set_sound", signalProbe, func(c *complaint) (answer, string) {
	return truth(c.liveKeySet() != nil), "the key set that is published is sound"
}}

var factLiveKid = &fact{"kid_live", signalProbe, func(c *complaint) (answer, string) {
	r := c.liveKeySet()
	kid, share, _ := top(c.population(DimKeyID))
	if r == nil || kid == "" || share < 0.5 {
		return unknown, ""
	}
	return truth(slices.Contains(strings.Fields(r.Facts["kids"]), kid)), "the key set that is published has the key " + kid
}}

// factNoKeySet: the key domain is declared to have a shared secret alone.
var factNoKeySet = &fact{"no_key_set", signalPopulation, func(c *complaint) (answer, string) {
	d := c.scene.domain
	if d == nil || d.Secret == "" {
		return unknown, ""
	}
	return truth(d.JWKS == "" && d.Discovery == "" && d.Issuer == ""), "the key domain has a shared secret and no key set"
}}
