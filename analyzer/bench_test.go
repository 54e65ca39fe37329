package analyzer_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// BenchmarkHandle measures the whole way of an entry, decode to ledger, over a
// mixture like a service fleet's: 70 % request logs, 28 % unrelated lines, 2 %
// failures. go test -run '^$' -bench Handle ./analyzer
func BenchmarkHandle(b *testing.B) {
	const n = 20000
	group := make([]analyzer.Message, n)
	size := 0
	for i := range group {
		id, after, trace := fmt.Sprint("id", i), time.Duration(i)*time.Millisecond, fmt.Sprintf("%032x", i)
		svc := fmt.Sprint("svc-", i%40)
		var s string
		switch {
		case i%50 == 0:
			s = line(id, svc, trace, after, "token has invalid claims: token is expired by 12s")
		case i%10 < 7:
			s = request(id, svc, trace, after, 200)
		default:
			s = line(id, svc, trace, after, fmt.Sprintf("order %d accepted by warehouse u%d in %dms request_id=%032x", i, i%7, i%900, i))
		}
		group[i] = analyzer.Message{Data: []byte(s)}
		size += len(s)
	}
	b.SetBytes(int64(size / n))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		p := pipeline(b, &memory{})
		b.StartTimer()
		for i := 0; i < n; i += 2000 {
			if err := p.Handle(context.Background(), group[i:i+2000]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/entry")
}
