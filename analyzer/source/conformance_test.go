package source

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// feed makes a source that holds exactly the given entries.
type feed struct {
	kind    string
	endless bool // the source does not end by itself
	open    func(t *testing.T, entries [][]byte) Config
	send    func(t *testing.T, to analyzer.Source, entries [][]byte) // to a source that is sent to
}

var feeds = map[string]feed{
	"json lines": {kind: "file", open: func(t *testing.T, entries [][]byte) Config {
		return Config{File: FileConfig{Paths: []string{write(t, "in.jsonl", joined(entries, "", "\n", "\n"))}, GroupLines: 50, block: 4096}}
	}},
	"json array": {kind: "file", open: func(t *testing.T, entries [][]byte) Config {
		return Config{File: FileConfig{Paths: []string{write(t, "in.json", joined(entries, "[\n  ", ",\n  ", "\n]"))}, GroupLines: 50, block: 4096}}
	}},
	"gzip and standard input": {kind: "file", open: func(t *testing.T, entries [][]byte) Config {
		half := len(entries) / 2
		return Config{File: FileConfig{
			Paths: []string{pack(t, "in.gz", joined(entries[:half], "", "\n", "")), "-"},
			Stdin: &slowly{string(joined(entries[half:], "", "\n", "")), 100},
		}}
	}},
	"embedded Pub/Sub": {kind: "pubsub", endless: true, open: func(t *testing.T, entries [][]byte) Config {
		e := startEmbedded(t)
		if err := e.Publish(t.Context(), entries...); err != nil {
			t.Fatal(err)
		}
		return Config{PubSub: e.Config()}
	}},
	"Cloud Logging": {kind: "logging", open: openLogging},
	"push":          {kind: "push", endless: true, open: openPush, send: sendPushes},
	"real emulator": {kind: "pubsub", endless: true, open: openEmulator},
}

func joined(entries [][]byte, before, between, after string) []byte {
	var parts []string
	for _, e := range entries {
		parts = append(parts, string(e))
	}
	return []byte(before + strings.Join(parts, between) + after)
}

// TestConformance holds every source to the promises of the package.
func TestConformance(t *testing.T) {
	for _, kind := range Kinds() {
		if !slices.ContainsFunc(values(feeds), func(f feed) bool { return f.kind == kind }) {
			t.Errorf("no feed tries the source %q", kind)
		}
	}
	for name, f := range feeds {
		t.Run(name, func(t *testing.T) {
			t.Run("hands over everything once", func(t *testing.T) { handsOverOnce(t, f) })
			t.Run("offers a refused group again", func(t *testing.T) { offersAgain(t, f) })
			t.Run("ends when told", func(t *testing.T) { endsWhenTold(t, f) })
		})
	}
}

func values[K comparable, V any](m map[K]V) (out []V) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// ledger counts entries by what they hold.
type ledger struct {
	mu    sync.Mutex
	seen  map[string]int
	total atomic.Int64 // different entries
}

func (l *ledger) keep(group []analyzer.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[string]int{}
	}
	for _, m := range group {
		if l.seen[string(m.Data)]++; l.seen[string(m.Data)] == 1 {
			l.total.Add(1)
		}
	}
}

// checkAtLeastOnce wants every entry, and next to none again: a lease that ran
// out on a busy machine brings its messages back, as the service may.
func (l *ledger) checkAtLeastOnce(t *testing.T, entries [][]byte) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	again := 0
	for _, e := range entries {
		n := l.seen[string(e)]
		if n == 0 {
			t.Errorf("%s was not kept", e)
		}
		again += max(0, n-1)
	}
	if again > len(entries)/20 {
		t.Errorf("%d of %d entries came again after they were kept", again, len(entries))
	}
	if len(l.seen) != len(entries) {
		t.Errorf("%d different entries kept, want %d", len(l.seen), len(entries))
	}
}

