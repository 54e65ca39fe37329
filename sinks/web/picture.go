package web

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/go-analyze/charts"

	"github.com/why401/why401/analyzer"
)

// layer is one band of a stacked picture.
type layer struct {
	Name  string
	Ink   string // class of its colour
	Total int64
	n     []int64
}

// moment is something to point at on the axis of time.
type moment struct {
	At   time.Time
	Name string // short; empty: a line only
	Role string
}

// chart is a picture together with what a reader without eyes for it needs.
type chart struct {
	ID     string
	Title  string
	Unit   string
	SVG    template.HTML
	Layers []layer
	Rows   []chartRow // the same numbers, coarser
	Empty  bool
}

type chartRow struct {
	From   time.Time
	Counts []int64
}

// maxLayers is how many reasons a picture tells apart; the others are one.
const maxLayers = 6

// refusals stacks the refusals of all series by reason.
func refusals(series []analyzer.Series) []layer {
	sum := map[analyzer.Reason][]int64{}
	for i := range series {
		for r, n := range series[i].Reasons {
			sum[r] = addTo(sum[r], n)
		}
	}
	var out []layer
	for r, n := range sum {
		out = append(out, layer{Name: string(r), n: n, Total: total(n)})
	}
	slices.SortFunc(out, func(a, b layer) int { return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name)) })
	if len(out) > maxLayers {
		other := layer{Name: "other reasons"}
		for _, l := range out[maxLayers-1:] {
			other.n = addTo(other.n, l.n)
		}
		other.Total = total(other.n)
		out = append(out[:maxLayers-1], other)
	}
	for i := range out {
		out[i].Ink = fmt.Sprintf("s%d", i)
	}
	return out
}

// decisions stacks what was refused and what was let through.
func decisions(series []analyzer.Series) []layer {
	refused, accepted := layer{Name: "refused", Ink: "bad"}, layer{Name: "accepted", Ink: "ok"}
	for i := range series {
		refused.n, accepted.n = addTo(refused.n, series[i].Refused), addTo(accepted.n, series[i].Accepted)
	}
	refused.Total, accepted.Total = total(refused.n), total(accepted.n)
	return []layer{refused, accepted}
}

// addTo adds counts step by step; series of one span have the same steps.
func addTo(sum, n []int64) []int64 {
	for len(sum) < len(n) {
		sum = append(sum, 0)
	}
	for i, k := range n {
		sum[i] += k
	}
	return sum
}

func total(n []int64) (sum int64) {
	for _, k := range n {
		sum += k
	}
	return sum
}

// The measures of pictures of rates, in their own units.
const (
	rateWidth  = 600
	rateHeight = 200
)

// timeline is the time that layers lie in: steps from the first on, of which
// the last one and the first may be seen in part only.
type timeline struct {
	first    time.Time
	step     time.Duration
	from, to time.Time // what was seen
}

func timelineOf(s *analyzer.Series, from, to time.Time) timeline {
	return timeline{s.From, time.Duration(s.Step) * time.Second, from, to}
}

// seen is how much of step i was.
func (l timeline) seen(i int) time.Duration {
	begin := l.first.Add(l.step * time.Duration(i))
	return earlier(l.to, begin.Add(l.step)).Sub(later(l.from, begin))
}

// glimpse reports whether too little of step i was seen to tell a rate.
func (l timeline) glimpse(i int) bool { return l.seen(i) < l.step/4 }

// minutes is what counts of step i are divided by.
func (l timeline) minutes(i int) float64 { return max(l.seen(i), l.step/4).Minutes() }

// stacked draws layers over time, in counts a minute.
func stacked(id, title string, layers []layer, over timeline, marks []moment) chart {
	from, step := over.first, over.step
	c := chart{ID: id, Title: title, Unit: "per minute", Layers: layers}
	if len(layers) == 0 || step <= 0 {
		c.Empty = true
		return c
	}
	points := len(layers[0].n)
	values, colours := make([][]float64, len(layers)), make([]charts.Color, len(layers))
	for i, l := range layers {
		values[i], colours[i] = make([]float64, points), ink(l.Ink)
		for j, n := range l.n {
			values[i][j] = float64(n) / over.minutes(j)
		}
	}
	labels, described := clockLabels(from, step, points), describe(layers, from, step)
	c.Rows = rows(layers, from, step)
	if points > 3 && over.glimpse(points-1) {
		points--
		for i := range values {
			values[i] = values[i][:points]
		}
		labels = labels[:points]
	}
	if points > 3 && over.glimpse(0) {
		points--
		from = from.Add(step)
		for i := range values {
			values[i] = values[i][1:]
		}
		labels = labels[1:]
	}
	if points == 1 { // a line needs two
		for i := range values {
			values[i] = append(values[i], values[i][0])
		}
		labels = append(labels, "")
	}
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: rateWidth, Height: rateHeight})
	opt := charts.NewLineChartOptionWithData(values)
	opt.Theme = charts.GetTheme(charts.ThemeLight).WithSeriesColors(colours).WithTextColor(ink("tx")).WithXAxisColor(ink("ax")).WithAxisSplitLineColor(ink("gr"))
	opt.Padding = charts.Box{Left: 4, Top: 8 + 2*labelLine, Right: 22, Bottom: 2, IsSet: true}
	opt.StackSeries, opt.FillOpacity, opt.LineStrokeWidth = charts.Ptr(true), 255, 1
	opt.Symbol.Shape = charts.SymbolNone
	opt.Legend.Show = charts.Ptr(false)
	opt.XAxis.Labels, opt.XAxis.LabelCount, opt.XAxis.BoundaryGap = labels, len(labels), charts.Ptr(false)
	opt.XAxis.LabelFontStyle.FontSize = 10
	opt.YAxis[0].LabelFontStyle.FontSize, opt.YAxis[0].LabelCount = 14, 4 // room for the larger type of a phone
	opt.YAxis[0].Min, opt.YAxis[0].Max = charts.Ptr(0.0), charts.Ptr(top(values))
	opt.YAxis[0].RangeValuePaddingScale = charts.Ptr(0.0)
	opt.ValueFormatter = func(v float64) string { return humanize.FtoaWithDigits(v, 2) }
	p := &picture{title: title, desc: described, width: rateWidth, height: rateHeight}
	if err := draw(p, painter, func() error { return painter.LineChart(opt) }); err != nil {
		c.Empty = true // the numbers stand in the table beneath
		return c
	}
	p.moments(marks, from, from.Add(step*time.Duration(max(1, points-1))))
	c.SVG = p.html(id)
	return c
}

