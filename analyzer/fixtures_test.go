package analyzer_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/why401/why401/analyzer"
)

var update = flag.Bool("update", false, "write what the decoder reads of testdata/entries as the golden results")

// wantFixtures is how many shapes of LogEntry must at least be read and
// compared.
const wantFixtures = 60

// fixture is one entry of an archive in testdata/entries: the file name.json,
// with what the decoder must read of it in name.want.
type fixture struct {
	name, json string
	want       *txtar.File
}

// archive reads the fixtures of one archive; entries without a result get an
// empty one.
func archive(t testing.TB, path string) (*txtar.Archive, []fixture) {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var inputs []txtar.File
	wants := make(map[string][]byte)
	for _, f := range a.Files {
		switch filepath.Ext(f.Name) {
		case ".json":
			inputs = append(inputs, f)
		case ".want":
			wants[f.Name] = f.Data
		default:
			t.Fatalf("%s holds %s; want files in .json and .want", path, f.Name)
		}
	}
	a.Files = make([]txtar.File, 0, 2*len(inputs))
	fixtures := make([]fixture, 0, len(inputs))
	for _, f := range inputs {
		name := strings.TrimSuffix(f.Name, ".json")
		a.Files = append(a.Files, f, txtar.File{Name: name + ".want", Data: wants[name+".want"]})
		delete(wants, name+".want")
		fixtures = append(fixtures, fixture{name, string(f.Data), &a.Files[len(a.Files)-1]})
	}
	for name := range wants {
		t.Errorf("%s holds %s without its entry", path, name)
	}
	return a, fixtures
}

func archives(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/entries/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archive in testdata/entries: %v", err)
	}
	return paths
}

// Every fixture decodes to its golden result, and to what protojson reads of
// the same bytes.
func TestFixtures(t *testing.T) {
	total, compared := 0, 0
	for _, path := range archives(t) {
		a, fixtures := archive(t, path)
		total += len(fixtures)
		for _, f := range fixtures {
			t.Run(filepath.Base(path)+"/"+f.name, func(t *testing.T) {
				h, e := decode(t, f.json)
				got := describe(&h, e)
				if *update {
					f.want.Data = []byte(got)
				} else if got != string(f.want.Data) {
					t.Errorf("decoded\n%swant (go test ./analyzer -run Fixtures -update, if this is right)\n%s", got, f.want.Data)
				}
				if likeProtojson(t, f.json, &h, e) {
					compared++
				}
			})
		}
		if *update {
			writeArchive(t, path, a)
		}
	}
	if compared < wantFixtures {
		t.Errorf("%d of %d fixtures could be compared with protojson; want at least %d", compared, total, wantFixtures)
	}
	t.Logf("%d fixtures, %d of them compared with protojson", total, compared)
}

func writeArchive(t *testing.T, path string, a *txtar.Archive) {
	t.Helper()
	if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// decode reads one entry twice by the same Decoder, which must not change the
// result.
func decode(t *testing.T, json string) (analyzer.Header, *analyzer.Entry) {
	t.Helper()
	m := &analyzer.Message{Data: []byte(json)}
	d := analyzer.NewDecoder(nil)
	first, err := d.Entry(m)
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Entry(m)
	if err != nil {
		t.Fatal(err)
	}
	var h analyzer.Header
	if err := d.Scan(m, &h); err != nil {
		t.Fatal(err)
	}
	if again := describe(&h, e); again != describe(&h, first) {
		t.Errorf("read again the entry is\n%s", again)
	}
	return h, e
}

// describe prints what was decoded, one line per member that is not empty.
func describe(h *analyzer.Header, e *analyzer.Entry) string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s %s\n", name, value)
		}
	}
	line("service", e.Origin.Name)
	line("environment", e.Origin.Environment)
	line("project", e.Origin.Project)
	line("resource", e.Origin.ResourceType)
	line("location", e.Origin.Location)
	line("revision", e.Origin.Revision)
	line("instance", e.Origin.Instance)
	line("id", e.InsertID)
	line("log", e.LogName)
	line("time", clock(e.Time))
	line("received", clock(e.Received))
	line("severity", fmt.Sprint(int(e.Severity)))
	line("trace", e.Trace)
	line("span", e.SpanID)
	if r := e.HTTP; r != nil {
		line("request", strings.Join(strings.Fields(fmt.Sprint(r.Status, " ", r.Method, " ", r.Path, " ", r.Latency, " ", r.RemoteIP)), " "))
	}
	if s := e.Split; s != nil {
		line("split", fmt.Sprintf("%q %d of %d", s.UID, s.Index, s.Total))
	}
	if h.Audit {
		line("kind", "audit")
	}
	if h.Self {
		line("kind", "self")
	}
	for _, name := range slices.Sorted(maps.Keys(e.Labels)) {
		line("label", fmt.Sprintf("%s = %q", name, e.Labels[name]))
	}
	if e.Message != "" {
		line("message", fmt.Sprintf("%+q", e.Message))
	}
	for _, f := range e.Fields {
		line("field", fmt.Sprintf("%s = %+q", f.Path, f.Value))
	}
	return b.String()
}

