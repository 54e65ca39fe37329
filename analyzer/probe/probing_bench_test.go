package probe

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/healthjwt"
)

// TestServesForBenchmark is the other process of BenchmarkProbing: two hundred
// services over TLS.
func TestServesForBenchmark(t *testing.T) {
	pepper := os.Getenv("WHY401_BENCH_PEPPER")
	if pepper == "" {
		t.Skip("only BenchmarkProbing starts it")
	}
	c := holding(newestValue)
	c.Pepper, c.PerMinute = healthjwt.NewSecret(pepper), 1_000_000
	h, err := healthjwt.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	defer s.Close()
	fmt.Printf("%s\n%s", s.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // until the benchmark ends
}

// BenchmarkProbing measures what a round over two hundred services costs us:
// a TLS connection, a signed request and the comparison for each, for all the
// kinds that read /health/jwt. core-% is the share of one core at an interval
// of a minute.
func BenchmarkProbing(b *testing.B) {
	pepper := healthjwt.NewSecret(healthjwt.NewNonce() + healthjwt.NewNonce())
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestServesForBenchmark$")
	cmd.Env = append(os.Environ(), "WHY401_BENCH_PEPPER="+string(pepper.Bytes()))
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = cmd.Wait() }()
	lines := bufio.NewReader(out)
	base, err := lines.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	var ca strings.Builder
	for !strings.Contains(ca.String(), "END CERTIFICATE") {
		line, err := lines.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		ca.WriteString(line)
	}
	file := filepath.Join(b.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(ca.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	c := DefaultConfig()
	c.AllowPrivate, c.Budget, c.CAFile = []string{"127.0.0.0/8"}, 1_000_000, file
	g, err := NewGuard(c)
	if err != nil {
		b.Fatal(err)
	}
	p, err := healthjwt.NewPepper(pepper)
	if err != nil {
		b.Fatal(err)
	}
	domain := analyzer.KeyDomain{Name: "jwt-main", Environment: "staging"}
	for i := range 200 {
		domain.Services = append(domain.Services, analyzer.Member{Name: fmt.Sprint("s", i), URL: fmt.Sprintf("%s/s%d", strings.TrimSpace(base), i), Env: []string{"JWT_SECRET"}})
	}
	d := &Deps{Config: c, Guard: g, Pepper: &p, Reference: environmentVersions()}
	var targets []Target
	for _, kind := range healthKinds {
		targets = append(targets, only(b, kind, domain, d))
	}
	round := func() {
		next(d)
		for i := range targets {
			for _, r := range targets[i].check(b.Context(), time.Minute) {
				if r.Status == analyzer.StatusFail || r.Probe == "fingerprint" && r.Status != analyzer.StatusOK {
					b.Fatalf("%s of %s: %s", r.Probe, r.Target, r.Detail)
				}
			}
		}
	}
	round() // the first one derives the keys and shakes hands in full
	before, rounds := cpu(b), 0
	for b.Loop() {
		round()
		rounds++
	}
	each := (cpu(b) - before) / time.Duration(rounds)
	b.ReportMetric(float64(each.Microseconds())/1000, "cpu-ms/round")
	b.ReportMetric(100*each.Seconds()/time.Minute.Seconds(), "core-%")
}

// cpu is the time that this process has computed.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
