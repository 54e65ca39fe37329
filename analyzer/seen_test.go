package analyzer

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

func TestRecentRemembers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := recent[Key]{limit: 20_000}
	fresh := 0
	turns := map[Key]int{} // how many were new before the identity last was
	for range 60_000 {
		var k Key
		binary.LittleEndian.PutUint64(k[:], random.Uint64N(40_000)+1)
		turn, before := turns[k]
		isNew := s.add(k)
		switch {
		case isNew && before && fresh-turn < s.limit/2:
			t.Fatalf("an identity was forgotten after %d others; at least %d are to be remembered", fresh-turn, s.limit/2)
		case !isNew && !before:
			t.Fatal("an identity that never came was taken for known")
		case isNew:
			turns[k] = fresh
			fresh++
		}
		if !s.has(k) {
			t.Fatal("an identity is not known right after it came")
		}
		if n := s.young.used + s.old.used; n > s.limit {
			t.Fatalf("%d identities are held, the limit is %d", n, s.limit)
		}
	}
	if fresh <= s.limit {
		t.Fatalf("%d new identities do not fill a set of %d", fresh, s.limit)
	}
}

func BenchmarkRecent(b *testing.B) {
	s := recent[Key]{limit: 4 << 20}
	random := rand.New(rand.NewPCG(1, 2))
	var k Key
	for b.Loop() {
		binary.LittleEndian.PutUint64(k[:], random.Uint64())
		binary.LittleEndian.PutUint64(k[8:], random.Uint64())
		s.add(k)
	}
}
