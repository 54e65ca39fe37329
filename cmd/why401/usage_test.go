package main

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commandCall finds the calls of why401 in an example: up to a pipe, a
// redirection or the next command.
var commandCall = regexp.MustCompile(`(?m)(?:^ *|[|&;(] )why401 ((?:'[^']*'|[^|>&;'\n])*)`)

// Every command that does something shows how, by examples that a shell reads
// and whose commands, flags and arguments there are.
func TestHelpShowsExamples(t *testing.T) {
	env := &environment{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, getenv: func(string) string { return "" }}
	n := 0
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "completion" {
				visit(sub)
			}
		}
		if c.Example == "" && !c.HasSubCommands() {
			t.Errorf("%s --help shows no example", c.CommandPath())
		}
		for _, call := range commandCall.FindAllStringSubmatch(c.Example, -1) {
			words, err := exec.Command("sh", "-c", "for w in "+strings.TrimSuffix(strings.TrimSpace(call[1]), "…")+`; do printf '%s\0' "$w"; done`).Output()
			if err != nil {
				t.Errorf("%s: a shell does not read %q: %v", c.CommandPath(), call[0], err)
				continue
			}
			var args []string
			for _, w := range bytes.Split(bytes.TrimSuffix(words, []byte{0}), []byte{0}) {
				args = append(args, string(w))
			}
			got, rest, err := newRoot(env).Find(args)
			if err != nil {
				t.Errorf("%s: %q: %v", c.CommandPath(), call[0], err)
				continue
			}
			if err = got.ParseFlags(rest); err == nil && got.Args != nil {
				err = got.Args(got, got.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: %q: %v", c.CommandPath(), call[0], err)
			}
			n++
		}
	}
	visit(newRoot(env))
	if n < 50 {
		t.Errorf("%d examples; want at least 50", n)
	}
}
