package analyzer

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Values that tokens carry, and how far their times lie from the verifier's
// clock.

func oneValue(d Dimension, name, what string) *fact {
	return &fact{name, signalPopulation, func(c *complaint) (answer, string) {
		v, share, sum := top(c.population(d))
		if sum < c.count/2 || sum == 0 {
			return unknown, ""
		}
		return when(share >= 0.9, func() string { return fmt.Sprintf("%s of the failures carry %s %s", percent(share), what, v) })
	}}
}

var (
	factOneKid      = oneValue(DimKeyID, "one_kid", "kid")
	factOneIssuer   = oneValue(DimIssuer, "one_issuer", "issuer")
	factOneAudience = oneValue(DimAudience, "one_audience", "audience")
	factOneAlg      = oneValue(DimAlg, "one_alg", "alg")
)

var factManyKids = &fact{"many_kids", signalPopulation, func(c *complaint) (answer, string) {
	kids := c.population(DimKeyID)
	_, share, sum := top(kids)
	if sum < fewFailures {
		return unknown, ""
	}
	return when(len(kids) >= 5 && share < 0.5, func() string { return fmt.Sprintf("the tokens name at least %d different keys", len(kids)) })
}}

var factAlgNone = &fact{"alg_none", signalPopulation, func(c *complaint) (answer, string) {
	algs := c.population(DimAlg)
	if len(algs) == 0 {
		return truth(c.reasons[AlgNoneRejected] > 0), "tokens with alg none are among them"
	}
	for a := range algs {
		if strings.EqualFold(a, "none") {
			return yes, "tokens with alg none are among them"
		}
	}
	return no, ""
}}

// A client id where an audience should stand: an ID token (OpenID Connect
// Core, section 2) used as an access token. Google's and UUID client ids have
// a form of their own.
var clientID = regexp.MustCompile(`(?i)\.apps\.googleusercontent\.com|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\bclient[-_]?id\b`)

var factIDToken = &fact{"id_token", signalPopulation, func(c *complaint) (answer, string) {
	if c.reasons[TokenTypeMismatch]*2 > c.count {
		return yes, "the verifier itself says that the token is of another kind"
	}
	for _, r := range c.family.reasons {
		for _, x := range c.exemplars(r) {
			if clientID.MatchString(cmp.Or(x.Captures["actual"], x.Captures["aud"], x.Excerpt)) {
				return yes, "the audience is a client id: an ID token is used as an access token"
			}
		}
	}
	return no, ""
}}

// factNearlySame: what was wanted and what was found differ in nothing but
// their spelling.
var factNearlySame = &fact{"nearly_same", signalText, func(c *complaint) (answer, string) {
	for _, r := range c.family.reasons {
		for _, x := range c.exemplars(r) {
			want, found := x.Captures["expected"], cmp.Or(x.Captures["actual"], x.Captures["iss"], x.Captures["aud"])
			if want != "" && found != "" && want != found && bare(want) == bare(found) {
				return yes, fmt.Sprintf("%s was wanted and %s found: the same name, spelt otherwise", want, found)
			}
		}
	}
	return unknown, ""
}}

// bare takes from an issuer's name what people get wrong.
func bare(s string) string {
	s = strings.ToLower(strings.Trim(s, `"' `))
	s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
	return strings.TrimPrefix(strings.TrimRight(s, "/"), "www.")
}

// deltaOf reads how far a token's time lies from the verifier's clock, in
// whole seconds; ok is false when the entry does not say.
func deltaOf(captures map[string]string, at time.Time) (seconds int64, ok bool) {
	if d := strings.TrimSpace(captures["delta"]); d != "" {
		return secondsIn(d)
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		if t, ok := momentOf(captures[name]); ok {
			now := at
			if n, ok := momentOf(captures["now"]); ok {
				now = n
			}
			return abs(int64(now.Sub(t) / time.Second)), true
		}
	}
	return 0, false
}

var quantity = regexp.MustCompile(`^-?([0-9]+(?:\.[0-9]+)?)\s*([a-zµ]*)`)

// secondsIn reads 3m12s, 95, 95 seconds or 1234 milliseconds.
func secondsIn(s string) (int64, bool) {
	if d, err := time.ParseDuration(strings.TrimPrefix(s, "-")); err == nil {
		return int64(d / time.Second), true
	}
	m := quantity.FindStringSubmatch(strings.ToLower(s))
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	switch unit := m[2]; {
	case err != nil:
		return 0, false
	case strings.HasPrefix(unit, "milli") || unit == "ms":
		n /= 1000
	case strings.HasPrefix(unit, "min"):
		n *= 60
	case strings.HasPrefix(unit, "hour"):
		n *= 3600
	case strings.HasPrefix(unit, "day"):
		n *= 86400
	}
	return int64(n), true
}

// momentOf reads a time as libraries print it: RFC 3339, or seconds or
// milliseconds since 1970.
func momentOf(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 1e9 {
		if n > 1e11 {
			n /= 1000
		}
		return time.Unix(n, 0), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999 -0700 MST", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// deltaStep rounds a distance in time, so that a population of them stays
// small: exact below a minute, else two digits.
func deltaStep(seconds int64) string {
	if seconds < 60 {
		return strconv.FormatInt(seconds, 10)
	}
	unit := int64(1)
	for seconds/unit >= 100 {
		unit *= 10
	}
	return strconv.FormatInt(seconds/unit*unit, 10)
}

// deltas returns the median and the 95th percentile of the distances; ok is
// false when less than half of the failures tell one.
func (c *complaint) deltas() (median, high time.Duration, ok bool) {
	type step struct{ seconds, n int64 }
	var all []step
	sum := int64(0)
	for v, n := range c.population(DimDelta) {
		if s, err := strconv.ParseInt(v, 10, 64); err == nil {
			all, sum = append(all, step{s, n}), sum+n
		}
	}
	if sum < fewFailures || 2*sum < c.count {
		return 0, 0, false
	}
	slices.SortFunc(all, func(a, b step) int { return cmp.Compare(a.seconds, b.seconds) })
	at := func(q float64) time.Duration {
		left := int64(q * float64(sum))
		for _, s := range all {
			if left -= s.n; left < 0 {
				return time.Duration(s.seconds) * time.Second
			}
		}
		return time.Duration(all[len(all)-1].seconds) * time.Second
	}
	return at(0.5), at(0.95), true
}

// smallDelta is the largest distance that a clock or a short lifetime, rather
// than a client that sleeps, is likely to make.
const smallDelta = 10 * time.Minute

var factDeltaSmall = &fact{"delta_small", signalTime, func(c *complaint) (answer, string) {
	median, high, ok := c.deltas()
	if !ok {
		return unknown, ""
	}
	return when(high <= smallDelta, func() string {
		return fmt.Sprintf("95 %% of the tokens are off by at most %s (median %s): a small, even distance", high, median)
	})
}}

var factDeltaWide = &fact{"delta_wide", signalTime, func(c *complaint) (answer, string) {
	median, high, ok := c.deltas()
	if !ok {
		return unknown, ""
	}
	return when(median > smallDelta, func() string {
		return fmt.Sprintf("the tokens are off by up to %s (median %s): clients that slept or never refresh", high, median)
	})
}}
