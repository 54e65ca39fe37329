package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/why401/why401/analyzer"
)

// got is what a handler was handed: "where data", one string a message.
type got struct {
	mu       sync.Mutex
	messages []string
}

func (g *got) handle(_ context.Context, group []analyzer.Message) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range group {
		g.messages = append(g.messages, m.Where+" "+string(m.Data))
	}
	return nil
}

// readAll runs a File and returns what it handed over, sorted.
func readAll(t *testing.T, c FileConfig) ([]string, FileStats, error) {
	t.Helper()
	f, err := NewFile(c)
	if err != nil {
		t.Fatal(err)
	}
	var g got
	err = f.Run(t.Context(), g.handle)
	slices.Sort(g.messages)
	if n := f.Stats().Entries; n != int64(len(g.messages)) {
		t.Errorf("stats tell %d entries, want %d", n, len(g.messages))
	}
	return g.messages, f.Stats(), err
}

// readString runs a File over input on "-".
func readString(t *testing.T, c FileConfig, input string) ([]string, error) {
	t.Helper()
	c.Paths, c.Stdin = []string{"-"}, strings.NewReader(input)
	messages, _, err := readAll(t, c)
	for i, m := range messages {
		messages[i] = strings.TrimPrefix(m, "stdin:")
	}
	return messages, err
}

