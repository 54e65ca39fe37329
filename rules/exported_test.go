package rules

import (
	"strings"
	"testing"
)

// A deployed filter is judged by what it does to the rules' examples on each
// platform, to requests, and to why401's own entries.
func TestExported(t *testing.T) {
	set, err := EmbeddedWith()
	if err != nil {
		t.Fatal(err)
	}
	ours, err := set.SinkFilter(SinkFilterConfig{Requests: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, filter           string
		exclusions             []string
		best, worst            [2]float64 // shares of the best and the worst platform, from and to
		acceptedFrom, accepted float64
		own                    bool
	}{
		{"as compiled", ours.Text, nil, [2]float64{.98, 1}, [2]float64{.98, 1}, .08, .12, false},
		{"everything", "", nil, [2]float64{1, 1}, [2]float64{1, 1}, 1, 1, true},
		{"an exclusion of our own entries", `severity>=DEFAULT`, []string{`jsonPayload."why401.self"="true"`}, [2]float64{1, 1}, [2]float64{1, 1}, 1, 1, false},
		{"errors only", `severity>=ERROR`, nil, [2]float64{.9, 1}, [2]float64{0, .2}, 0, 0, true},
		{"one platform", `resource.type="k8s_container"`, nil, [2]float64{.9, 1}, [2]float64{0, .2}, 0, 0, false},
		{"refused requests only", `httpRequest.status=(401 OR 403)`, nil, [2]float64{0, .2}, [2]float64{0, .2}, 0, 0, false},
	} {
		e, err := set.Exported(c.filter, c.exclusions...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		best, worst := 0., 1.
		for _, p := range e.On {
			share := float64(p.Kept) / float64(p.Of)
			best, worst = max(best, share), min(worst, share)
			t.Logf("%s: %s keeps %d of %d, %d rules lost", c.name, p.Platform, p.Kept, p.Of, len(p.Lost))
		}
		if best < c.best[0] || best > c.best[1] || worst < c.worst[0] || worst > c.worst[1] {
			t.Errorf("%s: the best platform keeps %.3f, the worst %.3f; want %v and %v", c.name, best, worst, c.best, c.worst)
		}
		if e.Accepted < c.acceptedFrom-1e-6 || e.Accepted > c.accepted+1e-6 || e.Own != c.own {
			t.Errorf("%s: accepted %.3f, own %v; want %.2f to %.2f, %v", c.name, e.Accepted, e.Own, c.acceptedFrom, c.accepted, c.own)
		}
	}
	if _, err := set.Exported(`severity>=`); err == nil || !strings.Contains(err.Error(), "at the end") {
		t.Errorf("a broken filter: %v", err)
	}
	if _, err := set.Exported(`severity>=ERROR`, `(`); err == nil || !strings.Contains(err.Error(), "exclusion 1") {
		t.Errorf("a broken exclusion: %v", err)
	}
}
