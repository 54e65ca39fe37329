package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/why401/why401/analyzer"
)

// need finds a program or a file, or skips the test; under
// WHY401_REQUIRE_REAL=1 it fails instead.
func need(t *testing.T, what string, ok bool) {
	t.Helper()
	if ok {
		return
	}
	if os.Getenv("WHY401_REQUIRE_REAL") != "" {
		t.Fatalf("%s is missing; .ci/deps installs it", what)
	}
	t.Skipf("%s is missing; .ci/deps installs it", what)
}

// browser is a tab of a real Chromium, and what it complained of.
type browser struct {
	context.Context
	mu       sync.Mutex
	problems []string
	asked    []string // addresses
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	need(t, "chromium", err == nil)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.WSURLReadTimeout(90*time.Second))
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	b := &browser{Context: ctx}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	command(t, b, network.Enable, network.EnableParams{})
	command(t, b, log.Enable, cdp.Empty{})
	var after context.CancelFunc
	b.Context, after = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(after)
	return b
}

// command sends a command of the DevTools protocol.
func command[P, R any](t *testing.T, b *browser, c cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(b, c, params); err != nil {
		t.Fatal(err)
	}
}

func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		b.problems = append(b.problems, fmt.Sprintf("console: %s %s", e.Type, e.Args[0].Value))
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		b.problems = append(b.problems, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	}
}

func (b *browser) run(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b, actions...); err != nil {
		t.Fatal(err)
	}
}

// eval evaluates an expression in the page.
func eval[T any](t *testing.T, b *browser, js string) T {
	t.Helper()
	out, err := chromedp.Run(b, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// quiet fails when the browser complained, or asked anybody but the server.
func (b *browser) quiet(t *testing.T, where, server string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		t.Errorf("%s: %s", where, p)
	}
	for _, a := range b.asked {
		if !strings.HasPrefix(a, server) && !strings.HasPrefix(a, "file://") && a != "about:blank" {
			t.Errorf("%s: the page asked %s", where, a)
		}
	}
	b.problems, b.asked = nil, nil
}

// Of 200 hostile texts none runs and none makes the browser complain, neither
// under our policy nor, by escaping alone, without it.
func TestBrowserRunsNothingHostile(t *testing.T) {
	b := newBrowser(t)
	all := payloads()
	file := filepath.Join(t.TempDir(), "report.html")
	for _, policy := range []bool{true, false} {
		for round := 0; round < len(all); round += 40 {
			u := world(func(i int) string { return all[(round+i%40)%len(all)] + " " + fmt.Sprint(i) })
			w := serve(u, Config{Authenticated: true, Journal: nobody{}})
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if !policy {
					rw = &without{rw}
				}
				w.ServeHTTP(rw, r)
			}))
			paths := []string{server.URL + "/", server.URL + "/incidents/abc123"}
			if policy {
				f, err := os.Create(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := WriteReport(f, Config{}, u, ratesOf(u)); err != nil {
					t.Fatal(err)
				}
				_ = f.Close()
				paths = append(paths, "file://"+file)
			}
			for _, at := range paths {
				b.run(t, chromedp.Navigate(at), chromedp.WaitReady("footer"))
				if eval[bool](t, b, "window.hit !== undefined") {
					t.Errorf("%s, policy %v, payloads from %d: one of them ran", at, policy, round)
				}
				if n := eval[int](t, b, "document.querySelectorAll('main script, main iframe, main img, main style, main base, main object').length"); n != 0 {
					t.Errorf("%s: %d elements of payloads", at, n)
				}
				b.quiet(t, at, server.URL)
			}
			// Whoever still listens for events would complain of a server that is gone.
			b.run(t, chromedp.Navigate("about:blank"))
			w.EndStreams()
			server.Close()
		}
	}
}

// without leaves the policy out.
type without struct{ http.ResponseWriter }

func (w *without) WriteHeader(code int) {
	w.Header().Del("Content-Security-Policy")
	w.ResponseWriter.WriteHeader(code)
}

func (w *without) Write(p []byte) (int, error) {
	w.Header().Del("Content-Security-Policy")
	return w.ResponseWriter.Write(p)
}

