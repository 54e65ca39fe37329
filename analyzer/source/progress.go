package source

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Progress draws how far a [File] is on one line of a terminal, over and over
// in place. Whoever makes one has checked that W is a terminal; it writes no
// colours, only carriage returns and the code that clears to the end of a line.
type Progress struct {
	W     io.Writer
	Stats func() FileStats
	Every time.Duration // between two drawings; 250 ms when zero
}

// clearLine goes to the first column and empties the line.
const clearLine = "\r\x1b[K"

// Run draws until ctx ends, and then wipes its line. A terminal that cannot be
// written to any more ends it early.
func (p Progress) Run(ctx context.Context) {
	every := p.Every
	orDefault(&every, 250*time.Millisecond)
	tick := time.NewTicker(every)
	defer tick.Stop()
	begin := time.Now()
	for {
		select {
		case <-ctx.Done():
			_, _ = io.WriteString(p.W, clearLine) // nobody is left to tell
			return
		case <-tick.C:
			if _, err := io.WriteString(p.W, clearLine+progressLine(p.Stats(), time.Since(begin))); err != nil {
				return
			}
		}
	}
}

// progressLine says how far s is after running for took, in less than 80
// columns. Share and remaining time need a known total.
func progressLine(s FileStats, took time.Duration) string {
	rate := float64(s.Entries) / max(took.Seconds(), 0.001)
	speed := strings.TrimSpace(humanize.SIWithDigits(rate, 1, "")) + " lines/s"
	read := humanize.IBytes(uint64(s.Bytes))
	files := ""
	if s.FilesTotal > 1 {
		files = fmt.Sprintf(", file %d of %d", min(s.Files+1, s.FilesTotal), s.FilesTotal)
	}
	if s.BytesTotal <= 0 {
		return fmt.Sprintf("%s read%s, %s", read, files, speed)
	}
	line := fmt.Sprintf("%3d%% %s of %s%s, %s", min(100*s.Bytes/s.BytesTotal, 100), read, humanize.IBytes(uint64(s.BytesTotal)), files, speed)
	if s.Bytes > 0 {
		left := time.Duration(float64(took) * float64(max(s.BytesTotal-s.Bytes, 0)) / float64(s.Bytes))
		line += ", ETA " + left.Round(time.Second).String()
	}
	return line
}
