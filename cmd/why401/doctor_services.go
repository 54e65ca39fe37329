package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/probe"
	"github.com/why401/why401/sinks/logexport"
)

// checkServices asks every service of the key domains for /health/jwt once.
func checkServices(ctx context.Context, cfg Config) []logexport.Finding {
	guard, err := probe.NewGuard(cfg.Probes)
	if err != nil {
		f := noted("services", cfg.Probes.CAFile, analyzer.StatusFail, "no service can be asked: %v", err)
		f.Fix = []string{"openssl x509 -noout -subject -enddate -in " + shellWord(cfg.Probes.CAFile)}
		return []logexport.Finding{f}
	}
	pepper, err := cfg.Probes.Pepper()
	if err != nil {
		pepper = nil // told by its own check; whether the services can be reached is another question
	}
	deps := &probe.Deps{Config: cfg.Probes, Domains: cfg.KeyDomains, Guard: guard, Pepper: pepper}
	var out []logexport.Finding
	for _, d := range cfg.KeyDomains {
		for _, r := range probe.Reach(ctx, deps, d) {
			out = append(out, reached(r))
		}
	}
	return out
}

func reached(r probe.Reached) logexport.Finding {
	f := noted("service", r.Service, analyzer.StatusOK, "answers at %s", r.URL)
	switch {
	case r.Forbidden:
		f.Status, f.Detail = analyzer.StatusFail, r.Service+" "+r.Why
		f.Fix = []string{"# in the configuration, with the network of the services: probes.allow_private: [10.0.0.0/8]"}
	case r.Refused != "":
		f.Status, f.Detail = analyzer.StatusFail, fmt.Sprintf("%s answers 401 to the signed request (%s): it has another pepper, or its clock is off, and no fingerprint is seen", r.Service, r.Refused)
		f.Fix = []string{"# give the service the very file that probes.pepper_file names, such as: kubectl create secret generic why401-pepper --from-file=pepper=FILE --dry-run=client -o yaml | kubectl apply -f -"}
	case !r.Answered:
		f.Status, f.Detail = analyzer.StatusFail, r.Service+" "+r.Why
		f.Fix = []string{"curl -sS -i --max-time 5 " + shellWord(r.URL)}
	}
	return f
}

// googleTime is asked for the time when Google Cloud is used at all.
const googleTime = "https://pubsub.googleapis.com/"

// maxSkew is how far this machine may be off: probes and canaries carry whole
// seconds, and verifiers tolerate little more.
const maxSkew = 2 * time.Second

// reading is one clock beside ours.
type reading struct {
	from          string
	ahead, unsure time.Duration
}

// checkClock compares this machine's clock with those of others: the key
// sets' servers, the services, and Google's. The middle of them counts, so
// that one that is off itself blames nobody.
func checkClock(ctx context.Context, cfg Config, google string) []logexport.Finding {
	readings := clocks(ctx, cfg, google)
	f := noted("clock", hostName(), analyzer.StatusUnknown, "the clock of this machine was compared with nothing: nobody who tells the time could be asked")
	f.Fix = []string{"timedatectl status"}
	if len(readings) == 0 {
		return []logexport.Finding{f}
	}
	slices.SortFunc(readings, func(x, y reading) int { return int(x.ahead - y.ahead) })
	middle := readings[len(readings)/2]
	off := -middle.ahead
	words := fmt.Sprintf("%s behind", off.Abs().Round(100*time.Millisecond))
	if off > 0 {
		words = fmt.Sprintf("%s ahead", off.Round(100*time.Millisecond))
	}
	beside := fmt.Sprintf("%s of %s (%d clocks were read, give or take %s)", words, middle.from, len(readings), middle.unsure.Round(100*time.Millisecond))
	if off.Abs()-middle.unsure <= maxSkew {
		f.Status, f.Fix, f.Detail = analyzer.StatusOK, nil, beside
		return []logexport.Finding{f}
	}
	f.Status, f.Detail = analyzer.StatusFail, "the clock of this machine is "+beside+": signed requests and canaries are refused, and services seem to be wrong"
	f.Fix = []string{"timedatectl set-ntp true", "chronyc makestep || systemctl restart systemd-timesyncd"}
	return []logexport.Finding{f}
}

// clocks reads Date headers: of Google, of the key sets, of the services.
func clocks(ctx context.Context, cfg Config, google string) []reading {
	guard, err := probe.NewGuard(cfg.Probes)
	if err != nil {
		return nil
	}
	var out []reading
	add := func(address string, r *probe.Response) {
		if ahead, unsure := probe.ClockOf(r); unsure > 0 {
			out = append(out, reading{address, ahead, unsure})
		}
	}
	for _, d := range cfg.KeyDomains {
		for _, address := range []string{d.JWKS, d.Discovery} {
			if address == "" {
				continue
			}
			if r, err := guard.Get(ctx, address); err == nil {
				add(address, r)
			}
		}
		for _, m := range d.Services {
			if m.URL == "" {
				continue
			}
			if r, err := guard.Get(ctx, m.URL); err == nil {
				add(m.URL, r)
			}
		}
	}
	if cfg.usesGoogle() && google != "" {
		if r, err := plainHead(ctx, google); err == nil {
			add("Google", r)
		}
	}
	return out
}

// plainHead asks an address of our own, which needs no guard.
func plainHead(ctx context.Context, address string) (*probe.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Timeout: 5 * time.Second}
	sent := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	return &probe.Response{Status: resp.StatusCode, Header: resp.Header, Sent: sent, Got: time.Now()}, nil
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "this machine"
	}
	return name
}