func clock(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

// Entries of every size between one byte of payload and beyond what Cloud
// Logging takes (512 KiB for an audit entry) are read whole.
func TestSizes(t *testing.T) {
	const audit = `{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","methodName":"m","status":{"code":7,"message":%q}}`
	for _, size := range []int{1, 7, 8, 9, 255, 4096, 64<<10 - 1, 64<<10 + 1, 256 << 10, 512 << 10} {
		text := strings.Repeat("word ", size/len("word ")+1)[:size]
		for kind, payload := range map[string]string{
			"text":   fmt.Sprintf(`"textPayload":%q`, text),
			"json":   fmt.Sprintf(`"jsonPayload":{"message":%q}`, text),
			"proto":  `"protoPayload":` + fmt.Sprintf(audit, text),
			"nested": fmt.Sprintf(`"jsonPayload":{"a":[[{"b":%q}]],"message":%q}`, text[:size/2], text),
		} {
			t.Run(fmt.Sprint(kind, " ", size), func(t *testing.T) {
				json := `{"insertId":"a","logName":"projects/p/logs/x","timestamp":"2026-11-23T08:00:00Z",` + payload + `}`
				h, e := decode(t, json)
				if got := strings.TrimRight(e.Message, " "); got != strings.TrimRight(text, " ") {
					t.Errorf("message of %d bytes; want %d", len(e.Message), size)
				}
				if !strings.Contains(string(h.Text), text) {
					t.Errorf("the scan's text of %d bytes lacks the payload's", len(h.Text))
				}
				likeProtojson(t, json, &h, e)
			})
		}
	}
}

// permutations returns all orders of 0 to n-1.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, p := range permutations(n - 1) {
		for at := range n {
			all = append(all, slices.Insert(slices.Clone(p), at, n-1))
		}
	}
	slices.SortFunc(all, slices.Compare)
	return all
}

// Four parts become one entry in whichever order they come; what is there of
// them is handed on once 30 s of event time have gone by without the fourth.
func TestJoinerInAnyOrder(t *testing.T) {
	texts := []string{"jwt check failed: the ", "signature of the ", "caller's token is ", "invalid (orders)"}
	for _, kind := range []string{`"textPayload":%q`, `"jsonPayload":{"level":"error","message":%q}`} {
		for _, order := range permutations(len(texts)) {
			for dropped := -1; dropped < len(texts); dropped++ {
				t.Run(fmt.Sprint(kind[1:5], " ", order, " without ", dropped), func(t *testing.T) {
					joinInOrder(t, kind, texts, order, dropped)
				})
			}
		}
	}
}

func joinInOrder(t *testing.T, kind string, texts []string, order []int, dropped int) {
	const form = `{"insertId":"p%d","logName":"projects/p/logs/x","timestamp":"2026-11-23T08:00:00.%dZ",` +
		`"resource":{"type":"cloud_run_revision","labels":{"project_id":"p","service_name":"orders"}},%s,"split":{"uid":"u","index":%d,"totalSplits":4}}`
	part := func(index int) *analyzer.Entry {
		_, e := decode(t, fmt.Sprintf(form, index, index, fmt.Sprintf(kind, texts[index]), index))
		return e
	}
	var j analyzer.Joiner
	var done []*analyzer.Entry
	want, lowest, sent := "", -1, 0
	for index, text := range texts {
		if index != dropped {
			want += text
			if lowest < 0 {
				lowest = index
			}
		}
	}
	for _, index := range order {
		if index == dropped {
			continue
		}
		sent++
		done = append(done, j.Add(part(index))...)
		if complete := sent == len(texts); (len(done) == 1) != complete {
			t.Fatalf("%d entries done after %d parts", len(done), sent)
		}
	}
	if dropped >= 0 {
		late := &analyzer.Entry{Time: part(0).Time.Add(30 * time.Second)}
		if early := j.Add(late); len(early) != 1 {
			t.Fatalf("%d entries done after 30 s; want the new one alone", len(early))
		}
		late = &analyzer.Entry{Time: late.Time.Add(2 * time.Second)}
		done = slices.DeleteFunc(j.Add(late), func(e *analyzer.Entry) bool { return e == late })
	}
	if len(done) != 1 {
		t.Fatalf("%d entries; want 1", len(done))
	}
	e := done[0]
	if e.Message != want || e.Key != part(lowest).Key {
		t.Errorf("message %q, key %x; want %q, %x", e.Message, e.Key, want, part(lowest).Key)
	}
	if len(e.Fields) > 0 && (e.Field("message") != want || e.Field("level") != "error") {
		t.Errorf("fields %+v", e.Fields)
	}
	missing := 0
	if dropped >= 0 {
		missing = 1
	}
	if j.Incomplete != missing || (e.Split != nil) != (missing == 1) {
		t.Errorf("%d incomplete, split %+v; want %d", j.Incomplete, e.Split, missing)
	}
	if rest := j.Flush(time.Time{}); len(rest) != 0 {
		t.Errorf("%d entries left behind", len(rest))
	}
}
