package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/goccy/go-yaml"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/rs/zerolog"

	"github.com/why401/why401/analyzer/conf"
	"github.com/why401/why401/analyzer/source"
	"github.com/why401/why401/sinks"
	"github.com/why401/why401/sinks/web"
)

// WebConfig is the web endpoint.
type WebConfig struct {
	Listen string `yaml:"listen"` // host:port
	// ConfigFile is a web configuration file of the Prometheus exporter
	// toolkit, with tls_server_config and basic_auth_users; empty: plain HTTP
	// without authentication.
	ConfigFile string `yaml:"config_file"`
	// BehindProxy says that something before us authenticates, so that we may
	// listen beyond loopback without doing it ourselves.
	BehindProxy  bool   `yaml:"behind_proxy"`
	EnableReload bool   `yaml:"enable_reload"` // POST /-/reload reads the configuration anew; SIGHUP always does
	Alertmanager string `yaml:"alertmanager"`  // page of an Alertmanager, for links to a new silence; empty: none
	Runbooks     string `yaml:"runbooks"`      // address under which a CAUSE.md for each cause lies; empty: that of alerts
}

// Validate refuses to show reports to a whole network without authentication.
func (c WebConfig) Validate() []conf.FieldError {
	var problems []conf.FieldError
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		problems = append(problems, conf.FieldError{Path: "listen", Msg: fmt.Sprintf("wanted host:port, found %q", c.Listen), Hint: "write 127.0.0.1:9401"})
	}
	authenticated, err2 := c.authenticated()
	if err2 != nil {
		problems = append(problems, conf.FieldError{Path: "config_file", Msg: err2.Error(), Hint: "see the web configuration of the Prometheus exporter toolkit; promtool check web-config FILE"})
	}
	if ip := net.ParseIP(host); err == nil && err2 == nil && host != "localhost" && (ip == nil || !ip.IsLoopback()) && !authenticated && !c.BehindProxy {
		problems = append(problems, conf.FieldError{Path: "listen", Msg: fmt.Sprintf("wanted a loopback address, found %q: the reports would be open to everybody who reaches it", host),
			Hint: "name a config_file with basic_auth_users or client certificates, or set behind_proxy when a proxy authenticates"})
	}
	for path, s := range map[string]string{"alertmanager": c.Alertmanager, "runbooks": c.Runbooks} {
		if u, err := url.Parse(s); s != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			problems = append(problems, conf.FieldError{Path: path, Msg: "wanted an http or https URL, found " + conf.Quote(s), Hint: "write https://" + path + ".example"})
		}
	}
	return problems
}

// authenticated reports whether the web configuration file lets known people
// in only.
func (c WebConfig) authenticated() (bool, error) {
	if c.ConfigFile == "" {
		return false, nil
	}
	if err := toolkit.Validate(c.ConfigFile); err != nil {
		return false, fmt.Errorf("wanted a web configuration, found none that can be used: %w", err)
	}
	data, err := os.ReadFile(c.ConfigFile)
	if err != nil {
		return false, fmt.Errorf("read web configuration: %w", err)
	}
	var held struct {
		Users map[string]string `yaml:"basic_auth_users"`
		TLS   struct {
			ClientAuth string `yaml:"client_auth_type"`
		} `yaml:"tls_server_config"`
	}
	if err := yaml.Unmarshal(data, &held); err != nil {
		return false, fmt.Errorf("read web configuration: %w", err)
	}
	return len(held.Users) > 0 || held.TLS.ClientAuth == tls.RequireAndVerifyClientCert.String(), nil
}

// openWeb listens, so that an address in use ends the start.
func (d *daemon) openWeb(ctx context.Context) error {
	authenticated, err := d.cfg.Web.authenticated()
	if err != nil {
		return exitWith(exitConfig, fmt.Errorf("open web endpoint: %w", err))
	}
	push, _ := d.source.(http.Handler) // only a source that is sent to
	d.web = web.New(web.Config{
		Push:    push,
		Metrics: sinks.MetricsHandler(d.registry), Series: d.pipeline.Series, Tap: d.pipeline.Tap, Authenticated: authenticated, Journal: d.journal,
		Alertmanager: d.cfg.Web.Alertmanager, Runbooks: cmp.Or(d.cfg.Web.Runbooks, d.cfg.Alerts.Runbooks), Version: versionOf(), Reload: d.reloadEndpoint(), Waiting: d.waiting,
	})
	addr, stop, err := listen(d.cfg.Web, d.web, d.log)
	if err != nil {
		return err
	}
	d.log.Info().Str("address", addr).Bool("authentication", authenticated).Msg("web endpoint")
	d.onStop("web endpoint", stop)
	return nil
}

// waiting is what the daemon lacks to do its work. Store and rules are there
// when the endpoint is.
func (d *daemon) waiting() []string {
	pull, ok := d.source.(interface{ Stats() source.PubSubStats }) // pushes come by themselves
	if ok && !pull.Stats().Subscribed {
		return []string{"the subscription"}
	}
	return nil
}

// listen serves w until the returned function is called.
func listen(cfg WebConfig, w *web.Web, log zerolog.Logger) (addr string, stop func(context.Context) error, err error) {
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return "", nil, exitWith(exitBackend, fmt.Errorf("listen: %w", err))
	}
	server := &http.Server{Handler: w, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	server.RegisterOnShutdown(w.EndStreams)
	flags := &toolkit.FlagConfig{WebListenAddresses: &[]string{cfg.Listen}, WebSystemdSocket: new(bool), WebConfigFile: &cfg.ConfigFile}
	go func() {
		quiet := log.Level(zerolog.WarnLevel) // it tells of every start without TLS
		if err := toolkit.Serve(l, server, flags, slog.New(zerolog.NewSlogHandler(quiet))); !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Msg("web endpoint failed")
		}
	}()
	return l.Addr().String(), func(ctx context.Context) error {
		if server.Shutdown(ctx) != nil {
			return server.Close() // somebody still reads; the time is over
		}
		return nil
	}, nil
}
