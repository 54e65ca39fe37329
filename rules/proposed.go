package rules

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/why401/why401/analyzer"
)

// ProposedPack prints proposals as a pack that loads and passes its own tests.
// What a person has to look at stands in comments.
func ProposedPack(name string, proposals []Proposal) ([]byte, error) {
	name = idOf(name)
	var b bytes.Buffer
	fmt.Fprintf(&b, "pack: %s\ntitle: what %s prints\nlanguage: any\nsource: seen in logs\nrules:\n", name, name)
	pack := &Pack{Pack: name}
	taken := map[string]int{}
	for _, p := range proposals {
		r := p.Rule
		r.pack = pack
		if taken[r.ID]++; taken[r.ID] > 1 {
			r.ID = fmt.Sprintf("%s-%d", r.ID, taken[r.ID])
		}
		for _, note := range p.notes() {
			fmt.Fprintf(&b, "  # %s\n", analyzer.EscapeTerminal(note))
		}
		out, err := r.Stanza()
		if err != nil {
			return nil, err
		}
		b.Write(out)
	}
	return b.Bytes(), nil
}

func (p *Proposal) notes() (notes []string) {
	if p.Count > 0 {
		notes = append(notes, fmt.Sprintf("%d entries%s", p.Count, of(p.Service)))
	}
	if len(p.Known) > 0 {
		notes = append(notes, "known already to "+strings.Join(p.Known[:min(len(p.Known), 5)], ", "))
	}
	switch {
	case p.ByWords && p.Rule.Reason == analyzer.Unspecified:
		notes = append(notes, "the text gives no reason: if its source does, put it here")
	case p.ByWords:
		notes = append(notes, "the reason was read from the words: check it in the source")
	}
	return notes
}

func of(service string) string {
	if service == "" {
		return ""
	}
	return " of " + service
}

// Unmatched collects the entries that look like a failed authentication and
// that no rule knows. It is an [analyzer.Classifier] that stands in for its
// Set. It keeps up to 200 clusters; entries beyond them are only counted.
type Unmatched struct {
	set *Set

	mu       sync.Mutex
	clusters map[string]*cluster
	left     int64
}

var _ analyzer.Classifier = (*Unmatched)(nil)

const mostClusters = 200

// cluster is the first entry of one masked text, and how many came.
type cluster struct {
	entry *analyzer.Entry
	count int64
}

// NewUnmatched returns a collector that has seen nothing.
func (s *Set) NewUnmatched() *Unmatched {
	return &Unmatched{set: s, clusters: map[string]*cluster{}}
}

// Screen is the Set's own.
func (u *Unmatched) Screen(text []byte) bool { return u.set.Screen(text) }

// Classify is the Set's own. It keeps what the Set has no rule for: a text
// that the generic layer read counts too, since a rule would be surer of it.
func (u *Unmatched) Classify(e *analyzer.Entry) analyzer.Classification {
	c := u.set.Classify(e)
	if !c.Unmatched && c.Match != analyzer.MatchGeneric {
		return c
	}
	text := c.Text
	if text == "" {
		text = e.Message
	}
	key := analyzer.Mask(messageOf(text))
	u.mu.Lock()
	defer u.mu.Unlock()
	known := u.clusters[key]
	switch {
	case known != nil:
		known.count++
	case len(u.clusters) < mostClusters:
		u.clusters[key] = &cluster{e, 1}
	default:
		u.left++
	}
	return c
}

// Proposals returns a rule for every cluster, the most frequent first, and how
// many entries found no room.
func (u *Unmatched) Proposals() (out []Proposal, left int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.clusters {
		p := u.set.Propose(c.entry, "")
		p.Count = c.count
		if c.entry.Origin != nil {
			p.Service = c.entry.Origin.Name
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Proposal) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Rule.Text[0], b.Rule.Text[0]))
	})
	return out, u.left
}
