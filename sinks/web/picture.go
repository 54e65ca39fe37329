package web

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
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

func (p *picture) x(t, from, to time.Time) int {
	return p.plot.left + int(float64(p.plot.right-p.plot.left)*t.Sub(from).Seconds()/to.Sub(from).Seconds())
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

// reasonNames orders reasons by count.
func reasonNames(m map[analyzer.Reason]int64) []analyzer.Reason {
	return slices.SortedFunc(maps.Keys(m), func(a, b analyzer.Reason) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
}
