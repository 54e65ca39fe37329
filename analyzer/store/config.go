package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
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

// Validate reports everything that is wrong with c at once.
func (c Config) Validate() error {
	var errs []error
	d := c.withDefaults()
	if Stores[d.Kind] == nil {
		known := strings.Join(slices.Sorted(maps.Keys(Stores)), " or ")
		errs = append(errs, fmt.Errorf("kind: want %s, found %q", known, c.Kind))
	}
	if d.Kind == "sqlite" && d.Path == "" {
		errs = append(errs, errors.New("path: want a file for kind sqlite, found none: try path: why401.db"))
	}
	if d.ReadOnly && d.Kind == "memory" {
		errs = append(errs, errors.New("kind: a memory store has nothing to read: try kind: sqlite"))
	}
	if d.Retention < time.Hour {
		errs = append(errs, fmt.Errorf("retention: want at least 1h, found %v", c.Retention))
	}
	if d.JoinRetention < time.Minute {
		errs = append(errs, fmt.Errorf("join_retention: want at least 1m, found %v", c.JoinRetention))
	}
	if d.KeyRetention < 0 {
		errs = append(errs, fmt.Errorf("key_retention: want a number of keys, found %d", c.KeyRetention))
	}
	if d.QuarantineMax < 0 {
		errs = append(errs, fmt.Errorf("quarantine_max: want a number of entries, found %d", c.QuarantineMax))
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
