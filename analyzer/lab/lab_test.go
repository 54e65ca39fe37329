package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"github.com/google/go-cmp/cmp"

	"github.com/why401/why401/analyzer"
)

var begin = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// played is one run of a scenario, collected.
type played struct {
	truth   Truth
	entries [][]byte
	took    time.Duration
	parsed  []*loggingpb.LogEntry
}

func play(t *testing.T, sc Scenario, seed uint64) played {
	t.Helper()
	var got played
	started := time.Now()
	truth, err := Run(t.Context(), sc, Options{Seed: seed, Start: begin, Emit: func(_ context.Context, entry []byte) error {
		got.entries = append(got.entries, entry)
		return nil
	}})
	if err != nil {
		t.Fatalf("run %s: %v", sc.Name, err)
	}
	got.truth, got.took = truth, time.Since(started)
	t.Logf("%s: %d entries in %s", sc.Name, len(got.entries), got.took.Round(time.Millisecond))
	return got
}

// runs are the undisturbed runs of built-in scenarios. Most tests look at the
// same ones from different sides, and under the race detector each costs
// seconds.
var runs = map[string]*played{}

// known returns the run of a built-in scenario with this seed.
func known(t *testing.T, sc Scenario, seed uint64) *played {
	t.Helper()
	key := fmt.Sprint(sc.Name, " ", seed)
	if runs[key] == nil {
		got := play(t, sc, seed)
		runs[key] = &got
	}
	return runs[key]
}

// find reads a built-in scenario.
func find(t *testing.T, name string) Scenario {
	t.Helper()
	sc, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// builtIn are the scenarios that most tests look at.
func builtIn(t *testing.T) []Scenario {
	t.Helper()
	var out []Scenario
	for _, name := range []string{"rotation-missed", "healthy", "precedence", "platform-iam"} {
		out = append(out, find(t, name))
	}
	return out
}

// ordinary are the reasons that people cause on a healthy day.
var ordinary = []analyzer.Reason{analyzer.ExpiredToken, analyzer.MissingToken, analyzer.LoginFailed}

// The fault of a scenario shows where it was injected, from the moment it was
// injected, and nowhere else.
func TestFaultIsWhereItWasInjected(t *testing.T) {
	for _, sc := range builtIn(t) {
		for _, seed := range []uint64{1, 2} {
			truth := known(t, sc, seed).truth
			seen := map[int]int64{}
			for _, c := range truth.Counts {
				if c.Outcome != analyzer.OutcomeRefused || slices.Contains(ordinary, c.Reason) {
					continue
				}
				fault := slices.IndexFunc(sc.Expect, func(e Expect) bool {
					return slices.Contains(e.Services, c.Service.Name) && slices.Contains(e.Reasons, c.Reason)
				})
				if fault < 0 {
					t.Errorf("%s, seed %d: %d requests refused at %s with %s, which nobody injected", sc.Name, seed, c.N, c.Service.Name, c.Reason)
					continue
				}
				seen[fault] += c.N
				if from := begin.Add(sc.Expect[fault].From); c.First.Before(from) {
					t.Errorf("%s, seed %d: %s refused with %s at %s, before %s", sc.Name, seed, c.Service.Name, c.Reason, c.First, from)
				}
			}
			for i, e := range sc.Expect {
				if len(e.Reasons) > 0 && seen[i] < 20 {
					t.Errorf("%s, seed %d: %s at %v shows in %d requests, wanted at least 20", sc.Name, seed, e.Cause, e.Services, seen[i])
				}
			}
			if n := truth.Requests("", analyzer.OutcomeRefused, analyzer.ExpiredToken); n == 0 {
				t.Errorf("%s, seed %d: no ordinary expiry at all", sc.Name, seed)
			}
			if len(truth.Injected) != len(sc.Timeline) {
				t.Errorf("%s, seed %d: %d of %d steps carried out", sc.Name, seed, len(truth.Injected), len(sc.Timeline))
			}
			for _, in := range truth.Injected {
				if in.Err != "" {
					t.Errorf("%s, seed %d: %s %s failed: %s", sc.Name, seed, in.Do, in.Target, in.Err)
				}
			}
		}
	}
}

// Users go on being served by everybody else while payments fails.
func TestRotationSparesTheOthers(t *testing.T) {
	sc, err := Find("rotation-missed")
	if err != nil {
		t.Fatal(err)
	}
	truth := known(t, sc, 1).truth
	for _, service := range []string{"auth", "orders", "chat", "payments"} {
		if n := truth.Requests(service, analyzer.OutcomeAccepted, ""); n < 50 {
			t.Errorf("%s accepted %d requests, wanted at least 50", service, n)
		}
		for _, c := range truth.Counts {
			if c.Service.Name == service && c.Outcome == analyzer.OutcomeRefused && c.Reason == analyzer.BadSignature {
				wanted := map[string]int{"payments": 401}[service]
				if c.Status != wanted {
					t.Errorf("%s refused with status %d, wanted %d", service, c.Status, wanted)
				}
			}
		}
	}
}

// The volume that a demonstration needs.
func TestDefaultScenarioVolume(t *testing.T) {
	sc, err := Find("")
	if err != nil {
		t.Fatal(err)
	}
	if sc.Name != "rotation-missed" {
		t.Errorf("default scenario is %s, wanted rotation-missed", sc.Name)
	}
	got := known(t, sc, 1)
	if n := len(got.entries); n < 3000 || n > 6000 {
		t.Errorf("%d entries, wanted 3000 to 6000", n)
	}
	if int64(len(got.entries)) != got.truth.Entries {
		t.Errorf("truth tells of %d entries, emitted %d", got.truth.Entries, len(got.entries))
	}
	if got.took > 10*time.Second {
		t.Errorf("took %s, wanted at most 10s", got.took)
	}
}

// Same seed and start: the same bytes in the same order, though secrets,
// tokens and ports are new in every run. Another seed: another day.
func TestSeedDecides(t *testing.T) {
	for _, sc := range []Scenario{find(t, "rotation-missed"), find(t, "platform-iam")} {
		a, b, other := known(t, sc, 1), play(t, sc, 1), known(t, sc, 2)
		if diff := cmp.Diff(a.truth, b.truth); diff != "" {
			t.Errorf("%s: same seed, other truth (-first +second):\n%s", sc.Name, diff)
		}
		if !bytes.Equal(bytes.Join(a.entries, []byte("\n")), bytes.Join(b.entries, []byte("\n"))) {
			t.Errorf("%s: same seed, other entries", sc.Name)
		}
		if cmp.Equal(a.truth.Counts, other.truth.Counts) {
			t.Errorf("%s: seeds 1 and 2 give the same day", sc.Name)
		}
	}
}

func TestEmitErrorEndsTheRun(t *testing.T) {
	sc := find(t, "healthy")
	full := errors.New("topic is full")
	n := 0
	truth, err := Run(t.Context(), sc, Options{Emit: func(context.Context, []byte) error {
		if n++; n > 50 {
			return full
		}
		return nil
	}})
	if !errors.Is(err, full) {
		t.Errorf("error %v, wanted %v", err, full)
	}
	if truth.Entries != 50 {
		t.Errorf("truth tells of %d entries, 50 were taken", truth.Entries)
	}
}

// A run at human speed ends when its context does, and leaves no goroutine.
func TestCancelEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := Run(ctx, find(t, "healthy"), Options{Speed: 5, Sockets: true, Emit: func(context.Context, []byte) error { return nil }})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, wanted %v", err, context.DeadlineExceeded)
	}
	leaked(t, before)
}

func TestRunLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	sc := find(t, "rotation-missed")
	sc.Duration = 6 * time.Minute // all of its deploys
	play(t, sc, 1)
	leaked(t, before)
}

// leaked fails if there are more goroutines than before. Connections that
// the other side has closed need a moment to end.
func leaked(t *testing.T, before int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}

func TestSpeedPacesTheRun(t *testing.T) {
	sc := find(t, "healthy")
	sc.Duration, sc.Timeline = 20*time.Second, nil
	started := time.Now()
	if _, err := Run(t.Context(), sc, Options{Speed: 50, Emit: func(context.Context, []byte) error { return nil }}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(started); took < 400*time.Millisecond {
		t.Errorf("20 virtual seconds at speed 50 took %s, wanted at least 400ms", took)
	}
}

func TestScenarioIsCheckedBeforeItIsPlayed(t *testing.T) {
	emit := func(context.Context, []byte) error { return nil }
	for _, tc := range []struct {
		name   string
		spoil  func(*Scenario)
		wanted string
	}{
		{"no project", func(sc *Scenario) { sc.Projects = nil }, "projects: wanted at least one"},
		{"no duration", func(sc *Scenario) { sc.Duration = 0 }, "duration: wanted 1s to 7d, found 0s"},
		{"unknown secret", func(sc *Scenario) { sc.Secrets = nil }, `services[0].env[0].secret: wanted the name of a secret, found "jwt-main"`},
		{"unknown callee", func(sc *Scenario) { sc.Services[1].Calls = "billing" }, `services[1].calls: wanted the name of a service, found "billing"`},
		{"no issuer", func(sc *Scenario) { sc.Traffic.Issuer = "chat" }, `traffic.issuer: wanted a service that mints tokens, found "chat"`},
		{"two of a name", func(sc *Scenario) { sc.Services[1].Name = "auth" }, "wanted a name of its own"},
		{"unknown verb", func(sc *Scenario) { sc.Timeline[0].Do = "explode" }, `timeline[0].do: wanted one of`},
		{"step after the end", func(sc *Scenario) { sc.Timeline[0].At = time.Hour }, "timeline[0].at: wanted 0s to 12m, found 1h"},
		{"flood", func(sc *Scenario) { sc.Traffic.Rate = 1e9 }, "traffic.rate: wanted 0 to 1000"},
		{"job", func(sc *Scenario) { sc.Timeline[0] = Step{Do: LoseIdentity, Target: "cron"} }, `wanted the name of a job, found "cron"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sc := find(t, "rotation-missed")
			tc.spoil(&sc)
			_, err := Run(t.Context(), sc, Options{Emit: emit})
			if err == nil || !strings.Contains(err.Error(), tc.wanted) {
				t.Errorf("error %v, wanted %q in it", err, tc.wanted)
			}
		})
	}
	if _, err := Run(t.Context(), find(t, "healthy"), Options{}); err == nil {
		t.Error("ran without Emit")
	}
	if _, err := Find("no-such"); err == nil || !strings.Contains(err.Error(), "rotation-missed") {
		t.Errorf("find no-such: %v, wanted the names that there are", err)
	}
}

// The handlers give the same answers and write the same entries whether they
// are called directly or over real connections.
func TestSocketsChangeNothing(t *testing.T) {
	sc := find(t, "rotation-missed")
	sc.Duration = 6 * time.Minute
	var runs [2]bytes.Buffer
	for i, sockets := range []bool{false, true} {
		_, err := Run(t.Context(), sc, Options{Seed: 5, Start: begin, Sockets: sockets, Emit: func(_ context.Context, entry []byte) error {
			runs[i].Write(append(entry, '\n'))
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if runs[0].Len() < 100_000 || !bytes.Equal(runs[0].Bytes(), runs[1].Bytes()) {
		t.Errorf("%d bytes called directly, %d over connections, and not the same", runs[0].Len(), runs[1].Len())
	}
}
