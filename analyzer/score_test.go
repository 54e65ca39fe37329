package analyzer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// scoreDomain has four services in staging.
func scoreDomain(services ...string) KeyDomain {
	d := KeyDomain{Name: "jwt-main", Environment: "staging"}
	for _, s := range services {
		d.Services = append(d.Services, Member{Name: s})
	}
	return d
}

func scored(probe, service string, status Status, cause Cause) ProbeResult {
	return ProbeResult{Probe: probe, Target: service, Domain: "jwt-main", Service: Service{service, "staging"}, Status: status, Cause: cause, Detail: "what " + probe + " saw of " + service}
}

// sound are results that leave nothing to wish for.
func sound(services ...string) []ProbeResult {
	out := []ProbeResult{{Probe: "secret_manager", Target: "jwt-main", Domain: "jwt-main", Service: Service{Environment: "staging"}, Status: StatusOK}}
	for _, s := range services {
		for _, probe := range []string{"secret", "fingerprint", "alignment"} {
			out = append(out, scored(probe, s, StatusOK, ""))
		}
	}
	return out
}

func TestScore(t *testing.T) {
	four := []string{"auth", "orders", "payments", "web"}
	replace := func(r ProbeResult) []ProbeResult {
		out := sound(four...)
		for i := range out {
			if out[i].Probe == r.Probe && out[i].Service.Name == r.Service.Name {
				out[i] = r
				return out
			}
		}
		return append(out, r)
	}
	wide := func(r ProbeResult) ProbeResult { r.Service.Name = ""; return r }
	for _, tt := range []struct {
		name    string
		results []ProbeResult
		want    string // total, the four parts
		lost    string // part points check, of each
	}{
		{"all is well", sound(four...), "100 40 30 20 10", ""},
		{"no probe looked", nil, "0 0 0 0 0", "availability 40 none, consistency 30 none, format 20 none, alignment 10 none"},
		{"one service drifts", replace(scored("fingerprint", "payments", StatusFail, "key.cross_service_drift")), "92 40 22 20 10", "consistency 8 fingerprint payments"},
		{"one could not be looked at", replace(scored("fingerprint", "payments", StatusUnknown, "")), "92 40 22 20 10", "consistency 8 fingerprint payments"},
		{"one was looked at by another kind alone", append(replace(scored("fingerprint", "payments", StatusUnknown, "")), scored("canary", "payments", StatusOK, "")), "96 40 26 20 10", "consistency 4 fingerprint payments"},
		{"the store failed for all", replace(wide(scored("secret_manager", "", StatusFail, "key.version_disabled"))), "60 0 30 20 10", "availability 40 secret_manager "},
		{"a warning costs a quarter", replace(wide(scored("secret_manager", "", StatusWarn, "rotation.overdue"))), "90 30 30 20 10", "availability 10 secret_manager "},
		{"too short is no question of availability", replace(scored("secret", "web", StatusFail, "key.too_short")), "95 40 30 15 10", "format 5 secret web"},
		{"what is missing has no format", replace(scored("secret", "web", StatusFail, "key.secret_missing")), "85 30 30 15 10", "availability 10 secret web, format 5 secret web"},
		{"another environment's secret", replace(scored("fingerprint", "web", StatusFail, "key.wrong_environment")), "89 40 22 20 7", "consistency 8 fingerprint web, alignment 3 fingerprint web"},
		{"a fault without a cause", replace(scored("alignment", "web", StatusFail, "")), "97 40 30 20 7", "alignment 3 alignment web"},
		{"of another domain", append(sound(four...), ProbeResult{Probe: "secret", Domain: "other", Status: StatusFail}), "100 40 30 20 10", ""},
		{"of another environment", append(sound(four...), ProbeResult{Probe: "secret", Domain: "jwt-main", Service: Service{"web", "production"}, Status: StatusFail}), "100 40 30 20 10", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Scores([]KeyDomain{scoreDomain(four...)}, tt.results)["staging"]
			var lost []string
			for _, l := range s.Lost {
				lost = append(lost, fmt.Sprintf("%s %d %s", l.Part, l.Points, l.Check))
				if l.Why == "" {
					t.Errorf("no reason for %+v", l)
				}
			}
			if got := fmt.Sprint(s.Total, s.Availability, s.Consistency, s.Format, s.Alignment); got != tt.want || strings.Join(lost, ", ") != tt.lost {
				t.Errorf("score %s, lost %s\nwant  %s, lost %s", got, strings.Join(lost, ", "), tt.want, tt.lost)
			}
		})
	}
}

