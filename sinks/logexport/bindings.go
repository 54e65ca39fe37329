package logexport

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// policies is what IAM policies are read and written by: the same two calls
// for every kind of resource.
type policies interface {
	GetIamPolicy(context.Context, *iampb.GetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error)
	SetIamPolicy(context.Context, *iampb.SetIamPolicyRequest, ...gax.CallOption) (*iampb.Policy, error)
}

func (e *Export) binding(kind, on, role, who string, member func() string) *resource {
	client := func() policies { return e.clients.policies }
	r := e.bindingBy(client, on, role, who, member)
	r.gcloud = []string{fmt.Sprintf("gcloud pubsub %ss add-iam-policy-binding %s --project=%s --member=\"%s\" --role=%s", kind, short(on), e.spec.Project, member(), role)}
	return r
}

func (e *Export) secretBinding(secret, role string) *resource {
	client := func() policies { return e.clients.secrets }
	r := e.bindingBy(client, secret, role, "why401", e.member)
	r.gcloud = []string{fmt.Sprintf("gcloud secrets add-iam-policy-binding %s --project=%s --member=\"%s\" --role=%s", short(secret), projectOf(secret), e.member(), role)}
	return r
}

// bindingBy lets one member into one resource by one role. That it is there
// already, for whatever reason, is what is wanted.
func (e *Export) bindingBy(client func() policies, on, role, who string, member func() string) *resource {
	return &resource{
		kind: "permission", name: fmt.Sprintf("%s on %s for %s", role, on, who),
		want: func() []Field {
			if member() == "" {
				return []Field{{"member", "known once the sink is there"}}
			}
			return []Field{{"member", member()}}
		},
		read: func(ctx context.Context) ([]Field, bool, error) {
			p, err := client().GetIamPolicy(ctx, &iampb.GetIamPolicyRequest{Resource: on, Options: &iampb.GetPolicyOptions{RequestedPolicyVersion: 3}})
			if err != nil {
				return nil, false, err // not found: neither is what it is on
			}
			if !holds(p, role, member()) {
				return nil, false, status.Error(codes.NotFound, "no such binding")
			}
			return []Field{{"member", member()}}, true, nil
		},
		create: func(ctx context.Context) error {
			return edit(ctx, client(), on, func(p *iampb.Policy) { grant(p, role, member()) })
		},
		remove: func(ctx context.Context) error {
			return edit(ctx, client(), on, func(p *iampb.Policy) { revoke(p, role, member()) })
		},
	}
}

// edit changes a policy as it is now. Who else changed it in between is told
// by its etag, and the change is made anew.
func edit(ctx context.Context, client policies, on string, change func(*iampb.Policy)) error {
	for range 5 {
		p, err := client.GetIamPolicy(ctx, &iampb.GetIamPolicyRequest{Resource: on, Options: &iampb.GetPolicyOptions{RequestedPolicyVersion: 3}})
		if err != nil {
			return err
		}
		change(p)
		if _, err = client.SetIamPolicy(ctx, &iampb.SetIamPolicyRequest{Resource: on, Policy: p}); status.Code(err) != codes.Aborted {
			return err
		}
	}
	return errors.New("the policy is changed by somebody else all the time: try again later")
}

func holds(p *iampb.Policy, role, member string) bool {
	return member != "" && slices.ContainsFunc(p.GetBindings(), func(b *iampb.Binding) bool {
		return b.GetRole() == role && b.GetCondition() == nil && slices.Contains(b.GetMembers(), member)
	})
}

func grant(p *iampb.Policy, role, member string) {
	if holds(p, role, member) {
		return
	}
	for _, b := range p.GetBindings() {
		if b.GetRole() == role && b.GetCondition() == nil {
			b.Members = append(b.Members, member)
			return
		}
	}
	p.Bindings = append(p.Bindings, &iampb.Binding{Role: role, Members: []string{member}})
}

func revoke(p *iampb.Policy, role, member string) {
	for _, b := range p.GetBindings() {
		if b.GetRole() == role && b.GetCondition() == nil {
			b.Members = slices.DeleteFunc(b.Members, func(m string) bool { return m == member })
		}
	}
	p.Bindings = slices.DeleteFunc(p.Bindings, func(b *iampb.Binding) bool { return len(b.GetMembers()) == 0 })
}

// notifications lets Secret Manager tell the topic of a secret's versions. A
// secret may have up to ten topics; the others stay.
func (e *Export) notifications(secret string) *resource {
	topic := e.spec.topic()
	get := func(ctx context.Context) (*secretmanagerpb.Secret, error) {
		return e.clients.secrets.GetSecret(ctx, &secretmanagerpb.GetSecretRequest{Name: secret})
	}
	set := func(ctx context.Context, change func([]*secretmanagerpb.Topic) []*secretmanagerpb.Topic) error {
		s, err := get(ctx)
		if err != nil {
			return err
		}
		s.Topics = change(s.GetTopics())
		_, err = e.clients.secrets.UpdateSecret(ctx, &secretmanagerpb.UpdateSecretRequest{Secret: s, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"topics"}}})
		return err
	}
	is := func(t *secretmanagerpb.Topic) bool { return t.GetName() == topic }
	return &resource{
		kind: "secret notifications", name: secret,
		want: func() []Field { return []Field{{"topic", topic}} },
		read: func(ctx context.Context) ([]Field, bool, error) {
			s, err := get(ctx)
			if err != nil {
				return nil, false, err
			}
			if !slices.ContainsFunc(s.GetTopics(), is) {
				return nil, false, status.Error(codes.NotFound, "no such topic")
			}
			return []Field{{"topic", topic}}, true, nil
		},
		create: func(ctx context.Context) error {
			return set(ctx, func(t []*secretmanagerpb.Topic) []*secretmanagerpb.Topic {
				return append(t, &secretmanagerpb.Topic{Name: topic})
			})
		},
		remove: func(ctx context.Context) error {
			return set(ctx, func(t []*secretmanagerpb.Topic) []*secretmanagerpb.Topic { return slices.DeleteFunc(t, is) })
		},
		gcloud: []string{fmt.Sprintf("gcloud secrets update %s --project=%s --add-topics=%s", short(secret), projectOf(secret), topic)},
	}
}

// projectOf is P of projects/P/secrets/S.
func projectOf(secret string) string {
	p, _, _ := strings.Cut(strings.TrimPrefix(secret, "projects/"), "/")
	return p
}
