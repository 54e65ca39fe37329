package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/source"
	"github.com/why401/why401/analyzer/store"
)

func newAnalyzeCmd(env *environment) *cobra.Command {
	format, file, probes, failOn := "text", "", "", false
	var stored storedLogs
	cmd := &cobra.Command{
		Use:   "analyze FILE…|- | --project P",
		Short: "read log entries from files, stdin or Cloud Logging and report what was refused, and why",
		Long: "Reads LogEntries as JSON arrays, JSON Lines or pretty-printed objects, plain, gzip or zstd;\n" +
			"a folder is read as a Cloud Storage export. The same entries give the same report, whatever their order.\n\n" +
			"With --project the entries come straight from the Cloud Logging API, with the rights of whoever runs it:\n" +
			"a first report needs no log export.",
		Example: "  why401 analyze export.jsonl.gz\n  why401 analyze --project acme-prod --since 6h",
		Args: func(_ *cobra.Command, args []string) error {
			if (len(args) > 0) == (len(stored.projects) > 0) {
				return exitHint(exitUsage, errors.New("wanted either files or --project"), "why401 analyze export.jsonl.gz, or why401 analyze --project acme-prod --since 6h")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := knownFormat(format); err != nil {
				return err
			}
			report, err := env.analyze(cmd.Context(), args, &stored, file, probes)
			if report == nil {
				return err
			}
			if werr := report.write(env.stdout, format); werr != nil {
				return errors.Join(err, werr)
			}
			if err == nil && failOn && len(report.Incidents) > 0 {
				return exitWith(exitFindings, fmt.Errorf("%d incidents", len(report.Incidents)))
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration file: environments, key domains and when failures count")
	cmd.Flags().StringVar(&probes, "probes", "", "results of probes of the same time, a JSON array of them (README, How it decides)")
	cmd.Flags().StringVar(&format, "format", format, "text, json, md or html (one file, with pictures)")
	stored.flags(cmd.Flags())
	cmd.Flags().BoolVar(&failOn, "fail-on", false, "exit 1 when there is an incident")
	return cmd
}

// analyze runs the pipeline over files or stored entries. With an error that leaves something
// readable it returns the report of that too.
func (env *environment) analyze(ctx context.Context, paths []string, stored *storedLogs, file, probes string) (*finding, error) {
	cfg, _, err := env.load(file, nil)
	if err != nil {
		return nil, err
	}
	diagnosis := cfg.diagnosis()
	if diagnosis.Probes, err = env.probeResults(probes); err != nil {
		return nil, err
	}
	set, err := env.running()
	if err != nil {
		return nil, err
	}
	entries, err := env.entries(paths, stored)
	if err != nil {
		return nil, err
	}
	held, err := store.Open(ctx, store.Config{Kind: "discard"})
	if err != nil {
		return nil, exitWith(exitBackend, err)
	}
	p, err := analyzer.NewPipeline(ctx, set, held, cfg.Environments, analyzer.LedgerConfig{RequestShare: cfg.Source.RequestShare, Volatile: true})
	if err != nil {
		return nil, exitWith(exitBackend, err)
	}
	stop := env.progress(ctx, entries)
	err = entries.Run(ctx, p.Handle)
	stop()
	if ctx.Err() != nil {
		return nil, exitWith(exitInterrupted, ctx.Err())
	}
	if err := p.Flush(ctx); err != nil {
		return nil, exitWith(exitBackend, err)
	}
	report := findingOf(p, diagnosis)
	switch n := report.Totals; {
	case errors.Is(err, source.ErrUnreachable) || err != nil && len(paths) == 0 && !errors.Is(err, source.ErrPartial):
		err = exitWith(exitBackend, err)
	case err != nil:
		err = exitWith(exitInput, err)
	case n.Entries == 0:
		fmt.Fprintln(env.stderr, "why401: no entries found")
	case n.Malformed == n.Entries:
		err = exitHint(exitInput, fmt.Errorf("none of %d entries could be read: wanted LogEntries as JSON", n.Entries),
			"gcloud logging read --format=json, which prints YAML by default; for bare messages why401 classify --text")
	}
	if err != nil && report.Totals.Entries == 0 {
		return nil, err // there is nothing to report on
	}
	return report, err
}

// countedSource is a source whose progress can be shown.
type countedSource interface {
	analyzer.Source
	Stats() source.FileStats
}

// entries opens what is to be analyzed.
func (env *environment) entries(paths []string, stored *storedLogs) (countedSource, error) {
	if len(stored.projects) > 0 {
		return env.storedEntries(stored)
	}
	files, err := source.NewFile(source.FileConfig{Paths: paths, Stdin: env.stdin})
	if err != nil {
		return nil, exitWith(exitUsage, err)
	}
	return files, nil
}

// probeResults reads the results of probes; none without a file.
func (env *environment) probeResults(file string) ([]analyzer.ProbeResult, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, exitWith(exitInput, fmt.Errorf("open probe results: %w", err))
	}
	defer f.Close()
	out, err := analyzer.ReadProbes(f)
	if err != nil {
		return nil, exitHint(exitInput, fmt.Errorf("%s: %w", file, err), "an array of objects with probe, target, service, status (ok, warn, fail, unknown), cause, detail and at")
	}
	return out, nil
}

// progress draws on stderr while it is a terminal.
func (env *environment) progress(ctx context.Context, entries countedSource) (stop func()) {
	f, ok := env.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		source.Progress{W: io.Writer(f), Stats: entries.Stats}.Run(ctx)
	}()
	return func() { cancel(); <-done }
}
