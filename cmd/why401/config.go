package main

import (
	"fmt"
	"net/url"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
	"github.com/why401/why401/analyzer/probe"
	"github.com/why401/why401/analyzer/source"
	"github.com/why401/why401/analyzer/store"
	"github.com/why401/why401/sinks"
	"github.com/why401/why401/sinks/deploy"
)

// Config is the whole configuration, composed of what each package declares.
type Config struct {
	Source       source.Config         `yaml:"source"`
	Store        store.Config          `yaml:"store"`
	Rules        RulesConfig           `yaml:"rules"`
	Environments analyzer.Environments `yaml:"environments"` // project id or namespace: environment
	KeyDomains   []analyzer.KeyDomain  `yaml:"key_domains"`
	Probes       probe.Config          `yaml:"probes"`
	Diagnosis    DiagnosisConfig       `yaml:"diagnosis"`
	Alerts       AlertsConfig          `yaml:"alerts"`
	Sinks        []sinks.Config        `yaml:"sinks"` // who is told of incidents; none by default
	Web          WebConfig             `yaml:"web"`
	Log          LogConfig             `yaml:"log"`
}

// RulesConfig says where rules beside ours come from.
type RulesConfig struct {
	Dir string `yaml:"dir"` // folder of rule packs, or one pack, that extend or replace ours
}

// DiagnosisConfig says how often and on what a diagnosis is made.
type DiagnosisConfig struct {
	Tick     time.Duration `yaml:"tick"`      // between two diagnoses; 5 s
	MinCount int           `yaml:"min_count"` // failures of one reason before an incident opens; 5
}

func (c Config) diagnosis() analyzer.DiagnosisConfig {
	return analyzer.DiagnosisConfig{MinCount: int64(c.Diagnosis.MinCount), KeyDomains: c.KeyDomains}
}

// Validate returns every problem of the section.
func (c DiagnosisConfig) Validate() []conf.FieldError {
	problems := conf.Between("tick", c.Tick, time.Second, time.Hour)
	return append(problems, conf.Between("min_count", c.MinCount, 1, 1_000_000)...)
}

// AlertsConfig says when an incident becomes an alert and when that ends.
type AlertsConfig struct {
	URL   string        `yaml:"url"`   // where people reach our page, for the links in notifications; empty: no links
	Quiet time.Duration `yaml:"quiet"` // how long an incident stays resolved before its alert is; 5 minutes
	// Settle is how long an incident may gather evidence before its alert
	// begins, while its cause cannot be told or we are behind; 30 seconds.
	Settle time.Duration `yaml:"settle"`
	// Runbooks is where the pages about causes lie; those of this project.
	Runbooks string `yaml:"runbooks"`
}

func (c AlertsConfig) config() analyzer.AlertConfig {
	return analyzer.AlertConfig{URL: c.URL, Quiet: c.Quiet, Settle: c.Settle, Runbooks: c.Runbooks}
}

// Validate returns every problem of the section.
func (c AlertsConfig) Validate() []conf.FieldError {
	problems := conf.Between("quiet", c.Quiet, time.Second, time.Hour)
	problems = append(problems, conf.Between("settle", c.Settle, time.Second, 10*time.Minute)...)
	for path, text := range map[string]string{"url": c.URL, "runbooks": c.Runbooks} {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			problems = append(problems, conf.FieldError{Path: path, Msg: "wanted an http or https URL, found " + conf.Quote(text), Hint: "write https://why401.example"})
		}
	}
	return problems
}

// LogConfig is why401's own log.
type LogConfig struct {
	Level string `yaml:"level"` // debug, info, warn or error
}

// Validate returns every problem of the section.
func (c LogConfig) Validate() []conf.FieldError {
	return conf.OneOf("level", c.Level, "debug", "info", "warn", "error")
}

// Validate returns what no section can see by itself.
func (c Config) Validate() []conf.FieldError {
	problems := sinks.Names(c.Sinks)
	if j := c.Store.JoinRetention; j != 0 && j < joinSpan {
		problems = append(problems, conf.FieldError{Path: "store.join_retention", Msg: fmt.Sprintf("wanted at least %s, found %s: a restart would split traces that are still growing", joinSpan, j), Hint: "leave it out, or write 24h"})
	}
	return problems
}

func defaultConfig() Config {
	return Config{
		Source:    source.Config{RequestShare: 1},
		Store:     store.Config{Kind: "sqlite", Path: "why401.db"},
		Probes:    probe.DefaultConfig(),
		Diagnosis: DiagnosisConfig{Tick: 5 * time.Second, MinCount: 5},
		Alerts:    AlertsConfig{Quiet: 5 * time.Minute, Settle: 30 * time.Second, Runbooks: deploy.DefaultRunbooks},
		Web:       WebConfig{Listen: "127.0.0.1:9401"},
		Log:       LogConfig{Level: "info"},
	}
}
