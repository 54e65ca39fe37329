package source

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgressLine(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		stats FileStats
		took  time.Duration
		want  string
	}{
		"half way":        {FileStats{Bytes: 512 << 20, BytesTotal: 1 << 30, Entries: 500_000, FilesTotal: 1}, 10 * second, " 50% 512 MiB of 1.0 GiB, 50 k lines/s, ETA 10s"},
		"one of several":  {FileStats{Bytes: 1, BytesTotal: 4, FilesTotal: 3, Files: 1}, second, " 25% 1 B of 4 B, file 2 of 3, 0 lines/s, ETA 3s"},
		"size unknown":    {FileStats{Bytes: 2048, FilesTotal: 1, Entries: 10}, second, "2.0 KiB read, 10 lines/s"},
		"nothing yet":     {FileStats{BytesTotal: 10, FilesTotal: 1}, 0, "  0% 0 B of 10 B, 0 lines/s"},
		"grew while read": {FileStats{Bytes: 20, BytesTotal: 10, FilesTotal: 1, Files: 1}, second, "100% 20 B of 10 B, 0 lines/s, ETA 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			got := progressLine(c.stats, c.took)
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if len(got) >= 80 {
				t.Errorf("%d columns, want less than 80", len(got))
			}
		})
	}
}

func TestProgressDrawsAndWipes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 3100*time.Millisecond)
		defer cancel()
		Progress{W: &out, Stats: func() FileStats { return FileStats{Bytes: 1} }}.Run(ctx)
		if got := strings.Count(out.String(), "1 B read"); got < 6 || got > 13 {
			t.Errorf("%d drawings in 3.1 s, want 2 to 4 a second", got)
		}
		if !strings.HasSuffix(out.String(), clearLine) {
			t.Errorf("output ends in %q, want a wiped line", out.String()[max(0, out.Len()-20):])
		}
		if strings.Contains(out.String(), "\n") {
			t.Error("progress left its line")
		}
	})
}

func TestProgressGivesUpOnBrokenTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		Progress{W: brokenWriter{}, Stats: func() FileStats { return FileStats{} }, Every: time.Second}.Run(t.Context())
		if took := time.Since(begin); took != time.Second {
			t.Errorf("returned after %v, want after the first drawing", took)
		}
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("gone") }
