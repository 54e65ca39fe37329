package store

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testNotes: what was noted last counts, topics do not mix, no data removes.
func testNotes(t *testing.T, c Config) {
	s := openTest(t, c)
	for _, n := range []struct{ topic, key, data string }{{"a", "x", "1"}, {"a", "y", "2"}, {"b", "x", "3"}, {"a", "x", "4\x00"}, {"a", "y", ""}, {"a", "none", ""}} {
		if err := s.Note(t.Context(), n.topic, n.key, []byte(n.data)); err != nil {
			t.Fatal(err)
		}
	}
	for topic, want := range map[string]map[string][]byte{"a": {"x": []byte("4\x00")}, "b": {"x": []byte("3")}, "c": {}} {
		got, err := s.Notes(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("notes of %s (-want +got):\n%s", topic, diff)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Note(over, "a", "x", []byte("5")); !errors.Is(err, context.Canceled) {
		t.Errorf("Note under a cancelled context = %v; want context.Canceled", err)
	}
}

func TestNotesSurviveReopening(t *testing.T) {
	c := Config{Kind: "sqlite", Path: filepath.Join(t.TempDir(), "why401.db")}
	s := openTest(t, c)
	if err := s.Note(t.Context(), "alert", "f", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := openTest(t, c).Notes(t.Context(), "alert")
	if err != nil || string(got["f"]) != "{}" {
		t.Errorf("after reopening: %q, %v; want {}", got["f"], err)
	}
}
