package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/store"
)

func newQuarantineCmd(env *environment) *cobra.Command {
	cmd := &cobra.Command{Use: "quarantine", Short: "entries that could not be decoded: list, show and replay them", RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var file, db string
	cmd.PersistentFlags().StringVarP(&file, "config", "c", "", "configuration file")
	cmd.PersistentFlags().StringVar(&db, "db", "", "SQLite file that keeps the state (default why401.db)")
	load := func() (Config, error) {
		given := map[string]string{}
		if db != "" {
			given["store.path"] = db
		}
		cfg, _, err := env.load(file, given)
		return cfg, err
	}
	format := "text"
	list := &cobra.Command{
		Use: "list", Short: "list the entries, the oldest first",
		Example: "  why401 quarantine list -c why401.yaml", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load()
			if err != nil {
				return err
			}
			held, err := quarantined(cmd.Context(), cfg.Store)
			if err != nil {
				return err
			}
			return env.listQuarantine(held, format)
		},
	}
	list.Flags().StringVar(&format, "format", format, "text or json")
	cmd.AddCommand(list,
		&cobra.Command{
			Use: "show KEY", Short: "show one entry; the first digits of its key are enough",
			Example: "  why401 quarantine show 3f9a -c why401.yaml", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				cfg, err := load()
				if err != nil {
					return err
				}
				held, err := quarantined(cmd.Context(), cfg.Store)
				if err != nil {
					return err
				}
				return env.showQuarantine(held, args[0])
			},
		},
		&cobra.Command{
			Use: "replay [KEY…]", Short: "analyze entries that can be decoded now, such as after an upgrade; all without a key",
			Example: "  why401 quarantine replay -c why401.yaml",
			Long:    "Hands what can be decoded now to the analysis and takes it out of the quarantine. The daemon must be stopped: one process writes a store.",
			RunE: func(cmd *cobra.Command, args []string) error {
				cfg, err := load()
				if err != nil {
					return err
				}
				return env.replay(cmd.Context(), cfg, args)
			},
		})
	return cmd
}

// quarantined reads the quarantine beside the process that may write it.
func quarantined(ctx context.Context, cfg store.Config) ([]analyzer.Poison, error) {
	cfg.ReadOnly = true
	s, err := store.Open(ctx, cfg)
	if err != nil {
		return nil, exitWith(exitBackend, err)
	}
	defer s.Close()
	held, err := s.Quarantine(ctx, 0)
	if err != nil {
		return nil, exitWith(exitBackend, err)
	}
	return held, nil
}

// quarantinedJSON is one entry of `quarantine list --format json`.
type quarantinedJSON struct {
	Key    string    `json:"key"`
	At     time.Time `json:"at,omitzero"`
	Where  string    `json:"where"`
	Reason string    `json:"reason"`
	Bytes  int       `json:"bytes"`
	Data   string    `json:"data"`
}

func (env *environment) listQuarantine(held []analyzer.Poison, format string) error {
	switch format {
	case "text":
		for _, p := range held {
			fmt.Fprintf(env.stdout, "%s  %s  %d bytes  %s  (%s)\n", shortKey(p.Key), when(p.At), p.Bytes, analyzer.EscapeTerminal(p.Reason), analyzer.EscapeTerminal(p.Where))
		}
		if len(held) == 0 {
			fmt.Fprintln(env.stderr, "why401: the quarantine is empty")
		}
		return nil
	case "json":
		out := make([]quarantinedJSON, len(held))
		for i, p := range held {
			out[i] = quarantinedJSON{hex.EncodeToString(p.Key[:]), p.At, p.Where, p.Reason, p.Bytes, string(p.Data)}
		}
		enc := json.NewEncoder(env.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(out)
	}
	return exitHint(exitUsage, fmt.Errorf("unknown format %q", format), "--format text|json")
}

// showQuarantine prints one entry. What was kept of it is redacted.
func (env *environment) showQuarantine(held []analyzer.Poison, key string) error {
	p, err := pick(held, key)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "key     %x\narrived %s\nfrom    %s\nreason  %s\nsize    %d bytes", p.Key, when(p.At), analyzer.EscapeTerminal(p.Where), analyzer.EscapeTerminal(p.Reason), p.Bytes)
	if len(p.Data) < p.Bytes {
		fmt.Fprintf(env.stdout, ", of which the first are kept, redacted")
	}
	fmt.Fprintf(env.stdout, "\n\n%s\n", analyzer.EscapeTerminal(string(p.Data)))
	return nil
}

// pick finds the one entry whose key begins with text.
func pick(held []analyzer.Poison, text string) (*analyzer.Poison, error) {
	var found *analyzer.Poison
	for i := range held {
		if strings.HasPrefix(hex.EncodeToString(held[i].Key[:]), strings.ToLower(text)) {
			if found != nil {
				return nil, exitHint(exitUsage, fmt.Errorf("several quarantined entries begin with %q", text), "more digits of the key")
			}
			found = &held[i]
		}
	}
	if found == nil {
		return nil, exitHint(exitUsage, fmt.Errorf("no quarantined entry begins with %q", text), "why401 quarantine list")
	}
	return found, nil
}

// replay hands what can be decoded now to the pipeline, over the store that it
// came from, so that everything counts once.
func (env *environment) replay(ctx context.Context, cfg Config, keys []string) error {
	set, err := env.serveRules(cfg.Rules.Dir, env.logger(cfg.Log.Level))
	if err != nil {
		return err
	}
	held, err := store.Open(ctx, cfg.Store)
	if err != nil {
		return exitWith(exitBackend, err)
	}
	defer func() { _ = held.Close() }() // every batch is committed already
	poison, err := held.Quarantine(ctx, 0)
	if err != nil {
		return exitWith(exitBackend, err)
	}
	if len(keys) > 0 {
		var chosen []analyzer.Poison
		for _, key := range keys {
			p, err := pick(poison, key)
			if err != nil {
				return err
			}
			chosen = append(chosen, *p)
		}
		poison = chosen
	}
	p, err := analyzer.NewPipeline(ctx, set, held, cfg.Environments, analyzer.LedgerConfig{RequestShare: cfg.Source.RequestShare, JoinSpan: joinSpan})
	if err != nil {
		return exitWith(exitBackend, err)
	}
	replayed, left, err := replayInto(ctx, p, held, poison, analyzer.NewDecoder(cfg.Environments))
	err = errors.Join(err, p.Flush(ctx))
	fmt.Fprintf(env.stdout, "%d replayed, %d still cannot be decoded\n", replayed, left)
	if err != nil {
		return exitWith(exitBackend, err)
	}
	return nil
}

// replayInto forgets an entry only after it is committed: a crash between
// leaves a duplicate, which is told by its identity and counts once.
func replayInto(ctx context.Context, p *analyzer.Pipeline, held store.Quarantine, poison []analyzer.Poison, d *analyzer.Decoder) (replayed, left int, err error) {
	for _, x := range poison {
		m := analyzer.Message{Data: slices.Clone(x.Data), Where: x.Where, Published: x.At}
		var h analyzer.Header
		if len(x.Data) < x.Bytes || d.Scan(&m, &h) != nil || h.Time == 0 {
			left++
			continue
		}
		if err := p.Handle(ctx, []analyzer.Message{m}); err != nil {
			return replayed, left, err
		}
		if err := held.Forget(ctx, x.Key); err != nil {
			return replayed, left, err
		}
		replayed++
	}
	return replayed, left, nil
}

func shortKey(k analyzer.Key) string { return hex.EncodeToString(k[:6]) }

func when(t time.Time) string {
	if t.IsZero() {
		return "unknown time"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
