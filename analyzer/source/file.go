package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

var _ analyzer.Source = (*File)(nil)

// FileConfig tells which files to read and how. Zero values stand for the
// defaults named.
type FileConfig struct {
	// Paths are files, folders (read in the order of their names, as exports
	// to Cloud Storage are laid out: LOG_ID/YYYY/MM/DD/*.json) and "-", the
	// standard input. Formats are told by content: JSON Lines, JSON arrays and
	// pretty-printed objects, plain or as gzip or zstd.
	Paths      []string      `yaml:"paths"`
	Workers    int           `yaml:"workers"`     // groups handled at a time; GOMAXPROCS
	GroupLines int           `yaml:"group_lines"` // entries in a group; 2000. Bytes are bounded by the block, 1 MiB
	MaxEntry   conf.Size     `yaml:"max_entry"`   // 10 MiB; of a longer entry the first 64 KiB are handed over
	MaxRatio   int           `yaml:"max_ratio"`   // decompressed bytes per compressed one after the first 64 MiB; 1000
	Hold       time.Duration `yaml:"hold"`        // how long a group that the handler refuses is offered again; 30 s

	Stdin io.Reader `yaml:"-"` // what "-" reads

	block int // bytes read at a time; tests make it small
}

// Validate returns every problem of c at once. A config without paths is fine
// as long as nobody opens it.
func (c FileConfig) Validate() []conf.FieldError {
	var problems []conf.FieldError
	d := c.withDefaults()
	add := func(found []conf.FieldError) { problems = append(problems, found...) }
	for i, p := range c.Paths {
		switch {
		case p == "":
			add(wrong(fmt.Sprintf("paths[%d]", i), p, "a file, a folder or -", ""))
		case p == "-" && slices.Index(c.Paths, p) < i:
			add(wrong(fmt.Sprintf("paths[%d]", i), p, "the standard input once", ""))
		}
	}
	add(conf.Between("workers", d.Workers, 1, 1024))
	add(conf.Between("group_lines", d.GroupLines, 1, 1_000_000))
	add(conf.Between("max_entry", d.MaxEntry, 1<<10, 1<<30))
	add(conf.Between("max_ratio", d.MaxRatio, 2, 1_000_000))
	add(conf.Between("hold", d.Hold, time.Millisecond, 24*time.Hour))
	return problems
}

func (c FileConfig) withDefaults() FileConfig {
	orDefault(&c.Workers, runtime.GOMAXPROCS(0))
	orDefault(&c.GroupLines, 2000)
	orDefault(&c.MaxEntry, 10<<20)
	orDefault(&c.MaxRatio, 1000)
	orDefault(&c.Hold, 30*time.Second)
	orDefault(&c.block, 1<<20)
	return c
}

// File reads entries from files and the standard input, file after file, and
// hands them over from several workers at once: entries of one file come in
// no particular order. Memory is bounded by the number of workers and the
// longest entry, not by the files.
//
// Message.Where is file:line, the line an entry begins at; the Where of an
// entry that was cut says so.
type File struct {
	config FileConfig
	stats  fileCounters
}

// NewFile checks c and fills in the defaults. It opens nothing yet.
func NewFile(c FileConfig) (*File, error) {
	problems := c.Validate()
	if len(c.Paths) == 0 {
		problems = append(problems, wrong("paths", "", "at least one file, folder or -", "")...)
	}
	if slices.Contains(c.Paths, "-") && c.Stdin == nil {
		problems = append(problems, wrong("paths", "-", "files, for there is no standard input", "")...)
	}
	if err := invalid("file", problems); err != nil {
		return nil, err
	}
	return &File{config: c.withDefaults()}, nil
}

// Run reads everything and returns nil, or an error that wraps [ErrPartial]
// and names each file that could not be read to its end; all that could be
// read was handed over. It stops early when ctx ends, with ctx.Err(), and when
// the handler refuses a group for as long as Hold says.
//
// A read from a terminal that nothing can interrupt is left behind when ctx
// ends; Run does not wait for it.
func (f *File) Run(ctx context.Context, handle analyzer.Handler) error {
	live, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	lane := newLane(f.config)
	var workers sync.WaitGroup
	for range f.config.Workers {
		workers.Go(func() {
			w := worker{config: f.config, handle: handle, stats: &f.stats}
			for b := range lane.full {
				if live.Err() == nil {
					if err := w.block(live, b); err != nil {
						stop(err)
					}
				}
				lane.recycle(b)
			}
		})
	}
	problems := f.read(live, lane)
	close(lane.full)
	workers.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := context.Cause(live); err != nil {
		return err
	}
	return errors.Join(problems...)
}

// read sends the blocks of every input down the lane and returns what could
// not be read.
func (f *File) read(ctx context.Context, lane *lane) []error {
	inputs, problems := f.inputs()
	for _, in := range inputs {
		if ctx.Err() != nil {
			break
		}
		if err := f.readOne(ctx, lane, in); err != nil && ctx.Err() == nil {
			problems = append(problems, err)
		}
		f.stats.files.Add(1)
	}
	return problems
}

func (f *File) readOne(ctx context.Context, lane *lane, in input) (err error) {
	s, err := f.open(ctx, in)
	if err != nil {
		return unread(in.name, err)
	}
	defer s.close()
	r := newBlockReader(s, in.name, lane, f.config)
	if err := r.run(ctx); err != nil {
		return unread(in.name, s.describe(err, r.line))
	}
	if r.empty {
		f.stats.empty.Add(1)
	}
	return nil
}

func unread(name string, err error) error {
	return fmt.Errorf("read %s: %w: %w", name, err, ErrPartial)
}

// FileStats tells how far a run over files is.
type FileStats struct {
	Files      int64 // read to their end or as far as they could be
	FilesTotal int64
	Empty      int64 // of Files, those without a single byte of content
	Skipped    int64 // files inside folders whose names do not end like exported logs
	Bytes      int64 // read, as stored: compressed bytes of compressed files
	BytesTotal int64 // of all files whose size is known; 0 when any is not
	Entries    int64 // handed over and kept, malformed ones included
}

// Stats returns the counts so far. It is safe to call while Run runs.
func (f *File) Stats() FileStats {
	s := FileStats{
		Files: f.stats.files.Load(), FilesTotal: f.stats.filesTotal.Load(), Empty: f.stats.empty.Load(), Skipped: f.stats.skipped.Load(),
		Bytes: f.stats.bytes.Load(), BytesTotal: f.stats.bytesTotal.Load(), Entries: f.stats.entries.Load(),
	}
	return s
}

type fileCounters struct {
	files, filesTotal, empty, skipped, bytes, bytesTotal, entries atomic.Int64
}
