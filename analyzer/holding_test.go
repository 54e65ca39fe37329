package analyzer_test

import (
	"strings"
	"testing"
)

// Who holds which version of a secret is told by deploys, starts and the
// secret's history: twelve timelines, each with what payments holds at its end
// and the lines of evidence that must be named.
func TestHoldings(t *testing.T) {
	set := ruleset(t)
	const deploy, traffic = "0m deploy payments JWT_SECRET=jwt-main@latest\n", "0m..60m serve payments rate=2\n"
	for _, c := range []struct {
		name, log string
		holds     string   // versions; - for none
		why       []string // parts of the evidence
	}{
		{"started before the version was added", deploy + "2m start payments a1\n5m version add jwt-main 7\n", "6", []string{"an instance started at 2026-11-23 08:02, when version 6 was the newest", "version 7 was added at 2026-11-23 08:05"}},
		{"started after it", deploy + "2m version add jwt-main 7\n5m start payments a1\n5m30s version access jwt-main 7\n", "6 7", []string{"an instance started at 2026-11-23 08:05, when version 7 was the newest"}},
		{"deployed again after it", deploy + "5m version add jwt-main 7\n8m deploy payments JWT_SECRET=jwt-main@latest\n", "7", []string{"a revision was deployed at 2026-11-23 08:08, when version 7 was the newest"}},
		{"scaled up after it", deploy + "2m start payments a1\n5m version add jwt-main 7\n9m start payments a2\n", "6 7", []string{"an instance started at 2026-11-23 08:09, when version 7 was the newest", "an instance started at 2026-11-23 08:02, when version 6 was the newest"}},
		{"pinned to the version of before", "0m deploy payments JWT_SECRET=jwt-main@6\n5m version add jwt-main 7\n9m start payments a2\n", "6", []string{"at version 6, by the revision deployed at 2026-11-23 08:00", "7 is the newest version since 2026-11-23 08:05"}},
		{"pinned to the new one", "0m version add jwt-main 7\n5m deploy payments JWT_SECRET=jwt-main@7\n", "7", []string{"at version 7"}},
		{"a mounted file follows", "0m deploy payments /keys=jwt-main@latest\n5m version add jwt-main 7\n", "7", []string{"the volume keys", "a mounted file follows within about two minutes"}},
		{"the new version was disabled again before the start", deploy + "5m version add jwt-main 7\n6m version disable jwt-main 7\n8m deploy payments JWT_SECRET=jwt-main@latest\n", "6", []string{"version 7 was disabled or destroyed at 2026-11-23 08:06", "a revision was deployed at 2026-11-23 08:08, when version 6 was the newest"}},
		{"and enabled after it", deploy + "5m version add jwt-main 7\n6m version disable jwt-main 7\n8m deploy payments JWT_SECRET=jwt-main@latest\n10m version enable jwt-main 7\n", "6", []string{"version 7 was added at 2026-11-23 08:10"}},
		{"two versions in a row, a start between", deploy + "5m version add jwt-main 7\n8m deploy payments JWT_SECRET=jwt-main@latest\n12m version add jwt-main 8\n", "7", []string{"when version 7 was the newest", "version 8 was added at 2026-11-23 08:12"}},
		{"the service itself says what it loaded", deploy + "5m version add jwt-main 7\n9m line payments \"loaded secret jwt-main version 7\"\n", "7", []string{"payments itself said at 2026-11-23 08:09 that it loaded version 7"}},
		{"no deploy told of secrets", "2m start payments a1\n5m version add jwt-main 7\n", "-", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sc script
			if err := sc.read(c.log + traffic); err != nil {
				t.Fatal(err)
			}
			s := story{script: &sc}
			r := s.tell(t, set, nil, nil)
			got, why := "-", ""
			for _, h := range r.Secrets {
				got, why = strings.Join(h.Versions, " "), strings.Join(h.Why, "\n")
				if len(h.Evidence) == 0 {
					t.Error("no evidence is named")
				}
			}
			if got != c.holds {
				t.Errorf("holds %s; want %s\n%s", got, c.holds, why)
			}
			for _, w := range c.why {
				if !strings.Contains(why, w) {
					t.Errorf("nothing says %q:\n%s", w, why)
				}
			}
			gap := ""
			for _, g := range r.Gaps {
				if g.Kind == "no_data_read" {
					gap = g.Detail
				}
			}
			if read := strings.Contains(c.log, "version access"); read == (gap != "") || !read && !strings.Contains(gap, "logType DATA_READ") {
				t.Errorf("reads are told: %v; gap %q", read, gap)
			}
		})
	}
}
