// Package source hands raw log entries to an analyzer.Handler: from a Pub/Sub
// subscription that a log sink feeds, pulled or pushed, from files and standard
// input, or from the Cloud Logging API.
//
// The package promises: a message is acknowledged only after the handler kept
// the group it was in; what could not be kept is handed over again; Run never
// returns while a handler still runs; and nothing that was read disappears in
// silence: bytes between entries, broken entries and entries that are too long
// are handed over as they are, so that whoever decodes them can count them.
package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

// Errors that tell a caller what kind of failure ended Run. Test with errors.Is.
var (
	// ErrPartial: some input could not be read, or only a part of it. All
	// that could be read was handed over.
	ErrPartial = errors.New("input is not complete")
	// ErrUnreachable: the backend did not answer, or not in time.
	ErrUnreachable = errors.New("backend unreachable")
)

// Config holds the settings of every kind of source; only those of the kind
// that is opened are read.
type Config struct {
	PubSub  PubSubConfig  `yaml:"pubsub"`
	Push    PushConfig    `yaml:"push"`
	File    FileConfig    `yaml:"file"`
	Logging LoggingConfig `yaml:"-"` // read once, by analyze
	// RequestShare is the part of accepted requests whose logs the export
	// carries (setup gcp --requests): above 0 and at most 1; 1 by default.
	RequestShare float64 `yaml:"request_share"`
}

// Validate returns every problem that no section below can see.
func (c Config) Validate() []conf.FieldError {
	var problems []conf.FieldError
	if c.Push.Enabled() && c.PubSub.Subscription != "" {
		problems = append(problems, conf.FieldError{Path: "push", Msg: "wanted entries to be pulled or pushed, found both", Hint: "remove source.push or source.pubsub"})
	}
	if c.RequestShare <= 0 || c.RequestShare > 1 {
		problems = append(problems, conf.FieldError{Path: "request_share", Msg: fmt.Sprintf("wanted a share above 0 and at most 1, found %g", c.RequestShare), Hint: "write what was given to setup gcp --requests, such as 0.1"})
	}
	return problems
}

var kinds = map[string]func(Config) (analyzer.Source, error){
	"file":    func(c Config) (analyzer.Source, error) { return NewFile(c.File) },
	"logging": func(c Config) (analyzer.Source, error) { return NewLogging(c.Logging) },
	"pubsub":  func(c Config) (analyzer.Source, error) { return NewPubSub(c.PubSub) },
	"push":    func(c Config) (analyzer.Source, error) { return NewPush(c.Push) },
}

// Kinds returns the names that Open knows, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Open makes the source of the given kind. Its error holds every problem of
// the kind's settings.
func Open(kind string, c Config) (analyzer.Source, error) {
	open, ok := kinds[kind]
	if !ok {
		return nil, fmt.Errorf("open source: unknown kind %q, want one of %s", kind, strings.Join(Kinds(), ", "))
	}
	return open(c)
}

// invalid makes one error of all problems of a section, or nil.
func invalid(section string, problems []conf.FieldError) error {
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = fmt.Errorf("%s.%s: %s", section, p.Path, p.Msg)
		if p.Hint != "" {
			errs[i] = fmt.Errorf("%w; %s", errs[i], p.Hint)
		}
	}
	return errors.Join(errs...)
}

// The pause before a refused group is offered again, doubled each time up to
// the longest.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// offer hands group to handle until it is kept, and returns the last error
// when it was not within hold, or when live ended before. A store that is away
// for a while must neither end a run over files nor use up the delivery
// attempts that lead to a dead-letter topic.
func offer(ctx, live context.Context, hold time.Duration, handle analyzer.Handler, group []analyzer.Message) error {
	begin, pause := time.Now(), firstPause
	for {
		err := handle(ctx, group)
		if err == nil || time.Since(begin)+pause > hold || !sleep(live, pause) {
			return err
		}
		pause = min(2*pause, longestPause)
	}
}

// sleep waits for d and tells whether it did; it returns at once when ctx ends.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
