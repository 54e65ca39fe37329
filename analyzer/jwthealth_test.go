package analyzer

import (
	"encoding/json"
	"testing"
	"time"
)

func TestHealth(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	with := func(more ...ProbeResult) []ProbeResult {
		out := append(sound("auth", "orders"), more...)
		for i := range out {
			out[i].At = at.Add(time.Duration(i) * time.Second)
		}
		return out
	}
	for _, tt := range []struct {
		name    string
		results []ProbeResult
		health  Health
		json    string
	}{
		{"all is well", with(), Healthy, `{"status":"healthy","details":{"jwt_secret_available":true,"secret_length_valid":true,"cross_service_consistency":true,"last_validated":"2026-11-23T08:00:06Z"}}`},
		{"no probe looked", nil, CannotTell, `{"status":"degraded","details":{"jwt_secret_available":false,"secret_length_valid":false,"cross_service_consistency":false,"last_validated":null}}`},
		{"a warning", with(scored("secret_manager", "", StatusWarn, "rotation.overdue")), Degraded, `{"status":"degraded","details":{"jwt_secret_available":true,"secret_length_valid":true,"cross_service_consistency":true,"last_validated":"2026-11-23T08:00:07Z"}}`},
		{"a drift", with(scored("fingerprint", "orders", StatusFail, "key.cross_service_drift")), Unhealthy, `{"status":"unhealthy","details":{"jwt_secret_available":true,"secret_length_valid":true,"cross_service_consistency":false,"last_validated":"2026-11-23T08:00:07Z"}}`},
		{"too short", with(scored("secret", "orders", StatusFail, "key.too_short")), Unhealthy, `{"status":"unhealthy","details":{"jwt_secret_available":true,"secret_length_valid":false,"cross_service_consistency":true,"last_validated":"2026-11-23T08:00:07Z"}}`},
		{"one could not look", with(scored("fingerprint", "orders", StatusUnknown, "")), CannotTell, `{"status":"degraded","details":{"jwt_secret_available":true,"secret_length_valid":true,"cross_service_consistency":false,"last_validated":"2026-11-23T08:00:06Z"}}`},
		{"another one saw the same", with(scored("canary", "orders", StatusUnknown, "")), Healthy, `{"status":"healthy","details":{"jwt_secret_available":true,"secret_length_valid":true,"cross_service_consistency":true,"last_validated":"2026-11-23T08:00:06Z"}}`},
		{"another one saw something else", with(scored("negative", "orders", StatusUnknown, "")), CannotTell, `{"status":"degraded","details":{"jwt_secret_available":true,"secret_length_valid":false,"cross_service_consistency":true,"last_validated":"2026-11-23T08:00:06Z"}}`},
		{"nobody looked at the services", with()[:1], CannotTell, `{"status":"degraded","details":{"jwt_secret_available":true,"secret_length_valid":false,"cross_service_consistency":false,"last_validated":"2026-11-23T08:00:00Z"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			domains := []KeyDomain{scoreDomain("auth", "orders")}
			if got := HealthOf(domains, tt.results); got != tt.health {
				t.Errorf("health %s; want %s", got, tt.health)
			}
			b, err := json.Marshal(JWTHealthOf(domains, tt.results))
			if err != nil || string(b) != tt.json {
				t.Errorf("%s, %v\nwant %s", b, err, tt.json)
			}
		})
	}
	if got := HealthOf(nil, with()); got != CannotTell {
		t.Errorf("without key domains %s; want that it cannot be told", got)
	}
}
