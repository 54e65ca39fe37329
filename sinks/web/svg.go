package web

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-analyze/charts"
)

// The chart library writes colours and fonts into style attributes, which a
// strict content security policy forbids and a dark page cannot change. So
// pictures are drawn in marked colours, one for each role, and each style
// becomes the class of its role: the style sheet decides what it looks like.

// inks are the roles of colours, by the blue part of the mark.
var inks = []string{"ax", "gr", "tx", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "ok", "bad", "mark", "lane", "behind", "secret"}

// ink is the marked colour of a role.
func ink(role string) charts.Color {
	return charts.Color{R: 1, G: 0, B: uint8(slices.Index(inks, role) + 1), A: 255}
}

// plot is where the data of a picture is drawn, in its own units.
type plot struct{ left, right, top, bottom int }

// picture is a drawing on its way to the page.
type picture struct {
	title, desc   string
	width, height int
	plot          plot
	body          bytes.Buffer
	labels        []label
}

// label is a text that the library wrote at an axis.
type label struct {
	role, text string
	x, y       int
}

// redraw reads what the library drew, the background left out, and finds the
// plot by its axes.
func (p *picture) redraw(svg []byte) error {
	p.plot = plot{left: p.width, top: p.height}
	d := xml.NewDecoder(bytes.NewReader(svg))
	for inText := false; ; {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			p.axisLabels()
			return nil
		case err != nil:
			return fmt.Errorf("read picture: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if inText = t.Name.Local == "text"; t.Name.Local != "svg" {
				p.element(t)
			}
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				p.labels[len(p.labels)-1].text += string(t)
			}
		}
	}
}

// axisLabels writes the labels. Those left of the plot end at it, however
// large the style sheet makes them.
func (p *picture) axisLabels() {
	for _, l := range p.labels {
		if l.x < p.plot.left && l.y < p.plot.bottom+p.height/20 {
			p.label(l.role, "end", p.plot.left-6, l.y, l.text)
		} else {
			p.label(l.role, "beg", l.x, l.y, l.text)
		}
	}
	p.labels = nil
}

// element writes one shape, and takes note of a text.
func (p *picture) element(t xml.StartElement) {
	attr := map[string]string{}
	for _, a := range t.Attr {
		attr[a.Name.Local] = a.Value
	}
	stroke, fill := roleOf(attr["style"], "stroke"), roleOf(attr["style"], "fill")
	switch t.Name.Local {
	case "path":
		if stroke == "" && fill == "" || p.axis(attr["d"], stroke) {
			return
		}
		fmt.Fprintf(&p.body, `<path class="%s" d="%s"/>`, classes(stroke, fill), template.HTMLEscapeString(strings.ReplaceAll(attr["d"], "\n", "")))
	case "circle":
		fmt.Fprintf(&p.body, `<circle class="%s" cx="%s" cy="%s" r="%s"/>`, classes(stroke, fill), number(attr["cx"]), number(attr["cy"]), number(attr["r"]))
	case "text":
		x, _ := strconv.ParseFloat(attr["x"], 64)
		y, _ := strconv.ParseFloat(attr["y"], 64)
		p.labels = append(p.labels, label{role: fill, x: int(x), y: int(y)})
	}
}

// axis takes note of an axis or a grid line and reports whether it is one of
// the ticks, which are left out.
func (p *picture) axis(d, stroke string) bool {
	var x1, y1, x2, y2 int
	if n, _ := fmt.Sscanf(strings.ReplaceAll(d, "\n", " "), "M %d %d L %d %d", &x1, &y1, &x2, &y2); n != 4 {
		return false
	}
	switch stroke {
	case "ax":
		if x1 == x2 {
			return true
		}
		p.plot.left, p.plot.right, p.plot.bottom = min(p.plot.left, x1), max(p.plot.right, x2), y1
	case "gr":
		p.plot.top = min(p.plot.top, y1)
	}
	return false
}

// roleOf is the role of a property's colour, "" when it has none of ours.
func roleOf(style, property string) string {
	for part := range strings.SplitSeq(style, ";") {
		name, value, _ := strings.Cut(part, ":")
		if name != property {
			continue
		}
		var r, g, b int
		value = strings.TrimPrefix(value, "rgba")
		value = strings.TrimPrefix(value, "rgb")
		if n, _ := fmt.Sscanf(value, "(%d,%d,%d", &r, &g, &b); n == 3 && r == 1 && g == 0 && b >= 1 && b <= len(inks) {
			return inks[b-1]
		}
	}
	return ""
}

func classes(stroke, fill string) string {
	switch {
	case fill == "":
		return "l " + stroke
	case stroke == "":
		return "f " + fill
	}
	return "l f " + fill
}

// number keeps an attribute that is a number, and nothing else.
func number(s string) string {
	if _, err := strconv.ParseFloat(s, 64); err != nil {
		return "0"
	}
	return s
}

// line draws a marked moment, or a moment of another role.
func (p *picture) line(role string, x int) {
	fmt.Fprintf(&p.body, `<path class="l %s" d="M %d %dL %d %d"/>`, role, x, p.plot.top, x, p.plot.bottom)
}

// label writes a text of ours or of a log, centred, ended or begun at x.
func (p *picture) label(role, anchor string, x, y int, text string) {
	fmt.Fprintf(&p.body, `<text class="%s %s" x="%d" y="%d">%s</text>`, role, anchor, x, y, template.HTMLEscapeString(text))
}

// html is the finished picture. Its parts are numbers, our own class names
// and escaped texts.
func (p *picture) html(id string) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="picture" viewBox="0 0 %d %d" role="img" aria-labelledby="%s-t %s-d"><title id="%s-t">%s</title><desc id="%s-d">%s</desc>`,
		p.width, p.height, id, id, id, template.HTMLEscapeString(p.title), id, template.HTMLEscapeString(p.desc))
	b.Write(p.body.Bytes())
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // every part is escaped above
}