// check wants every entry once.
func (l *ledger) check(t *testing.T, entries [][]byte) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		if n := l.seen[string(e)]; n != 1 {
			t.Errorf("%s was kept %d times, want once", e, n)
			return
		}
	}
	if len(l.seen) != len(entries) {
		t.Errorf("%d different entries kept, want %d", len(l.seen), len(entries))
	}
}

func numbered(n int) (entries [][]byte) {
	for i := range n {
		entries = append(entries, fmt.Appendf(nil, `{"insertId":"e%d","text":"} [ \" "}`, i))
	}
	return entries
}

// goroutines returns the stacks of all goroutines but those of the Pub/Sub
// client that look after a stream: they notice only at their next tick, up to
// half a minute later, that the stream is gone.
func goroutines() (stacks []string) {
	all := make([]byte, 4<<20)
	all = all[:runtime.Stack(all, true)]
	for stack := range strings.SplitSeq(string(all), "\n\n") {
		if !strings.Contains(stack, "streamKeepAliveHandler") {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

// settled fails unless the number of goroutines comes back to what it was.
func settled(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		now := goroutines()
		if len(now) <= before {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before:\n%s", len(now), before, strings.Join(now, "\n\n"))
		}
	}
}

// drive runs f's source over entries until all were kept and it ended.
func drive(t *testing.T, f feed, entries [][]byte, kept *ledger, handle analyzer.Handler) {
	t.Helper()
	source, err := Open(f.kind, f.open(t, entries))
	if err != nil {
		t.Fatal(err)
	}
	before := len(goroutines())
	if f.send != nil {
		f.send(t, source, entries)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err = source.Run(ctx, func(ctx context.Context, group []analyzer.Message) error {
		err := handle(ctx, group)
		if f.endless && kept.total.Load() >= int64(len(entries)) {
			time.AfterFunc(200*time.Millisecond, cancel) // time for what should not come
		}
		return err
	})
	if f.endless && !errors.Is(err, context.Canceled) || !f.endless && err != nil {
		t.Errorf("error %v", err)
	}
	settled(t, before)
}

func handsOverOnce(t *testing.T, f feed) {
	entries := numbered(1000)
	var kept ledger
	drive(t, f, entries, &kept, func(_ context.Context, group []analyzer.Message) error {
		for _, m := range group {
			if m.Where == "" {
				t.Error("a message without Where")
			}
		}
		kept.keep(group)
		return nil
	})
	kept.check(t, entries)
}

func offersAgain(t *testing.T, f feed) {
	entries := numbered(300)
	var kept ledger
	var calls atomic.Int64
	drive(t, f, entries, &kept, func(_ context.Context, group []analyzer.Message) error {
		if calls.Add(1)%2 == 1 {
			return errors.New("busy")
		}
		kept.keep(group)
		return nil
	})
	kept.check(t, entries)
}

func endsWhenTold(t *testing.T, f feed) {
	source, err := Open(f.kind, f.open(t, numbered(300)))
	if err != nil {
		t.Fatal(err)
	}
	before := len(goroutines())
	if f.send != nil {
		f.send(t, source, numbered(300))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running atomic.Int64
	var told time.Time
	var once sync.Once
	err = source.Run(ctx, func(context.Context, []analyzer.Message) error {
		running.Add(1)
		defer running.Add(-1)
		once.Do(func() { told = time.Now(); cancel() })
		time.Sleep(20 * time.Millisecond)
		return nil
	})
	if !errors.Is(err, context.Canceled) || running.Load() != 0 || time.Since(told) > 5*time.Second {
		t.Errorf("error %v after %v with %d handlers running, want context.Canceled soon and none", err, time.Since(told), running.Load())
	}
	settled(t, before)
}

func TestOpenUnknownKind(t *testing.T) {
	if _, err := Open("kafka", Config{}); err == nil || !strings.Contains(err.Error(), "file, logging, pubsub, push") {
		t.Errorf("error %v, want one that names the kinds", err)
	}
}
