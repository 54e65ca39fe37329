package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"cloud.google.com/go/logging"
	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/rules"
)

func newExplainCmd(env *environment) *cobra.Command {
	text := false
	cmd := &cobra.Command{
		Use:     "explain [--text] LINE|-",
		Short:   "one entry, for a person: what was read, which rules were tried, what can be concluded and what cannot",
		Example: "  why401 explain --text 'token signature is invalid: signature is invalid'\n  head -1 export.jsonl | why401 explain -",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := env.rules()
			if err != nil {
				return err
			}
			entry, err := env.pasted(args[0], text)
			if err != nil {
				return err
			}
			return explainEntry(env.stdout, set, entry)
		},
	}
	cmd.Flags().BoolVar(&text, "text", false, "take the line as a bare message instead of a LogEntry")
	return cmd
}

// explainEntry writes what the rules made of an entry.
func explainEntry(w io.Writer, set *rules.Set, e *analyzer.Entry) error {
	var b bytes.Buffer
	x := set.Explain(e)
	line := func(name, f string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, analyzer.EscapeTerminal(fmt.Sprintf(f, args...)))
	}
	decodedLines(e, line)
	for _, f := range x.Fields {
		line("field", "%s = %s (%s)", f.Path, analyzer.Excerpt(f.Value, 160), f.Use)
	}
	for _, mark := range slices.Sorted(maps.Keys(x.Redacted)) {
		line("redacted", "%s, %d times", mark, x.Redacted[mark])
	}
	if x.Frames > 0 {
		line("peeled", "%d lines of stack frames", x.Frames)
	}
	for _, t := range x.Texts {
		line("text", "%s: %s", t.Path, analyzer.Excerpt(t.Text, 400))
	}
	for _, r := range x.Tried {
		line("tried", "%s by %q: %s", r.Rule, r.Template, r.Verdict)
	}
	c := x.Classification
	line("outcome", "%s", c.Outcome)
	if len(c.Reasons) == 0 {
		line("reason", "none: this entry tells of no failed authentication")
	}
	for i, r := range c.Reasons {
		if i == 0 {
			line("reason", "%s by %s (%s%s)", r, c.Rule, c.Match, libraryNote(c.Library))
		} else {
			line("also", "%s", r)
		}
	}
	for _, name := range rules.CaptureNames(c.Captures) {
		line("captured", "%s = %s", name, c.Captures[name])
	}
	if what := rules.Untold(c.Primary()); what != "" {
		line("untold", "%s", what)
	}
	if causes := analyzer.CandidateCauses(c.Primary()); len(causes) > 0 {
		var names []string
		for _, c := range causes {
			names = append(names, string(c))
		}
		line("could be", "%s", strings.Join(names, ", "))
		line("but", "one entry names a reason, never a cause: that needs rates, changes and probes beside it")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// decodedLines tells what the entry is and where it comes from.
func decodedLines(e *analyzer.Entry, line func(name, f string, args ...any)) {
	switch {
	case e.LogName == "" && e.Origin == nil:
		line("decoded", "a bare message")
	case len(e.Fields) > 0:
		line("decoded", "a LogEntry with %d fields, severity %s, log %s", len(e.Fields), logging.Severity(e.Severity), e.LogName)
	default:
		line("decoded", "a LogEntry with a text, severity %s, log %s", logging.Severity(e.Severity), e.LogName)
	}
	if e.Origin != nil {
		line("service", "%s (%s), %s", e.Origin.Name, e.Origin.Environment, e.Origin.ResourceType)
		line("time", "%s", e.Time.UTC().Format("2006-01-02T15:04:05.999999999Z07:00"))
	}
	if e.HTTP != nil {
		line("request", "%s %s -> %d", e.HTTP.Method, e.HTTP.Path, e.HTTP.Status)
	}
}

func libraryNote(library string) string {
	if library == "" {
		return ""
	}
	return ", printed by " + library
}