func TestFileLayouts(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
		err  error
	}{
		"lines":                      {"{\"a\":1}\n{\"b\":2}\n", []string{`1 {"a":1}`, `2 {"b":2}`}, nil},
		"lines, no last break":       {"{\"a\":1}\n{\"b\":2}", []string{`1 {"a":1}`, `2 {"b":2}`}, nil},
		"lines of Windows":           {"\ufeff{\"a\":1}\r\n\r\n{\"b\":2}\r\n", []string{`1 {"a":1}`, `3 {"b":2}`}, nil},
		"blank lines":                {"\n  \n{\"a\":1}\n\n\t\n{\"b\":2}\n\n", []string{`3 {"a":1}`, `6 {"b":2}`}, nil},
		"garbage among lines":        {"{\"a\":1}\nnot json\n{\"b\"\n", []string{`1 {"a":1}`, "2 not json", `3 {"b"`}, nil},
		"garbage before lines":       {"[2026-01-02] starting\n{\"cut\":\"\n{\"a\":1}\n{\"b\":2}\n", []string{"1 [2026-01-02] starting", `2 {"cut":"`, `3 {"a":1}`, `4 {"b":2}`}, nil},
		"nothing but text":           {"one\ntwo\n", []string{"1 one", "2 two"}, nil},
		"array":                      {`[{"a":1},{"b":[{"c":"]"}]}]`, []string{`1 {"a":1}`, `1 {"b":[{"c":"]"}]}`}, nil},
		"array, one entry a line":    {"[{\"a\":1},\n{\"b\":2}\n]\n", []string{`1 {"a":1}`, `2 {"b":2}`}, nil},
		"array of gcloud":            {"[\n  {\n    \"a\": {\n      \"x\": 1\n    }\n  },\n  {\n    \"b\": 2\n  }\n]\n", []string{"2 {\n    \"a\": {\n      \"x\": 1\n    }\n  }", "7 {\n    \"b\": 2\n  }"}, nil},
		"empty array":                {"[]\n", nil, nil},
		"array of arrays":            {"[[{\"a\":1}],\n[{\"b\":2}]]", []string{`1 {"a":1}`, `2 {"b":2}`}, nil},
		"array cut between entries":  {"[\n{\"a\":1},\n{\"b\":2},\n", []string{`2 {"a":1}`, `3 {"b":2}`}, ErrPartial},
		"array cut inside an entry":  {"[\n{\"a\":1},\n{\"b\":", []string{`2 {"a":1}`, `3 {"b":`}, ErrPartial},
		"pretty, concatenated":       {"{\n  \"a\": 1\n}\n{\n  \"b\": 2\n}\n", []string{"1 {\n  \"a\": 1\n}", "4 {\n  \"b\": 2\n}"}, nil},
		"pretty, text between":       {"{\n  \"a\": 1\n}\noops\n{\n  \"b\": 2\n}\nend", []string{"1 {\n  \"a\": 1\n}", "4 oops", "5 {\n  \"b\": 2\n}", "8 end"}, nil},
		"pretty, broken entry":       {"{\n  \"a\": 1\n}\n{\n  \"b\": [\n    {\n  \"c\n}\n{\n  \"d\": 4\n}\n", []string{"1 {\n  \"a\": 1\n}", "4 {\n  \"b\": [\n    {\n  \"c\n}", "9 {\n  \"d\": 4\n}"}, nil},
		"array, entry without end":   {"[\n  {\n    \"a\": 1,\n  {\n    \"b\": 2\n  }\n]", []string{"2 {\n    \"a\": 1,", "4 {\n    \"b\": 2\n  }"}, nil},
		"array, other values":        {"[\n  1,\n  {\n    \"a\": 1\n  },\n  \"x\"\n]", []string{"2 1,", "3 {\n    \"a\": 1\n  }", `6 "x"`}, nil},
		"nothing":                    {"", nil, nil},
		"entries on one line":        {"{\n\"a\":1}", []string{"1 {\n\"a\":1}"}, nil},
		"two entries on one line":    {"{\"z\":\n0}\n{\"a\":1}\n", []string{"1 {\"z\":\n0}", `3 {"a":1}`}, nil},
		"an object without its last": {"{\"a\":1,\n\n", []string{`1 {"a":1,`}, nil},
	} {
		for _, block := range []int{1, 7, 16, 1 << 20} {
			t.Run(fmt.Sprintf("%s/blocks of %d", name, block), func(t *testing.T) {
				messages, err := readString(t, FileConfig{block: block, Workers: 2}, c.in)
				if !errors.Is(err, c.err) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				if diff := cmp.Diff(c.want, messages, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// slowly gives input a few bytes at a time, as a terminal does.
type slowly struct {
	rest string
	step int
}

func (s *slowly) Read(p []byte) (int, error) {
	if s.rest == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(s.step, len(p))], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func TestFileCutsLongEntries(t *testing.T) {
	const limit = 2048
	long := `{"text":"` + strings.Repeat("x", 3*limit) + `"}`
	note := fmt.Sprintf(" (too large: longer than %d bytes, cut) %s%s", limit, long[:limit], cutMark)
	pretty := "{\n  \"text\": \"" + strings.Repeat("x", 3*limit) + "\"\n}"
	prettyNote := fmt.Sprintf(" (too large: longer than %d bytes, cut) %s%s", limit, pretty[:limit], cutMark)
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"line":             {"{\"a\":1}\n" + long + "\n{\"b\":2}\n", []string{`1 {"a":1}`, "2" + note, `3 {"b":2}`}},
		"last line":        {"{\"a\":1}\n" + long, []string{`1 {"a":1}`, "2" + note}},
		"first line":       {long + "\n{\"a\":1}\n", []string{"1" + note, `2 {"a":1}`}},
		"in array":         {"[\n" + long + ",\n{\"b\":2}\n]", []string{"2" + note, `3 {"b":2}`}},
		"pretty":           {"{\n\"a\":1}\n" + pretty + "\n{\n\"b\":2}\n", []string{"1 {\n\"a\":1}", "3" + prettyNote, "6 {\n\"b\":2}"}},
		"text in objects":  {"[\n" + strings.Repeat("x", 3*limit) + "\n{\"b\":2}\n]", []string{"2" + strings.ReplaceAll(note, long[:limit], strings.Repeat("x", limit)), `3 {"b":2}`}},
		"exactly the most": {"{\"a\":1}\n" + long[:limit] + "\n", []string{`1 {"a":1}`, "2 " + long[:limit]}},
	} {
		for _, block := range []int{64, limit, 1 << 20} {
			t.Run(fmt.Sprintf("%s/blocks of %d", name, block), func(t *testing.T) {
				messages, err := readString(t, FileConfig{block: block, MaxEntry: limit}, c.in)
				if err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(c.want, messages); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestFileMemoryStaysBounded reads 256 MiB without a single line break.
func TestFileMemoryStaysBounded(t *testing.T) {
	c := FileConfig{Paths: []string{"-"}, Stdin: io.LimitReader(endless('x'), 256<<20), Workers: 1}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	messages, _, err := readAll(t, c)
	runtime.ReadMemStats(&after)
	if err != nil || len(messages) != 1 {
		t.Errorf("got %d messages and error %v, want 1 and none", len(messages), err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
		t.Errorf("%d MiB allocated, want at most 64", took>>20)
	}
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// pack writes data into a new file, as it is or compressed.
func pack(t testing.TB, name string, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	switch filepath.Ext(name) {
	case ".gz":
		w := gzip.NewWriter(&b)
		_, _ = w.Write(data)
		_ = w.Close()
	case ".zst":
		w, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(data)
		_ = w.Close()
	default:
		b.Write(data)
	}
	return write(t, name, b.Bytes())
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// lines is n numbered entries whose text does not compress to nothing.
func lines(n int) []byte {
	var b bytes.Buffer
	seed := uint64(1)
	for i := range n {
		seed = seed*6364136223846793005 + 1442695040888963407
		fmt.Fprintf(&b, "{\"insertId\":\"e%d\",\"textPayload\":\"%x\"}\n", i, seed)
	}
	return b.Bytes()
}

func TestFileReadsCompressed(t *testing.T) {
	data := lines(5000)
	for _, name := range []string{"plain.jsonl", "packed.gz", "packed.zst"} {
		t.Run(name, func(t *testing.T) {
			path := pack(t, name, data)
			messages, stats, err := readAll(t, FileConfig{Paths: []string{path}, block: 4096})
			if err != nil || len(messages) != 5000 {
				t.Errorf("got %d messages and error %v, want 5000 and none", len(messages), err)
			}
			info, _ := os.Stat(path)
			if stats.Bytes != info.Size() || stats.BytesTotal != info.Size() || stats.Files != 1 {
				t.Errorf("got %+v, want all %d bytes of one file", stats, info.Size())
			}
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			for what, stdin := range map[string]io.Reader{"redirected": file, "piped": &slowly{string(must(os.ReadFile(path))), 1000}} {
				messages, _, err := readAll(t, FileConfig{Paths: []string{"-"}, Stdin: stdin})
				if err != nil || len(messages) != 5000 {
					t.Errorf("%s: got %d messages and error %v, want 5000 and none", what, len(messages), err)
				}
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestFileReadsWhatIsLeftOfTornFiles(t *testing.T) {
	for _, name := range []string{"torn.gz", "torn.zst"} {
		t.Run(name, func(t *testing.T) {
			whole := must(os.ReadFile(pack(t, name, lines(20_000))))
			path := write(t, name, whole[:len(whole)/2])
			after := pack(t, "after.jsonl", lines(3))
			messages, stats, err := readAll(t, FileConfig{Paths: []string{path, after}})
			if !errors.Is(err, ErrPartial) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("error %v, want one that wraps ErrPartial and io.ErrUnexpectedEOF", err)
			}
			if want := fmt.Sprintf("cut off at byte %d of %d", len(whole)/2, len(whole)/2); !strings.Contains(fmt.Sprint(err), want) || !strings.Contains(fmt.Sprint(err), path) {
				t.Errorf("error %q, want it to name the file and %q", err, want)
			}
			if len(messages) < 5000 || len(messages) > 15_000 {
				t.Errorf("%d messages, want about half of 20000", len(messages))
			}
			if !slices.ContainsFunc(messages, func(m string) bool { return strings.HasPrefix(m, after+":3 ") }) {
				t.Error("the file after the torn one was not read")
			}
			if stats.Files != 2 {
				t.Errorf("%d files read, want 2", stats.Files)
			}
		})
	}
}

func TestFileStopsAtBombs(t *testing.T) {
	zeros := make([]byte, 1<<20)
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	path := write(t, "bomb.zst", b.Bytes())
	begin := time.Now()
	_, _, err = readAll(t, FileConfig{Paths: []string{path}})
	if !errors.Is(err, errBomb) || !errors.Is(err, ErrPartial) {
		t.Errorf("error %v, want errBomb and ErrPartial", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if _, _, err = readAll(t, FileConfig{Paths: []string{path}, MaxRatio: 1_000_000}); err != nil {
		t.Errorf("with a large max_ratio: %v", err)
	}
}

func TestFileStopsAtGzipBomb(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.CopyN(w, endless('0'), 150<<20); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	path := write(t, "bomb.gz", b.Bytes())
	if _, _, err := readAll(t, FileConfig{Paths: []string{path}}); !errors.Is(err, errBomb) {
		t.Errorf("ratio %d: error %v, want errBomb", (150<<20)/b.Len(), err)
	}
}

func TestFileReportsEveryUnreadableInput(t *testing.T) {
	good := pack(t, "good.jsonl", lines(10))
	empty := write(t, "empty.jsonl", nil)
	wide := write(t, "wide.json", []byte("\xff\xfe[\x00]\x00"))
	header := write(t, "header.gz", []byte{0x1f, 0x8b, 0, 0})
	missing := filepath.Join(t.TempDir(), "missing.jsonl")
	messages, stats, err := readAll(t, FileConfig{Paths: []string{missing, wide, header, empty, good}})
	if len(messages) != 10 {
		t.Errorf("%d messages, want the 10 of the good file", len(messages))
	}
	if !errors.Is(err, ErrPartial) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want ErrPartial and os.ErrNotExist in it", err)
	}
	for _, part := range []string{missing, wide, "UTF-16", header, "gzip stream"} {
		if !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("error %q does not mention %q", err, part)
		}
	}
	if strings.Contains(fmt.Sprint(err), empty) {
		t.Errorf("error %q blames the empty file", err)
	}
	if stats.Empty != 1 || stats.FilesTotal != 4 {
		t.Errorf("got %+v, want 1 empty file of 4", stats)
	}
}

func TestFileWalksExports(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{
		"run.googleapis.com%2Fstderr/2026/01/02/08:00:00_08:59:59_S0.json", "run.googleapis.com%2Fstderr/2026/01/02/09:00:00_09:59:59_S0.json",
		"run.googleapis.com%2Fstderr/2026/01/01/23:00:00_23:59:59_S0.json.gz", "app/2026/01/01/00.jsonl", "README.md", ".hidden/x.json", "app/.tmp.json",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(`{"a":1}`+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := must(NewFile(FileConfig{Paths: []string{root}}))
	inputs, problems := f.inputs()
	var names []string
	for _, in := range inputs {
		names = append(names, must(filepath.Rel(root, in.path)))
	}
	want := []string{
		"app/2026/01/01/00.jsonl", "run.googleapis.com%2Fstderr/2026/01/01/23:00:00_23:59:59_S0.json.gz",
		"run.googleapis.com%2Fstderr/2026/01/02/08:00:00_08:59:59_S0.json", "run.googleapis.com%2Fstderr/2026/01/02/09:00:00_09:59:59_S0.json",
	}
	if diff := cmp.Diff(want, names); diff != "" || len(problems) > 0 {
		t.Errorf("problems %v, files (-want +got):\n%s", problems, diff)
	}
	if n := f.Stats().Skipped; n != 1 {
		t.Errorf("%d files skipped, want README.md alone", n)
	}
}

// TestFileHandsOverWhileInputIsOpen wants a line that came through a pipe to
// be handed over although the pipe stays open and the block is not full.
func TestFileHandsOverWhileInputIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		f := must(NewFile(FileConfig{Paths: []string{"-"}, Stdin: in}))
		var g got
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.Run(ctx, g.handle) }()
		_, _ = out.Write([]byte("{\"a\":1}\n{\"b\""))
		time.Sleep(100 * time.Millisecond)
		g.mu.Lock()
		if want := []string{`stdin:1 {"a":1}`}; !slices.Equal(g.messages, want) {
			t.Errorf("got %q, want %q", g.messages, want)
		}
		g.mu.Unlock()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	})
}

func TestFileOffersARefusedGroupAgain(t *testing.T) {
	for name, c := range map[string]struct {
		refusals int
		want     string
	}{"and it is kept": {3, ""}, "until hold is over": {1000, "hand over 2 entries from stdin:1 on: busy"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := must(NewFile(FileConfig{Paths: []string{"-"}, Stdin: strings.NewReader("{\"a\":1}\n{\"b\":1}\n")}))
				calls := 0
				err := f.Run(t.Context(), func(context.Context, []analyzer.Message) error {
					if calls++; calls <= c.refusals {
						return errors.New("busy")
					}
					return nil
				})
				if c.want == "" && (err != nil || calls != c.refusals+1) {
					t.Errorf("error %v after %d calls, want none after %d", err, calls, c.refusals+1)
				}
				if c.want != "" && (fmt.Sprint(err) != c.want || errors.Is(err, ErrPartial)) {
					t.Errorf("error %v, want %q", err, c.want)
				}
			})
		})
	}
}

func TestFileConfigProblems(t *testing.T) {
	_, err := NewFile(FileConfig{Paths: []string{"-", "", "-"}, Workers: -1, GroupLines: -5, MaxEntry: 3, MaxRatio: 1, Hold: -1})
	for _, field := range []string{"paths[1]", "paths[2]", "file.paths:", "workers", "group_lines", "max_entry", "max_ratio", "hold"} {
		if !strings.Contains(fmt.Sprint(err), field) {
			t.Errorf("error %q does not mention %s", err, field)
		}
	}
	if _, err := NewFile(FileConfig{}); err == nil {
		t.Error("no paths are accepted")
	}
	if problems := (FileConfig{}).Validate(); len(problems) > 0 {
		t.Errorf("the zero config has problems: %v", problems)
	}
}

// FuzzFile wants every byte that is no blank, comma or bracket to come out
// again, whatever the input and the blocks it is read in.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{"{\"a\":1}\n{\"b\":2}\n", "[\n {\n\"a\":1},\n {\n\"b\":\"x\n}\n {\"c\":3}]", "{\n\"a\":[\n{},\n{\"b", "x\n[{\"a\":1},2]\n\ny", "{\"a\":\"\\\"\n{\n{\n}"} {
		f.Add(seed, 3)
		f.Add(seed, 64)
	}
	f.Fuzz(func(t *testing.T, in string, block int) {
		if block < 1 || block > 1<<12 || strings.HasPrefix(in, "\x1f\x8b") || strings.HasPrefix(in, "\x28\xb5") || strings.HasPrefix(in, "\xff\xfe") || strings.HasPrefix(in, "\xfe\xff") || strings.HasPrefix(in, "\xef\xbb") {
			return
		}
		messages, err := readString(t, FileConfig{block: block, Workers: 1}, in)
		if err != nil && !errors.Is(err, ErrPartial) {
			t.Fatal(err)
		}
		solid := func(r rune) bool { return strings.ContainsRune(" \t\r\n,[]", r) }
		count := func(s string) (n int) {
			for i := range len(s) {
				if !solid(rune(s[i])) {
					n++
				}
			}
			return n
		}
		want, out := count(in), 0
		for _, m := range messages {
			_, data, _ := strings.Cut(m, " ")
			out += count(data)
		}
		if out != want {
			t.Errorf("%d solid bytes of %d came out of %q in blocks of %d: %q", out, want, in, block, messages)
		}
	})
}
