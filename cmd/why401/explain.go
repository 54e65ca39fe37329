package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/rules"
)

func newExplainCmd(env *environment) *cobra.Command {
	text := false
	cmd := &cobra.Command{
		Use:   "explain [--text] LINE|-",
		Short: "one entry, for a person: what was read, which rules were tried, what can be concluded and what cannot",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			line := []byte(args[0])
			if args[0] == "-" {
				var err error
				if line, err = io.ReadAll(io.LimitReader(env.stdin, longestLine)); err != nil {
					return exitWith(exitInput, fmt.Errorf("read stdin: %w", err))
				}
			}
			set, err := env.rules()
			if err != nil {
				return err
			}
			line = bytes.TrimSpace(line)
			if text || !bytes.HasPrefix(line, []byte("{")) {
				return explainEntry(env.stdout, set, rules.TextEntry(string(line)))
			}
			entry, err := analyzer.NewDecoder(nil).Entry(&analyzer.Message{Data: line})
			if err != nil {
				return exitHint(exitInput, err, "why401 explain --text, for a bare message")
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
	if e.Origin != nil {
		line("service", "%s (%s), %s", e.Origin.Name, e.Origin.Environment, e.Origin.ResourceType)
		line("time", "%s", e.Time.UTC().Format("2006-01-02T15:04:05.999999999Z07:00"))
	}
	if e.HTTP != nil {
		line("request", "%s %s -> %d", e.HTTP.Method, e.HTTP.Path, e.HTTP.Status)
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
	if causes := analyzer.CandidateCauses(c.Primary()); len(causes) > 0 {
		line("could be", "%v", causes)
		line("but", "one entry names a reason, never a cause: that needs rates, changes and probes beside it")
	}
	_, err := w.Write(b.Bytes())
	return err
}

func libraryNote(library string) string {
	if library == "" {
		return ""
	}
	return ", printed by " + library
}