// top is where the axis of stacked values ends, so that its three parts are
// round.
func top(values [][]float64) float64 {
	most := 0.0
	for i := range values[0] {
		sum := 0.0
		for _, v := range values {
			sum += v[i]
		}
		most = max(most, sum)
	}
	part := most / 3
	if part == 0 {
		return 3
	}
	unit := math.Pow(10, math.Floor(math.Log10(part)))
	for _, n := range []float64{1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10} {
		if n*unit >= part {
			return 3 * n * unit
		}
	}
	return most
}

func draw(p *picture, painter *charts.Painter, how func() error) error {
	if err := how(); err != nil {
		return fmt.Errorf("draw %s: %w", p.title, err)
	}
	svg, err := painter.Bytes()
	if err != nil {
		return fmt.Errorf("draw %s: %w", p.title, err)
	}
	return p.redraw(svg)
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
		width := letter * len(m.Name)
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

func (p *picture) x(t, from, to time.Time) int {
	return p.plot.left + int(float64(p.plot.right-p.plot.left)*t.Sub(from).Seconds()/to.Sub(from).Seconds())
}

// ticks are the lengths between two labels of the axis of time.
var ticks = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour,
	6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 4 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour}

// tickFor is the shortest of ticks that gives at most 9 labels.
func tickFor(span time.Duration) time.Duration {
	i, _ := slices.BinarySearchFunc(ticks, span/8, func(a, b time.Duration) int { return cmp.Compare(a, b) })
	return ticks[min(i, len(ticks)-1)]
}

// clockLabels labels the steps that begin at a round time, in UTC.
func clockLabels(from time.Time, step time.Duration, points int) []string {
	out := make([]string, points)
	tick := max(tickFor(step*time.Duration(points)), step)
	for i := range out {
		if t := from.Add(step * time.Duration(i)).UTC(); t.Truncate(tick).Equal(t) && i < points-1 {
			out[i] = tickLabel(t, tick)
		}
	}
	return out
}

func tickLabel(t time.Time, tick time.Duration) string {
	if tick >= 24*time.Hour || t.Hour() == 0 && t.Minute() == 0 {
		return t.Format("Jan 2")
	}
	return t.Format("15:04")
}

// describe says in a sentence what a picture shows.
func describe(layers []layer, from time.Time, step time.Duration) string {
	end := from.Add(step * time.Duration(len(layers[0].n)))
	parts := []string{fmt.Sprintf("%s to %s UTC", from.UTC().Format("2006-01-02 15:04"), end.UTC().Format("2006-01-02 15:04"))}
	for _, l := range layers {
		peak, at := int64(0), 0
		for i, n := range l.n {
			if n > peak {
				peak, at = n, i
			}
		}
		s := fmt.Sprintf("%s: %d", l.Name, l.Total)
		if peak > 0 {
			s += fmt.Sprintf(", most at %s", from.Add(step*time.Duration(at)).UTC().Format("15:04"))
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "; ")
}

// rows are the numbers of a picture in at most 12 lines.
func rows(layers []layer, from time.Time, step time.Duration) []chartRow {
	points := len(layers[0].n)
	per := (points + 11) / 12
	var out []chartRow
	for i := 0; i < points; i += per {
		row := chartRow{From: from.Add(step * time.Duration(i)).UTC(), Counts: make([]int64, len(layers))}
		for j, l := range layers {
			row.Counts[j] = total(l.n[i:min(i+per, points)])
		}
		out = append(out, row)
	}
	return out
}

// spark is a small picture of a service's refused share over time; it says
// nothing that the row beside it does not say in words.
func spark(s *analyzer.Series) template.HTML {
	const w, h = 120, 24
	n := len(s.Refused)
	if n < 2 || total(s.Refused) == 0 {
		return ""
	}
	per := (n + 59) / 60
	var line []charts.Point
	for i := 0; i < n; i += per {
		refused := total(s.Refused[i:min(i+per, n)])
		share := 0.0
		if all := refused + total(s.Accepted[i:min(i+per, n)]); all > 0 {
			share = float64(refused) / float64(all)
		}
		line = append(line, charts.Point{X: 1 + i*(w-2)/(n-1), Y: h - 2 - int(share*float64(h-4))})
	}
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: w, Height: h})
	p := &picture{width: w, height: h}
	if err := draw(p, painter, func() error { painter.LineStroke(line, ink("bad"), 1.5); return nil }); err != nil {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<svg class="spark" viewBox="0 0 %d %d" aria-hidden="true">%s</svg>`, w, h, p.body.String())) //nolint:gosec // numbers and our own class names
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

// reasonNames orders reasons by count.
func reasonNames(m map[analyzer.Reason]int64) []analyzer.Reason {
	return slices.SortedFunc(maps.Keys(m), func(a, b analyzer.Reason) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
}
