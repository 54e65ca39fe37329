package source

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	logging "cloud.google.com/go/logging/apiv2"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	_ "google.golang.org/genproto/googleapis/cloud/audit" // the payload of audit entries
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

// LoggingConfig says which entries to read from the Cloud Logging API, where
// log buckets keep them, so that a first report needs no log export.
type LoggingConfig struct {
	// Resources are read together: projects/P, folders/F, organizations/O or
	// the view of a log bucket.
	Resources []string  `yaml:"resources"`
	Since     time.Time `yaml:"since"`  // the earliest timestamp
	Until     time.Time `yaml:"until"`  // the timestamp to stop before; zero: the present
	Filter    string    `yaml:"filter"` // in the Logging query language, at most MaxReadFilter characters; empty: all

	// Patience is how long one call is made again while the quota, which is
	// one of a minute, is used up; zero: 5 minutes. An API that is away is
	// given up after a tenth of it.
	Patience time.Duration `yaml:"patience"`

	// Options go to the client: a connection of one's own.
	Options []option.ClientOption `yaml:"-"`
}

var resourceForm = regexp.MustCompile(`^(?:projects|folders|organizations|billingAccounts)/[^/ ]+(?:/locations/[^/ ]+/buckets/[^/ ]+/views/[^/ ]+)?$`)

// MaxReadFilter is the length in characters of a filter to read by: the API
// takes 20,000, the times that it is joined with among them.
const MaxReadFilter = 19_800

// Validate returns every problem of c at once. One that names no resource is
// fine as long as nobody opens it.
func (c LoggingConfig) Validate() []conf.FieldError {
	var problems []conf.FieldError
	for i, r := range c.Resources {
		if !resourceForm.MatchString(r) {
			problems = append(problems, wrong(fmt.Sprintf("resources[%d]", i), r, "projects/P, folders/F, organizations/O or the view of a log bucket", "")...)
		}
	}
	if len(c.Resources) > 100 {
		problems = append(problems, wrong("resources", fmt.Sprint(len(c.Resources)), "at most 100", "")...)
	}
	if len(c.Filter) > MaxReadFilter {
		problems = append(problems, wrong("filter", fmt.Sprintf("%d characters", len(c.Filter)), fmt.Sprintf("at most %d", MaxReadFilter), "")...)
	}
	if !c.Until.IsZero() && !c.Until.After(c.Since) {
		problems = append(problems, wrong("until", c.Until.Format(time.RFC3339), "a time after since", "")...)
	}
	return problems
}

// Logging reads entries from the Cloud Logging API, the oldest first.
type Logging struct {
	config LoggingConfig
	stats  fileCounters
}

var _ analyzer.Source = (*Logging)(nil)

// NewLogging checks c. It does not connect.
func NewLogging(c LoggingConfig) (*Logging, error) {
	problems := c.Validate()
	if len(c.Resources) == 0 {
		problems = append(problems, conf.FieldError{Path: "resources", Msg: "wanted at least one project, found none"})
	}
	if c.Since.IsZero() {
		problems = append(problems, conf.FieldError{Path: "since", Msg: "wanted the time to begin at, found none"})
	}
	if err := invalid("logging", problems); err != nil {
		return nil, err
	}
	if c.Until.IsZero() {
		c.Until = time.Now()
	}
	orDefault(&c.Patience, 5*time.Minute)
	return &Logging{config: c}, nil
}

// readPage is how many entries one call brings: the most that the API gives.
// It takes 60 calls a minute from a project; beyond that it refuses, and its
// turn is waited for.
const readPage = 1000

// Run hands over everything and returns nil, or the error that ended it
// before: [ErrPartial] when something was handed over, [ErrUnreachable] when
// nobody answered. A listing that breaks off is taken up again at the entry
// that came last.
func (l *Logging) Run(ctx context.Context, handle analyzer.Handler) error {
	client, err := logging.NewClient(ctx, append([]option.ClientOption{option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(bounded))}, l.config.Options...)...)
	if err != nil {
		return fmt.Errorf("open Cloud Logging client: %w; run 'gcloud auth application-default login'", err)
	}
	defer client.Close()
	at := position{time: l.config.Since}
	for {
		began := at.time
		err := l.list(ctx, client, &at, handle)
		switch {
		case err == nil || ctx.Err() != nil:
			return ctx.Err()
		case status.Code(err) == codes.Unknown: // not of the API
			return err
		case status.Code(err) != codes.InvalidArgument || !at.time.After(began):
			return l.explain(err, at)
		}
	}
}

// oneCall is how long one call may take, the way to the API and the token for
// it included.
const oneCall = time.Minute

// bounded ends a call that gets no answer.
func bounded(ctx context.Context, method string, req, answer any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, oneCall)
	defer cancel()
	return call(ctx, method, req, answer, conn, opts...)
}

