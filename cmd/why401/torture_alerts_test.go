package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// How long an alert may take once both why401 and Alertmanager are up.
const (
	activeWithin   = 60 * time.Second
	resolvedWithin = 90 * time.Second
)

// TestAlertsSurviveKills opens and ends incidents all the time while why401 or
// Alertmanager is killed, WHY401_KILLS times (make torture-alerts): whatever
// is open must soon be active in Alertmanager again, whatever ended must not
// stay there.
func TestAlertsSurviveKills(t *testing.T) {
	kills, err := strconv.Atoi(os.Getenv("WHY401_KILLS"))
	if err != nil {
		t.Skip("WHY401_KILLS says how often: make torture-alerts")
	}
	am, bus := startAlertmanager(t), startBus(t)
	w := &wreck{am: am, listen: freeAddress(t), config: pagingConfig(t, am.url(), "1s"), bus: bus, db: filepath.Join(t.TempDir(), "why401.db")}
	w.process = pagingProcess(t, w.config, bus.address, w.db, w.listen)
	ctx, cancel := context.WithCancel(t.Context())
	var feeding sync.WaitGroup
	f := &feeder{bus: bus, begin: time.Now(), faults: true}
	feeding.Go(func() { f.run(ctx, t) })
	defer feeding.Wait()
	defer cancel()
	w.awaitUp(t)
	eventually(t, "the first alert", func() bool { active, err := am.active(); return err == nil && len(active) > 1 })
	start, ours := time.Now(), 0
	for i := range kills {
		w.watch(t, time.Duration(500+rand.IntN(6000))*time.Millisecond)
		if rand.IntN(2) == 0 {
			ours++
			_ = w.process.Process.Kill() // it is there until then
			_ = w.process.Wait()
			w.process = pagingProcess(t, w.config, bus.address, w.db, w.listen)
		} else {
			am.kill()
			am.start(t)
		}
		w.awaitUp(t)
		took := w.awaitActive(t)
		if i%10 == 9 {
			t.Logf("%d kills in %s: the last recovery took %s", i+1, time.Since(start).Round(time.Second), took.Round(time.Millisecond))
		}
	}
	f.calm()
	w.awaitCalm(t)
	t.Logf("%d kills (%d of why401, %d of Alertmanager), %d incidents: all open ones active after %s at most (median %s), resolves delivered after %s at most (median %s, %d of them)",
		kills, ours, kills-ours, len(w.seen), slices.Max(w.recoveries).Round(time.Millisecond), median(w.recoveries), slices.Max(w.ends).Round(time.Millisecond), median(w.ends), len(w.ends))
	lost := 0
	for id := range w.seen {
		if !w.told(id, "resolved") && w.told(id, "firing") {
			lost++
		}
	}
	t.Logf("%d incidents were paged and their end told to the receiver by a later Alertmanager in all but %d cases", len(w.seen), lost)
}

func median(all []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(all))
	return s[len(s)/2].Round(time.Millisecond)
}

// feeder writes entries whose time goes 30 times as fast as the clock: the
// quarter of an hour without failures that ends an incident is half a minute.
type feeder struct {
	bus   *bus
	begin time.Time

	mu     sync.Mutex
	faults bool
}

func (f *feeder) calm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = false
}

func (f *feeder) run(ctx context.Context, t *testing.T) {
	for n := 0; ; n++ {
		at := f.begin.Add(-30*time.Minute + 30*time.Since(f.begin))
		f.bus.publish(t, accepted("platform", "acme-platform", at))
		f.mu.Lock()
		faults := f.faults
		f.mu.Unlock()
		if faults && n%16 == 0 { // a new fault every 8 seconds, each in an environment of its own
			var entries [][]byte
			project := fmt.Sprint("acme-", n/16)
			for i := range 12 {
				entries = append(entries, accepted("payments", project, at.Add(time.Duration(i)*time.Second)), refused("payments", project, at.Add(time.Duration(i)*time.Second)))
			}
			f.bus.publish(t, entries...)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// refused is an application's line about a refused token.
func refused(service, project string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"insertId":"no-%d-%s-%s","logName":"projects/%[3]s/logs/run.googleapis.com%%2Fstderr","timestamp":%[4]q,"resource":{"type":"cloud_run_revision","labels":{"service_name":%[2]q,"project_id":%[3]q}},"textPayload":"token signature is invalid: signature is invalid"}`,
		at.UnixNano(), service, project, at.UTC().Format(time.RFC3339Nano))
}

// wreck is what gets killed, and what is known of it.
type wreck struct {
	am         *alertmanagerServer
	bus        *bus
	config, db string
	listen     string
	process    *exec.Cmd

	seen       map[string]bool
	recoveries []time.Duration
	ends       []time.Duration
	ending     map[string]time.Time // since when an alert is active whose incident is over
}

func (w *wreck) awaitUp(t *testing.T) {
	t.Helper()
	eventually(t, "a start", func() bool { return ready("http://"+w.listen) && ready(w.am.url()) })
	w.ending = map[string]time.Time{} // the time counts from when both are up
}

// open returns the incidents that are open and bad enough for an alert.
func (w *wreck) open() (map[string]bool, error) {
	var all []analyzer.Incident
	if err := getJSON("http://"+w.listen+"/api/v1/incidents", &all); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, in := range all {
		if in.Resolved == nil && in.Severity != analyzer.LevelInfo {
			out[in.ID] = true
		}
	}
	return out, nil
}

// look compares both sides once; it returns whether all that is open is
// active.
func (w *wreck) look(t *testing.T) bool {
	t.Helper()
	open, err := w.open()
	if err != nil {
		return false
	}
	active, err := w.am.active()
	if err != nil {
		return false
	}
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	maps.Copy(w.seen, open)
	now := time.Now()
	for id := range active {
		if id == "" || open[id] {
			continue
		}
		if since, ok := w.ending[id]; !ok {
			w.ending[id] = now
		} else if now.Sub(since) > resolvedWithin {
			t.Errorf("incident %s is over and has been active in Alertmanager for %s", id, now.Sub(since))
			delete(w.ending, id)
		}
	}
	for id, since := range w.ending {
		if !active[id] && !open[id] {
			w.ends = append(w.ends, now.Sub(since))
		}
		if !active[id] || open[id] {
			delete(w.ending, id)
		}
	}
	for id := range open {
		if !active[id] {
			return false
		}
	}
	return true
}

func (w *wreck) watch(t *testing.T, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		w.look(t)
	}
}

// awaitActive waits until what is open is active.
func (w *wreck) awaitActive(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	for !w.look(t) {
		if time.Since(start) > activeWithin {
			open, _ := w.open()
			active, _ := w.am.active()
			t.Fatalf("open %v, active %v; want all open ones active within %s", open, active, activeWithin)
		}
		time.Sleep(200 * time.Millisecond)
	}
	w.recoveries = append(w.recoveries, time.Since(start))
	return time.Since(start)
}

// awaitCalm waits until nothing is active but the watchdog.
func (w *wreck) awaitCalm(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(4 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		w.look(t)
		active, err := w.am.active()
		open, err2 := w.open()
		if err == nil && err2 == nil && len(open) == 0 && len(active) == 1 && active[""] {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("stuck: open %v, active %v", open, active)
		}
	}
}

func (w *wreck) told(incident, status string) bool {
	return slices.ContainsFunc(w.am.told(status), func(p page) bool { return p.Alerts[0].Labels["incident"] == incident })
}
