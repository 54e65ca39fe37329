package lab

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// SecretServer is the Secret Manager API on loopback, in front of a
// SecretStore: clients of Google's own library talk to it. Its faults are
// injected by [SecretServer.SetFaults].
type SecretServer struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer
	store     *SecretStore
	principal string
	server    *grpc.Server
	listener  net.Listener
	served    chan struct{}
	dial      func(context.Context) (net.Conn, error) // nil: over loopback

	mu     sync.Mutex
	faults []StoreFault
	calls  map[string]int
}

// StoreFault is something that goes wrong on the way to the store. The first
// one that fits a call decides.
type StoreFault struct {
	Method   string        // such as AccessSecretVersion; empty: any
	Resource string        // part of the name that is asked for; empty: any
	Delay    time.Duration // the answer comes so much later, if the client still waits
	Code     codes.Code    // the answer; OK: that of the store
	// Damage changes a byte of the payload and leaves the checksum as it was.
	Damage bool
	// Unsummed leaves the checksum out, as stores that imitate the API do.
	Unsummed bool
}

// ServeSecrets starts a server for store. principal is the e-mail address of
// all its callers: the loopback connection carries no credentials.
func ServeSecrets(store *SecretStore, principal string) (*SecretServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve secrets: %w", err)
	}
	return serveSecrets(store, principal, l), nil
}

// ServeSecretsInside is the same without a network: only clients with its
// Options reach it, and virtual time passes while they wait.
func ServeSecretsInside(store *SecretStore, principal string) *SecretServer {
	l := bufconn.Listen(64 << 10)
	s := serveSecrets(store, principal, l)
	s.dial = l.DialContext
	return s
}

func serveSecrets(store *SecretStore, principal string, l net.Listener) *SecretServer {
	s := &SecretServer{store: store, principal: principal, listener: l, served: make(chan struct{}), calls: map[string]int{}}
	s.server = grpc.NewServer(grpc.UnaryInterceptor(s.intercept))
	secretmanagerpb.RegisterSecretManagerServiceServer(s.server, s)
	go func() {
		defer close(s.served)
		_ = s.server.Serve(l) // ends with Close
	}()
	return s
}

// Addr is the host:port that the server listens on, in the clear.
func (s *SecretServer) Addr() string { return s.listener.Addr().String() }

// Options are what a client of Google's library needs to talk to the server.
func (s *SecretServer) Options() []option.ClientOption {
	options := []option.ClientOption{option.WithEndpoint(s.Addr()), option.WithoutAuthentication(), option.WithTelemetryDisabled(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials()))}
	if s.dial != nil {
		options = append(options, option.WithEndpoint("passthrough:///secrets"),
			option.WithGRPCDialOption(grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.dial(ctx) })))
	}
	return options
}

// SetFaults replaces the faults; none heals the store.
func (s *SecretServer) SetFaults(faults ...StoreFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.Clone(faults)
}

// Calls returns how many calls of each method came, those included that a
// fault answered.
func (s *SecretServer) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]int, len(s.calls))
	for m, n := range s.calls {
		out[m] = n
	}
	return out
}

// Close ends the server and every connection.
func (s *SecretServer) Close() {
	s.server.Stop()
	<-s.served
}

// permissions are what a caller needs, as the API names them when it refuses.
var permissions = map[string]string{
	"AccessSecretVersion": "secretmanager.versions.access", "GetSecretVersion": "secretmanager.versions.get",
	"ListSecretVersions": "secretmanager.versions.list", "GetSecret": "secretmanager.secrets.get", "AddSecretVersion": "secretmanager.versions.add",
	"EnableSecretVersion": "secretmanager.versions.enable", "DisableSecretVersion": "secretmanager.versions.disable", "DestroySecretVersion": "secretmanager.versions.destroy",
}

// intercept counts a call and lets the faults have their way.
func (s *SecretServer) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	method := info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]
	name := ""
	switch r := req.(type) {
	case interface{ GetName() string }:
		name = r.GetName()
	case interface{ GetParent() string }:
		name = r.GetParent()
	}
	f := s.fault(method, name)
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}
	if f.Code != codes.OK {
		text := "The service is currently unavailable."
		if f.Code == codes.PermissionDenied {
			text = fmt.Sprintf("Permission '%s' denied for resource '%s' (or it may not exist).", permissions[method], name)
		}
		err := status.Error(f.Code, text)
		if method == "AccessSecretVersion" || method == "AddSecretVersion" {
			s.store.audit(StoreEvent{s.store.now(), method, s.principal, name, Version{}, err})
		}
		return nil, err
	}
	answer, err := handler(ctx, req)
	if a, ok := answer.(*secretmanagerpb.AccessSecretVersionResponse); ok && err == nil {
		if f.Damage && len(a.Payload.Data) > 0 {
			a.Payload.Data = append([]byte{^a.Payload.Data[0]}, a.Payload.Data[1:]...)
		}
		if f.Unsummed {
			a.Payload.DataCrc32C = nil
		}
	}
	return answer, err
}

