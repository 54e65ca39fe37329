package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/why401/why401/rules"
	"github.com/why401/why401/sinks"
)

// reloads is how a configuration is read anew, and how that went.
type reloads struct {
	one   sync.Mutex // at a time
	again func() (Config, error)
	good  prometheus.Gauge
	at    prometheus.Gauge
}

// openReloads registers the two gauges, under the names that Prometheus and
// Alertmanager give theirs.
func (d *daemon) openReloads(context.Context) error {
	d.reloads.good = prometheus.NewGauge(prometheus.GaugeOpts{Name: "why401_config_last_reload_successful", Help: "Whether the last attempt to read the configuration anew succeeded; 1 before the first."})
	d.reloads.at = prometheus.NewGauge(prometheus.GaugeOpts{Name: "why401_config_last_reload_success_timestamp_seconds", Help: "When the configuration in use was read, as Unix time."})
	d.reloads.good.Set(1)
	d.reloads.at.SetToCurrentTime()
	d.registry.MustRegister(d.reloads.good, d.reloads.at)
	return nil
}

// reloading reads the configuration anew at every SIGHUP until the daemon
// stops; from then on nothing does.
func (d *daemon) reloading(ctx context.Context) {
	d.onStop("reloading", func(context.Context) error {
		d.reloads.one.Lock()
		defer d.reloads.one.Unlock()
		d.reloads.again = nil
		return nil
	})
	d.runs(ctx, "signals", func(ctx context.Context) {
		hup := make(chan os.Signal, 1)
		signal.Notify(hup, syscall.SIGHUP)
		defer signal.Stop(hup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
				_ = d.reload(ctx) // it logs
			}
		}
	})
}

// reloadEndpoint is what /-/reload does: nothing, unless it is enabled.
func (d *daemon) reloadEndpoint() func(context.Context) error {
	if !d.cfg.Web.EnableReload {
		return nil
	}
	return d.reload
}

// config is the configuration in use.
func (d *daemon) config() Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cfg
}

// reload reads the configuration anew and puts it to use, all of it or
// nothing, and tells how it went.
func (d *daemon) reload(ctx context.Context) error {
	d.reloads.one.Lock()
	defer d.reloads.one.Unlock()
	began := time.Now()
	err := d.renew(context.WithoutCancel(ctx))
	if err != nil {
		d.reloads.good.Set(0)
		d.log.Error().Err(err).Msg("the configuration in use stays")
		return err
	}
	d.reloads.good.Set(1)
	d.reloads.at.SetToCurrentTime()
	d.log.Info().Dur("took", time.Since(began)).Msg("configuration reloaded")
	return nil
}

// next is what a reload is about to put to use; what stays as it is, is nil.
type next struct {
	cfg      Config
	set      *rules.Set
	prober   *prober
	notifier *sinks.Notifier
}

// renew does everything that can fail before it touches anything in use.
func (d *daemon) renew(ctx context.Context) error {
	if d.reloads.again == nil {
		return errors.New("reload: the daemon is stopping")
	}
	cfg, err := d.reloads.again()
	if err != nil {
		return err
	}
	before := d.config()
	if stay := needRestart(before, cfg); len(stay) > 0 {
		return exitHint(exitConfig, fmt.Errorf("reload: %s changed, which takes a restart", strings.Join(stay, ", ")), "restart why401")
	}
	n := next{cfg: cfg, set: d.set}
	if cfg.Rules.Dir != "" || before.Rules.Dir != "" { // our own do not change
		if n.set, err = d.env.serveRules(cfg.Rules.Dir, d.log); err != nil {
			return err
		}
		if n.set.Hash() == d.set.Hash() {
			n.set = d.set
		}
	}
	if n.set != d.set || !reflect.DeepEqual(before.Probes, cfg.Probes) || !reflect.DeepEqual(before.KeyDomains, cfg.KeyDomains) {
		if n.prober, err = d.newProber(ctx, cfg, n.set); err != nil {
			return err
		}
	}
	if !reflect.DeepEqual(before.Sinks, cfg.Sinks) {
		if n.notifier, err = d.newNotifier(ctx, cfg); err != nil {
			if n.prober != nil {
				err = errors.Join(err, n.prober.close())
			}
			return err
		}
	}
	return d.exchange(ctx, n)
}

// needRestart names the sections that differ and that only a start reads.
func needRestart(a, b Config) []string {
	var out []string
	for name, differ := range map[string]bool{
		"source": !reflect.DeepEqual(a.Source, b.Source), "store": !reflect.DeepEqual(a.Store, b.Store), "environments": !reflect.DeepEqual(a.Environments, b.Environments),
		"alerts": a.Alerts != b.Alerts, "web": a.Web != b.Web, "log": a.Log != b.Log, "diagnosis.tick": a.Diagnosis.Tick != b.Diagnosis.Tick,
	} {
		if differ {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// exchange puts a configuration to use between two diagnoses. Entries go on
// being taken in meanwhile.
func (d *daemon) exchange(ctx context.Context, n next) error {
	limit, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cfg = n.cfg
	if n.set != d.set {
		d.set = n.set
		d.pipeline.Use(d.traces.Listen(n.set))
		d.intake.Rules(n.set.Hash())
	}
	var errs []error
	if n.prober != nil {
		if d.endProbing != nil {
			errs = append(errs, d.endProbing(limit))
		}
		errs = append(errs, d.prober.close())
		d.prober = n.prober
		d.endProbing = d.probing(ctx, n.prober)
	}
	if n.notifier != nil {
		errs = append(errs, d.endSinks(limit))
		if fresh, err := d.newNotifier(ctx, n.cfg); err == nil {
			n.notifier = fresh // it knows what the one before told last
		}
		d.meter.Use(n.notifier, d.notifier)
		d.notifier = n.notifier
		d.endSinks = notifying(ctx, n.notifier)
	}
	if err := errors.Join(errs...); err != nil {
		d.log.Warn().Err(err).Msg("a part of the configuration before did not end well")
	}
	return nil
}
