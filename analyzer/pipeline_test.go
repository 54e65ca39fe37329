package analyzer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zeebo/xxh3"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/rules"
)

var began = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// request is a Cloud Run request log.
func request(id, service, trace string, after time.Duration, status int) string {
	return entry(id, service, "requests", trace, after, fmt.Sprintf(`"httpRequest":{"requestMethod":"GET","requestUrl":"https://x/v1","status":%d}`, status))
}

// line is a text line of a service.
func line(id, service, trace string, after time.Duration, text string) string {
	return entry(id, service, "stderr", trace, after, fmt.Sprintf(`"textPayload":%q`, text))
}

func entry(id, service, log, trace string, after time.Duration, payload string) string {
	t := ""
	if trace != "" {
		t = `"trace":"projects/p/traces/` + trace + `",`
	}
	return fmt.Sprintf(`{"insertId":%q,"logName":"projects/p/logs/run.googleapis.com%%2F%s","timestamp":%q,%s"resource":{"type":"cloud_run_revision","labels":{"project_id":"acme-staging","service_name":%q,"revision_name":"%s-1"}},%s}`,
		id, log, began.Add(after).Format(time.RFC3339Nano), t, service, service, payload)
}

// memory is a store that keeps nothing and may fail.
type memory struct{ fail int }

func (m *memory) Load(context.Context) (*analyzer.Loaded, error) { return &analyzer.Loaded{}, nil }
func (m *memory) Commit(context.Context, *analyzer.Batch) error {
	if m.fail > 0 {
		m.fail--
		return errors.New("disk full")
	}
	return nil
}

func pipeline(t testing.TB, s analyzer.Store) *analyzer.Pipeline {
	t.Helper()
	set, err := rules.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	p, err := analyzer.NewPipeline(context.Background(), set, s, nil, analyzer.LedgerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func feed(t testing.TB, p *analyzer.Pipeline, group int, entries ...string) *analyzer.Report {
	t.Helper()
	for len(entries) > 0 {
		n := min(group, len(entries))
		ms := make([]analyzer.Message, n)
		for i := range ms {
			ms[i] = analyzer.Message{Data: []byte(entries[i]), Where: "test"}
		}
		if err := p.Handle(context.Background(), ms); err != nil {
			t.Fatal(err)
		}
		entries = entries[n:]
	}
	if err := p.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	return p.Report(analyzer.DiagnosisConfig{})
}

func TestWhatCounts(t *testing.T) {
	const bad = "jwt validation failed: token signature is invalid: signature is invalid"
	reasons := func(kv ...any) map[analyzer.Reason]int64 {
		m := map[analyzer.Reason]int64{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i].(analyzer.Reason)] = int64(kv[i+1].(int))
		}
		return m
	}
	for _, c := range []struct {
		name              string
		entries           []string
		service           string
		accepted, refused int64
		reasons           map[analyzer.Reason]int64
	}{
		{"a request log alone is unexplained", []string{request("1", "orders", "t1", 0, 401)}, "orders", 0, 1, reasons(analyzer.Unspecified, 1)},
		{"request, line and proxy of one trace count once", []string{
			request("1", "orders", "t1", 0, 401), line("2", "orders", "t1", time.Millisecond, bad), line("3", "gateway", "t1", 2*time.Millisecond, "upstream said: Unauthorized"),
		}, "orders", 0, 1, reasons(analyzer.BadSignature, 1)},
		{"an untraced line explains the request of its minute", []string{request("1", "orders", "t1", 0, 401), line("2", "orders", "", time.Second, bad)}, "orders", 0, 1, reasons(analyzer.BadSignature, 1)},
		{"and that of the minute before", []string{request("1", "orders", "", 59*time.Second, 401), line("2", "orders", "", 61*time.Second, bad)}, "orders", 0, 1, reasons(analyzer.BadSignature, 1)},
		{"a retry in the same trace is another request", []string{request("1", "orders", "t1", 0, 401), request("2", "orders", "t1", time.Second, 401), line("3", "orders", "t1", 0, bad)}, "orders", 0, 2, reasons(analyzer.BadSignature, 2)},
		{"let through in the end is not refused", []string{line("1", "orders", "t1", 0, bad), request("2", "orders", "t1", time.Second, 200)}, "orders", 1, 0, reasons()},
		{"a duplicate counts once", []string{request("1", "orders", "t1", 0, 401), request("1", "orders", "t1", 0, 401)}, "orders", 0, 1, reasons(analyzer.Unspecified, 1)},
		{"a traceback of many entries counts once", []string{
			line("1", "orders", "", 0, "2026-11-23 ERROR app.auth: JWT validation failed: Signature verification failed"),
			line("2", "orders", "", 1, "Traceback (most recent call last):"), line("3", "orders", "", 2, `  File "/app/auth/verify.py", line 49, in verify`),
			line("4", "orders", "", 3, `    raise InvalidSignatureError("Signature verification failed")`), line("5", "orders", "", 4, "jwt.exceptions.InvalidSignatureError: Signature verification failed"),
		}, "orders", 0, 1, reasons(analyzer.BadSignature, 1)},
		{"a weak secret refuses nobody", []string{line("1", "orders", "", 0, "configuration error: secret is too short (12 bytes)")}, "orders", 0, 0, reasons(analyzer.WeakSecret, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := feed(t, pipeline(t, &memory{}), 10, c.entries...)
			for _, s := range r.Services {
				if s.Name != c.service {
					continue
				}
				if s.Accepted != c.accepted || s.Refused != c.refused {
					t.Errorf("%d accepted, %d refused; want %d, %d", s.Accepted, s.Refused, c.accepted, c.refused)
				}
				if diff := cmp.Diff(c.reasons, s.Reasons); diff != "" {
					t.Errorf("reasons (-want +got):\n%s", diff)
				}
				return
			}
			t.Fatalf("service %s is not in the report: %+v", c.service, r.Services)
		})
	}
}

