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
		{"no path", Config{}, []string{"path: wanted a file for kind sqlite, found none: write path: why401.db"}},
		{"all at once", Config{Kind: "oracle", Retention: time.Minute, JoinRetention: time.Second, KeyRetention: -1, QuarantineMax: -2}, []string{
			`kind: wanted one of discard, memory, sqlite, found "oracle"`,
			"retention: wanted at least 1h, found 1m0s: write 720h",
			"join_retention: wanted at least 1m, found 1s: leave it out, or write 24h",
			"key_retention: wanted a number of keys, found -1: leave it out",
			"quarantine_max: wanted a number of entries, found -2: leave it out",
		}},
		{"read-only memory", Config{Kind: "memory", ReadOnly: true}, []string{"kind: wanted a store that outlives its process, found memory: it has nothing to read: write kind: sqlite"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := c.in.invalid(); err != nil {
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
