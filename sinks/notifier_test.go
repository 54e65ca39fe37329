package sinks

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"github.com/why401/why401/analyzer"
)

// TestOneSlowSinkDelaysNoOther hangs each kind in turn, over real connections.
func TestOneSlowSinkDelaysNoOther(t *testing.T) {
	for _, slow := range Kinds() {
		t.Run(slow, func(t *testing.T) {
			all, env := []Config{}, map[string]string{}
			receivers := map[string]*receiver{}
			o := &Outside{Getenv: func(name string) string { return env[name] }, Stdout: io.Discard, Notes: &memory{}, Log: zerolog.New(io.Discard), Meter: NewMeter(prometheus.NewRegistry())}
			for i, kind := range Kinds() {
				r := rig(t, kind)
				receivers[kind] = r
				for ref, at := range map[string]*string{r.config.URL: &r.config.URL, r.config.Key: &r.config.Key, r.config.Token: &r.config.Token, r.config.Password: &r.config.Password} {
					if name, ok := strings.CutPrefix(ref, "env:"); ok { // the same names with other values
						env[fmt.Sprint(name, i)] = r.env[name]
						*at = fmt.Sprint("env:", name, i)
					}
				}
				if r.cloud != nil {
					o.Cloud = r.cloud
				}
				if kind == "email" {
					o.mailTLS = r.outside(nil, nil).mailTLS
				}
				r.config.Timeout = 30 * time.Second
				all = append(all, r.config)
			}
			receivers[slow].stall(t)
			n, err := Open(t.Context(), all, o)
			if err != nil {
				t.Fatal(err)
			}
			o.Meter.Use(n, nil)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); n.Run(ctx, 0) }()
			a := named("a", analyzer.AlertFiring)
			if err := n.Deliver(ctx, &analyzer.Update{Alerts: []analyzer.Alert{a}}); err != nil {
				t.Fatal(err)
			}
			for kind, r := range receivers {
				if kind != slow {
					until(t, kind+" hearing of it while "+slow+" hangs", func() bool { return len(r.all()) > 0 })
				}
			}
			if len(receivers[slow].all()) > 0 {
				t.Errorf("%s does not hang: the test proves nothing", slow)
			}
			cancel()
			<-done
		})
	}
}

func TestSinkMetricsLint(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMeter(registry)
	o := &Outside{Getenv: func(string) string { return "" }, Notes: &memory{}, Log: zerolog.New(io.Discard), Meter: m}
	two, err := Open(t.Context(), []Config{{Kind: "slack", URL: "env:A"}, {Kind: "alertmanager", URLs: []string{"http://a", "http://b"}}}, o)
	if err != nil {
		t.Fatal(err)
	}
	one, err := Open(t.Context(), []Config{{Kind: "slack", URL: "env:A"}}, o)
	if err != nil {
		t.Fatal(err)
	}
	m.Use(two, nil)
	if n := testutil.CollectAndCount(m.failures); n != 3*len(failReasons) {
		t.Errorf("%d series of failures; want every reason of the three from the start", n)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	if testutil.ToFloat64(m.direct) != 1 {
		t.Error("why401_alerting_direct is not 1 with an alertmanager sink")
	}
	m.Use(one, two)
	if n := testutil.CollectAndCount(m.failures); n != len(failReasons) || testutil.ToFloat64(m.direct) != 0 {
		t.Errorf("%d series after a reload with one sink; want %d", n, len(failReasons))
	}
}
