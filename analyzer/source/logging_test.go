package source

import (
	"context"
	"errors"
	"net"
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
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

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

func startBucket(t *testing.T, b *bucket) []option.ClientOption {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	server := grpc.NewServer()
	loggingpb.RegisterLoggingServiceV2Server(server, b)
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
	return Config{Logging: LoggingConfig{Resources: []string{"projects/acme-prod"}, Since: since, Options: startBucket(t, b)}}
}

func TestLoggingAsksAndDecodes(t *testing.T) {
	audit := must(protojsonEntry(`{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","methodName":"google.cloud.secretmanager.v1.SecretManagerService.AddSecretVersion"}}`))
	unknown := &loggingpb.LogEntry{LogName: "projects/p/logs/x", Payload: &loggingpb.LogEntry_ProtoPayload{ProtoPayload: &anypb.Any{TypeUrl: "type.googleapis.com/acme.Secret", Value: []byte{8, 1}}}}
	b := &bucket{entries: []*loggingpb.LogEntry{audit, unknown}}
	src := must(NewLogging(LoggingConfig{Resources: []string{"projects/p"}, Since: since, Until: since.Add(time.Hour), Filter: "severity>=ERROR", Options: startBucket(t, b)}))
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

func TestLoggingFails(t *testing.T) {
	many := &bucket{}
	for range readPage + 1 {
		many.entries = append(many.entries, proto.CloneOf(&loggingpb.LogEntry{InsertId: "x"}))
	}
	run := func(b loggingpb.LoggingServiceV2Server) error {
		l := must(net.Listen("tcp", "127.0.0.1:0"))
		server := grpc.NewServer()
		loggingpb.RegisterLoggingServiceV2Server(server, b)
		go func() { _ = server.Serve(l) }()
		t.Cleanup(server.Stop)
		conn := must(grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())))
		t.Cleanup(func() { _ = conn.Close() })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return must(NewLogging(LoggingConfig{Resources: []string{"projects/p"}, Since: since, Options: []option.ClientOption{option.WithGRPCConn(conn)}})).
			Run(ctx, func(context.Context, []analyzer.Message) error { return nil })
	}
	if err := run(denied{}); err == nil || !strings.Contains(err.Error(), "roles/logging.viewer") || errors.Is(err, ErrPartial) {
		t.Errorf("error %v; want one that names the role", err)
	}
	if err := run(broken{many}); !errors.Is(err, ErrPartial) {
		t.Errorf("error %v; want ErrPartial", err)
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