// workload is a mixture of everything, from a seed.
func workload(n int) []string {
	r := rand.New(rand.NewPCG(7, 7))
	texts := []string{"jwt expired", "token signature is invalid: signature is invalid", "order 12 shipped", "JWT_SECRET is not set", "token frobnication went wrong for jwt", "jwt audience invalid. expected: api"}
	var out []string
	for i := range n {
		id, svc, trace := fmt.Sprint("i", i), fmt.Sprint("svc-", r.IntN(7)), ""
		if r.IntN(2) == 0 {
			trace = fmt.Sprintf("%032x", r.IntN(n/3+1))
		}
		after := time.Duration(r.IntN(3600)) * time.Second
		switch r.IntN(4) {
		case 0:
			out = append(out, request(id, svc, trace, after, []int{200, 204, 401, 403, 500}[r.IntN(5)]))
		case 1:
			out = append(out, `{"insertId":`)
		default:
			out = append(out, line(id, svc, trace, after, texts[r.IntN(len(texts))]))
		}
		if r.IntN(20) == 0 {
			out = append(out, out[r.IntN(len(out))])
		}
	}
	return out
}

func TestOrderAndBatchesDoNotMatter(t *testing.T) {
	entries := workload(3000)
	report := func(entries []string, group int) string {
		var b bytes.Buffer
		if err := feed(t, pipeline(t, &memory{}), group, entries...).Write(&b, "json"); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := report(entries, 100)
	if !strings.Contains(want, "bad_signature") || !strings.Contains(want, `"id"`) {
		t.Fatalf("the workload shows nothing: %.300s", want)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 20 {
		r.Shuffle(len(entries), func(a, b int) { entries[a], entries[b] = entries[b], entries[a] })
		if got := report(entries, 1+r.IntN(500)); got != want {
			t.Fatalf("order %d gives another report:\n%s", i, cmp.Diff(want, got))
		}
	}
}

func TestCommitIsTriedAgain(t *testing.T) {
	s := &memory{fail: 2}
	r := feed(t, pipeline(t, s), 1, request("1", "orders", "t1", 0, 401), request("2", "orders", "t2", 0, 200))
	if r.Totals.Accepted != 1 || r.Totals.Refused != 1 || s.fail != 0 {
		t.Errorf("after two failed commits: %+v", r.Totals)
	}
}

func TestOwnLinesAreDropped(t *testing.T) {
	own := entry("1", "why401", "stderr", "", 0, `"jsonPayload":{"why401.self":"true","message":"jwt expired"}`)
	if r := feed(t, pipeline(t, &memory{}), 1, own); r.Totals.Self != 1 || r.Totals.Refused != 0 {
		t.Errorf("our own entry was analyzed: %+v", r.Totals)
	}
}

func TestSplitEntriesAreJoined(t *testing.T) {
	var parts []string
	for i, text := range []string{"jwt validation failed: token signa", "ture is invalid: signature ", "is invalid"} {
		parts = append(parts, entry(fmt.Sprint("p", i), "orders", "stderr", "", 0, fmt.Sprintf(`"textPayload":%q,"split":{"uid":"u1","index":%d,"totalSplits":3}`, text, i)))
	}
	r := feed(t, pipeline(t, &memory{}), 1, parts[2], parts[0], parts[1])
	if n := r.Services[0].Reasons[analyzer.BadSignature]; n != 1 {
		t.Errorf("%d bad signatures from a split entry; want 1: %+v", n, r.Services)
	}
}

// The parts of a split entry survive a crash between them, and one that is
// delivered again afterwards makes no second entry.
func TestSplitEntriesSurviveARestart(t *testing.T) {
	held := &keeper{}
	message := func(i int, text string) []analyzer.Message {
		return []analyzer.Message{{Data: []byte(entry(fmt.Sprint("p", i), "orders", "stderr", "", 0, fmt.Sprintf(`"textPayload":%q,"split":{"uid":"u1","index":%d,"totalSplits":2}`, text, i)))}}
	}
	first, second := message(0, "jwt validation failed: token signature is in"), message(1, "valid: signature is invalid")
	for i, group := range [][]analyzer.Message{first, second, first, second} {
		p := pipeline(t, held) // every group meets a new process
		if err := p.Handle(t.Context(), group); err != nil {
			t.Fatal(err)
		}
		if want := min(i+1, 2) % 2; len(held.Parts) != want {
			t.Fatalf("after group %d %d parts wait; want %d", i, len(held.Parts), want)
		}
	}
	p := pipeline(t, held)
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := p.Report(analyzer.DiagnosisConfig{})
	if n := r.Services[0].Reasons[analyzer.BadSignature]; n != 1 || len(r.Services[0].Reasons) != 1 {
		t.Errorf("%+v from a split entry; want one bad signature", r.Services)
	}
}

// keeper is a store of what split entries need.
type keeper struct{ analyzer.Loaded }

func (k *keeper) Load(context.Context) (*analyzer.Loaded, error) {
	held := k.Loaded
	return &held, nil
}

func (k *keeper) Commit(_ context.Context, b *analyzer.Batch) error {
	k.Keys, k.Counts, k.Watermark = append(k.Keys, b.Keys...), append(k.Counts, b.Counts...), b.Watermark
	for _, p := range b.Parts {
		k.Parts = slices.DeleteFunc(k.Parts, func(held analyzer.Part) bool { return held.Key == p.Key })
		if len(p.Data) > 0 {
			k.Parts = append(k.Parts, p)
		}
	}
	return nil
}

// A canary's request is in no count: neither refused nor accepted.
func TestLeaveOut(t *testing.T) {
	p := pipeline(t, &memory{})
	p.LeaveOut(func(trace uint64) bool { return trace == xxh3.HashString("canary") })
	group := []analyzer.Message{}
	for i, m := range []string{request("a", "orders", "canary", 0, 401), request("b", "orders", "canary", 1, 200), request("c", "orders", "user", 2, 401)} {
		group = append(group, analyzer.Message{Data: []byte(m), ID: fmt.Sprint(i)})
	}
	if err := p.Handle(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	if r := p.Report(analyzer.DiagnosisConfig{}); r.Totals.Refused != 1 || r.Totals.Accepted != 0 || r.Totals.Entries != 3 {
		t.Errorf("totals %+v; want three entries, one refused, none accepted", r.Totals)
	}
}

// stuck is a store whose commits end when they are let.
type stuck struct {
	memory
	let chan struct{}
}

func (s *stuck) Commit(ctx context.Context, _ *analyzer.Batch) error {
	select {
	case <-s.let:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestLookingWaitsForNoStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stuck{let: make(chan struct{})}
		p := pipeline(t, s)
		done := make(chan error)
		go func() {
			done <- p.Handle(t.Context(), []analyzer.Message{{Data: []byte(request("a", "orders", "", 0, 401))}})
		}()
		synctest.Wait() // it commits
		if n := p.Totals().Entries; n != 1 {
			t.Errorf("%d entries are counted while the store is at work; want 1", n)
		}
		p.Report(analyzer.DiagnosisConfig{})
		p.View(func(*analyzer.Ledger) {})
		close(s.let)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
