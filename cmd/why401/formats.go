package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/sinks/web"
)

// formats are the ways to write a report: those of the report itself, and the
// page in one file.
var formats = append(slices.Clone(analyzer.Formats), "html")

// knownFormat refuses a format before anything is read for it.
func knownFormat(format string) error {
	if slices.Contains(formats, format) {
		return nil
	}
	return exitHint(exitUsage, fmt.Errorf("unknown format %q", format), "--format "+strings.Join(formats, "|"))
}

// writeJSON writes v for machines, indented for whoever looks at it.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// finding is what a run over entries came to: the report, and the rates over
// time behind it.
type finding struct {
	*analyzer.Report
	probes  []analyzer.ProbeResult
	records []analyzer.Record
	series  func(from, to time.Time) []analyzer.Series
}

// findingOf is what a pipeline knows.
func findingOf(p *analyzer.Pipeline, cfg analyzer.DiagnosisConfig) *finding {
	return &finding{Report: p.Report(cfg), probes: cfg.Probes, series: p.Series}
}

// write renders it in one of formats.
func (f *finding) write(w io.Writer, format string) error {
	if format != "html" {
		return f.Report.Write(w, format)
	}
	return web.WriteReport(w, web.Config{Version: versionOf()}, f.update(), f.series)
}

func (f *finding) update() *analyzer.Update {
	return &analyzer.Update{At: f.Span.To, Report: f.Report, Probes: f.probes, Records: f.records}
}
