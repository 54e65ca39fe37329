package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/store"
)

// rotateOptions are the flags of `rotate`.
type rotateOptions struct {
	file, domain, environment, format string
	apply, yes                        bool
	watch                             bool
	valueFile                         string
	generate                          int
}

func newRotateCmd(env *environment) *cobra.Command {
	o := &rotateOptions{format: "text"}
	cmd := &cobra.Command{
		Use: "rotate", Short: "coordinate the rotation of a secret: who is where, and when the old version may go",
		Example: "  why401 rotate plan -c why401.yaml\n  why401 rotate start -c why401.yaml --apply\n  why401 rotate status -c why401.yaml --watch && why401 rotate retire -c why401.yaml --apply",
		Long: "The daemon follows every rotation by its probes; these commands read what it knows from its store.\n" +
			"Nothing is changed without --apply. What is changed comes back through Secret Manager's audit log\n" +
			"into the timeline, ascribed to who did it.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := cmd.PersistentFlags()
	f.StringVarP(&o.file, "config", "c", "", "configuration file: key domains and the daemon's store")
	f.StringVar(&o.domain, "domain", "", "key domain; may be left out when there is one")
	f.StringVar(&o.environment, "environment", "", "environment of the key domain, when several have the name")
	f.StringVar(&o.format, "format", o.format, "text or json")
	verb := func(use, short string, run func(r *rotating, ctx context.Context) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Example: "  why401 rotate " + use + " -c why401.yaml --domain jwt-main", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := env.rotating(cmd.Context(), o)
			if err != nil {
				return err
			}
			return run(r, cmd.Context())
		}}
	}
	start := verb("start", "add a version to the secret; the rotation begins with it", (*rotating).start)
	start.Flags().StringVar(&o.valueFile, "value-file", "", "file that holds the new value; - for standard input")
	start.Flags().IntVar(&o.generate, "generate", 64, "without --value-file: random bytes to make the value of")
	retire := verb("retire", "disable the old version, when nobody would be refused for it", (*rotating).retire)
	abort := verb("abort", "go back: disable the new version, when nobody would be refused for it", (*rotating).abort)
	for _, c := range []*cobra.Command{start, retire, abort} {
		c.Flags().BoolVar(&o.apply, "apply", false, "do it, after a question")
		c.Flags().BoolVar(&o.yes, "yes", false, "with --apply: do not ask")
	}
	status := verb("status", "who has taken the new version up", (*rotating).status)
	status.Flags().BoolVar(&o.watch, "watch", false, "draw the table anew until the old version may go; on a terminal in place, else whenever it changes")
	cmd.AddCommand(
		verb("plan", "the steps of a rotation, in order, for the services of the key domain", (*rotating).plan),
		start, status,
		verb("verify", "look at every service of the key domain once, now", (*rotating).verify),
		retire, abort,
	)
	return cmd
}

// rotating is one key domain and what the daemon knows of its rotation.
type rotating struct {
	env     *environment
	o       *rotateOptions
	cfg     Config
	domain  *analyzer.KeyDomain
	forward *analyzer.Rotation // nil: none is known
	back    *analyzer.Rotation
	probes  []analyzer.ProbeResult
}

// rotating reads configuration and store.
func (env *environment) rotating(ctx context.Context, o *rotateOptions) (*rotating, error) {
	if o.format != "text" && o.format != "json" {
		return nil, exitHint(exitUsage, fmt.Errorf("unknown format %q", o.format), "--format text|json")
	}
	cfg, _, err := env.load(o.file, nil)
	if err != nil {
		return nil, err
	}
	r := &rotating{env: env, o: o, cfg: cfg}
	if r.domain, err = o.choose(cfg.KeyDomains); err != nil {
		return nil, err
	}
	held := cfg.Store
	held.ReadOnly = true
	s, err := store.Open(ctx, held)
	switch {
	case errors.Is(err, fs.ErrNotExist) || held.Kind == "memory":
		return r, nil // no daemon has run yet, or it keeps nothing: nothing is known, which the verbs say
	case err != nil:
		return nil, exitHint(exitBackend, fmt.Errorf("read what the daemon knows: %w", err), "why401 doctor")
	}
	defer s.Close()
	known, err := notedRotations(ctx, s)
	if err != nil {
		return nil, exitWith(exitBackend, err)
	}
	key := domainKey(r.domain)
	r.forward, r.back = known[key], known[key+wayBack]
	var m memory
	if err := m.recall(ctx, s, recallable(nil)+time.Hour); err != nil {
		return nil, exitWith(exitBackend, err)
	}
	r.probes = m.results
	return r, nil
}

