package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// TestConformance holds every store that keeps something to the same
// promises.
func TestConformance(t *testing.T) {
	cases := map[string]func(*testing.T, Config){
		"empty":                    testEmpty,
		"sums":                     testSums,
		"keyed rows":               testKeyedRows,
		"key order and retention":  testKeyOrder,
		"quarantine":               testQuarantine,
		"sweep":                    testSweep,
		"cancelled commit":         testCancelled,
		"concurrent commits":       testConcurrent,
		"big batch":                testBigBatch,
		"what was given is copied": testCopies,
		"notes":                    testNotes,
		"closed":                   testClosed,
	}
	for kind := range Stores {
		if kind == "discard" {
			continue // it promises to keep nothing
		}
		t.Run(kind, func(t *testing.T) {
			for name, test := range cases {
				t.Run(name, func(t *testing.T) { test(t, Config{Kind: kind}) })
			}
		})
	}
}

func testEmpty(t *testing.T, c Config) {
	s := openTest(t, c)
	sameLoaded(t, load(t, s), &analyzer.Loaded{})
	commit(t, s, &analyzer.Batch{}, &analyzer.Batch{Counts: []analyzer.Count{}})
	sameLoaded(t, load(t, s), &analyzer.Loaded{})
	if more, err := s.Sweep(t.Context(), noon); more || err != nil {
		t.Errorf("Sweep = %v, %v; want nothing to do", more, err)
	}
}

func testSums(t *testing.T, c Config) {
	s := openTest(t, c)
	minute := noon.Unix() / 60
	orders, payments := services[0], services[2]
	cell := analyzer.Cell{Minute: minute, Service: orders, Kind: analyzer.KindJoined, Reason: "bad_signature"}
	other := cell
	other.Reason = "expired_token"
	gone := cell
	gone.Service = payments
	pop := analyzer.Population{Hour: minute / 60, Service: orders, Reason: "bad_signature", Dimension: analyzer.DimKeyID, Value: "k1", N: 2}
	template := analyzer.Template{Service: orders, Text: "denied <n>", N: 1, First: noon}
	batch := func(first time.Time, watermark time.Time, n int64) *analyzer.Batch {
		x := template
		x.First = first
		return &analyzer.Batch{
			Counts:      []analyzer.Count{{Cell: cell, N: n}, {Cell: cell, N: 1}, {Cell: other, N: 5}, {Cell: gone, N: n - 4}},
			Populations: []analyzer.Population{pop},
			Templates:   []analyzer.Template{x},
			Totals:      analyzer.Totals{Entries: 10, Duplicates: 1, Malformed: 2, Self: 3, Late: 4, Overflow: 5},
			Watermark:   watermark,
		}
	}
	commit(t, s, batch(noon, noon, 3), batch(noon.Add(-time.Minute), noon.Add(-time.Hour), 5))
	pop.N, template.N, template.First = 4, 2, noon.Add(-time.Minute)
	sameLoaded(t, load(t, s), &analyzer.Loaded{
		Counts:      []analyzer.Count{{Cell: cell, N: 10}, {Cell: other, N: 10}}, // gone: -1 + 1
		Populations: []analyzer.Population{pop},
		Templates:   []analyzer.Template{template},
		Totals:      analyzer.Totals{Entries: 20, Duplicates: 2, Malformed: 4, Self: 6, Late: 8, Overflow: 10},
		Watermark:   noon,
	})
}

