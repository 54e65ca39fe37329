package analyzer

import (
	"slices"
	"time"
)

// Health is what all probe results together say.
type Health string

// The states of health, the worst first. CannotTell stands before Degraded:
// what was not seen may be worse.
const (
	Unhealthy  Health = "unhealthy"
	CannotTell Health = "unknown"
	Degraded   Health = "degraded"
	Healthy    Health = "healthy"
)

// HealthOf sums up the latest probe results of the key domains. A failure of
// any check is unhealthy; a warning is degraded. A check that could not look,
// or a service whose secret nobody looked at, is never healthy, unless another
// check answered the very same question about the service.
func HealthOf(domains []KeyDomain, results []ProbeResult) Health {
	seen := func(s Status) bool {
		return slices.ContainsFunc(results, func(r ProbeResult) bool { return r.Status == s })
	}
	switch {
	case seen(StatusFail):
		return Unhealthy
	case blindIn(results) || !watched(domains, results):
		return CannotTell
	case seen(StatusWarn):
		return Degraded
	}
	return Healthy
}

// sameQuestion pairs the kinds that both tell which value a service verifies
// with: one by what the service says of itself, the other from outside.
var sameQuestion = map[string]string{"canary": "fingerprint", "fingerprint": "canary"}

// blindIn reports whether a question stayed open.
func blindIn(results []ProbeResult) bool {
	return slices.ContainsFunc(results, func(r ProbeResult) bool { return r.Status == StatusUnknown && !r.answeredIn(results) })
}

// answeredIn reports whether another check knows what r could not see.
func (r *ProbeResult) answeredIn(results []ProbeResult) bool {
	other := sameQuestion[r.Probe]
	return other != "" && slices.ContainsFunc(results, func(o ProbeResult) bool {
		return o.Probe == other && o.Status != StatusUnknown && o.Domain == r.Domain && o.Service == r.Service && o.Service.Name != ""
	})
}

// watched reports whether some check looked at the availability and the
// consistency of every service's secret.
func watched(domains []KeyDomain, results []ProbeResult) bool {
	for _, s := range Scores(domains, results) {
		for _, l := range s.Lost {
			if l.Check == noCheck && (l.Part == "availability" || l.Part == "consistency") {
				return false
			}
		}
	}
	return len(domains) > 0
}

// JWTHealth is the agreed shape of a JWT health answer. Status is healthy,
// degraded or unhealthy; what could not be seen counts as degraded, and as
// false in the details.
type JWTHealth struct {
	Status  Health           `json:"status"`
	Details JWTHealthDetails `json:"details"`
}

// JWTHealthDetails are the details of a [JWTHealth].
type JWTHealthDetails struct {
	JWTSecretAvailable      bool       `json:"jwt_secret_available"`
	SecretLengthValid       bool       `json:"secret_length_valid"`
	CrossServiceConsistency bool       `json:"cross_service_consistency"`
	LastValidated           *time.Time `json:"last_validated"` // of the latest check that saw something; null: none did
}

// JWTHealthOf puts the latest probe results into the agreed shape.
func JWTHealthOf(domains []KeyDomain, results []ProbeResult) JWTHealth {
	h := JWTHealth{Status: HealthOf(domains, results)}
	if h.Status == CannotTell {
		h.Status = Degraded
	}
	passes := func(name string) bool {
		i := slices.IndexFunc(scoreParts, func(p scorePart) bool { return p.name == name })
		known := false
		for j := range results {
			v, speaks := scoreParts[i].value(&results[j])
			switch {
			case !speaks:
			case results[j].Status == StatusUnknown:
				if !results[j].answeredIn(results) {
					return false
				}
			case v == 0:
				return false
			default:
				known = true
			}
		}
		return known
	}
	h.Details.JWTSecretAvailable, h.Details.SecretLengthValid, h.Details.CrossServiceConsistency = passes("availability"), passes("format"), passes("consistency")
	for i := range results {
		if r := &results[i]; r.Status != StatusUnknown && (h.Details.LastValidated == nil || r.At.After(*h.Details.LastValidated)) {
			at := r.At.UTC()
			h.Details.LastValidated = &at
		}
	}
	return h
}
