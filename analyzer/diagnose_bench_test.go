package analyzer_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// BenchmarkDiagnose measures one tick, diagnosis alone and the whole report,
// over 10,000 services with an hour of traffic, of which 100 refuse tokens
// they cannot verify after a rotation that they missed, and 400 have a trickle
// of expired ones. go test -run '^$' -bench Diagnose ./analyzer
func BenchmarkDiagnose(b *testing.B) {
	const services, minutes = 10_000, 60
	p := pipeline(b, &memory{})
	var group []analyzer.Message
	flush := func() {
		if err := p.Handle(context.Background(), group); err != nil {
			b.Fatal(err)
		}
		group = group[:0]
	}
	add := func(s string) {
		if group = append(group, analyzer.Message{Data: []byte(s)}); len(group) == 5000 {
			flush()
		}
	}
	w := &world{}
	w.rotate(40 * time.Minute)
	for i := range 200 {
		w.deploy(fmt.Sprint("svc-", i*50), 35*time.Minute+time.Duration(i)*time.Second, mounted("JWT_SECRET_KEY", "jwt-main"))
	}
	for _, e := range w.entries {
		add(e)
	}
	for i := range services {
		name := fmt.Sprint("svc-", i)
		for m := range minutes {
			at := time.Duration(m)*time.Minute + time.Duration(i%60)*time.Second
			id := fmt.Sprintf("%d-%d", i, m)
			switch {
			case i%100 == 0 && m >= 41:
				add(request(id, name, "t"+id, at, 401))
				add(line("l"+id, name, "t"+id, at, badSignature))
			case i%25 == 1 && m%10 == 0:
				add(request(id, name, "t"+id, at, 401))
				add(line("l"+id, name, "t"+id, at, "jwt validation failed: token has invalid claims: token is expired by 30s"))
			default:
				add(request(id, name, "t"+id, at, 200))
			}
		}
	}
	flush()
	b.Run("diagnosis", func(b *testing.B) {
		var n int
		for b.Loop() {
			p.View(func(l *analyzer.Ledger) { n = len(l.Diagnose(analyzer.DiagnosisConfig{})) })
		}
		b.ReportMetric(float64(n), "incidents")
	})
	b.Run("report", func(b *testing.B) {
		var r *analyzer.Report
		for b.Loop() {
			r = p.Report(analyzer.DiagnosisConfig{})
		}
		b.ReportMetric(float64(len(r.Services)), "services")
	})
}
