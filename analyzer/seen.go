package analyzer

// keySet remembers identities in two generations: when the younger is full the
// older is forgotten, so that at least half of the limit and at most all of it
// is remembered. A duplicate that comes later than that is counted again; the
// store's key retention has the same bound.
type keySet struct {
	limit      int
	young, old map[Key]struct{}
}

// add reports whether k is new.
func (s *keySet) add(k Key) bool {
	if _, ok := s.young[k]; ok {
		return false
	}
	if _, ok := s.old[k]; ok {
		return false
	}
	if s.young == nil || len(s.young) >= s.limit/2 {
		s.young, s.old = map[Key]struct{}{}, s.young
	}
	s.young[k] = struct{}{}
	return true
}

// markSet remembers which services let a request of a trace through, in two
// generations like keySet.
type markSet struct {
	limit      int
	young, old map[uint64]struct{}
}

func (s *markSet) add(m uint64) {
	if s.young == nil || len(s.young) >= s.limit/2 {
		s.young, s.old = map[uint64]struct{}{}, s.young
	}
	s.young[m] = struct{}{}
}

func (s *markSet) has(m uint64) bool {
	if _, ok := s.young[m]; ok {
		return true
	}
	_, ok := s.old[m]
	return ok
}