func testKeyedRows(t *testing.T, c Config) {
	s := openTest(t, c)
	exemplar := func(key int, text string) analyzer.Exemplar {
		return analyzer.Exemplar{Key: keyOf(key), Service: services[4], Reason: "bad_signature", At: noon, Excerpt: text, Captures: map[string]string{"kid": text}}
	}
	change := func(key analyzer.Key, target string) analyzer.KeyedChange {
		return analyzer.KeyedChange{Key: key, Change: analyzer.Change{Kind: analyzer.ConfigEdited, Target: target, Service: services[0], At: noon}}
	}
	commit(t, s,
		&analyzer.Batch{
			Traces:    []analyzer.TraceRow{{Hash: 1, Minute: 5, Data: []byte("a")}, {Hash: 1<<64 - 1, Minute: 6, Data: []byte{}}},
			Exemplars: []analyzer.Exemplar{exemplar(1, "one"), exemplar(2, "two"), exemplar(3, "came and went")},
			Dropped:   []analyzer.Key{keyOf(3)},
			Parts:     []analyzer.Part{{Key: keyOf(1), Data: []byte("waits")}, {Key: keyOf(2), Data: []byte("joined")}, {Key: keyOf(3), Data: []byte("came")}, {Key: keyOf(3)}},
			Changes:   []analyzer.KeyedChange{change(keyOf(1), "first"), change(analyzer.Key{}, "no identity 1")},
		},
		&analyzer.Batch{
			Traces:    []analyzer.TraceRow{{Hash: 1, Minute: 7, Data: []byte("b")}},
			Exemplars: []analyzer.Exemplar{exemplar(1, "one again")},
			Dropped:   []analyzer.Key{keyOf(2), keyOf(99)},
			Parts:     []analyzer.Part{{Key: keyOf(2)}, {Key: keyOf(99)}, {Key: keyOf(1), Data: []byte("waits still")}},
			Changes:   []analyzer.KeyedChange{change(keyOf(1), "ignored"), change(analyzer.Key{}, "no identity 2")},
		},
	)
	sameLoaded(t, load(t, s), &analyzer.Loaded{
		Traces:    []analyzer.TraceRow{{Hash: 1, Minute: 7, Data: []byte("b")}, {Hash: 1<<64 - 1, Minute: 6, Data: []byte{}}},
		Exemplars: []analyzer.Exemplar{exemplar(1, "one again")},
		Parts:     []analyzer.Part{{Key: keyOf(1), Data: []byte("waits still")}},
		Changes:   []analyzer.KeyedChange{change(analyzer.Key{}, "no identity 1"), change(analyzer.Key{}, "no identity 2"), change(keyOf(1), "first")},
	})
}

func testKeyOrder(t *testing.T, c Config) {
	c.KeyRetention = 1000
	s := openTest(t, c)
	want := 0
	for _, n := range []int{1, 2, 300, 1, 1, 700, 250, 1, 30} { // small ones share a row
		b := &analyzer.Batch{Keys: keysOf(want, n), Watermark: noon}
		for i := range n {
			b.Accepted = append(b.Accepted, uint64(want+i)<<32)
		}
		commit(t, s, b)
		want += n
	}
	check := func(atLeast int) {
		t.Helper()
		got := load(t, s)
		for what, n := range map[string]int{"keys": len(got.Keys), "marks": len(got.Accepted)} {
			if n < atLeast || n > 1000 {
				t.Fatalf("kept %d %s; want %d to 1000", n, what, atLeast)
			}
		}
		for i, k := range got.Keys {
			if n := want - len(got.Keys) + i; k != keyOf(n) {
				t.Fatalf("key %d is not number %d: order lost", i, n)
			}
		}
		for i, mark := range got.Accepted {
			if n := want - len(got.Accepted) + i; mark != uint64(n)<<32 {
				t.Fatalf("mark %d is not number %d: order lost", i, n)
			}
		}
	}
	check(1000)
	sweepAll(t, s, noon)
	check(981) // whole rows go
}

