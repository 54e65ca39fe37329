package source

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/why401/why401/analyzer"
)

// keptOfLong is how much of an entry that is too long is handed over, and
// cutMark what follows it: with the mark no cut entry reads as whole JSON.
const (
	keptOfLong = 64 << 10
	cutMark    = "…[cut]"
)

// block is a piece of input with the entries that were found in it.
type block struct {
	name string
	buf  []byte
	// Either buf[from:to] holds whole lines, each an entry, the first of them
	// being line number line, or spans holds the entries.
	from, to int
	line     int64
	spans    []span
}

// span is an entry that begins at a line. A long one was not read to its end.
type span struct {
	from, to int
	line     int64
	long     bool
}

func (b *block) idle() bool { return b.from == b.to && len(b.spans) == 0 }

// lane carries a fixed number of blocks between one reader and its workers.
type lane struct {
	full chan *block
	free chan *block
	size int
}

func newLane(c FileConfig) *lane {
	blocks := c.Workers + 2
	l := &lane{full: make(chan *block, blocks), free: make(chan *block, blocks), size: c.block}
	for range blocks {
		l.free <- &block{}
	}
	return l
}

// take waits for a free block of at least size bytes; nil when ctx ended.
func (l *lane) take(ctx context.Context, size int) *block {
	select {
	case b := <-l.free:
		if len(b.buf) < size {
			b.buf = make([]byte, max(size, l.size))
		}
		return b
	case <-ctx.Done():
		return nil
	}
}

// recycle takes a block back, without what a long entry made it grow to.
func (l *lane) recycle(b *block) {
	b.from, b.to, b.spans = 0, 0, b.spans[:0]
	if len(b.buf) > 2*l.size {
		b.buf = nil
	}
	l.free <- b
}

// worker makes groups of the entries in blocks and hands them over.
type worker struct {
	config FileConfig
	handle analyzer.Handler
	stats  *fileCounters

	group []analyzer.Message
	where []byte // the Where of all messages of the group, one after the other
	ends  []int
}

// block hands over every entry of b.
func (w *worker) block(ctx context.Context, b *block) error {
	line := b.line
	for rest := b.buf[b.from:b.to]; len(rest) > 0; line++ {
		text := rest
		if n := bytes.IndexByte(rest, '\n'); n >= 0 {
			text, rest = rest[:n], rest[n+1:]
		} else {
			rest = nil
		}
		if err := w.add(ctx, b.name, text, line, false); err != nil {
			return err
		}
	}
	for _, s := range b.spans {
		if err := w.add(ctx, b.name, b.buf[s.from:s.to], s.line, s.long); err != nil {
			return err
		}
	}
	return w.flush(ctx)
}

// add puts one entry into the group, unless it is blank, and hands the group
// over when it is full.
func (w *worker) add(ctx context.Context, name string, text []byte, line int64, long bool) error {
	if n := len(text); n > 0 && text[n-1] <= ' ' {
		text = bytes.TrimRight(text, " \t\r\n")
	}
	if len(text) == 0 {
		return nil
	}
	w.where = append(w.where, name...)
	w.where = append(w.where, ':')
	w.where = strconv.AppendInt(w.where, line, 10)
	if limit := int(w.config.MaxEntry); long || len(text) > limit {
		w.where = fmt.Appendf(w.where, " (too large: longer than %d bytes, cut)", limit)
		text = append(bytes.Clone(text[:min(keptOfLong, limit, len(text))]), cutMark...)
	}
	w.ends = append(w.ends, len(w.where))
	w.group = append(w.group, analyzer.Message{Data: text})
	if len(w.group) < w.config.GroupLines {
		return nil
	}
	return w.flush(ctx)
}

// flush hands the group over. All Where strings share one allocation.
func (w *worker) flush(ctx context.Context) error {
	if len(w.group) == 0 {
		return nil
	}
	where, from := string(w.where), 0
	for i, end := range w.ends {
		w.group[i].Where = where[from:end]
		from = end
	}
	err := offer(ctx, ctx, w.config.Hold, w.handle, w.group)
	if err != nil {
		err = fmt.Errorf("hand over %d entries from %s on: %w", len(w.group), w.group[0].Where, err)
	} else {
		w.stats.entries.Add(int64(len(w.group)))
	}
	clear(w.group)
	w.group, w.where, w.ends = w.group[:0], w.where[:0], w.ends[:0]
	return err
}