// list reads from a position to the end.
func (l *Logging) list(ctx context.Context, client *logging.Client, at *position, handle analyzer.Handler) error {
	entries := client.ListLogEntries(ctx, &loggingpb.ListLogEntriesRequest{ResourceNames: l.config.Resources, Filter: l.query(at.time), OrderBy: "timestamp asc", PageSize: readPage},
		gax.WithTimeout(2*l.config.Patience), gax.WithRetry(func() gax.Retryer { return newTurn(l.config.Patience) }))
	group := make([]analyzer.Message, 0, readPage)
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		err := offer(ctx, ctx, time.Hour, handle, group)
		l.stats.entries.Add(int64(len(group)))
		group = group[:0]
		return err
	}
	for {
		e, err := entries.Next()
		if err != nil {
			if ferr := flush(); ferr != nil {
				return ferr
			}
			if errors.Is(err, iterator.Done) {
				return nil
			}
			return err
		}
		if !at.pass(e) {
			continue
		}
		data := encode(e)
		l.stats.bytes.Add(int64(len(data)))
		group = append(group, analyzer.Message{Data: data, Where: "Cloud Logging, " + e.GetLogName()})
		if len(group) == readPage {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

// position is how far a listing in the order of timestamps has come: what has
// a time before it was read, and of its own time the entries in ids.
type position struct {
	time time.Time
	ids  map[string]bool
}

// pass notes an entry, and reports whether it is a new one.
func (p *position) pass(e *loggingpb.LogEntry) bool {
	id := e.GetLogName() + "\x00" + e.GetInsertId()
	switch t := e.GetTimestamp().AsTime(); {
	case e.GetTimestamp() == nil || e.GetInsertId() == "":
		return true
	case t.After(p.time) || p.ids == nil:
		p.time, p.ids = t, map[string]bool{id: true}
		return true
	}
	again := p.ids[id]
	p.ids[id] = true
	return !again
}

// turn decides whether a call that was refused is made again: the next minute's
// quota is waited for as long as patience lasts, an API that is away a tenth of
// that.
type turn struct {
	pause       gax.Backoff
	began       time.Time
	quota, away time.Duration
}

func newTurn(patience time.Duration) *turn {
	return &turn{pause: gax.Backoff{Initial: 200 * time.Millisecond, Max: 30 * time.Second, Multiplier: 2}, began: time.Now(), quota: patience, away: patience / 10}
}

// Retry implements [gax.Retryer].
func (t *turn) Retry(err error) (time.Duration, bool) {
	limit := t.away
	switch status.Code(err) {
	case codes.ResourceExhausted:
		limit = t.quota
	case codes.Unavailable, codes.Internal:
	default:
		return 0, false
	}
	pause := t.pause.Pause()
	return pause, time.Since(t.began)+pause < limit
}

// query is the filter within the times, from since on. The times come first:
// the API finds entries by them.
func (l *Logging) query(since time.Time) string {
	q := fmt.Sprintf("timestamp>=%q timestamp<%q", since.UTC().Format(time.RFC3339Nano), l.config.Until.UTC().Format(time.RFC3339Nano))
	if l.config.Filter != "" {
		q += "\n(\n" + l.config.Filter + "\n)"
	}
	return q
}

// encode writes an entry as a log sink would. A payload of a type that is not
// known here is kept as what it is: its name and its bytes.
func encode(e *loggingpb.LogEntry) []byte {
	if data, err := protojson.Marshal(e); err == nil {
		return data
	}
	bare := proto.CloneOf(e)
	payload := bare.GetProtoPayload()
	bare.Payload = &loggingpb.LogEntry_TextPayload{TextPayload: "payload of type " + payload.GetTypeUrl()}
	data, err := protojson.Marshal(bare)
	if err != nil {
		return []byte(err.Error()) // counted as an entry that cannot be decoded
	}
	return data
}

func (l *Logging) explain(err error, at position) error {
	err = fmt.Errorf("read entries of %s: %w", strings.Join(l.config.Resources, ", "), err)
	switch status.Code(err) {
	case codes.PermissionDenied:
		err = fmt.Errorf("%w; grant roles/logging.viewer, and roles/logging.privateLogViewer for data access audit entries", err)
	case codes.ResourceExhausted:
		err = fmt.Errorf("%w; the quota of reads stayed used up for %s (60 calls a minute, which all readers of the project share): read a shorter span, or fewer of the accepted requests", err, l.config.Patience)
	case codes.Unavailable, codes.DeadlineExceeded:
		err = fmt.Errorf("%w: %w; see firewall, proxy and Private Google Access", ErrUnreachable, err)
	}
	if l.stats.entries.Load() > 0 {
		return fmt.Errorf("%w: what is older than %s was read: %w", ErrPartial, at.time.UTC().Format(time.RFC3339), err)
	}
	return err
}

// Stats returns the counts so far. It is safe to call while Run runs.
func (l *Logging) Stats() FileStats {
	return FileStats{Bytes: l.stats.bytes.Load(), Entries: l.stats.entries.Load()}
}
