package analyzer

import (
	"maps"
	"slices"
	"strings"
)

// gatePacks are the packs of platforms that refuse callers before the service
// runs.
var gatePacks = []string{"google-front-doors/"}

var factGate = &fact{"platform_gate", signalPopulation, func(c *complaint) (answer, string) {
	texts, all := c.population(DimRule), int64(0)
	var gate []string
	of := int64(0)
	for _, rule := range slices.Sorted(maps.Keys(texts)) {
		all += texts[rule]
		if slices.ContainsFunc(gatePacks, func(p string) bool { return strings.HasPrefix(rule, p) }) {
			gate, of = append(gate, rule), of+texts[rule]
		}
	}
	if all == 0 {
		return unknown, ""
	}
	return truth(of*10 >= all*9), "the texts are the platform's own: " + list(gate)
}}

// factSilentApp: the service itself says nothing of tokens while the platform
// refuses in its name.
var factSilentApp = &fact{"application_silent", signalTime, func(c *complaint) (answer, string) {
	for r, n := range c.rates.Reasons {
		if r != Unspecified && n > 0 && !slices.Contains(c.family.reasons, r) {
			return no, ""
		}
	}
	return yes, "the service itself logged no failed verification meanwhile"
}}
