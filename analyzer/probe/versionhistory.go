package probe

import (
	"fmt"
	"strings"

	"github.com/why401/why401/analyzer"
)

// versionHistory tells of versions that were added, enabled, disabled and
// destroyed, each once.
type versionHistory struct {
	domain analyzer.KeyDomain
	secret string
	told   func(analyzer.Change)
	known  map[string]versionState
	newest int // number of the newest version that is known
	began  bool
}

// secretDetail is the key of Change.Details that holds a secret's full name.
const secretDetail = "secret"

// newVersionHistory goes on where the changes of earlier runs stopped.
func newVersionHistory(domain analyzer.KeyDomain, d *Deps) *versionHistory {
	h := &versionHistory{domain: domain, told: d.changed, known: map[string]versionState{}}
	ref, err := analyzer.ParseSecretRef(domain.Secret)
	if err != nil {
		return h
	}
	if ref.Project == "" {
		ref.Project = d.Config.SecretManager.Project
	}
	h.secret = ref.String()
	for _, c := range d.Past {
		if c.Details[secretDetail] != h.secret {
			continue
		}
		for state, kind := range stateKinds {
			if c.Kind == kind {
				h.known[c.Version], h.began = state, true
			}
		}
		if c.Kind == analyzer.SecretVersionAdded {
			h.known[c.Version], h.began = enabled, true
		}
		if n, ok := numberOf(c.Version); ok && h.began {
			h.newest = max(h.newest, n)
		}
	}
	return h
}

var stateKinds = map[versionState]analyzer.ChangeKind{
	enabled: analyzer.SecretVersionEnabled, disabled: analyzer.SecretVersionDisabled, destroyed: analyzer.SecretVersionDestroyed,
}

// maxFirst is how many versions the first look tells of.
const maxFirst = 5

// see compares a look with what is known. The first look tells when the
// newest versions were added, which the store knows; what else it finds was
// so before, as are older versions of which nothing is remembered.
func (h *versionHistory) see(l *lifeline) {
	if len(l.versions) == 0 {
		return
	}
	for i := len(l.versions) - 1; i >= 0; i-- {
		v := &l.versions[i]
		before, seen := h.known[v.name()]
		h.known[v.name()] = v.state
		switch {
		case !seen && h.began && v.number > h.newest:
			h.told(h.added(l, v))
			if v.state != enabled {
				h.told(h.changed(l, v))
			}
		case !seen && !h.began && i < maxFirst && !v.created.IsZero():
			h.told(h.added(l, v))
		case seen && before != v.state:
			h.told(h.changed(l, v))
		}
	}
	h.newest, h.began = max(h.newest, l.versions[0].number), true
}

func (h *versionHistory) added(l *lifeline, v *storeVersion) analyzer.Change {
	c := h.change(l, v, analyzer.SecretVersionAdded, "added")
	if c.At = v.created; c.At.IsZero() {
		c.At = l.at
	}
	if !h.began {
		c.Details["at_start"] = "true"
	}
	return c
}

func (h *versionHistory) changed(l *lifeline, v *storeVersion) analyzer.Change {
	c := h.change(l, v, stateKinds[v.state], "found "+strings.ToLower(string(v.state)))
	if v.state == destroyed && !v.gone.IsZero() {
		c.At = v.gone
	}
	return c
}

func (h *versionHistory) change(l *lifeline, v *storeVersion, kind analyzer.ChangeKind, did string) analyzer.Change {
	return analyzer.Change{Kind: kind, Target: l.ref.Short(), Version: v.name(), Project: l.ref.Project, At: l.at,
		Service:  analyzer.Service{Environment: h.domain.Environment},
		Evidence: fmt.Sprintf("version %s of secret %s was %s, as Secret Manager tells", v.name(), l.ref.Short(), did),
		Details:  map[string]string{secretDetail: h.secret}}
}
