package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/why401/why401/analyzer"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		os.Exit(commitUntilKilled(path))
	}
	os.Exit(m.Run())
}

// noon is the event time around which the tests live.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

func keyOf(n int) analyzer.Key {
	var k analyzer.Key
	binary.BigEndian.PutUint64(k[:], 0x9e3779b97f4a7c15*uint64(n+1)) // spread like hashes
	binary.BigEndian.PutUint64(k[8:], uint64(n+1))
	return k
}

func keysOf(from, n int) []analyzer.Key {
	keys := make([]analyzer.Key, n)
	for i := range keys {
		keys[i] = keyOf(from + i)
	}
	return keys
}

var services = []analyzer.Service{
	{Name: "orders", Environment: "staging"},
	{Name: "orders", Environment: "production"},
	{Name: "payments", Environment: "staging"},
	{Name: "", Environment: ""},
	{Name: "naïve\x00\xff'; DROP TABLE counts; --", Environment: "\n"},
}

// randomBatch draws from few cells, so that batches meet in them.
func randomBatch(r *rand.Rand, n int) *analyzer.Batch {
	at := noon.Add(time.Duration(r.IntN(180)) * time.Minute)
	service := services[r.IntN(len(services))]
	reason := []analyzer.Reason{"", "bad_signature", "expired_token"}[r.IntN(3)]
	b := &analyzer.Batch{
		Keys:      keysOf(n*1000, r.IntN(300)),
		Watermark: at,
		Totals:    analyzer.Totals{Entries: int64(r.IntN(9)), Duplicates: 1, Malformed: 2, Self: 3, Late: 4, Overflow: int64(n)},
	}
	for i := range r.IntN(20) {
		minute := at.Unix()/60 - int64(r.IntN(3))
		cell := analyzer.Cell{Minute: minute, Service: services[r.IntN(len(services))], Kind: analyzer.KindJoined, Reason: reason}
		b.Accepted = append(b.Accepted, r.Uint64())
		b.Counts = append(b.Counts, analyzer.Count{Cell: cell, N: int64(r.IntN(7) - 2)})
		b.Populations = append(b.Populations, analyzer.Population{
			Hour: minute / 60, Service: service, Reason: reason, Dimension: analyzer.DimKeyID, Value: fmt.Sprint("k", r.IntN(3)), N: int64(r.IntN(5) - 1),
		})
		b.Traces = append(b.Traces, analyzer.TraceRow{Hash: ^uint64(r.IntN(40)), Minute: minute, Data: fmt.Appendf(nil, "%d/%d", n, i)})
		b.Templates = append(b.Templates, analyzer.Template{Service: service, Text: fmt.Sprint("denied <n> ", r.IntN(4)), N: 1, First: at.Add(-time.Duration(r.IntN(60)) * time.Second)})
		b.Exemplars = append(b.Exemplars, analyzer.Exemplar{
			Key: keyOf(r.IntN(50)), Service: service, Reason: reason, At: at, Rule: "golang-jwt/signature", Library: "golang-jwt",
			Excerpt: "token \x00\xfe is malformed", InsertID: fmt.Sprint(i), Captures: map[string]string{"kid": "a\"b", "alg": "HS256"},
		})
		b.Dropped = append(b.Dropped, keyOf(r.IntN(50)))
		b.Changes = append(b.Changes, analyzer.KeyedChange{Key: keyOf(r.IntN(80)), Change: analyzer.Change{
			Kind: analyzer.SecretVersionAdded, Target: "jwt-main", Version: fmt.Sprint(n), Service: service, Project: "p", At: at, By: "person 1a2b",
			Evidence: "…", Details: map[string]string{"mount": "env"},
		}})
		b.Poison = append(b.Poison, poison(r.IntN(90), at))
	}
	return b
}

func poison(n int, at time.Time) analyzer.Poison {
	return analyzer.Poison{Key: keyOf(n), At: at, Where: fmt.Sprint("a.jsonl:", n), Reason: "want an object, found a number", Data: fmt.Appendf(nil, "%d", n), Bytes: 5000}
}

// sameLoaded compares without regard to the order of sums; keys and marks
// keep theirs.
func sameLoaded(t *testing.T, got, want *analyzer.Loaded) {
	t.Helper()
	if !slices.Equal(got.Keys, want.Keys) {
		t.Fatalf("%d keys loaded differ from the %d wanted", len(got.Keys), len(want.Keys))
	}
	a, b := sorted(want), sorted(got)
	if reflect.DeepEqual(a, b) { // gocmp is slow on large batches
		return
	}
	t.Fatalf("loaded differs (-want +got):\n%.4000s", gocmp.Diff(a, b))
}

func sorted(b *analyzer.Loaded) *analyzer.Loaded {
	service := func(a, b analyzer.Service) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Environment, b.Environment))
	}
	key := func(a, b analyzer.Key) int { return slices.Compare(a[:], b[:]) }
	return &analyzer.Loaded{
		Accepted: sort(b.Accepted, func(a, b uint64) int { return 0 }),
		Counts: sort(b.Counts, func(a, b analyzer.Count) int {
			return cmp.Or(cmp.Compare(a.Minute, b.Minute), service(a.Service, b.Service), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Reason, b.Reason))
		}),
		Populations: sort(b.Populations, func(a, b analyzer.Population) int {
			return cmp.Or(cmp.Compare(a.Hour, b.Hour), service(a.Service, b.Service), cmp.Compare(a.Reason, b.Reason),
				cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Value, b.Value))
		}),
		Traces:    sort(b.Traces, func(a, b analyzer.TraceRow) int { return cmp.Compare(a.Hash, b.Hash) }),
		Exemplars: sort(b.Exemplars, func(a, b analyzer.Exemplar) int { return key(a.Key, b.Key) }),
		Changes: sort(b.Changes, func(a, b analyzer.KeyedChange) int {
			return cmp.Or(key(a.Key, b.Key), cmp.Compare(a.Target, b.Target))
		}),
		Templates: sort(b.Templates, func(a, b analyzer.Template) int {
			return cmp.Or(service(a.Service, b.Service), cmp.Compare(a.Text, b.Text))
		}),
		Poison:    b.Poison,
		Parts:     b.Parts,
		Totals:    b.Totals,
		Watermark: b.Watermark,
	}
}

// sort returns a sorted copy, nil when there is nothing.
func sort[T any](items []T, compare func(a, b T) int) []T {
	return slices.SortedStableFunc(slices.Values(items), compare)
}

func openTest(t testing.TB, c Config) Store {
	t.Helper()
	if c.Path == "" {
		c.Path = filepath.Join(t.TempDir(), "why401.db")
	}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func commit(t testing.TB, s Store, batches ...*analyzer.Batch) {
	t.Helper()
	for _, b := range batches {
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func load(t testing.TB, s Store) *analyzer.Loaded {
	t.Helper()
	got, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}