func (w *without) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// axe-core, the rules of WCAG 2.2 A and AA and its best practices, in both
// colour schemes.
func TestBrowserAccessible(t *testing.T) {
	b := newBrowser(t)
	root, err := exec.Command("npm", "root", "-g").Output()
	need(t, "npm", err == nil)
	axe, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "axe-core", "axe.min.js"))
	need(t, "axe-core", err == nil)
	w := serve(world(harmless), Config{Authenticated: true, Journal: nobody{}, Alertmanager: "http://127.0.0.1:9093", Runbooks: "http://127.0.0.1/r"})
	server := httptest.NewServer(w)
	defer server.Close()
	defer w.EndStreams()
	for scheme, paths := range map[string][]string{"light": {"/", "/incidents/abc123", "/incidents/old", "/api/v1/report?format=html"}, "dark": {"/", "/incidents/abc123"}} {
		for _, path := range paths {
			command(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			b.run(t, chromedp.Navigate(server.URL+path), chromedp.WaitReady("footer"))
			eval[int](t, b, "document.querySelectorAll('details').forEach(d => d.open = true), 0")
			eval[int](t, b, string(axe)+";0")
			type violation struct {
				ID, Impact, Help string
				Nodes            []struct{ HTML, FailureSummary string }
			}
			found := eval[[]violation](t, b, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => r.violations)`)
			for _, v := range found {
				if v.Impact == "serious" || v.Impact == "critical" || v.Impact == "moderate" {
					t.Errorf("%s %s: %s (%s): %s\n%.500s\n%s", scheme, path, v.ID, v.Impact, v.Help, v.Nodes[0].HTML, v.Nodes[0].FailureSummary)
				}
			}
			if n := eval[int](t, b, `axe.run(document).then(r => r.passes.length)`); n < 15 {
				t.Errorf("%s %s: only %d rules passed: axe did not look", scheme, path, n)
			}
		}
	}
}

// month is a ledger of services that were seen every hour of thirty days.
func month(t testing.TB, services int) *analyzer.Ledger {
	t.Helper()
	end := noon.Unix() / 60
	held := &analyzer.Loaded{Watermark: noon}
	for i := range services {
		s := analyzer.Service{Name: fmt.Sprintf("service-%03d", i), Environment: "production"}
		for m := end - 30*24*60; m < end; m += 60 {
			held.Counts = append(held.Counts, analyzer.Count{Cell: analyzer.Cell{Minute: m, Service: s, Kind: analyzer.KindAccepted}, N: 100})
			if i%10 == 0 && m%1440 < 120 {
				held.Counts = append(held.Counts, analyzer.Count{Cell: analyzer.Cell{Minute: m + 3, Service: s, Kind: analyzer.KindJoined, Reason: analyzer.BadSignature}, N: 7})
			}
		}
	}
	l := analyzer.NewLedger(analyzer.LedgerConfig{})
	if err := l.Restore(held); err != nil {
		t.Fatal(err)
	}
	return l
}

// Five hundred services over thirty days are painted within a second.
func TestBrowserFirstPaint(t *testing.T) {
	b := newBrowser(t)
	l := month(t, 500)
	u := &analyzer.Update{At: noon, Report: l.Report(analyzer.DiagnosisConfig{})}
	if n := len(u.Report.Services); n != 500 {
		t.Fatalf("%d services", n)
	}
	w := serve(u, Config{Series: l.Series})
	server := httptest.NewServer(w)
	defer server.Close()
	defer w.EndStreams()
	var took []float64
	for range 5 {
		if err := w.Deliver(t.Context(), u); err != nil { // nothing is kept from the load before
			t.Fatal(err)
		}
		b.run(t, chromedp.Navigate("about:blank"), chromedp.Navigate(server.URL+"/?range=30d"), chromedp.WaitReady("footer"))
		took = append(took, eval[float64](t, b, `new Promise(done => { const look = () => { const p = performance.getEntriesByName("first-contentful-paint")[0]; p ? done(p.startTime) : setTimeout(look, 20); }; look(); })`))
	}
	rows := eval[int](t, b, "document.querySelectorAll('.matrix tbody tr').length")
	t.Logf("first contentful paint of %d services over 30 days, in ms: %.0f", rows, took)
	if best := slices.Min(took); rows != 500 || best > 1000 {
		t.Errorf("%d rows, first paint after %.0f ms; want 500 within 1,000 ms", rows, best)
	}
}

// The page fits a phone, works without scripts and, with them, keeps itself
// up to date.
func TestBrowserPhoneAndLife(t *testing.T) {
	b := newBrowser(t)
	u := world(harmless)
	w := serve(u, Config{})
	server := httptest.NewServer(w)
	defer server.Close()
	defer w.EndStreams()
	command(t, b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 360, Height: 740, DeviceScaleFactor: 2, Mobile: true})
	b.run(t, chromedp.Navigate(server.URL+"/"), chromedp.WaitReady("footer"))
	if wide := eval[int](t, b, "document.documentElement.scrollWidth"); wide > 360 {
		who := eval[[]string](t, b, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > 361 && !e.closest(".wide")).map(e => e.tagName + "." + e.className + " " + e.getBoundingClientRect().right)`)
		t.Errorf("the page is %d wide on a phone of 360: %.1000q", wide, who)
	}
	first := eval[string](t, b, "document.querySelector('h1').innerText")
	next := *u
	next.Report = &analyzer.Report{}
	*next.Report = *u.Report
	next.Report.Incidents = slices.Clone(u.Report.Incidents)
	next.Report.Incidents[0].Summary = "now it is something else"
	b.run(t, chromedp.WaitVisible("#live"))
	if err := w.Deliver(t.Context(), &next); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(b, chromedp.Poll[bool](`document.querySelector("h1").innerText === "now it is something else"`, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		t.Fatalf("the page did not follow the update: %v", err)
	}
	b.quiet(t, "live", server.URL)

	command(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(t, chromedp.Navigate(server.URL+"/"), chromedp.WaitReady("footer"))
	text, err := chromedp.Run(b, chromedp.TextContent("h1"))
	if err != nil {
		t.Fatal(err)
	}
	if text != "now it is something else" || first == text {
		t.Errorf("without scripts the page says %q", text)
	}
}

// A keyboard comes to every control that is to be seen, in the order of the
// page, the way past the head first, and opens what is closed.
func TestBrowserKeyboard(t *testing.T) {
	b := newBrowser(t)
	w := serve(world(harmless), Config{Authenticated: true, Journal: nobody{}, Alertmanager: "http://127.0.0.1:9093", Runbooks: "http://127.0.0.1/r"})
	server := httptest.NewServer(w)
	defer server.Close()
	defer w.EndStreams()
	const controls = `[...document.querySelectorAll("a[href], button, summary, textarea, [tabindex='0']")].filter(e => e.checkVisibility() || e.matches(".skip"))`
	for _, path := range []string{"/", "/incidents/abc123"} {
		b.run(t, chromedp.Navigate(server.URL+path), chromedp.WaitReady("footer"))
		n := eval[int](t, b, "window.all = "+controls+", all.length")
		for i := range n {
			b.run(t, chromedp.KeyEvent(kb.Tab))
			if at := eval[int](t, b, "all.indexOf(document.activeElement)"); at != i {
				t.Fatalf("%s: tab %d leads to control %d, %s", path, i+1, at, eval[string](t, b, "document.activeElement.outerHTML.slice(0, 200)"))
			}
			if i == 0 && eval[string](t, b, "document.activeElement.className") != "skip" {
				t.Errorf("%s: the first control does not lead past the head", path)
			}
			if eval[bool](t, b, "document.activeElement.tagName === 'SUMMARY' && !document.activeElement.parentElement.open") {
				b.run(t, chromedp.KeyEvent(kb.Enter))
				if !eval[bool](t, b, "document.activeElement.parentElement.open") {
					t.Errorf("%s: control %d does not open", path, i)
				}
				b.run(t, chromedp.KeyEvent(kb.Enter)) // so that the list of controls stays as it is
			}
		}
		if n < 8 {
			t.Errorf("%s: only %d controls", path, n)
		}
		b.quiet(t, path, server.URL)
	}
}