func (s *SecretServer) fault(method, name string) StoreFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[method]++
	for _, f := range s.faults {
		if (f.Method == "" || f.Method == method) && strings.Contains(name, f.Resource) {
			return f
		}
	}
	return StoreFault{}
}

// AccessSecretVersion returns a payload with its checksum.
func (s *SecretServer) AccessSecretVersion(_ context.Context, r *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	v, payload, err := s.store.Access(s.principal, r.GetName())
	if err != nil {
		return nil, err
	}
	sum := int64(v.Checksum)
	return &secretmanagerpb.AccessSecretVersionResponse{Name: v.Name, Payload: &secretmanagerpb.SecretPayload{Data: payload, DataCrc32C: &sum}}, nil
}

// GetSecretVersion returns a version without its payload.
func (s *SecretServer) GetSecretVersion(_ context.Context, r *secretmanagerpb.GetSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	return message(s.store.Get(r.GetName()))
}

// GetSecret returns a secret; it was created with its first version.
func (s *SecretServer) GetSecret(_ context.Context, r *secretmanagerpb.GetSecretRequest) (*secretmanagerpb.Secret, error) {
	list, err := s.store.List(r.GetName())
	if err != nil {
		return nil, err
	}
	out := &secretmanagerpb.Secret{Name: r.GetName()}
	if n := len(list); n > 0 {
		out.Name, _, _ = strings.Cut(list[n-1].Name, "/versions/")
		out.CreateTime = timestamppb.New(list[n-1].Created)
	}
	return out, nil
}

// ListSecretVersions returns the versions, newest first, in pages of the
// size that is asked for. Of filters it knows state:ENABLED only.
func (s *SecretServer) ListSecretVersions(_ context.Context, r *secretmanagerpb.ListSecretVersionsRequest) (*secretmanagerpb.ListSecretVersionsResponse, error) {
	list, err := s.store.List(r.GetParent())
	if err != nil {
		return nil, err
	}
	switch r.GetFilter() {
	case "":
	case "state:ENABLED":
		list = slices.DeleteFunc(list, func(v Version) bool { return v.State != VersionEnabled })
	default:
		return nil, status.Errorf(codes.InvalidArgument, "Filter [%s] is not known.", r.GetFilter())
	}
	begin := 0
	if r.GetPageToken() != "" {
		if begin, err = strconv.Atoi(r.GetPageToken()); err != nil || begin < 0 || begin > len(list) {
			return nil, status.Errorf(codes.InvalidArgument, "Page token [%s] is not valid.", r.GetPageToken())
		}
	}
	size := int(r.GetPageSize())
	if size <= 0 || size > 25000 {
		size = 25000
	}
	out := &secretmanagerpb.ListSecretVersionsResponse{TotalSize: int32(len(list))}
	end := min(begin+size, len(list))
	for _, v := range list[begin:end] {
		m, err := message(v, nil)
		if err != nil {
			return nil, err
		}
		out.Versions = append(out.Versions, m)
	}
	if end < len(list) {
		out.NextPageToken = strconv.Itoa(end)
	}
	return out, nil
}

// AddSecretVersion adds an enabled version; a checksum that comes with the
// payload must be right.
func (s *SecretServer) AddSecretVersion(_ context.Context, r *secretmanagerpb.AddSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	p := r.GetPayload()
	if p != nil && p.DataCrc32C != nil && *p.DataCrc32C != int64(crc32.Checksum(p.Data, crc32.MakeTable(crc32.Castagnoli))) {
		return nil, status.Error(codes.InvalidArgument, "The checksum of the payload does not match.")
	}
	return message(s.store.AddVersion(s.principal, r.GetParent(), p.GetData()))
}

// EnableSecretVersion enables a version.
func (s *SecretServer) EnableSecretVersion(_ context.Context, r *secretmanagerpb.EnableSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	return message(s.store.SetState(s.principal, r.GetName(), VersionEnabled))
}

// DisableSecretVersion disables a version.
func (s *SecretServer) DisableSecretVersion(_ context.Context, r *secretmanagerpb.DisableSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	return message(s.store.SetState(s.principal, r.GetName(), VersionDisabled))
}

// DestroySecretVersion destroys a version for good.
func (s *SecretServer) DestroySecretVersion(_ context.Context, r *secretmanagerpb.DestroySecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	return message(s.store.SetState(s.principal, r.GetName(), VersionDestroyed))
}

// message is a version in the words of the API.
func message(v Version, err error) (*secretmanagerpb.SecretVersion, error) {
	if err != nil {
		return nil, err
	}
	state, ok := secretmanagerpb.SecretVersion_State_value[string(v.State)]
	if !ok {
		return nil, errors.New("no such state: " + string(v.State))
	}
	return &secretmanagerpb.SecretVersion{Name: v.Name, CreateTime: timestamppb.New(v.Created), State: secretmanagerpb.SecretVersion_State(state)}, nil
}
