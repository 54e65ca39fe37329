package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/store"
)

// What could not be decoded once and can be now is replayed, counts once, and
// leaves the quarantine; what still cannot stays.
func TestQuarantine(t *testing.T) {
	db := filepath.Join(t.TempDir(), "why401.db")
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	const good = `{"insertId":"1","logName":"projects/acme-staging/logs/x","timestamp":"2026-11-23T08:00:00Z","resource":{"type":"cloud_run_revision","labels":{"service_name":"payments","project_id":"acme-staging"}},"textPayload":"jwt expired"}`
	poison := []analyzer.Poison{
		{Key: analyzer.Key{0xaa, 1}, At: at, Where: "message 1", Reason: "wanted a log entry, found an older format", Data: []byte(good), Bytes: len(good)},
		{Key: analyzer.Key{0xaa, 2}, At: at, Where: "message 2", Reason: "wanted '}', found nothing \x1b[31m", Data: []byte(good[:40]), Bytes: 40},
		{Key: analyzer.Key{0xbb}, At: at, Where: "message 3", Reason: "too large", Data: []byte(good), Bytes: 5 << 20},
	}
	s, err := store.Open(t.Context(), store.Config{Path: db})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), &analyzer.Batch{Poison: poison}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"list", []string{"list"}, exitOK, []string{"aa0100000000  2026-11-23 08:00:00Z", "older format", `nothing \x1b[31m  (message 2)`, "bb0000000000"}},
		{"list for machines", []string{"list", "--format", "json"}, exitOK, []string{`"key": "aa010000`, `"bytes": 40`}},
		{"an unknown format", []string{"list", "--format", "pdf"}, exitUsage, []string{"try: --format text|json"}},
		{"show", []string{"show", "bb"}, exitOK, []string{"reason  too large", "5242880 bytes, of which the first are kept", `"textPayload":"jwt expired"`}},
		{"show what is not there", []string{"show", "cc"}, exitUsage, []string{"try: why401 quarantine list"}},
		{"show what is not one", []string{"show", "aa"}, exitUsage, []string{"several quarantined entries"}},
		{"replay one that cannot be", []string{"replay", "bb"}, exitOK, []string{"0 replayed, 1 still cannot be decoded"}},
		{"replay all", []string{"replay"}, exitOK, []string{"1 replayed, 2 still cannot be decoded"}},
		{"replay again", []string{"replay"}, exitOK, []string{"0 replayed, 2 still cannot be decoded"}},
	}
	for _, s := range steps {
		var out bytes.Buffer
		code := run(context.Background(), append([]string{"quarantine", "--db", db}, s.args...), nil, &out, &out)
		if code != s.code {
			t.Fatalf("%s: exit code %d, output %s; want %d", s.name, code, &out, s.code)
		}
		for _, w := range s.want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: output %q; want %q in it", s.name, &out, w)
			}
		}
	}
	s, err = store.Open(t.Context(), store.Config{Path: db})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	held, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for _, c := range held.Counts {
		if c.Kind == analyzer.KindFinding && c.Reason == analyzer.ExpiredToken && c.Service.Name == "payments" {
			n += c.N
		}
	}
	if n != 1 {
		t.Errorf("%d expired tokens of payments; want the replayed one, once", n)
	}
}
