package probe

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
)

// keyHistory remembers which kid of a key set named which key, from when to
// when: that tells a key that came too late or went too early from one that
// never was.
type keyHistory struct {
	domain analyzer.KeyDomain
	told   func(analyzer.Change)

	mu     sync.Mutex
	seen   map[string]*keyLife // by kid
	began  bool
	newest time.Time // when the latest key came, as far as it was seen to come
	reused map[string]time.Time
	// exchanged is when the key behind a kid was last seen to be another one.
	exchanged time.Time
	forgets   int // keys that were left out because there were too many
}

// keyLife is the time of one key under one kid.
type keyLife struct {
	thumbprint string
	since      time.Time // when it was first seen; zero: it was there when the history began
	gone       time.Time // zero: it is there
	early      bool      // it went before the tokens it signed could have expired
}

// maxHistory bounds the kids that are remembered.
const maxHistory = 2000

// thumbprintDetail is the key of Change.Details that holds the RFC 7638
// thumbprint of a key.
const thumbprintDetail = "thumbprint"

// newKeyHistory goes on where the changes of earlier runs stopped.
func newKeyHistory(domain analyzer.KeyDomain, d *Deps) *keyHistory {
	h := &keyHistory{domain: domain, told: d.changed, seen: map[string]*keyLife{}, reused: map[string]time.Time{}}
	for _, c := range d.Past {
		if c.Target != domain.Name || len(h.seen) >= maxHistory {
			continue
		}
		switch k := h.seen[c.Version]; {
		case c.Kind == analyzer.JWKSKeyAdded:
			h.began = true
			h.seen[c.Version] = &keyLife{thumbprint: c.Details[thumbprintDetail], since: c.At}
			if c.Details["at_start"] == "" && c.At.After(h.newest) {
				h.newest = c.At
			}
		case c.Kind == analyzer.JWKSKeyRemoved && k != nil:
			k.gone = c.At
		}
	}
	return h
}

// see takes a look at the key set: it tells of keys that came and went, and
// of what that breaks.
func (h *keyHistory) see(keys []key) []fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	present := map[string]bool{}
	for _, k := range keys {
		present[k.kid] = true
		h.add(k, now)
	}
	h.began = true
	for kid, life := range h.seen {
		if present[kid] || !life.gone.IsZero() {
			continue
		}
		life.gone = now
		// A key signs until its successor is published, at the least.
		life.early = h.domain.TokenTTL > 0 && !h.newest.IsZero() && h.newest.After(life.since) && now.Sub(h.newest) < h.domain.TokenTTL
		h.told(h.change(analyzer.JWKSKeyRemoved, kid, life.thumbprint, now, "key %s was taken out of the key set"))
	}
	return h.faults(now)
}

// add notes one key that is published.
func (h *keyHistory) add(k key, now time.Time) {
	if k.kid == "" {
		return // it has no name under which it could be known again
	}
	life := h.seen[k.kid]
	switch {
	case life == nil && len(h.seen) >= maxHistory:
		h.forgets++
	case life == nil, !life.gone.IsZero() && life.thumbprint == k.thumbprint:
		h.seen[k.kid] = &keyLife{thumbprint: k.thumbprint}
		c := h.change(analyzer.JWKSKeyAdded, k.kid, k.thumbprint, now, "key %s was published in the key set")
		if h.began {
			h.seen[k.kid].since, h.newest = now, now
		} else {
			c.Details["at_start"] = "true"
			c.Evidence = fmt.Sprintf("key %s was in the key set at the first look", k.kid)
		}
		h.told(c)
	case life.thumbprint != k.thumbprint:
		h.seen[k.kid] = &keyLife{thumbprint: k.thumbprint, since: now}
		h.reused[k.kid], h.exchanged = now, now
		h.told(h.change(analyzer.ValueChanged, k.kid, k.thumbprint, now, "the key behind kid %s was exchanged"))
	}
}

// faults are those that still matter: as long as a token of the key in
// question may live.
func (h *keyHistory) faults(now time.Time) []fault {
	life := h.domain.TokenTTL
	if life <= 0 {
		life = time.Hour
	}
	var out []fault
	for kid, at := range h.reused {
		if now.Sub(at) < life {
			out = append(out, fault{kid, analyzer.StatusFail, "jwks.kid_reused", fmt.Sprintf("since %s the kid %s names another key", at.UTC().Format("15:04:05"), kid), "give the new key a new kid and flush the verifiers' caches"})
		} else {
			delete(h.reused, kid)
		}
	}
	for kid, k := range h.seen {
		if k.early && now.Sub(k.gone) < life {
			out = append(out, fault{kid, analyzer.StatusFail, "jwks.key_removed_early",
				fmt.Sprintf("the key %s went at %s, %s after its successor came, and tokens live %s", kid, k.gone.UTC().Format("15:04:05"), k.gone.Sub(h.newest).Round(time.Second), life),
				"publish it again until the longest token lifetime is over"})
		}
	}
	slices.SortFunc(out, func(a, b fault) int { return strings.Compare(a.of, b.of) })
	return out
}

// refutes are the causes that the history rules out: none of them when a key
// went or was exchanged in the last day, which verifiers may feel for long.
func (h *keyHistory) refutes() []analyzer.Cause {
	h.mu.Lock()
	defer h.mu.Unlock()
	const felt = 24 * time.Hour
	var out []analyzer.Cause
	if time.Since(h.exchanged) > felt {
		out = append(out, "jwks.kid_reused")
	}
	for _, k := range h.seen {
		if !k.gone.IsZero() && time.Since(k.gone) < felt {
			return out
		}
	}
	return append(out, "jwks.key_removed_early")
}

func (h *keyHistory) change(kind analyzer.ChangeKind, kid, thumbprint string, at time.Time, words string) analyzer.Change {
	return analyzer.Change{Kind: kind, Target: h.domain.Name, Version: kid, Service: analyzer.Service{Environment: h.domain.Environment}, At: at,
		Evidence: fmt.Sprintf(words, kid), Details: map[string]string{thumbprintDetail: thumbprint}}
}
