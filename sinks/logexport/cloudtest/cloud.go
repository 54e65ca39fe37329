// Package cloudtest is a project in Google Cloud for tests: it speaks the real
// gRPC services that a log export is made with, but for those of Pub/Sub.
package cloudtest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"cloud.google.com/go/iam/admin/apiv1/adminpb"
	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/resourcemanager/apiv3/resourcemanagerpb"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Cloud is the project. Its fields may be changed between calls.
type Cloud struct {
	loggingpb.UnimplementedConfigServiceV2Server

	mu       sync.Mutex
	Sinks    map[string]*loggingpb.LogSink // by name in full, as everything below
	Policies map[string]*iampb.Policy
	Accounts map[string]*adminpb.ServiceAccount
	Secrets  map[string]*secretmanagerpb.Secret
	Versions map[string][]*secretmanagerpb.SecretVersion // of a secret, newest first
	Writes   int                                         // calls that change something
	Aborts   int                                         // so many writes of policies meet somebody else's
	Deny     func(call string) bool                      // who may not
	Refuse   func(call string) error
}

// New is a project of nothing.
func New() *Cloud {
	return &Cloud{Sinks: map[string]*loggingpb.LogSink{}, Policies: map[string]*iampb.Policy{}, Accounts: map[string]*adminpb.ServiceAccount{},
		Secrets: map[string]*secretmanagerpb.Secret{}, Versions: map[string][]*secretmanagerpb.SecretVersion{}}
}

// Server is a server with the services of c, to which others may be added.
func (c *Cloud) Server() *grpc.Server {
	server := grpc.NewServer(grpc.UnaryInterceptor(c.gate))
	loggingpb.RegisterConfigServiceV2Server(server, c)
	iampb.RegisterIAMPolicyServer(server, &policyServer{Cloud: c})
	adminpb.RegisterIAMServer(server, &adminServer{Cloud: c})
	resourcemanagerpb.RegisterProjectsServer(server, &projectServer{Cloud: c})
	secretmanagerpb.RegisterSecretManagerServiceServer(server, &secretServer{Cloud: c})
	return server
}

