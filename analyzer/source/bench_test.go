package source

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/why401/why401/analyzer"
)

// BenchmarkFile reads about 64 MiB of entries of 1 kB with a handler that
// does nothing.
func BenchmarkFile(b *testing.B) {
	var entries [][]byte
	var text bytes.Buffer
	seed := uint64(1)
	for i := range 64_000 {
		text.Reset()
		for text.Len() < 900 {
			seed = seed*6364136223846793005 + 1442695040888963407
			fmt.Fprintf(&text, `"field%d":"%d",`, seed>>60, seed>>40)
		}
		entries = append(entries, fmt.Appendf(nil, `{"insertId":"e%d","jsonPayload":{%s"last":true}}`, i, text.Bytes()))
	}
	plain := joined(entries, "", "\n", "\n")
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"plain.jsonl", plain},
		{"array.json", joined(entries, "[\n  ", ",\n  ", "\n]")},
		{"packed.gz", plain},
		{"packed.zst", plain},
	} {
		b.Run(c.name, func(b *testing.B) {
			path := pack(b, c.name, c.data)
			b.SetBytes(int64(len(c.data)))
			b.ReportAllocs()
			for b.Loop() {
				f, err := NewFile(FileConfig{Paths: []string{path}})
				if err != nil {
					b.Fatal(err)
				}
				if err := f.Run(b.Context(), func(context.Context, []analyzer.Message) error { return nil }); err != nil {
					b.Fatal(err)
				}
				if n := f.Stats().Entries; n != int64(len(entries)) {
					b.Fatalf("%d entries, want %d", n, len(entries))
				}
			}
		})
	}
}