func testQuarantine(t *testing.T, c Config) {
	c.QuarantineMax = 3
	s := openTest(t, c)
	commit(t, s, &analyzer.Batch{Poison: []analyzer.Poison{poison(0, noon), poison(1, noon), poison(0, noon.Add(1))}})
	commit(t, s, &analyzer.Batch{Poison: []analyzer.Poison{poison(1, noon), poison(2, noon), poison(3, noon)}})
	check := func(limit int, want ...analyzer.Poison) {
		t.Helper()
		got, err := s.Quarantine(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, want, func(a, b analyzer.Poison) bool {
			return a.Key == b.Key && a.At.Equal(b.At) && a.Where == b.Where && a.Reason == b.Reason && string(a.Data) == string(b.Data) && a.Bytes == b.Bytes
		}) {
			t.Errorf("Quarantine(%d) = %+v; want %+v", limit, got, want)
		}
	}
	check(0, poison(1, noon), poison(2, noon), poison(3, noon))
	check(2, poison(1, noon), poison(2, noon))
	for _, key := range []analyzer.Key{keyOf(2), keyOf(77)} {
		if err := s.Forget(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	check(10, poison(1, noon), poison(3, noon))
	commit(t, s, &analyzer.Batch{Poison: []analyzer.Poison{poison(2, noon)}}) // replay failed again
	check(10, poison(1, noon), poison(3, noon), poison(2, noon))
	if got := load(t, s); len(got.Poison) != 0 {
		t.Errorf("Load gives %d quarantined entries; want them left to Quarantine", len(got.Poison))
	}
}

func sweepAll(t *testing.T, s Store, now time.Time) (calls int) {
	t.Helper()
	for more := true; more; calls++ {
		var err error
		if more, err = s.Sweep(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if calls > 1000 {
			t.Fatal("sweep does not end")
		}
	}
	return calls
}

func testSweep(t *testing.T, c Config) {
	c.Retention, c.JoinRetention = 48*time.Hour, time.Hour
	s := openTest(t, c)
	old := bulkBatch(noon.Add(-49*time.Hour), 0, 5000)
	edge := bulkBatch(noon.Add(-48*time.Hour), 5000, 600) // 512 marks fill a row
	fresh := bulkBatch(noon, 6000, 10)
	commit(t, s, old, edge, fresh)
	sweepAll(t, s, noon)

	want := bulkBatch(noon, 6000, 10)
	want.Keys = append(slices.Clone(edge.Keys), want.Keys...)
	want.Counts = append(want.Counts, edge.Counts...)
	want.Populations = append(want.Populations, edge.Populations...)
	want.Exemplars = append(want.Exemplars, edge.Exemplars...)
	want.Changes = append(want.Changes, edge.Changes...)
	want.Templates = append(want.Templates, edge.Templates...)
	want.Totals.Entries = 5610 // totals are for ever
	sameLoaded(t, load(t, s), want)

	sweepAll(t, s, noon.Add(1000*time.Hour))
	sameLoaded(t, load(t, s), &analyzer.Loaded{Totals: analyzer.Totals{Entries: 5610}, Watermark: noon})
	commit(t, s, fresh) // names services and series that were swept away
	want = bulkBatch(noon, 6000, 10)
	want.Totals.Entries = 5620
	sameLoaded(t, load(t, s), want)
}

// bulkBatch has n of everything at one time, each under its own name.
func bulkBatch(at time.Time, from, n int) *analyzer.Batch {
	minute := minuteOf(at)
	b := &analyzer.Batch{Keys: keysOf(from, n), Watermark: at, Totals: analyzer.Totals{Entries: int64(n)}}
	for i := from; i < from+n; i++ {
		k := keyOf(i)
		service := analyzer.Service{Name: "s" + string(rune('a'+i%7)), Environment: at.Format(time.DateOnly)}
		b.Accepted = append(b.Accepted, uint64(i))
		b.Counts = append(b.Counts, analyzer.Count{Cell: analyzer.Cell{Minute: minute, Service: service, Kind: analyzer.KindJoined, Reason: analyzer.Reason(k[:])}, N: 1})
		b.Populations = append(b.Populations, analyzer.Population{Hour: floorDiv(minute, 60), Service: service, Reason: "r", Dimension: analyzer.DimClient, Value: string(k[:]), N: 1})
		b.Traces = append(b.Traces, analyzer.TraceRow{Hash: uint64(i) << 40, Minute: minute, Data: k[:]})
		b.Exemplars = append(b.Exemplars, analyzer.Exemplar{Key: k, Service: service, At: at})
		b.Changes = append(b.Changes, analyzer.KeyedChange{Key: k, Change: analyzer.Change{Service: service, At: at}})
		b.Templates = append(b.Templates, analyzer.Template{Service: service, Text: string(k[:]), N: 1, First: at})
	}
	return b
}

func testCancelled(t *testing.T, c Config) {
	s := openTest(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := randomBatch(rand.New(rand.NewPCG(1, 1)), 1)
	if err := s.Commit(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit = %v; want context.Canceled", err)
	}
	if _, err := s.Load(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Load = %v; want context.Canceled", err)
	}
	sameLoaded(t, load(t, s), &analyzer.Loaded{})
}

func testConcurrent(t *testing.T, c Config) {
	s := openTest(t, c)
	const workers, each = 8, 25
	cell := analyzer.Cell{Minute: noon.Unix() / 60, Service: services[0], Kind: analyzer.KindSeen}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				b := &analyzer.Batch{Keys: keysOf((w*each+i)*10, 10), Counts: []analyzer.Count{{Cell: cell, N: 10}}, Totals: analyzer.Totals{Entries: 10}, Watermark: noon}
				if err := s.Commit(t.Context(), b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := load(t, s)
	const all = workers * each * 10
	if len(got.Counts) != 1 || got.Counts[0].N != all || got.Totals.Entries != all || len(got.Keys) != all {
		t.Errorf("counts %v, %d entries, %d keys; want %d of each", got.Counts, got.Totals.Entries, len(got.Keys), all)
	}
	slices.SortFunc(got.Keys, func(a, b analyzer.Key) int { return slices.Compare(a[:], b[:]) })
	if n := len(slices.Compact(got.Keys)); n != all {
		t.Errorf("%d distinct keys; want %d", n, all)
	}
}

func testBigBatch(t *testing.T, c Config) {
	s := openTest(t, c)
	b := bulkBatch(noon, 0, 3000)
	b.Keys = keysOf(0, 200_000) // 3.2 MB: several rows
	want := *b
	commit(t, s, b)
	sameLoaded(t, load(t, s), &want)
}

func testCopies(t *testing.T, c Config) {
	s := openTest(t, c)
	b, same := bulkBatch(noon, 0, 2), bulkBatch(noon, 0, 2)
	commit(t, s, b)
	b.Keys[0], b.Accepted[0], b.Counts[0].N = analyzer.Key{}, 9, 9
	clear(b.Traces[0].Data)
	got := load(t, s)
	sameLoaded(t, got, same)
	clear(got.Traces[0].Data)
	got.Keys[0] = analyzer.Key{}
	sameLoaded(t, load(t, s), same)
}

func testClosed(t *testing.T, c Config) {
	s := openTest(t, c)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(t.Context(), bulkBatch(noon, 0, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("Commit = %v; want ErrClosed", err)
	}
	if _, err := s.Load(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Load = %v; want ErrClosed", err)
	}
}

// TestStoresAgree gives the same random batches to all stores, reopening the
// file now and then.
func TestStoresAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	c := Config{Kind: "sqlite", Path: t.TempDir() + "/why401.db", QuarantineMax: 40}
	memory := openTest(t, Config{Kind: "memory", QuarantineMax: 40})
	file := openTest(t, c)
	for n := range 120 {
		b := randomBatch(r, n)
		commit(t, memory, b)
		commit(t, file, b)
		if n%40 != 39 {
			continue
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		file = openTest(t, c)
		want, got := load(t, memory), load(t, file)
		sameLoaded(t, got, want)
		if len(want.Counts) == 0 || len(want.Exemplars) == 0 || len(want.Keys) == 0 {
			t.Fatal("the batches are too small to tell anything")
		}
		p, err := memory.Quarantine(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		q, err := file.Quarantine(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(p, q, func(a, b analyzer.Poison) bool { return a.Key == b.Key }) {
			t.Fatal("the quarantines differ")
		}
	}
}
