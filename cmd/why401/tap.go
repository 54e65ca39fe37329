package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
)

func newTapCmd(env *environment) *cobra.Command {
	addr, reason, format, most := "", "", "text", 0
	cmd := &cobra.Command{
		Use:     "tap",
		Short:   "findings of a running server as they come, redacted",
		Example: "  why401 tap --reason bad_signature\n  why401 tap --format json -n 100 > findings.jsonl",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return exitHint(exitUsage, fmt.Errorf("unknown format %q", format), "--format text|json")
			}
			return env.tap(cmd.Context(), serverAddress(addr), reason, format, most)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "", "URL of the server (default http://127.0.0.1:9401)")
	cmd.Flags().StringVar(&reason, "reason", "", "only findings with this reason, such as bad_signature")
	cmd.Flags().StringVar(&format, "format", format, "text, or json for one object a line")
	cmd.Flags().IntVarP(&most, "count", "n", 0, "end after so many (default: go on until interrupted)")
	return cmd
}

// maxFinding bounds one line of the stream.
const maxFinding = 1 << 20

// tap prints findings until ctx or the stream ends.
func (env *environment) tap(ctx context.Context, server, reason, format string, most int) error {
	answer, err := ask(ctx, server, "/api/v1/findings?reason="+url.QueryEscape(reason))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxFinding)
	event, n := "", 0
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			event = name
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		switch {
		case !ok:
		case event == "missed":
			env.say("why401: %s findings came too fast and are not shown", analyzer.EscapeTerminal(data))
		case event == "finding":
			if err := printFinding(env.stdout, data, format); err != nil {
				return err
			}
			if n++; n == most {
				return nil
			}
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return exitWith(exitBackend, fmt.Errorf("read from server: %w", errors.Join(errEnded, lines.Err())))
}

var errEnded = errors.New("the stream ended")

// printFinding writes one finding on one line.
func printFinding(w io.Writer, data, format string) error {
	var f analyzer.Finding
	if err := json.Unmarshal([]byte(data), &f); err != nil {
		return exitWith(exitBackend, fmt.Errorf("read from server: wanted a finding: %w", err))
	}
	if format == "json" {
		_, err := fmt.Fprintln(w, data)
		return err
	}
	reasons := make([]string, len(f.Reasons))
	for i, r := range f.Reasons {
		reasons[i] = string(r)
	}
	who := f.Service
	if f.Environment != "" {
		who += " (" + f.Environment + ")"
	}
	_, err := fmt.Fprintf(w, "%s  %s  %s  %s  %s\n", f.At.UTC().Format("15:04:05.000"), analyzer.EscapeTerminal(who), analyzer.EscapeTerminal(strings.Join(reasons, ",")), analyzer.EscapeTerminal(f.Rule), analyzer.EscapeTerminal(f.Excerpt))
	return err
}
