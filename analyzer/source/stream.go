package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ratioFrom is how much may be decompressed before the ratio counts: small
// files of equal lines compress well and harm nobody.
const ratioFrom = 64 << 20

// maxWindow bounds the memory that a zstd file may ask for; it is what the
// zstd command itself accepts without being told.
const maxWindow = 128 << 20

// errBomb is what reading a stream ends with that decompresses too well.
var errBomb = errors.New("looks like a decompression bomb")

// stream reads one input, decompressed when its first bytes say that it is
// compressed.
type stream struct {
	io.Reader
	live bool // bytes come when they come: hand over what is there

	format string // "gzip", "zstd" or ""
	size   int64
	raw    *counter
	buffer *bufio.Reader
	out    int64 // decompressed so far
	ratio  int64
	close  func()
}

// open opens in and looks at its first bytes.
func (f *File) open(ctx context.Context, in input) (*stream, error) {
	s := &stream{size: in.size, ratio: int64(f.config.MaxRatio), close: func() {}}
	plain := f.config.Stdin
	if in.path != "" {
		file, err := os.Open(in.path)
		if err != nil {
			return nil, cause(err)
		}
		s.close = func() { _ = file.Close() } // nothing was written
		plain = file
	}
	if in.size < 0 {
		pump, shut := newPump(ctx, plain), s.close
		s.close = func() { pump.close(); shut() }
		plain, s.live = pump, true
	}
	s.raw = &counter{r: plain, total: &f.stats.bytes}
	s.buffer = bufio.NewReaderSize(s.raw, 64<<10)
	if err := s.detect(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stream) detect() error {
	magic, err := s.buffer.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return cause(err)
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		s.format, s.live = "gzip", false
		unpack, err := gzip.NewReader(s.buffer)
		if err != nil {
			return s.describe(err, 0)
		}
		s.Reader = s.capped(unpack)
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		s.format, s.live = "zstd", false
		unpack, err := zstd.NewReader(s.buffer, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return s.describe(err, 0)
		}
		shut := s.close
		s.close = func() { unpack.Close(); shut() }
		s.Reader = s.capped(unpack)
	case bytes.HasPrefix(magic, []byte{0xff, 0xfe}), bytes.HasPrefix(magic, []byte{0xfe, 0xff}):
		return errors.New("wanted UTF-8, found UTF-16; convert it: iconv -f UTF-16 -t UTF-8")
	default:
		if bytes.HasPrefix(magic, []byte{0xef, 0xbb, 0xbf}) {
			_, _ = s.buffer.Discard(3) // what was peeked is there
		}
		s.Reader = s.buffer
	}
	return nil
}

// consumed is how many bytes of the input the decompressor has taken.
func (s *stream) consumed() int64 { return s.raw.n.Load() - int64(s.buffer.Buffered()) }

// capped reads from unpack until the ratio says that no log looks like this.
func (s *stream) capped(unpack io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := unpack.Read(p)
		s.out += int64(n)
		if in := s.consumed(); s.out > ratioFrom && s.out/max(in, 1) > s.ratio {
			return n, fmt.Errorf("%w: %d bytes came out of %d, more than max_ratio %d allows", errBomb, s.out, in, s.ratio)
		}
		return n, err
	})
}

// describe says where in the input err came up and how much was read before.
func (s *stream) describe(err error, line int64) error {
	at := fmt.Sprintf("byte %d", s.consumed())
	if s.size >= 0 {
		at += fmt.Sprintf(" of %d", s.size)
	}
	if s.format == "" {
		return fmt.Errorf("stopped at %s, line %d: %w", at, line, cause(err))
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%s stream is cut off at %s; %d bytes up to line %d were read: %w", s.format, at, s.out, line, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%s stream breaks at %s; %d bytes up to line %d were read: %w", s.format, at, s.out, line, err)
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// counter counts the bytes read from r, for itself and in total.
type counter struct {
	r     io.Reader
	n     atomic.Int64
	total *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	c.total.Add(int64(n))
	return n, err
}