func (o *rotateOptions) choose(all []analyzer.KeyDomain) (*analyzer.KeyDomain, error) {
	var names []string
	var found []*analyzer.KeyDomain
	for i := range all {
		names = append(names, domainKey(&all[i]))
		if (o.domain == "" || all[i].Name == o.domain) && (o.environment == "" || all[i].Environment == o.environment) {
			found = append(found, &all[i])
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return nil, exitHint(exitUsage, fmt.Errorf("wanted one key domain, found %d that fit; the configuration has %v", len(found), names), "--domain NAME [--environment ENV]")
}

// ready is how far the rotation is. Nil: none is known.
func (r *rotating) ready(rot *analyzer.Rotation) *analyzer.Readiness {
	if rot == nil {
		return nil
	}
	out := rot.Ready(time.Now().UTC(), r.domain, r.cfg.Probes.Interval)
	return &out
}

var errNoRotation = errors.New("no rotation is known: the daemon follows one from the moment that a version is added to the secret")

// statusJSON is `rotate status --format json`.
type statusJSON struct {
	Domain      string    `json:"key_domain"`
	Environment string    `json:"environment,omitempty"`
	Secret      string    `json:"secret"`
	Old         string    `json:"old"`
	New         string    `json:"new"`
	Started     time.Time `json:"started"`
	*analyzer.Readiness
}

func (r *rotating) status(ctx context.Context) error {
	ready := r.ready(r.forward)
	if ready == nil {
		return exitHint(exitBackend, errNoRotation, "why401 rotate plan, and look whether why401 serve runs on this configuration")
	}
	if r.o.watch {
		return r.watch(ctx)
	}
	return r.write(r.forward, ready)
}

func (r *rotating) write(rot *analyzer.Rotation, ready *analyzer.Readiness) error {
	if r.o.format == "json" {
		e := json.NewEncoder(r.env.stdout)
		e.SetIndent("", "  ")
		return e.Encode(statusJSON{r.domain.Name, r.domain.Environment, r.domain.Secret, rot.Old, rot.New, rot.Started, ready})
	}
	w := r.env.stdout
	fmt.Fprintf(w, "%s: from version %s to %s, since %s; phase: %s\n\n", analyzer.EscapeTerminal(r.domain.Name), rot.Old, rot.New, stampOf(rot.Started), ready.Phase)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "service\tinstances\taccept "+rot.New+"\tsign with "+rot.New+"\tlast seen")
	for _, a := range ready.Services {
		signing := "-"
		if a.Signs {
			signing = fmt.Sprintf("%d of %d", a.Signing, a.Instances)
		}
		fmt.Fprintf(tw, "%s\t%d\t%d of %d\t%s\t%s\n", analyzer.EscapeTerminal(a.Service), a.Instances, a.Accepting, a.Instances, signing, stampOf(a.Seen))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	sayVerdict(w, rot, ready)
	return nil
}

// sayVerdict says whether the old version may go.
func sayVerdict(w io.Writer, rot *analyzer.Rotation, ready *analyzer.Readiness) {
	fmt.Fprintln(w)
	if ready.MayRetire {
		fmt.Fprintf(w, "version %s may go: nobody needs it\n", rot.Old)
		return
	}
	fmt.Fprintf(w, "version %s may not go yet:\n", rot.Old)
	for _, m := range ready.Missing {
		fmt.Fprintf(w, "  - %s\n", analyzer.EscapeTerminal(m))
	}
}

func stampOf(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// verify makes every probe of the key domain now.
func (r *rotating) verify(ctx context.Context) error {
	cfg := r.cfg
	cfg.KeyDomains = slices.DeleteFunc(slices.Clone(cfg.KeyDomains), func(d analyzer.KeyDomain) bool {
		return d.Name != r.domain.Name || d.Environment != r.domain.Environment
	})
	v, err := r.env.validate(ctx, cfg)
	if err != nil {
		return err
	}
	if r.o.format == "json" {
		err = v.json(r.env.stdout)
	} else {
		err = v.text(r.env.stdout, r.env.painter(), false)
	}
	return errors.Join(err, v.exit())
}
