package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
	"github.com/why401/why401/analyzer/source"
	"github.com/why401/why401/analyzer/store"
	"github.com/why401/why401/rules"
)

func newRulesNewCmd(env *environment) *cobra.Command {
	pack, reason, unmatched, text := "mine", "", "", false
	cmd := &cobra.Command{
		Use:     "new [LINE|-]",
		Short:   "print a pack with a rule for a pasted line, or for the texts of a log that no rule knows",
		Example: "  why401 rules new --reason key_not_found 'verify: unknown key id 0123abcd'\n  why401 rules new --from-unmatched export.jsonl > mine.yaml",
		Long: "Makes a rule of a line as a log holds it, a bare message or a LogEntry: the variable parts become holes,\n" +
			"the nearest line of another meaning its near miss. With --from-unmatched it makes one of every text of a log,\n" +
			"or of a report of analyze --format json, that looks like a failed authentication and that no rule knows.\n" +
			"Everything printed is redacted. The pack passes why401 rules test as it stands; read its comments all the same.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (unmatched != "") {
				return exitHint(exitUsage, errors.New("new rule: wanted a line, or --from-unmatched and a file"), "why401 rules new 'the line as it stands in the log'")
			}
			r := analyzer.Reason(reason)
			if reason != "" && !r.Known() {
				return exitHint(exitUsage, fmt.Errorf("new rule: unknown reason %q", reason), nearestReason(reason))
			}
			set, err := env.rules()
			if err != nil {
				return err
			}
			var proposals []rules.Proposal
			if unmatched != "" {
				proposals, err = env.proposeUnmatched(cmd.Context(), set, unmatched)
			} else {
				proposals, err = env.proposeLine(set, args[0], r, text)
			}
			if err != nil {
				return err
			}
			return env.printProposals(pack, proposals)
		},
	}
	cmd.Flags().StringVar(&pack, "pack", pack, "the pack's id")
	cmd.Flags().StringVar(&reason, "reason", "", "what the line means; without it, what its words say")
	cmd.Flags().StringVar(&unmatched, "from-unmatched", "", "a log, or a report in JSON, or - for stdin")
	cmd.Flags().BoolVar(&text, "text", false, "take the line as a bare message instead of a LogEntry")
	return cmd
}

// nearestReason proposes the reason that was meant.
func nearestReason(s string) string {
	var names []string
	for _, r := range analyzer.Reasons() {
		names = append(names, string(r))
	}
	if n := conf.Nearest(s, names); n != "" {
		return "--reason " + n
	}
	return "--reason " + strings.Join(names, "|")
}

func (env *environment) printProposals(pack string, proposals []rules.Proposal) error {
	if len(proposals) == 0 {
		fmt.Fprintln(env.stderr, "why401: no text looks like a failed authentication that no rule knows")
		return nil
	}
	out, err := rules.ProposedPack(pack, proposals)
	if err != nil {
		return exitWith(exitConfig, err)
	}
	_, err = env.stdout.Write(out)
	return err
}

func (env *environment) proposeLine(set *rules.Set, arg string, reason analyzer.Reason, text bool) ([]rules.Proposal, error) {
	entry, err := env.pasted(arg, text)
	if err != nil {
		return nil, err
	}
	p := set.Propose(entry, reason)
	if strings.TrimSpace(p.Rule.Text[0]) == "" {
		return nil, exitHint(exitUsage, errors.New("new rule: wanted a line with a text, found none"), "why401 rules new 'the line as it stands in the log'")
	}
	return []rules.Proposal{p}, nil
}

// pasted reads the one entry of a command: from its argument, or stdin for -.
func (env *environment) pasted(arg string, text bool) (*analyzer.Entry, error) {
	line := []byte(arg)
	if arg == "-" {
		var err error
		if line, err = io.ReadAll(io.LimitReader(env.stdin, longestLine)); err != nil {
			return nil, exitWith(exitInput, fmt.Errorf("read stdin: %w", err))
		}
	}
	line = bytes.TrimSpace(line)
	if text || !bytes.HasPrefix(line, []byte("{")) {
		return rules.TextEntry(string(line)), nil
	}
	entry, err := analyzer.NewDecoder(nil).Entry(&analyzer.Message{Data: line})
	if err != nil {
		return nil, exitHint(exitInput, err, "--text, for a bare message")
	}
	return entry, nil
}

// proposeUnmatched reads a report, or else a log.
func (env *environment) proposeUnmatched(ctx context.Context, set *rules.Set, path string) ([]rules.Proposal, error) {
	in, err := env.open([]string{path})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, longestReport))
	if err != nil {
		return nil, exitWith(exitInput, fmt.Errorf("read %s: %w", path, err))
	}
	var report struct {
		Totals    *json.RawMessage           `json:"totals"`
		Unmatched []analyzer.UnmatchedReport `json:"unmatched"`
	}
	if json.Unmarshal(data, &report) == nil && report.Totals != nil {
		var out []rules.Proposal
		for _, u := range report.Unmatched {
			out = append(out, set.ProposeTemplate(u))
		}
		return out, nil
	}
	seen := set.NewUnmatched()
	if path == "-" {
		err = env.feed(ctx, seen, []string{"-"}, bytes.NewReader(data))
	} else {
		err = env.feed(ctx, seen, []string{path}, nil)
	}
	proposals, left := seen.Proposals()
	if left > 0 {
		fmt.Fprintf(env.stderr, "why401: %d entries of further texts are left out\n", left)
	}
	return slices.Clip(proposals), err
}

// longestReport bounds what is read to tell a report from a log.
const longestReport = 64 << 20

// feed reads log files as analyze does, for what a classifier makes of them
// only.
func (env *environment) feed(ctx context.Context, into analyzer.Classifier, paths []string, stdin io.Reader) error {
	files, err := source.NewFile(source.FileConfig{Paths: paths, Stdin: stdin})
	if err != nil {
		return exitWith(exitUsage, err)
	}
	held, err := store.Open(ctx, store.Config{Kind: "discard"})
	if err != nil {
		return exitWith(exitBackend, err)
	}
	p, err := analyzer.NewPipeline(ctx, into, held, nil, analyzer.LedgerConfig{})
	if err != nil {
		return exitWith(exitBackend, err)
	}
	if err := files.Run(ctx, p.Handle); err != nil {
		if ctx.Err() != nil {
			return exitWith(exitInterrupted, ctx.Err())
		}
		return exitWith(exitInput, err)
	}
	return nil
}
