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
// or a service whose secret nobody looked at, is never healthy.
func HealthOf(domains []KeyDomain, results []ProbeResult) Health {
	seen := func(s Status) bool {
		return slices.ContainsFunc(results, func(r ProbeResult) bool { return r.Status == s })
	}
	switch {
	case seen(StatusFail):
		return Unhealthy
	case seen(StatusUnknown) || !watched(domains, results):
		return CannotTell
	case seen(StatusWarn):
		return Degraded
	}
	return Healthy
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
			if speaks && (results[j].Status == StatusUnknown || v == 0) {
				return false
			}
			known = known || speaks
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
