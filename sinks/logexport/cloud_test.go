package logexport

import (
	"context"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/iam/admin/apiv1/adminpb"
	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/resourcemanager/apiv3/resourcemanagerpb"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// cloud speaks the gRPC services that an export is made with, but for Pub/Sub.
type cloud struct {
	loggingpb.UnimplementedConfigServiceV2Server

	mu       sync.Mutex
	sinks    map[string]*loggingpb.LogSink
	policies map[string]*iampb.Policy
	accounts map[string]*adminpb.ServiceAccount
	secrets  map[string]*secretmanagerpb.Secret
	writes   int
	aborts   int                    // so many writes of policies meet somebody else's
	deny     func(call string) bool // who may not
	refuse   func(call string) error
	versions map[string][]*secretmanagerpb.SecretVersion // newest first
}

// startCloud listens on loopback and returns how to reach it.
func startCloud(t *testing.T) (*cloud, option.ClientOption) {
	t.Helper()
	c := &cloud{sinks: map[string]*loggingpb.LogSink{}, policies: map[string]*iampb.Policy{}, accounts: map[string]*adminpb.ServiceAccount{}, secrets: map[string]*secretmanagerpb.Secret{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		call := info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]
		if c.deny != nil && c.deny(call) {
			return nil, status.Errorf(codes.PermissionDenied, "permission denied on %s", call)
		}
		if c.refuse != nil {
			if err := c.refuse(call); err != nil {
				return nil, err
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if !strings.HasPrefix(call, "Get") && !strings.HasPrefix(call, "List") && !strings.HasPrefix(call, "Test") {
			c.writes++
		}
		return next(ctx, req)
	}))
	loggingpb.RegisterConfigServiceV2Server(server, c)
	iampb.RegisterIAMPolicyServer(server, &policyServer{cloud: c})
	adminpb.RegisterIAMServer(server, &adminServer{cloud: c})
	resourcemanagerpb.RegisterProjectsServer(server, &projectServer{cloud: c})
	secretmanagerpb.RegisterSecretManagerServiceServer(server, &secretServer{cloud: c})
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return c, option.WithGRPCConn(conn)
}

func notFound(name string) error { return status.Errorf(codes.NotFound, "%s not found", name) }

func (c *cloud) GetSink(_ context.Context, r *loggingpb.GetSinkRequest) (*loggingpb.LogSink, error) {
	if s := c.sinks[r.GetSinkName()]; s != nil {
		return s, nil
	}
	return nil, notFound(r.GetSinkName())
}

func (c *cloud) CreateSink(_ context.Context, r *loggingpb.CreateSinkRequest) (*loggingpb.LogSink, error) {
	s := proto.CloneOf(r.GetSink())
	if r.GetUniqueWriterIdentity() {
		s.WriterIdentity = "serviceAccount:p42-7@gcp-sa-logging.iam.gserviceaccount.com"
	}
	c.sinks[r.GetParent()+"/sinks/"+s.GetName()] = s
	return s, nil
}

func (c *cloud) UpdateSink(_ context.Context, r *loggingpb.UpdateSinkRequest) (*loggingpb.LogSink, error) {
	s := c.sinks[r.GetSinkName()]
	s.Filter, s.Destination, s.Description, s.IncludeChildren, s.Disabled = r.GetSink().GetFilter(), r.GetSink().GetDestination(), r.GetSink().GetDescription(), r.GetSink().GetIncludeChildren(), r.GetSink().GetDisabled()
	return s, nil
}

func (c *cloud) DeleteSink(_ context.Context, r *loggingpb.DeleteSinkRequest) (*emptypb.Empty, error) {
	delete(c.sinks, r.GetSinkName())
	return &emptypb.Empty{}, nil
}

func (c *cloud) policy(_ context.Context, r *iampb.GetIamPolicyRequest) (*iampb.Policy, error) {
	if p := c.policies[r.GetResource()]; p != nil {
		return p, nil
	}
	return &iampb.Policy{}, nil
}

func (c *cloud) setPolicy(_ context.Context, r *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
	if c.aborts > 0 {
		c.aborts--
		return nil, status.Error(codes.Aborted, "there were concurrent policy changes")
	}
	c.policies[r.GetResource()] = r.GetPolicy()
	return r.GetPolicy(), nil
}

type policyServer struct {
	iampb.UnimplementedIAMPolicyServer
	*cloud
}

func (c policyServer) GetIamPolicy(ctx context.Context, r *iampb.GetIamPolicyRequest) (*iampb.Policy, error) {
	return c.policy(ctx, r)
}

func (c policyServer) SetIamPolicy(ctx context.Context, r *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
	return c.setPolicy(ctx, r)
}

type adminServer struct {
	adminpb.UnimplementedIAMServer
	*cloud
}

func (c adminServer) GetServiceAccount(_ context.Context, r *adminpb.GetServiceAccountRequest) (*adminpb.ServiceAccount, error) {
	if a := c.accounts[r.GetName()]; a != nil {
		return a, nil
	}
	return nil, notFound(r.GetName())
}

func (c adminServer) CreateServiceAccount(_ context.Context, r *adminpb.CreateServiceAccountRequest) (*adminpb.ServiceAccount, error) {
	email := r.GetAccountId() + "@" + short(r.GetName()) + ".iam.gserviceaccount.com"
	c.accounts[r.GetName()+"/serviceAccounts/"+email] = r.GetServiceAccount()
	return r.GetServiceAccount(), nil
}

func (c adminServer) DeleteServiceAccount(_ context.Context, r *adminpb.DeleteServiceAccountRequest) (*emptypb.Empty, error) {
	delete(c.accounts, r.GetName())
	return &emptypb.Empty{}, nil
}

func (c adminServer) GetIamPolicy(ctx context.Context, r *iampb.GetIamPolicyRequest) (*iampb.Policy, error) {
	return c.policy(ctx, r)
}

func (c adminServer) SetIamPolicy(ctx context.Context, r *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
	return c.setPolicy(ctx, r)
}

type projectServer struct {
	resourcemanagerpb.UnimplementedProjectsServer
	*cloud
}

func (c projectServer) GetIamPolicy(ctx context.Context, r *iampb.GetIamPolicyRequest) (*iampb.Policy, error) {
	return c.policy(ctx, r)
}

func (c projectServer) TestIamPermissions(_ context.Context, r *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	return c.permitted(r), nil
}

func (projectServer) GetProject(_ context.Context, r *resourcemanagerpb.GetProjectRequest) (*resourcemanagerpb.Project, error) {
	return &resourcemanagerpb.Project{Name: "projects/4242", ProjectId: short(r.GetName())}, nil
}

type secretServer struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer
	*cloud
}

