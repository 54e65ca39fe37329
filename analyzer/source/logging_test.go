package source

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/why401/why401/analyzer"
)

// bucket is a log bucket behind the real gRPC service.
type bucket struct {
	loggingpb.UnimplementedLoggingServiceV2Server
	entries []*loggingpb.LogEntry
	asked   []*loggingpb.ListLogEntriesRequest
}

func (b *bucket) ListLogEntries(_ context.Context, r *loggingpb.ListLogEntriesRequest) (*loggingpb.ListLogEntriesResponse, error) {
	b.asked = append(b.asked, r)
	from, _ := strconv.Atoi(r.GetPageToken())
	to := min(from+int(r.GetPageSize()), len(b.entries))
	out := &loggingpb.ListLogEntriesResponse{Entries: b.entries[from:to]}
	if to < len(b.entries) {
		out.NextPageToken = strconv.Itoa(to)
	}
	return out, nil
}

// reach serves an API and returns how to reach it.
func reach(t *testing.T, api loggingpb.LoggingServiceV2Server) []option.ClientOption {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	server := grpc.NewServer()
	loggingpb.RegisterLoggingServiceV2Server(server, api)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	conn := must(grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())))
	t.Cleanup(func() { _ = conn.Close() })
	return []option.ClientOption{option.WithGRPCConn(conn)}
}

var since = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// openLogging holds the conformance suite's entries in a bucket.
func openLogging(t *testing.T, entries [][]byte) Config {
	b := &bucket{}
	for i := range entries {
		e := &loggingpb.LogEntry{InsertId: "e" + strconv.Itoa(i), Payload: &loggingpb.LogEntry_TextPayload{TextPayload: `} [ " "}`}}
		b.entries = append(b.entries, e)
		entries[i] = must(protojson.Marshal(e))
	}
	return Config{Logging: LoggingConfig{Resources: []string{"projects/acme-prod"}, Since: since, Options: reach(t, b)}}
}

func TestLoggingAsksAndDecodes(t *testing.T) {
	audit := must(protojsonEntry(`{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","methodName":"google.cloud.secretmanager.v1.SecretManagerService.AddSecretVersion"}}`))
	unknown := &loggingpb.LogEntry{LogName: "projects/p/logs/x", Payload: &loggingpb.LogEntry_ProtoPayload{ProtoPayload: &anypb.Any{TypeUrl: "type.googleapis.com/acme.Secret", Value: []byte{8, 1}}}}
	b := &bucket{entries: []*loggingpb.LogEntry{audit, unknown}}
	src := must(NewLogging(LoggingConfig{Resources: []string{"projects/p"}, Since: since, Until: since.Add(time.Hour), Filter: "severity>=ERROR", Options: reach(t, b)}))
	var got []string
	err := src.Run(t.Context(), func(_ context.Context, group []analyzer.Message) error {
		for _, m := range group {
			got = append(got, string(m.Data))
		}
		return nil
	})
	if err != nil || len(got) != 2 || !strings.Contains(got[0], "AddSecretVersion") || !strings.Contains(got[1], "acme.Secret") {
		t.Errorf("entries %q (%v)", got, err)
	}
	want := "timestamp>=\"2026-11-23T08:00:00Z\" timestamp<\"2026-11-23T09:00:00Z\"\n(\nseverity>=ERROR\n)"
	if r := b.asked[0]; r.GetFilter() != want || r.GetOrderBy() != "timestamp asc" || r.GetResourceNames()[0] != "projects/p" {
		t.Errorf("asked %v; want filter %q", r, want)
	}
}

func protojsonEntry(text string) (*loggingpb.LogEntry, error) {
	e := &loggingpb.LogEntry{}
	return e, protojson.Unmarshal([]byte(text), e)
}

// hour is a bucket with n entries, two at each second.
func hour(n int) *bucket {
	b := &bucket{}
	for i := range n {
		b.entries = append(b.entries, &loggingpb.LogEntry{InsertId: "e" + strconv.Itoa(i), LogName: "projects/p/logs/x", Timestamp: timestamppb.New(since.Add(time.Duration(i/2) * time.Second))})
	}
	return b
}

