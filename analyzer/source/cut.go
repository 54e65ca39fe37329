package source

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// errUnclosed is what an input ends with whose array was never closed.
var errUnclosed = errors.New("the input ends inside an array: it was cut off")

// blockReader cuts one input into blocks of whole entries. Input whose first
// object fills exactly one line is taken as JSON Lines and cut at line breaks,
// which costs next to nothing; all other input goes through scanObject.
type blockReader struct {
	in   *stream
	name string
	lane *lane
	size int // bytes of an ordinary block
	max  int // bytes of the longest entry

	b       *block
	n       int   // bytes in b.buf
	line    int64 // line breaks before b.buf[0]
	counted int   // bytes of b.buf whose line breaks are in line already
	empty   bool  // nothing was read yet

	known    bool // whether objects is sure
	objects  bool // entries are found by scanObject
	skipping bool // inside an entry that is too long
	seen     bool // the first object was
	blanks   int  // in front of what comes next in its line
	indent   int  // blanks in front of the first object
	arrays   int  // arrays open around the objects
}

func newBlockReader(in *stream, name string, lane *lane, c FileConfig) *blockReader {
	return &blockReader{in: in, name: name, lane: lane, size: c.block, max: int(c.MaxEntry), empty: true}
}

// run reads to the end, or to the first error, and sends on every entry that
// was read, the torn one at the end included.
func (r *blockReader) run(ctx context.Context) error {
	if r.b = r.lane.take(ctx, r.size); r.b == nil {
		return ctx.Err()
	}
	for {
		err := r.fill()
		if ctx.Err() != nil {
			r.lane.recycle(r.b)
			return ctx.Err()
		}
		r.empty = r.empty && r.n == 0
		used := 0
		if r.decided(err != nil) {
			if r.objects {
				used = r.cutObjects(err != nil)
			} else {
				used = r.cutLines(err != nil)
			}
			r.lineAt(used)
		}
		if err == nil && !r.pass(ctx, used) {
			return ctx.Err()
		}
		if err != nil {
			return r.finish(err)
		}
	}
}

func (r *blockReader) finish(err error) error {
	r.send()
	switch {
	case !errors.Is(err, io.EOF):
		return err
	case r.arrays > 0:
		return errUnclosed
	}
	return nil
}

// fill reads until the block is full; from live input, until there is something.
func (r *blockReader) fill() error {
	for r.n < len(r.b.buf) {
		n, err := r.in.Read(r.b.buf[r.n:])
		r.n += n
		if err != nil {
			return err
		}
		if r.in.live && n > 0 {
			return nil
		}
	}
	return nil
}

// decided looks at the input until it is clear how it is laid out. False
// means that more of it must be seen before anything can be cut.
func (r *blockReader) decided(end bool) bool {
	if r.known || r.skipping {
		return true
	}
	l := layout(r.b.buf[:r.n])
	if l == tooShort && !end && r.n < min(64<<10, r.max) {
		return false
	}
	r.known = l == inLines || l == inObjects
	r.objects = l == inObjects
	return true
}

// How the entries of an input are laid out, as far as its beginning tells.
type layoutOf int

const (
	unclear   layoutOf = iota // no line looks like the one or the other
	tooShort                  // the line that would tell is not there in full
	inLines                   // one entry a line
	inObjects                 // an array, or objects over several lines
)

// layout looks for the first line that tells how entries are laid out.
func layout(buf []byte) layoutOf {
	for len(buf) > 0 {
		buf = bytes.TrimLeft(buf, " \t\r\n")
		next := bytes.IndexByte(buf, '\n') + 1
		if next == 0 {
			next = len(buf)
		}
		switch {
		case len(buf) == 0:
			return unclear
		case buf[0] == '{':
			n, v := scanObject(buf)
			switch {
			case v == malform:
			case n > next:
				return inObjects
			case v == whole:
				return inLines
			default:
				return tooShort
			}
		case buf[0] == '[':
			after := bytes.TrimLeft(buf[1:next], " \t\r")
			if len(after) == 0 {
				return tooShort
			}
			if bytes.IndexByte([]byte("{[]\n"), after[0]) >= 0 {
				return inObjects
			}
		}
		buf = buf[next:]
	}
	return unclear
}

// pass sends the block on, if there is anything in it, and goes on with one
// that begins with what was not used and has room for more.
func (r *blockReader) pass(ctx context.Context, used int) bool {
	rest := r.b.buf[used:r.n]
	size := r.size
	if len(rest) > r.size/2 {
		size = min(2*len(rest), r.max+1) + r.size
	}
	if r.b.idle() {
		if size > len(r.b.buf) {
			r.b.buf = append(make([]byte, 0, size), rest...)[:size]
		} else {
			copy(r.b.buf, rest)
		}
	} else {
		fresh := r.lane.take(ctx, size)
		if fresh == nil {
			return false
		}
		copy(fresh.buf, rest)
		r.send()
		r.b = fresh
	}
	r.n, r.counted = len(rest), 0
	return true
}

