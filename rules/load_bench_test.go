package rules

import "testing"

// BenchmarkRunning is the start-up cost of every command that classifies.
func BenchmarkRunning(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Running(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad is reading, checking and compiling all packs with their
// examples.
func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Embedded(); err != nil {
			b.Fatal(err)
		}
	}
}
