package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/store"
)

func newReportCmd(env *environment) *cobra.Command {
	format, addr, db, file := "text", "", "", ""
	cmd := &cobra.Command{
		Use:     "report",
		Short:   "the current report of a running server, or of a store",
		Example: "  why401 report\n  why401 report --addr http://why401.example:9401 --format md\n  why401 report --db why401.db -c why401.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := knownFormat(format); err != nil {
				return err
			}
			switch {
			case addr != "" && db != "":
				return exitHint(exitUsage, errors.New("wanted --addr or --db, found both"), "--addr asks a running server; --db reads the store of one that has stopped")
			case db != "":
				return env.reportOf(cmd.Context(), file, db, format)
			}
			return env.fetch(cmd.Context(), serverAddress(addr), "/api/v1/report?format="+format, env.stdout)
		},
	}
	cmd.Flags().StringVar(&format, "format", format, "text, json, md or html (one file, with pictures)")
	cmd.Flags().StringVar(&addr, "addr", "", "URL of a running server, with user:password@ where it wants them (default http://127.0.0.1:9401)")
	cmd.Flags().StringVar(&db, "db", "", "SQLite file of a server that is not running")
	cmd.Flags().StringVarP(&file, "config", "c", "", "with --db, configuration file: key domains and when failures count")
	return cmd
}

// serverAddress is where a server answers: as given, else where it listens by
// default.
func serverAddress(addr string) string {
	if addr == "" {
		addr = "http://" + defaultConfig().Web.Listen
	}
	if !strings.Contains(addr, "://") {
		addr = "http://" + addr
	}
	return strings.TrimRight(addr, "/")
}

// fetch copies what a server answers. An error names the server without the
// password.
func (env *environment) fetch(ctx context.Context, server, path string, to io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	answer, err := ask(ctx, server, path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(to, answer.Body); err != nil {
		return exitWith(exitBackend, fmt.Errorf("read from server: %w", err))
	}
	return nil
}

// ask makes a request that must be answered with 200.
func ask(ctx context.Context, server, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server+path, nil)
	if err != nil {
		return nil, exitHint(exitUsage, errors.New("--addr: wanted the URL of a server, found something else"), "--addr http://127.0.0.1:9401")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the rest of it is the address
		}
		return nil, exitHint(exitBackend, fmt.Errorf("ask server %s: %w", r.URL.Redacted(), err), "is why401 serve running there? --db FILE reads the store of one that is not")
	}
	if answer.StatusCode != http.StatusOK {
		words, _ := io.ReadAll(io.LimitReader(answer.Body, 500)) // as much as there is
		_ = answer.Body.Close()                                  // nothing more of it is read
		return nil, exitWith(exitBackend, fmt.Errorf("ask server %s: wanted 200, found %s: %s", r.URL.Redacted(), answer.Status, analyzer.EscapeTerminal(strings.TrimSpace(string(words)))))
	}
	return answer, nil
}

// reportOf makes the report of a store that nobody else has open.
func (env *environment) reportOf(ctx context.Context, file, db, format string) error {
	if _, err := os.Stat(db); err != nil {
		return exitWith(exitInput, fmt.Errorf("open store: %w", err))
	}
	cfg, _, err := env.load(file, nil)
	if err != nil {
		return err
	}
	set, err := env.running()
	if err != nil {
		return err
	}
	held, err := store.Open(ctx, store.Config{Kind: "sqlite", Path: db})
	if err != nil {
		return exitHint(exitBackend, err, "a running server has its store to itself; ask it with --addr URL")
	}
	defer func() { _ = held.Close() }() // nothing was written
	p, err := analyzer.NewPipeline(ctx, set, held, cfg.Environments, analyzer.LedgerConfig{JoinSpan: joinSpan})
	if err != nil {
		return exitWith(exitBackend, err)
	}
	journal, err := analyzer.OpenJournal(ctx, analyzer.JournalConfig{}, held)
	if err != nil {
		return exitWith(exitBackend, err)
	}
	var seen memory
	if err := seen.recall(ctx, held, store.DefaultRetention); err != nil {
		return exitWith(exitBackend, err)
	}
	diagnosis := cfg.diagnosis()
	diagnosis.Probes, _ = seen.latest()
	f := findingOf(p, diagnosis)
	journal.Name(f.Report)
	f.records = journal.Records()
	return f.write(env.stdout, format)
}