func (c secretServer) GetIamPolicy(ctx context.Context, r *iampb.GetIamPolicyRequest) (*iampb.Policy, error) {
	return c.policy(ctx, r)
}

func (c secretServer) SetIamPolicy(ctx context.Context, r *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
	return c.setPolicy(ctx, r)
}

func (c secretServer) GetSecret(_ context.Context, r *secretmanagerpb.GetSecretRequest) (*secretmanagerpb.Secret, error) {
	if s := c.secrets[r.GetName()]; s != nil {
		return s, nil
	}
	return nil, notFound(r.GetName())
}

func (c secretServer) UpdateSecret(_ context.Context, r *secretmanagerpb.UpdateSecretRequest) (*secretmanagerpb.Secret, error) {
	c.secrets[r.GetSecret().GetName()].Topics = r.GetSecret().GetTopics()
	return r.GetSecret(), nil
}

// members lists who holds a role on a resource.
func (c *cloud) members(resource, role string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.policies[resource].GetBindings() {
		if b.GetRole() == role {
			return slices.Sorted(maps.Keys(setOf(b.GetMembers())))
		}
	}
	return nil
}

func setOf(list []string) map[string]bool {
	m := map[string]bool{}
	for _, s := range list {
		m[s] = true
	}
	return m
}

func (c *cloud) ListSinks(_ context.Context, r *loggingpb.ListSinksRequest) (*loggingpb.ListSinksResponse, error) {
	out := &loggingpb.ListSinksResponse{}
	for _, name := range slices.Sorted(maps.Keys(c.sinks)) {
		if strings.HasPrefix(name, r.GetParent()+"/sinks/") {
			out.Sinks = append(out.Sinks, c.sinks[name])
		}
	}
	return out, nil
}

func (c secretServer) ListSecretVersions(_ context.Context, r *secretmanagerpb.ListSecretVersionsRequest) (*secretmanagerpb.ListSecretVersionsResponse, error) {
	return &secretmanagerpb.ListSecretVersionsResponse{Versions: c.versions[r.GetParent()]}, nil
}

func (c secretServer) GetSecretVersion(_ context.Context, r *secretmanagerpb.GetSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	for _, v := range c.versions[r.GetName()[:strings.Index(r.GetName(), "/versions/")]] {
		if v.GetName() == r.GetName() {
			return v, nil
		}
	}
	return nil, notFound(r.GetName())
}

func (c secretServer) TestIamPermissions(_ context.Context, r *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	return c.permitted(r), nil
}

func (c policyServer) TestIamPermissions(_ context.Context, r *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	return c.permitted(r), nil
}

// caller is whom all calls are taken for.
const caller = "serviceAccount:why401@acme-prod.iam.gserviceaccount.com"

// rolesWith are roles that hold a permission.
var rolesWith = map[string][]string{
	"pubsub.subscriptions.consume":          {"roles/pubsub.subscriber", "roles/editor", "roles/owner"},
	"secretmanager.versions.access":         {"roles/secretmanager.secretAccessor", "roles/owner"},
	"logging.logEntries.list":               {"roles/logging.viewer", "roles/editor", "roles/owner"},
	"logging.logEntries.create":             {"roles/logging.logWriter", "roles/editor", "roles/owner"},
	"resourcemanager.projects.setIamPolicy": {"roles/owner"},
	"pubsub.topics.delete":                  {"roles/editor", "roles/owner"},
}

// permitted says which permissions the caller has on a resource or by its
// project.
func (c *cloud) permitted(r *iampb.TestIamPermissionsRequest) *iampb.TestIamPermissionsResponse {
	out := &iampb.TestIamPermissionsResponse{}
	for _, permission := range r.GetPermissions() {
		for _, role := range rolesWith[permission] {
			if holds(c.policies[r.GetResource()], role, caller) || holds(c.policies["projects/acme-prod"], role, caller) {
				out.Permissions = append(out.Permissions, permission)
				break
			}
		}
	}
	return out
}
