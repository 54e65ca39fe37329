package probe

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
)

// Reached is what came of asking one service for /health/jwt once, as a way
// to it and not as a judgement of its secret.
type Reached struct {
	Service, URL string
	Answered     bool
	Why          string // it did not answer: the end of a sentence that begins with the service
	Forbidden    bool   // the guard let nobody go there
	Refused      string // it does not take our signature: its own words
	// Ahead is how far its clock is before ours, give or take Unsure. Without
	// a reading both are zero.
	Ahead, Unsure time.Duration
}

// Reach asks every service of the domain that has a handler.
func Reach(ctx context.Context, d *Deps, domain analyzer.KeyDomain) []Reached {
	members := healthMembers(domain)
	got := d.health().current().all(ctx, members)
	out := make([]Reached, len(got))
	for i, h := range got {
		r := Reached{Service: members[i].Name, URL: healthURL(members[i]), Answered: h.answer != nil, Why: h.why, Forbidden: errors.Is(h.err, ErrAddress)}
		if words, ok := strings.CutPrefix(h.unsigned, refusesSignature); ok {
			r.Refused = words
		}
		if c := readClock(h); c != nil {
			r.Ahead, r.Unsure = c.ahead, c.unsure
		}
		out[i] = r
	}
	return out
}

// ClockOf is how far the clock of whoever sent an answer is before ours, by
// its Date header, give or take unsure; unsure is zero when it has none.
func ClockOf(r *Response) (ahead, unsure time.Duration) {
	if c := readClock(&health{at: r}); c != nil {
		return c.ahead, c.unsure
	}
	return 0, 0
}
