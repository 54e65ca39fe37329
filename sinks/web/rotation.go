package web

import (
	"html/template"
	"strings"
	"time"

	"github.com/go-analyze/charts"
)

// The measures of the rotation timeline, in its own units.
const (
	laneWidth  = 980
	laneHeight = 30
	laneLetter = 7.5 // the room of a letter of a name
	laneName   = 26  // letters at most
	maxLanes   = 40
)

// rotationPicture draws who held which version since when.
func rotationPicture(id string, all []lane, from, to time.Time, marks []moment) template.HTML {
	all = all[:min(len(all), maxLanes)]
	if len(all) == 0 || !to.After(from) {
		return ""
	}
	p := &picture{title: "Who holds which version of the secret, since when", width: laneWidth, height: laneHeight*len(all) + 40}
	p.desc = "The table beneath says the same."
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: p.width, Height: p.height})
	longest := 0
	for _, l := range all {
		longest = max(longest, len([]rune(cut(plain(l.Name), laneName))))
	}
	box := plot{left: 24 + int(laneLetter*float64(longest)), right: laneWidth - 10, top: 6, bottom: p.height - 34}
	p.plot = box
	err := draw(p, painter, func() error {
		for i, l := range all {
			bars(painter, l, i, box, from, to)
		}
		return nil
	})
	p.plot = box
	if err != nil {
		return ""
	}
	for i, l := range all {
		y := box.top + i*laneHeight + 19
		role := "tx"
		if l.Secret {
			role = "tx strong"
		}
		p.label(role, "end", box.left-8, y, cut(plain(l.Name), laneName))
		for _, s := range l.Spans {
			x1, x2 := p.x(later(s.Since, from), from, to), p.x(earlier(s.Until, to), from, to)
			if text := cut(plain(spanName(s)), max(0, x2-x1-8)/7); text != "" && x2 > x1 {
				p.label("lbl on", "beg", x1+6, y, text)
			}
		}
	}
	tick := tickFor(to.Sub(from))
	for t := from.Truncate(tick); !t.After(to); t = t.Add(tick) {
		if t.Before(from) {
			continue
		}
		x := p.x(t, from, to)
		if x+20 < p.width {
			p.label("tx", "mid", x, p.height-12, tickLabel(t.UTC(), tick))
		}
	}
	p.moments(marks, from, to)
	return p.html(id)
}

// bars draws one lane.
func bars(painter *charts.Painter, l lane, i int, box plot, from, to time.Time) {
	p := &picture{plot: box}
	y := box.top + i*laneHeight + 4
	for k, s := range l.Spans {
		if !s.Until.IsZero() && s.Until.Before(from) || s.Since.After(to) {
			continue
		}
		x1, x2 := p.x(later(s.Since, from), from, to), p.x(earlier(s.Until, to), from, to)
		role := "lane"
		switch {
		case s.Behind && k == len(l.Spans)-1:
			role = "behind"
		case l.Secret:
			role = "secret"
		}
		painter.FilledRect(x1+1, y, max(x2-1, x1+2), y+laneHeight-8, ink(role), ink(role), 0)
	}
}

func spanName(h holding) string {
	if before, ok := strings.CutPrefix(h.Version, "before "); ok {
		return "before version " + before
	}
	if len(h.Version) <= 3 {
		return "version " + h.Version
	}
	return h.Version
}

func later(t, than time.Time) time.Time {
	if t.Before(than) {
		return than
	}
	return t
}

// earlier is t, or than when t is not set or after it.
func earlier(t, than time.Time) time.Time {
	if t.IsZero() || t.After(than) {
		return than
	}
	return t
}

func cut(s string, n int) string {
	r := []rune(s)
	switch {
	case len(r) <= n:
		return s
	case n < 3:
		return ""
	}
	return string(r[:n-1]) + "…"
}
