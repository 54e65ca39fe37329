package store

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
)

// damaged opens what is left of a store, reads it, writes to it and closes
// it. Each step may fail, but only with a known error, and none may panic.
func damaged(t *testing.T, what string, at int, path string) (loaded *analyzer.Loaded) {
	t.Helper()
	check := func(step string, err error) bool {
		t.Helper()
		if err == nil {
			return true
		}
		known := errors.Is(err, ErrCorrupt) || errors.Is(err, ErrForeign) || errors.Is(err, ErrNewer) || errors.Is(err, ErrReadOnly)
		if !known || !strings.Contains(err.Error(), path) {
			t.Errorf("%s at %d: %s: %v; want the file and what is wrong with it", what, at, step, err)
		}
		return false
	}
	s, err := Open(t.Context(), Config{Path: path})
	if !check("open", err) {
		return nil
	}
	defer func() {
		if err := s.Close(); err != nil {
			check("close", err)
		}
	}()
	loaded, err = s.Load(t.Context())
	if !check("load", err) {
		return nil
	}
	_, err = s.Quarantine(t.Context(), 0)
	check("quarantine", err)
	check("commit", s.Commit(t.Context(), bulkBatch(noon, 1, 3)))
	_, err = s.Sweep(t.Context(), noon)
	check("sweep", err)
	return loaded
}

// sampleFile returns the bytes of a closed store and what it holds.
func sampleFile(t *testing.T) ([]byte, *analyzer.Loaded) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "why401.db")
	s := openTest(t, Config{Path: path})
	r := rand.New(rand.NewPCG(5, 5))
	for n := range 20 {
		commit(t, s, randomBatch(r, n))
	}
	held := load(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return read(t, path), held
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTornFile(t *testing.T) {
	whole, held := sampleFile(t)
	path := filepath.Join(t.TempDir(), "torn.db")
	refused := 0
	for i := range 100 {
		size := len(whole) * i / 100
		if i < 20 {
			size = i * 7 // inside the header
		}
		write(t, path, whole[:size])
		got := damaged(t, "truncated", size, path)
		switch {
		case got == nil:
			refused++
		case size > 0: // an empty file is a new store
			sameLoaded(t, got, held)
		}
	}
	if refused < 90 {
		t.Errorf("%d of 100 torn files refused; want nearly all", refused)
	}
}

func TestFlippedByte(t *testing.T) {
	whole, _ := sampleFile(t)
	path := filepath.Join(t.TempDir(), "flipped.db")
	r := rand.New(rand.NewPCG(2, 9))
	refused := 0
	for i := range 250 {
		at := r.IntN(len(whole))
		switch {
		case i < 100:
			at = i // the file header
		case i < 150:
			at = r.IntN(len(whole)/4096)*4096 + r.IntN(12) // a page header
		}
		flipped := append([]byte(nil), whole...)
		flipped[at] ^= byte(1 + r.IntN(255))
		write(t, path, flipped)
		if damaged(t, "flipped", at, path) == nil {
			refused++
		}
	}
	if refused < 30 {
		t.Errorf("%d of 250 flipped bytes noticed; want those in page headers at least", refused)
	}
}

// TestDamagedLog tears and flips the write-ahead log of a process that was
// killed. Its frames carry checksums: what is loaded is a prefix of the
// batches, never a part of one.
func TestDamagedLog(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Config{Path: filepath.Join(dir, "why401.db")})
	states := []*analyzer.Loaded{{}}
	for n := range 8 {
		commit(t, s, crashBatch(n))
		states = append(states, load(t, s))
	}
	db, wal := read(t, filepath.Join(dir, "why401.db")), read(t, filepath.Join(dir, "why401.db-wal"))
	if len(wal) == 0 {
		t.Fatal("no write-ahead log to damage")
	}
	r := rand.New(rand.NewPCG(4, 4))
	path := filepath.Join(dir, "copy.db")
	for i := range 100 {
		at := r.IntN(len(wal))
		bad, what := append([]byte(nil), wal...), "log flipped"
		if bad[at] ^= 0x40; i%2 == 0 {
			bad, what = bad[:at], "log truncated"
		}
		write(t, path, db)
		write(t, path+"-wal", bad)
		got := damaged(t, what, at, path)
		if got == nil {
			t.Fatalf("%s at %d: refused; want the batches before the damage", what, at)
		}
		sameLoaded(t, got, states[len(got.Keys)/crashKeys])
	}
}
