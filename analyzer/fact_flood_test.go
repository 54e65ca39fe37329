package analyzer

import "testing"

// What a service let through before a long silence is no measure for what it
// lets through now: a test before the opening, another day, missing logs.
func TestAwake(t *testing.T) {
	for _, c := range []struct {
		name    string
		minutes []int64 // accepted, a number a minute
		want    int64
	}{
		{"steady", []int64{9, 11, 10, 12, 8, 10}, 0},
		{"one request long before", []int64{1, 0, 0, 0, 0, 40, 42, 38}, 5},
		{"silent since before the window", []int64{0, 0, 0, 0, 40, 42, 38}, 4},
		{"a short silence", []int64{40, 0, 0, 40, 42, 38}, 0},
		{"a silence that few calls explain", []int64{2, 0, 0, 0, 0, 1, 2, 1}, 0},
		{"the later of two", []int64{40, 0, 0, 0, 40, 0, 0, 0, 0, 40, 41}, 9},
		{"nothing at all", []int64{0, 0, 0, 0}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			sr := &series{minutes: map[int64]*tally{}}
			for m, n := range c.minutes {
				sr.minutes[int64(m)] = &tally{accepted: n}
			}
			if got := sr.awake(0, int64(len(c.minutes))); got != c.want {
				t.Errorf("awake since minute %d; want %d", got, c.want)
			}
		})
	}
}