// A listing goes on where it stopped: after the minute whose quota is used up,
// and by the time of the last entry when the API forgets the listing.
func TestLoggingGoesOn(t *testing.T) {
	for name, api := range map[string]func(*bucket) loggingpb.LoggingServiceV2Server{
		"quota":  func(b *bucket) loggingpb.LoggingServiceV2Server { return &thrifty{bucket: b, refusals: 3} },
		"forgot": func(b *bucket) loggingpb.LoggingServiceV2Server { return &forgetful{bucket: b} },
	} {
		t.Run(name, func(t *testing.T) {
			b := hour(2*readPage + 501)
			got := map[string]int{}
			src := must(NewLogging(LoggingConfig{Resources: []string{"projects/p"}, Since: since, Options: reach(t, api(b))}))
			err := src.Run(t.Context(), func(_ context.Context, group []analyzer.Message) error {
				for _, m := range group {
					got[string(m.Data)]++
				}
				return nil
			})
			if err != nil || len(got) != len(b.entries) || src.Stats().Entries != int64(len(b.entries)) {
				t.Errorf("%d entries, %d counted (%v); want each of %d once", len(got), src.Stats().Entries, err, len(b.entries))
			}
		})
	}
}

// thrifty refuses calls for the quota.
type thrifty struct {
	*bucket
	refusals int
}

func (b *thrifty) ListLogEntries(ctx context.Context, r *loggingpb.ListLogEntriesRequest) (*loggingpb.ListLogEntriesResponse, error) {
	if b.refusals > 0 && r.GetPageToken() != "" {
		b.refusals--
		return nil, status.Error(codes.ResourceExhausted, "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute'")
	}
	return b.bucket.ListLogEntries(ctx, r)
}

// forgetful knows the token of a listing's second page no more.
type forgetful struct{ *bucket }

func (b *forgetful) ListLogEntries(ctx context.Context, r *loggingpb.ListLogEntriesRequest) (*loggingpb.ListLogEntriesResponse, error) {
	if r.GetPageToken() == strconv.Itoa(readPage) {
		return nil, status.Error(codes.InvalidArgument, "page token is not valid")
	}
	var from time.Time
	if _, rest, ok := strings.Cut(r.GetFilter(), "timestamp>=\""); ok {
		from = must(time.Parse(time.RFC3339Nano, rest[:strings.IndexByte(rest, '"')]))
	}
	late := slices.DeleteFunc(slices.Clone(b.entries), func(e *loggingpb.LogEntry) bool { return e.GetTimestamp().AsTime().Before(from) })
	return (&bucket{entries: late}).ListLogEntries(ctx, r)
}

func TestLoggingFails(t *testing.T) {
	run := func(b loggingpb.LoggingServiceV2Server) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return must(NewLogging(LoggingConfig{Resources: []string{"projects/p"}, Since: since, Patience: time.Second, Options: reach(t, b)})).
			Run(ctx, func(context.Context, []analyzer.Message) error { return nil })
	}
	if err := run(denied{}); err == nil || !strings.Contains(err.Error(), "roles/logging.viewer") || errors.Is(err, ErrPartial) {
		t.Errorf("error %v; want one that names the role", err)
	}
	if err := run(broken{hour(readPage + 1)}); !errors.Is(err, ErrPartial) || !strings.Contains(err.Error(), "what is older than 2026-11-23T08:08:19Z was read") {
		t.Errorf("error %v; want ErrPartial, and until when", err)
	}
	if err := run(&thrifty{bucket: hour(readPage + 1), refusals: 1 << 30}); !errors.Is(err, ErrPartial) || !strings.Contains(err.Error(), "60 calls a minute") {
		t.Errorf("error %v; want ErrPartial, for the quota", err)
	}
	_, err := NewLogging(LoggingConfig{Resources: []string{"acme"}, Until: since, Filter: strings.Repeat("x", 20_000)})
	for _, want := range []string{"logging.resources[0]", "logging.since", "logging.filter"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %s in it", err, want)
		}
	}
}

type denied struct {
	loggingpb.UnimplementedLoggingServiceV2Server
}

func (denied) ListLogEntries(context.Context, *loggingpb.ListLogEntriesRequest) (*loggingpb.ListLogEntriesResponse, error) {
	return nil, status.Error(codes.PermissionDenied, "permission logging.logEntries.list denied")
}

// broken fails with an error that the client does not try again.
type broken struct{ *bucket }

func (b broken) ListLogEntries(ctx context.Context, r *loggingpb.ListLogEntriesRequest) (*loggingpb.ListLogEntriesResponse, error) {
	if r.GetPageToken() != "" {
		return nil, status.Error(codes.InvalidArgument, "page token expired")
	}
	return b.bucket.ListLogEntries(ctx, r)
}