// send gives the block away.
func (r *blockReader) send() {
	if r.b.idle() {
		r.lane.recycle(r.b)
		return
	}
	r.b.name = r.name
	r.lane.full <- r.b
}

// lineAt returns the number of the line that b.buf[pos] is in, counting from
// 1; pos must not go back.
func (r *blockReader) lineAt(pos int) int64 {
	if pos > r.counted {
		r.line += int64(bytes.Count(r.b.buf[r.counted:pos], []byte{'\n'}))
		r.counted = pos
	}
	return r.line + 1
}

// cutLines marks the whole lines of the block and returns how many bytes are
// dealt with.
func (r *blockReader) cutLines(end bool) int {
	buf, from := r.b.buf[:r.n], 0
	if r.skipping {
		n := bytes.IndexByte(buf, '\n')
		if n < 0 {
			return r.n
		}
		from, r.skipping = n+1, false
	}
	to := from + bytes.LastIndexByte(buf[from:], '\n') + 1
	if end {
		to = r.n
	}
	switch {
	case to > from:
		r.b.from, r.b.to, r.b.line = from, to, r.lineAt(from)
		return to
	case r.n-from > r.max:
		r.span(from, r.n, true)
		r.skipping = true
		return r.n
	}
	return from
}

// cutObjects marks the objects of the block, and what is between them and is
// neither blank nor a bracket or comma of an array around them. It returns how
// many bytes are dealt with.
func (r *blockReader) cutObjects(end bool) int {
	buf, i := r.b.buf[:r.n], 0
	if r.skipping {
		at, found := r.resync(buf, 0)
		if !found {
			return r.lastBreak(buf, 0)
		}
		i, r.skipping = at, false
	}
	for {
		if i = r.between(buf, i); i == len(buf) {
			return i
		}
		to, v := r.next(buf, i)
		last := end || len(buf)-i > r.max
		if v == malform {
			// What began like an entry is broken: all of it, up to where the
			// next one begins, is handed over as one.
			at, found := r.resync(buf, i)
			to = at
			if !found {
				v = more
			}
		} else if v == more && last {
			if at, found := r.resync(buf, i); found {
				to, v = at, malform
			}
		}
		if v != more {
			r.span(i, to, false)
			i = to
			continue
		}
		if !last {
			return i
		}
		if end {
			r.span(i, len(buf), false)
			return len(buf)
		}
		r.span(i, len(buf), true)
		r.skipping = true
		return r.lastBreak(buf, i)
	}
}

// between returns where the next thing begins that is no blank, comma or
// bracket.
func (r *blockReader) between(buf []byte, i int) int {
	for ; i < len(buf); i++ {
		switch buf[i] {
		case ' ', '\t':
			r.blanks++
		case '\n':
			r.blanks = 0
		case '\r', ',':
		case '[':
			r.arrays++
		case ']':
			r.arrays = max(r.arrays-1, 0)
		default:
			return i
		}
	}
	return i
}

// next returns where the thing at i ends: an object, or the rest of a line.
func (r *blockReader) next(buf []byte, i int) (int, verdict) {
	if buf[i] != '{' {
		n := bytes.IndexByte(buf[i:], '\n')
		if n < 0 {
			return len(buf), more
		}
		return i + n, whole
	}
	if !r.seen {
		r.seen, r.indent = true, r.blanks
	}
	n, v := scanObject(buf[i:])
	return i + n, v
}

// resync returns where the first line after i begins that starts with an
// object and is indented no deeper than the first one was: the parts of a
// pretty-printed entry are.
func (r *blockReader) resync(buf []byte, i int) (int, bool) {
	for {
		n := bytes.IndexByte(buf[i:], '\n')
		if n < 0 {
			return 0, false
		}
		i += n + 1
		j := i
		for j < len(buf) && (buf[j] == ' ' || buf[j] == '\t') {
			j++
		}
		if j < len(buf) && buf[j] == '{' && j-i <= r.indent {
			return j, true
		}
	}
}

// lastBreak returns where the last line after i begins, its line break
// included, or the end when that line is itself too long to be kept.
func (r *blockReader) lastBreak(buf []byte, i int) int {
	n := bytes.LastIndexByte(buf[i:], '\n')
	if n < 0 || len(buf)-i-n > r.size/2 {
		return len(buf)
	}
	return i + n
}

func (r *blockReader) span(from, to int, long bool) {
	r.b.spans = append(r.b.spans, span{from, to, r.lineAt(from), long})
}
