package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/why401/why401/analyzer/source"
	"github.com/why401/why401/rules"
)

// storedLogs says which entries that Cloud Logging keeps are to be read.
type storedLogs struct {
	projects     []string
	since, until string
	requests     string
	query        string
}

func (s *storedLogs) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&s.projects, "project", nil, "read from the Cloud Logging API: project id, or folders/N, organizations/N, or the view of a log bucket; may be repeated")
	f.StringVar(&s.since, "since", "1h", "with --project: how far back, such as 6h or 7d, or a time (RFC 3339)")
	f.StringVar(&s.until, "until", "", "with --project: where to stop, likewise; the present by default")
	f.StringVar(&s.requests, "requests", "all", "with --project: accepted requests to read, all, none, or a share such as 0.1")
	f.StringVar(&s.query, "filter", "", "with --project: a filter in the Logging query language, instead of the one compiled from the rules")
}

// storedEntries opens the Cloud Logging API. The filter is that of a log
// export: only what the rules can use is read.
func (env *environment) storedEntries(s *storedLogs) (*source.Logging, error) {
	now := time.Now()
	since, err := moment("since", s.since, now)
	if err != nil {
		return nil, err
	}
	until := now
	if s.until != "" {
		if until, err = moment("until", s.until, now); err != nil {
			return nil, err
		}
	}
	c := source.LoggingConfig{Since: since, Until: until, Filter: s.query}
	for _, p := range s.projects {
		if !strings.Contains(p, "/") {
			p = "projects/" + p
		}
		c.Resources = append(c.Resources, p)
	}
	if c.Filter == "" {
		share, err := requestShare(s.requests)
		if err != nil {
			return nil, err
		}
		set, err := env.rules()
		if err != nil {
			return nil, err
		}
		f, err := set.SinkFilter(rules.SinkFilterConfig{Requests: share, Room: source.MaxReadFilter})
		if err != nil {
			return nil, err
		}
		c.Filter = f.Text
	}
	l, err := source.NewLogging(c)
	if err != nil {
		return nil, exitHint(exitUsage, err, "why401 analyze --project acme-prod --since 6h")
	}
	return l, nil
}

// moment reads a time, or how long before now one is; 7d is a week.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if d, err := time.ParseDuration(days + "h"); err == nil && d > 0 {
			return now.Add(-24 * d), nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return now, exitHint(exitUsage, fmt.Errorf("%s: wanted a span such as 6h or 7d, or a time such as 2026-11-23T08:00:00Z, found %q", flag, text), "--"+flag+" 6h")
	}
	return now.Add(-d), nil
}
