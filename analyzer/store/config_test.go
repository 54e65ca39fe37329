package store

import (
	"strings"
	"testing"
	"time"
)

func TestConfigValidate(t *testing.T) {
	for _, c := range []struct {
		name string
		in   Config
		want []string // lines; none for a good one
	}{
		{"defaults", Config{Path: "x"}, nil},
		{"memory needs no path", Config{Kind: "memory"}, nil},
		{"no path", Config{}, []string{"path: want a file for kind sqlite, found none: try path: why401.db"}},
		{"all at once", Config{Kind: "oracle", Retention: time.Minute, JoinRetention: time.Second, KeyRetention: -1, QuarantineMax: -2}, []string{
			`kind: want discard or memory or sqlite, found "oracle"`,
			"retention: want at least 1h, found 1m0s",
			"join_retention: want at least 1m, found 1s",
			"key_retention: want a number of keys, found -1",
			"quarantine_max: want a number of entries, found -2",
		}},
		{"read-only memory", Config{Kind: "memory", ReadOnly: true}, []string{"kind: a memory store has nothing to read: try kind: sqlite"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := c.in.Validate(); err != nil {
				got = err.Error()
			}
			if want := strings.Join(c.want, "\n"); got != want {
				t.Errorf("Validate = %q; want %q", got, want)
			}
		})
	}
}

func TestTimeText(t *testing.T) {
	for _, at := range []time.Time{
		{}, noon, time.Unix(0, 0).UTC(), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), noon.In(time.FixedZone("", 3600)),
	} {
		got, err := parseTime(timeText(at))
		if err != nil || !got.Equal(at) {
			t.Errorf("%v became %v, %v", at, got, err)
		}
	}
	far := time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := timeText(far); got[:4] != "9999" || len(got) != len(timeLayout) {
		t.Errorf("year 12026 became %s; want the end of 9999", got)
	}
}
