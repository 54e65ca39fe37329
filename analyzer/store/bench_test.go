package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// benchBatch is what 500 entries of a busy minute change.
func benchBatch(n int) *analyzer.Batch {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	at := noon.Add(time.Duration(n/100) * time.Second)
	b := &analyzer.Batch{Keys: keysOf(n*500, 500), Watermark: at, Totals: analyzer.Totals{Entries: 500}}
	for i := range 50 {
		service := analyzer.Service{Name: fmt.Sprint("service-", r.IntN(40)), Environment: "production"}
		b.Counts = append(b.Counts, analyzer.Count{
			Cell: analyzer.Cell{Minute: minuteOf(at), Service: service, Kind: analyzer.KindSeen, Reason: analyzer.Reason(fmt.Sprint("reason-", i%6))}, N: 10,
		})
		if i < 200 {
			b.Accepted = append(b.Accepted, r.Uint64())
		}
	}
	for i := range 10 {
		service := b.Counts[i].Service
		b.Traces = append(b.Traces, analyzer.TraceRow{Hash: r.Uint64(), Minute: minuteOf(at), Data: joinState(r)})
		b.Populations = append(b.Populations, analyzer.Population{Hour: minuteOf(at) / 60, Service: service, Reason: "bad_signature", Dimension: analyzer.DimInstance, Value: fmt.Sprint("i-", r.IntN(5)), N: 1})
	}
	for i := range 3 {
		b.Exemplars = append(b.Exemplars, analyzer.Exemplar{Key: keyOf(n*500 + i), Service: b.Counts[i].Service, Reason: "bad_signature", At: at, Excerpt: string(make([]byte, 300))})
	}
	return b
}

func joinState(r *rand.Rand) []byte {
	at := noon.UnixNano() + r.Int64N(1e12)
	return fmt.Appendf(nil, `{"p":[{"s":{"Name":"orders","Environment":"staging"},"r":1,"t":%d,"f":[{"r":"bad_signature","k":2,"t":%d}]}]}`, at, at-1e6)
}

// floodBatch is 500 refusals of the same 10 cells; traced ones leave the
// state of their join behind, a row each.
func floodBatch(n int, traced bool) *analyzer.Batch {
	r := rand.New(rand.NewPCG(uint64(n), 2))
	at := noon.Add(time.Duration(n/100) * time.Second)
	b := &analyzer.Batch{Keys: keysOf(n*500, 500), Watermark: at, Totals: analyzer.Totals{Entries: 500}}
	for i := range 10 {
		b.Counts = append(b.Counts, analyzer.Count{
			Cell: analyzer.Cell{Minute: minuteOf(at), Service: services[i%2], Kind: analyzer.KindJoined, Reason: analyzer.Reason(fmt.Sprint("reason-", i/2))}, N: 50,
		})
	}
	for range 500 {
		if traced {
			b.Traces = append(b.Traces, analyzer.TraceRow{Hash: r.Uint64(), Minute: minuteOf(at), Data: joinState(r)})
		}
	}
	return b
}

func BenchmarkCommit(b *testing.B) {
	for _, c := range []struct {
		name string
		make func(n int) *analyzer.Batch
	}{
		{"busy", benchBatch},
		{"flood", func(n int) *analyzer.Batch { return floodBatch(n, false) }},
		{"flood traced", func(n int) *analyzer.Batch { return floodBatch(n, true) }},
		{"single", func(n int) *analyzer.Batch { return &analyzer.Batch{Keys: keysOf(n, 1), Watermark: noon} }},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := openTest(b, Config{})
			var entries, n int
			for b.Loop() {
				b.StopTimer()
				batch := c.make(n)
				b.StartTimer()
				commit(b, s, batch)
				entries += len(batch.Keys)
				n++
			}
			b.ReportMetric(float64(entries)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, c := range []struct {
		name                         string
		batches, keys, cells, traces int
	}{
		{"4M keys", 8000, 500, 0, 0},
		{"1M counts", 1000, 0, 1000, 0},
		{"1M traces", 1000, 0, 0, 1000},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := openTest(b, Config{})
			for n := range c.batches {
				batch := &analyzer.Batch{Keys: keysOf(n*c.keys, c.keys), Watermark: noon}
				for i := range c.cells {
					batch.Counts = append(batch.Counts, analyzer.Count{N: 1, Cell: analyzer.Cell{
						Minute: minuteOf(noon) + int64(n), Service: analyzer.Service{Name: fmt.Sprint(i % 100)}, Kind: analyzer.KindJoined, Reason: analyzer.Reason(fmt.Sprint(i / 100)),
					}})
				}
				for i := range c.traces {
					batch.Traces = append(batch.Traces, analyzer.TraceRow{Hash: uint64(n*c.traces + i), Minute: minuteOf(noon), Data: joinState(rand.New(rand.NewPCG(uint64(i), 0)))})
				}
				commit(b, s, batch)
			}
			for b.Loop() {
				if got := load(b, s); len(got.Keys) != c.batches*c.keys || len(got.Counts) != c.batches*c.cells || len(got.Traces) != c.batches*c.traces {
					b.Fatalf("%d keys, %d counts, %d traces", len(got.Keys), len(got.Counts), len(got.Traces))
				}
			}
		})
	}
}
