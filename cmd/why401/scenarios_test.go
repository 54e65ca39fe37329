package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/lab"
	"github.com/why401/why401/analyzer/store"
	"github.com/why401/why401/rules"
)

// tickOfScenarios is how often serve makes a diagnosis.
const tickOfScenarios = 5 * time.Second

// exportLag is how long lines gather while a probe waits for one of them.
const exportLag = 100 * time.Millisecond

// playScenario plays one scenario with the pipeline and the diagnosis of
// serve, in virtual time.
func playScenario(t *testing.T, set *rules.Set, sc lab.Scenario, seed uint64) (result lab.Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).Add(time.Duration(seed%60) * 7 * time.Second)
		time.Sleep(time.Until(begin))
		held, err := store.Open(t.Context(), store.Config{Kind: "discard"})
		if err != nil {
			t.Fatal(err)
		}
		prober := newScenarioProber(sc, begin)
		defer prober.close(t)
		var classifier analyzer.Classifier = set
		if prober != nil {
			classifier = prober.traces.Listen(set)
		}
		p, err := analyzer.NewPipeline(t.Context(), classifier, held, nil, analyzer.LedgerConfig{JoinSpan: 10 * time.Minute, Volatile: true})
		if err != nil {
			t.Fatal(err)
		}
		if prober != nil {
			p.LeaveOut(prober.traces.Own)
			prober.changed = func(c analyzer.Change) {
				if err := p.Tell(t.Context(), "probe", c); err != nil {
					t.Error(err)
				}
			}
		}
		judge := lab.NewJudge(sc)
		cfg := analyzer.DiagnosisConfig{KeyDomains: sc.Domains()}
		var group []analyzer.Message
		last := ""
		var flushed time.Time
		var mu sync.Mutex // of group: services log while probes knock
		flush := func(ctx context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			err := p.Handle(ctx, group)
			group = group[:0]
			return err
		}
		truth, err := lab.Run(t.Context(), sc, lab.Options{
			Seed: seed, Start: begin, Speed: 1, Every: tickOfScenarios,
			Emit: func(ctx context.Context, entry []byte) error {
				mu.Lock()
				group = append(group, analyzer.Message{Data: entry})
				mu.Unlock()
				if prober != nil && prober.busy.Load() > 0 && time.Since(flushed) >= exportLag {
					flushed = time.Now()
					return flush(ctx)
				}
				return nil
			},
			Watch: func(ctx context.Context, v *lab.View) (err error) {
				if err := flush(ctx); err != nil {
					return err
				}
				if cfg.Probes, err = prober.look(ctx, v, classifier); err != nil {
					return err
				}
				incidents := p.Report(cfg).Incidents
				judge.Observe(v.Now(), incidents)
				if now := told(incidents); now != last && testing.Verbose() {
					t.Logf("%s seed %d at %s:%s", sc.Name, seed, v.Now().Sub(begin).Round(time.Second), now)
					last = now
				}
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		result = judge.Result(&truth, seed)
	})
	return result
}

// told sums up what is open, a line each; with WHY401_EVIDENCE, what speaks for
// and against it as well.
func told(incidents []analyzer.Incident) string {
	var b strings.Builder
	for _, in := range incidents {
		if in.Resolved != nil {
			continue
		}
		fmt.Fprintf(&b, "\n\t%s %s %s at %s; candidates %v", in.Severity, in.Verdict, in.Cause, strings.Join(in.Services, ", "), in.Candidates)
		if os.Getenv("WHY401_EVIDENCE") != "" {
			fmt.Fprintf(&b, "\n\t\tsince %s\n\t\tfor %q\n\t\tagainst %q", in.Opened.Format(time.TimeOnly), in.For, in.Against)
		}
	}
	return b.String()
}

// everyday are the scenarios that the default test plays: one of each kind.
var everyday = []string{"rotation-missed", "healthy", "latent-stale", "audience-mismatch", "refresh-race", "mentions"}

// scenariosAsked says what to play: by default a few, once, or those that
// WHY401_SCENARIOS names (a comma list of names and of files, or all), with
// WHY401_SEEDS seeds each, the first of which is WHY401_FIRST_SEED.
func scenariosAsked(t *testing.T) (list []lab.Scenario, seeds []uint64) {
	t.Helper()
	all, err := lab.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	asked, n := strings.Split(os.Getenv("WHY401_SCENARIOS"), ","), 5
	if asked[0] == "" {
		asked, n = everyday, 1
	}
	n = number("WHY401_SEEDS", n)
	for first := number("WHY401_FIRST_SEED", 1); len(seeds) < n; {
		seeds = append(seeds, uint64(first+len(seeds)))
	}
	for _, name := range asked {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		sc, err := lab.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, sc.Variations()...)
	}
	for _, sc := range all {
		for _, v := range sc.Variations() {
			if asked[0] == "all" || containsName(asked, v.Name) {
				list = append(list, v)
			}
		}
	}
	return list, seeds
}

// number reads an environment variable.
func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

func containsName(names []string, name string) bool {
	base, _, _ := strings.Cut(name, "/")
	for _, n := range names {
		if n == name || n == base {
			return true
		}
	}
	return false
}

// Every scenario is understood. WHY401_SCENARIOS=all plays all of them with
// five seeds and prints the table of analyzer/lab/SCENARIOS.md.
func TestScenarios(t *testing.T) {
	env := &environment{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}
	set, err := env.running()
	if err != nil {
		t.Fatal(err)
	}
	list, seeds := scenariosAsked(t)
	rows := make([]scenarioRow, len(list))
	t.Run("play", func(t *testing.T) {
		for i, sc := range list {
			rows[i].sc = sc
			t.Run(sc.Name, func(t *testing.T) {
				t.Parallel()
				for _, seed := range seeds {
					rows[i].results = append(rows[i].results, playScenario(t, set, sc.Varied(seed), seed))
				}
			})
		}
	})
	for i := range rows {
		for _, r := range rows[i].results {
			if len(r.Fired) > 1 {
				t.Logf("alerts: %s, seed %d: %q", r.Scenario, r.Seed, r.Fired)
			}
			for _, x := range r.Findings {
				if x.Fifth > slow {
					t.Logf("slow: %s, seed %d: %s told %s after the fifth telling entry, the true cause %s after the first", r.Scenario, r.Seed, x.Expect.Cause, x.Fifth.Round(time.Second/10), x.Known.Round(time.Second/10))
				}
			}
		}
	}
	f := sumUp(rows)
	var b strings.Builder
	f.write(&b, rows)
	t.Log(b.String())
	if os.Getenv("WHY401_SCENARIOS") == "all" {
		writeTable(t, b.String())
	}
	for _, short := range f.short() {
		t.Error(short)
	}
}
