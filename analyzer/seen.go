package analyzer

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// hashed is what a recent set remembers: a hash already, and never zero.
type hashed interface {
	comparable
	words() (uint64, uint64)
}

func (k Key) words() (uint64, uint64) {
	return binary.LittleEndian.Uint64(k[:8]), binary.LittleEndian.Uint64(k[8:])
}

// mark tells that a service let a request of a trace through.
type mark uint64

func (m mark) words() (uint64, uint64) { return uint64(m), 0 }

// recent remembers identities in two generations: when the younger is full the
// older is forgotten, so that at least half of the limit and at most all of it
// is remembered. A duplicate that comes later than that is counted again; the
// store's key retention has the same bound.
type recent[K hashed] struct {
	limit      int
	young, old flat[K]
}

// add reports whether k is new.
func (s *recent[K]) add(k K) bool {
	if s.old.has(k) {
		return false
	}
	if !s.young.add(k) {
		return false
	}
	if s.young.used >= s.limit/2 {
		s.young, s.old = flat[K]{}, s.young
	}
	return true
}

func (s *recent[K]) has(k K) bool { return s.young.has(k) || s.old.has(k) }

// flat is a set of identities in one array, each at the first free place from
// its own on. Every entry passes through two of these sets, and the built-in
// map, which hashes the hash once more, took a tenth of the whole run.
type flat[K hashed] struct {
	slots []K // a power of two of them, at most three quarters used; zero is free
	used  int
	seed  [2]uint64 // nobody outside can choose identities that share a place
}

// place is where the search for k begins: the folded product of both words, so
// that what is equal in one word only does not crowd.
func (s *flat[K]) place(k K) int {
	a, b := k.words()
	high, low := bits.Mul64(a^s.seed[0], b^s.seed[1])
	return int((high ^ low) & uint64(len(s.slots)-1))
}

func (s *flat[K]) has(k K) bool {
	if s.used == 0 {
		return false
	}
	_, held := s.find(k)
	return held
}

// find returns the place of k, or the free place where it belongs.
func (s *flat[K]) find(k K) (place int, held bool) {
	var free K
	for i := s.place(k); ; i = (i + 1) & (len(s.slots) - 1) {
		switch s.slots[i] {
		case k:
			return i, true
		case free:
			return i, false
		}
	}
}

// add reports whether k is new.
func (s *flat[K]) add(k K) bool {
	if 4*(s.used+1) > 3*len(s.slots) {
		s.grow()
	}
	i, held := s.find(k)
	if !held {
		s.slots[i] = k
		s.used++
	}
	return !held
}

func (s *flat[K]) grow() {
	before := s.slots
	if len(before) == 0 {
		s.seed = [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1}
	}
	factor := 2
	if len(before) < 1<<16 {
		factor = 4 // each growth places every identity anew
	}
	s.slots = make([]K, max(1024, factor*len(before)))
	var free K
	for _, k := range before {
		if k != free {
			i, _ := s.find(k)
			s.slots[i] = k
		}
	}
}