// gate lets one call in after another, if it may.
func (c *Cloud) gate(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	call := short(info.FullMethod)
	if c.Deny != nil && c.Deny(call) {
		return nil, status.Errorf(codes.PermissionDenied, "permission denied on %s", call)
	}
	if c.Refuse != nil {
		if err := c.Refuse(call); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !strings.HasPrefix(call, "Get") && !strings.HasPrefix(call, "List") && !strings.HasPrefix(call, "Test") {
		c.Writes++
	}
	return next(ctx, req)
}

func short(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// NotFound is how the services say that a resource is not there.
func NotFound(name string) error { return status.Errorf(codes.NotFound, "%s not found", name) }

func (c *Cloud) GetSink(_ context.Context, r *loggingpb.GetSinkRequest) (*loggingpb.LogSink, error) {
	if s := c.Sinks[r.GetSinkName()]; s != nil {
		return s, nil
	}
	return nil, NotFound(r.GetSinkName())
}

func (c *Cloud) CreateSink(_ context.Context, r *loggingpb.CreateSinkRequest) (*loggingpb.LogSink, error) {
	s := proto.CloneOf(r.GetSink())
	if r.GetUniqueWriterIdentity() {
		s.WriterIdentity = "serviceAccount:p42-7@gcp-sa-logging.iam.gserviceaccount.com"
	}
	c.Sinks[r.GetParent()+"/sinks/"+s.GetName()] = s
	return s, nil
}

func (c *Cloud) UpdateSink(_ context.Context, r *loggingpb.UpdateSinkRequest) (*loggingpb.LogSink, error) {
	s := c.Sinks[r.GetSinkName()]
	s.Filter, s.Destination, s.Description, s.IncludeChildren, s.Disabled = r.GetSink().GetFilter(), r.GetSink().GetDestination(), r.GetSink().GetDescription(), r.GetSink().GetIncludeChildren(), r.GetSink().GetDisabled()
	return s, nil
}

func (c *Cloud) DeleteSink(_ context.Context, r *loggingpb.DeleteSinkRequest) (*emptypb.Empty, error) {
	delete(c.Sinks, r.GetSinkName())
	return &emptypb.Empty{}, nil
}

func (c *Cloud) policy(_ context.Context, r *iampb.GetIamPolicyRequest) (*iampb.Policy, error) {
	if p := c.Policies[r.GetResource()]; p != nil {
		return p, nil
	}
	return &iampb.Policy{}, nil
}

func (c *Cloud) setPolicy(_ context.Context, r *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
	if c.Aborts > 0 {
		c.Aborts--
		return nil, status.Error(codes.Aborted, "there were concurrent policy changes")
	}
	c.Policies[r.GetResource()] = r.GetPolicy()
	return r.GetPolicy(), nil
}

type policyServer struct {
	iampb.UnimplementedIAMPolicyServer
	*Cloud
}

func (c policyServer) GetIamPolicy(ctx context.Context, r *iampb.GetIamPolicyRequest) (*iampb.Policy, error) {
	return c.policy(ctx, r)
}

func (c policyServer) SetIamPolicy(ctx context.Context, r *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
	return c.setPolicy(ctx, r)
}

type adminServer struct {
	adminpb.UnimplementedIAMServer
	*Cloud
}

func (c adminServer) GetServiceAccount(_ context.Context, r *adminpb.GetServiceAccountRequest) (*adminpb.ServiceAccount, error) {
	if a := c.Accounts[r.GetName()]; a != nil {
		return a, nil
	}
	return nil, NotFound(r.GetName())
}

func (c adminServer) CreateServiceAccount(_ context.Context, r *adminpb.CreateServiceAccountRequest) (*adminpb.ServiceAccount, error) {
	email := r.GetAccountId() + "@" + short(r.GetName()) + ".iam.gserviceaccount.com"
	c.Accounts[r.GetName()+"/serviceAccounts/"+email] = r.GetServiceAccount()
	return r.GetServiceAccount(), nil
}

func (c adminServer) DeleteServiceAccount(_ context.Context, r *adminpb.DeleteServiceAccountRequest) (*emptypb.Empty, error) {
	delete(c.Accounts, r.GetName())
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
	*Cloud
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
	*Cloud
}

func (c secretServer) GetIamPolicy(ctx context.Context, r *iampb.GetIamPolicyRequest) (*iampb.Policy, error) {
	return c.policy(ctx, r)
}

func (c secretServer) SetIamPolicy(ctx context.Context, r *iampb.SetIamPolicyRequest) (*iampb.Policy, error) {
	return c.setPolicy(ctx, r)
}

func (c secretServer) GetSecret(_ context.Context, r *secretmanagerpb.GetSecretRequest) (*secretmanagerpb.Secret, error) {
	if s := c.Secrets[r.GetName()]; s != nil {
		return s, nil
	}
	return nil, NotFound(r.GetName())
}

func (c secretServer) UpdateSecret(_ context.Context, r *secretmanagerpb.UpdateSecretRequest) (*secretmanagerpb.Secret, error) {
	c.Secrets[r.GetSecret().GetName()].Topics = r.GetSecret().GetTopics()
	return r.GetSecret(), nil
}

// Members lists who holds a role on a resource.
func (c *Cloud) Members(resource, role string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.Policies[resource].GetBindings() {
		if b.GetRole() == role {
			return slices.Compact(slices.Sorted(slices.Values(b.GetMembers())))
		}
	}
	return nil
}

func (c *Cloud) ListSinks(_ context.Context, r *loggingpb.ListSinksRequest) (*loggingpb.ListSinksResponse, error) {
	out := &loggingpb.ListSinksResponse{}
	for _, name := range slices.Sorted(maps.Keys(c.Sinks)) {
		if strings.HasPrefix(name, r.GetParent()+"/sinks/") {
			out.Sinks = append(out.Sinks, c.Sinks[name])
		}
	}
	return out, nil
}

func (c secretServer) ListSecretVersions(_ context.Context, r *secretmanagerpb.ListSecretVersionsRequest) (*secretmanagerpb.ListSecretVersionsResponse, error) {
	return &secretmanagerpb.ListSecretVersionsResponse{Versions: c.Versions[r.GetParent()]}, nil
}

func (c secretServer) GetSecretVersion(_ context.Context, r *secretmanagerpb.GetSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	for _, v := range c.Versions[r.GetName()[:strings.Index(r.GetName(), "/versions/")]] {
		if v.GetName() == r.GetName() {
			return v, nil
		}
	}
	return nil, NotFound(r.GetName())
}

func (c secretServer) TestIamPermissions(_ context.Context, r *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	return c.permitted(r), nil
}

func (c policyServer) TestIamPermissions(_ context.Context, r *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	return c.permitted(r), nil
}

// Caller is whom all calls are taken for.
const Caller = "serviceAccount:why401@acme-prod.iam.gserviceaccount.com"

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
func (c *Cloud) permitted(r *iampb.TestIamPermissionsRequest) *iampb.TestIamPermissionsResponse {
	out := &iampb.TestIamPermissionsResponse{}
	for _, permission := range r.GetPermissions() {
		for _, role := range rolesWith[permission] {
			if holds(c.Policies[r.GetResource()], role, Caller) || holds(c.Policies["projects/acme-prod"], role, Caller) {
				out.Permissions = append(out.Permissions, permission)
				break
			}
		}
	}
	return out
}

func holds(p *iampb.Policy, role, member string) bool {
	return slices.ContainsFunc(p.GetBindings(), func(b *iampb.Binding) bool { return b.GetRole() == role && slices.Contains(b.GetMembers(), member) })
}
