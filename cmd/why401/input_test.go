package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
)

// refusedLine is one refused request's log line of service payments.
func refusedLine(i int) string {
	return fmt.Sprintf(`{"insertId":"i%d","logName":"projects/p/logs/run.googleapis.com%%2Fstderr","timestamp":"2026-11-23T08:00:%02dZ","resource":{"type":"cloud_run_revision","labels":{"service_name":"payments","project_id":"p"}},"textPayload":"token signature is invalid: signature is invalid"}`+"\n", i, i%60)
}

// What can be read of a damaged input is in the report, and the exit code says
// that it is not all.
func TestDamagedInput(t *testing.T) {
	const n = 2000
	var whole strings.Builder
	for i := range n {
		whole.WriteString(refusedLine(i))
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(whole.String())); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 11<<20)
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(rand.IntN(256))
	}
	for _, c := range []struct {
		name, file string
		data       []byte
		code       int
		refused    [2]int64 // from, to
		malformed  [2]int64
		complain   string
	}{
		{"a gzip file that ends in the middle", "cut.jsonl.gz", packed.Bytes()[:packed.Len()/2], exitInput, [2]int64{n / 10, n - 1}, [2]int64{0, 1}, "cut.jsonl.gz"},
		{"a text that calls itself gzip", "none.jsonl.gz", []byte(refusedLine(1) + "hello\n"), exitOK, [2]int64{1, 1}, [2]int64{1, 1}, ""},
		{"a line of 11 MiB between two", "long.jsonl", []byte(refusedLine(1) + `{"textPayload":"` + long + "\"}\n" + refusedLine(2)), exitOK, [2]int64{2, 2}, [2]int64{1, 1}, ""},
		{"a line that never ends", "endless.jsonl", []byte(refusedLine(1) + long), exitOK, [2]int64{1, 1}, [2]int64{1, 1}, ""},
		{"noise between two lines", "noise.jsonl", []byte(refusedLine(1) + string(noise) + "\n" + refusedLine(2)), exitOK, [2]int64{2, 2}, [2]int64{1, 1 << 20}, ""},
		{"an array that ends in the middle", "cut.json", []byte("[" + refusedLine(1) + "," + refusedLine(2)[:100]), exitInput, [2]int64{1, 1}, [2]int64{0, 1}, "cut.json"},
		{"nothing", "empty.jsonl", nil, exitOK, [2]int64{0, 0}, [2]int64{0, 0}, "no entries found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), c.file)
			if err := os.WriteFile(file, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			code := run(context.Background(), []string{"analyze", "--format", "json", file}, nil, &stdout, &stderr)
			if code != c.code || !strings.Contains(stderr.String(), c.complain) {
				t.Errorf("exit code %d with %q; want %d with %q", code, stderr.String(), c.code, c.complain)
			}
			if stderr.Len() > 4<<10 {
				t.Errorf("%d bytes of complaint", stderr.Len())
			}
			var r analyzer.Report
			if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
				t.Fatalf("report: %v in %.200s", err, stdout.String())
			}
			if got := r.Totals.Refused; got < c.refused[0] || got > c.refused[1] {
				t.Errorf("%d refused; want %d to %d", got, c.refused[0], c.refused[1])
			}
			if got := r.Totals.Malformed; got < c.malformed[0] || got > c.malformed[1] {
				t.Errorf("%d malformed; want %d to %d", got, c.malformed[0], c.malformed[1])
			}
		})
	}
}
