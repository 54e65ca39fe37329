package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/why401/why401/analyzer/conf"
)

// Config chooses a store and bounds what it keeps. A zero field takes its
// default.
type Config struct {
	// Kind is a key of Stores; "sqlite" by default.
	Kind string `yaml:"kind"`
	// Path is the SQLite file. Its directory must exist. FILE-wal, FILE-shm
	// and FILE.lock appear beside it.
	Path string `yaml:"path"`
	// Retention of counts, populations, exemplars, changes, templates and
	// dedup keys, in event time: 30 days by default, at least an hour.
	Retention time.Duration `yaml:"retention"`
	// JoinRetention is how long the state of a trace and the marks of
	// accepted requests are kept, in event time: 24 hours by default, at
	// least a minute. It must cover what the joins remember in memory.
	JoinRetention time.Duration `yaml:"join_retention"`
	// KeyRetention is the greatest number of dedup keys that are kept, of
	// accepted marks, and of states of traces (about 40 bytes on disk each,
	// superseded ones included): 8 million by default. The oldest go first.
	KeyRetention int `yaml:"key_retention"`
	// QuarantineMax is the greatest number of quarantined entries: 10,000 by
	// default. The oldest goes first and is counted.
	QuarantineMax int `yaml:"quarantine_max"`
	// ReadOnly opens an existing SQLite file beside the process that writes
	// it. Commit, Forget and Sweep then fail.
	ReadOnly bool `yaml:"-"`
}

// The defaults of Config.
const (
	DefaultRetention     = 30 * 24 * time.Hour
	DefaultJoinRetention = 24 * time.Hour
	DefaultKeyRetention  = 8_000_000
	DefaultQuarantineMax = 10_000
)

// Validate returns everything that is wrong with c at once.
func (c Config) Validate() []conf.FieldError {
	d := c.withDefaults()
	problems := conf.OneOf("kind", d.Kind, slices.Sorted(maps.Keys(Stores))...)
	add := func(path, hint, format string, args ...any) {
		problems = append(problems, conf.FieldError{Path: path, Msg: fmt.Sprintf(format, args...), Hint: hint})
	}
	if d.Kind == "sqlite" && d.Path == "" {
		add("path", "write path: why401.db", "wanted a file for kind sqlite, found none")
	}
	if d.ReadOnly && d.Kind == "memory" {
		add("kind", "write kind: sqlite", "wanted a store that outlives its process, found memory: it has nothing to read")
	}
	if d.Retention < time.Hour {
		add("retention", "write 720h", "wanted at least 1h, found %v", c.Retention)
	}
	if d.JoinRetention < time.Minute {
		add("join_retention", "leave it out, or write 24h", "wanted at least 1m, found %v", c.JoinRetention)
	}
	if d.KeyRetention < 0 {
		add("key_retention", "leave it out", "wanted a number of keys, found %d", c.KeyRetention)
	}
	if d.QuarantineMax < 0 {
		add("quarantine_max", "leave it out", "wanted a number of entries, found %d", c.QuarantineMax)
	}
	return problems
}

// invalid makes one error of all problems, or nil.
func (c Config) invalid() error {
	var errs []error
	for _, p := range c.Validate() {
		err := fmt.Errorf("%s: %s", p.Path, p.Msg)
		if p.Hint != "" {
			err = fmt.Errorf("%w: %s", err, p.Hint)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Kind == "" {
		c.Kind = "sqlite"
	}
	if c.Retention == 0 {
		c.Retention = DefaultRetention
	}
	if c.JoinRetention == 0 {
		c.JoinRetention = DefaultJoinRetention
	}
	if c.KeyRetention == 0 {
		c.KeyRetention = DefaultKeyRetention
	}
	if c.QuarantineMax == 0 {
		c.QuarantineMax = DefaultQuarantineMax
	}
	return c
}

// cutoffs are the limits of one sweep: what is strictly older goes.
type cutoffs struct {
	at     time.Time
	minute int64 // of counts and dedup keys
	hour   int64 // of populations
	day    int64 // of services and series, one day later than the rows they name
	join   int64 // minute of traces and accepted marks
}

func (c Config) cutoffs(now time.Time) cutoffs {
	at := now.Add(-c.Retention)
	minute := minuteOf(at)
	return cutoffs{
		at:     at,
		minute: minute,
		hour:   floorDiv(minute, 60),
		day:    floorDiv(minute, minutesPerDay) - 1,
		join:   minuteOf(now.Add(-c.JoinRetention)),
	}
}

const minutesPerDay = 24 * 60

func minuteOf(t time.Time) int64 { return floorDiv(t.Unix(), 60) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
