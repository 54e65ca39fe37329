package web

import (
	"slices"
	"time"

	"github.com/why401/why401/analyzer"
)

// moment is something to point at on the axis of time.
type moment struct {
	At   time.Time
	Name string // short; empty: a line only
	Role string
}

// The room of a letter of a label, in the larger type of a phone, and of a
// line of labels.
const (
	letter    = 9
	labelLine = 15
)

// moments draws what happened between from and to. Names stand in two lines
// above, wherever there is room.
func (p *picture) moments(marks []moment, from, to time.Time) {
	free := [2]int{}
	for _, m := range marks {
		if m.At.Before(from) || m.At.After(to) {
			continue
		}
		x := p.x(m.At, from, to)
		p.line(m.Role, x)
		width := letter * len([]rune(m.Name))
		left := min(max(x-width/2, p.plot.left), p.width-width)
		for i := range free {
			if m.Name != "" && left >= free[i] {
				p.label(m.Role+" lbl", "mid", left+width/2, p.plot.top-6-i*labelLine, m.Name)
				free[i] = left + width + letter
				break
			}
		}
	}
}

// marksOf are the changes and openings to point at, at most 40.
func marksOf(r *analyzer.Report, incidents []analyzer.Incident) []moment {
	var out []moment
	for _, c := range r.Changes {
		switch c.Kind {
		case analyzer.SecretVersionAdded, analyzer.SecretVersionDisabled, analyzer.SecretVersionDestroyed, analyzer.SecretRotated, analyzer.JWKSKeyAdded, analyzer.JWKSKeyRemoved, analyzer.ValueChanged:
			out = append(out, moment{c.At, plain(shortKind[c.Kind] + " " + c.Version), "mark"})
		}
	}
	for _, in := range incidents {
		out = append(out, moment{in.Opened, "opened", "bad"})
	}
	slices.SortStableFunc(out, func(a, b moment) int { return a.At.Compare(b.At) })
	return out[max(0, len(out)-40):]
}

var shortKind = map[analyzer.ChangeKind]string{
	analyzer.SecretVersionAdded: "version", analyzer.SecretVersionDisabled: "disabled", analyzer.SecretVersionDestroyed: "destroyed", analyzer.SecretRotated: "rotated",
	analyzer.JWKSKeyAdded: "key added", analyzer.JWKSKeyRemoved: "key removed", analyzer.ValueChanged: "key exchanged",
}
