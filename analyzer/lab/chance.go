package lab

import (
	"math/rand/v2"
	"sync"
	"time"
)

// chance is a seeded source of randomness that handlers may share. Nothing
// secret is drawn from it: secrets, passwords and keys come from crypto/rand.
type chance struct {
	mu  sync.Mutex
	rng *rand.Rand
}

// newChance gives each stream of one seed a sequence of its own, so that an
// additional log line does not change who calls what.
func newChance(seed, stream uint64) *chance {
	return &chance{rng: rand.New(rand.NewPCG(seed, stream))}
}

func (c *chance) intN(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.IntN(n)
}

// happens is true with probability p.
func (c *chance) happens(p float64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.Float64() < p
}

// between returns a duration in [lo, hi), in whole microseconds.
func (c *chance) between(lo, hi time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	us := int64((hi - lo) / time.Microsecond)
	return lo + time.Duration(c.rng.Int64N(max(us, 1)))*time.Microsecond
}

// gap draws the time to the next arrival of a Poisson process with the given
// mean distance, at most four times the mean.
func (c *chance) gap(mean time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(min(c.rng.ExpFloat64(), 4) * float64(mean)).Round(time.Microsecond)
}

// text draws n characters of alphabet.
func (c *chance) text(n int, alphabet string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[c.rng.IntN(len(alphabet))]
	}
	return string(b)
}

func (c *chance) hex(n int) string { return c.text(n, "0123456789abcdef") }
