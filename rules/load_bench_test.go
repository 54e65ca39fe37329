package rules

import "testing"

// BenchmarkLoad is the start-up cost of every command: reading, checking and
// compiling all packs.
func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Embedded(); err != nil {
			b.Fatal(err)
		}
	}
}