// Whatever the results: every lost point names its check, the parts add up,
// the order does not matter, and a check that could not look never scores
// more than one that passed, nor as much as it would have passed.
func TestScoreHolds(t *testing.T) {
	luck := rand.New(rand.NewPCG(1, 2))
	kinds := []string{"secret_manager", "secret", "fingerprint", "canary", "negative", "alignment", "precedence", "jwks", "a kind of tomorrow"}
	statuses := []Status{StatusOK, StatusWarn, StatusFail, StatusUnknown}
	faults := []Cause{"", "key.too_short", "key.secret_missing", "key.stale_cache", "env.precedence_conflict", "rotation.overdue", "something.new"}
	for round := range 3000 {
		services := []string{"a", "b", "c", "d", "e", "f", "g"}[:luck.IntN(8)]
		var results []ProbeResult
		for range luck.IntN(30) {
			r := scored(kinds[luck.IntN(len(kinds))], "", statuses[luck.IntN(len(statuses))], "")
			if len(services) > 0 && luck.IntN(3) > 0 {
				r.Service.Name = services[luck.IntN(len(services))]
				r.Target = r.Service.Name
			}
			if r.Status == StatusWarn || r.Status == StatusFail {
				r.Cause = faults[luck.IntN(len(faults))]
			}
			results = append(results, r)
		}
		domains := []KeyDomain{scoreDomain(services...)}
		s := Scores(domains, results)["staging"]
		if err := adds(s); err != nil {
			t.Fatalf("round %d: %v in %+v of %+v", round, err, s, results)
		}
		other := slices.Clone(results)
		luck.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
		if o := Scores(domains, other)["staging"]; o.Total != s.Total {
			t.Fatalf("round %d: another order gives %d; want %d", round, o.Total, s.Total)
		}
		for i := range other {
			if other[i].Status != StatusUnknown {
				continue
			}
			better := slices.Clone(other)
			better[i].Status = StatusOK
			if o := Scores(domains, better)["staging"]; o.Total < s.Total {
				t.Fatalf("round %d: a check that passes gives %d, one that could not look %d", round, o.Total, s.Total)
			}
		}
	}
}

func adds(s Score) error {
	parts := map[string]int{"availability": s.Availability, "consistency": s.Consistency, "format": s.Format, "alignment": s.Alignment}
	sum := 0
	for name, most := range map[string]int{"availability": 40, "consistency": 30, "format": 20, "alignment": 10} {
		lost := 0
		for _, l := range s.Lost {
			if l.Part == name {
				lost += l.Points
			}
			if l.Check == "" || l.Points < 1 {
				return fmt.Errorf("points without a check: %+v", l)
			}
		}
		if parts[name] < 0 || parts[name]+lost != most {
			return fmt.Errorf("%s has %d and lost %d; want %d together", name, parts[name], lost, most)
		}
		sum += parts[name]
	}
	if sum != s.Total {
		return fmt.Errorf("total %d; want %d", s.Total, sum)
	}
	return nil
}

// All checks unknown is worth nothing, whatever their number.
func TestUnknownScoresNothing(t *testing.T) {
	results := sound("a", "b", "c")
	for i := range results {
		results[i].Status = StatusUnknown
	}
	s := Scores([]KeyDomain{scoreDomain("a", "b", "c")}, results)["staging"]
	if s.Total != 0 {
		t.Errorf("score %d from checks that could not look; want 0", s.Total)
	}
}

func TestOverallScore(t *testing.T) {
	none := OverallScore(nil)
	if none.Total != 0 || len(none.Lost) != 4 || adds(none) != nil {
		t.Errorf("without key domains %+v; want nothing, and why", none)
	}
	got := OverallScore(map[string]Score{"production": {Total: 92}, "staging": {Total: 60}, "test": {Total: 60}})
	if got.Total != 60 {
		t.Errorf("overall %d; want that of the worst environment", got.Total)
	}
}
