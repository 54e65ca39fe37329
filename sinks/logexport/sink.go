package logexport

import (
	"context"
	"fmt"
	"strings"

	"cloud.google.com/go/iam/admin/apiv1/adminpb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// sink is the export itself. Its writer identity is made by Logging and must
// be let into the topic; until then it drops every entry.
func (e *Export) sink() *resource {
	s := &e.spec
	want := &loggingpb.LogSink{
		Name: s.Name, Destination: "pubsub.googleapis.com/" + s.topic(), Filter: s.Filter, Description: description,
		IncludeChildren: !strings.HasPrefix(s.Scope, "projects/"),
	}
	flags := ""
	if want.IncludeChildren {
		kind, id, _ := strings.Cut(s.Scope, "/")
		flags = fmt.Sprintf(" --%s=%s --include-children", strings.TrimSuffix(kind, "s"), id)
	} else {
		flags = " --project=" + short(s.Scope)
	}
	return &resource{
		kind: "log sink", name: s.sink(),
		want: func() []Field { return sinkFields(want) },
		read: func(ctx context.Context) ([]Field, bool, error) {
			have, err := e.clients.logging.GetSink(ctx, &loggingpb.GetSinkRequest{SinkName: s.sink()})
			if err != nil {
				return nil, false, err
			}
			e.writer = have.GetWriterIdentity()
			return sinkFields(have), have.GetDescription() == description, nil
		},
		create: func(ctx context.Context) error {
			made, err := e.clients.logging.CreateSink(ctx, &loggingpb.CreateSinkRequest{Parent: s.Scope, Sink: want, UniqueWriterIdentity: true})
			e.writer = made.GetWriterIdentity()
			return err
		},
		update: func(ctx context.Context) error {
			made, err := e.clients.logging.UpdateSink(ctx, &loggingpb.UpdateSinkRequest{SinkName: s.sink(), Sink: want, UniqueWriterIdentity: true,
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"destination", "filter", "description", "include_children", "disabled"}}})
			if err == nil {
				e.writer = made.GetWriterIdentity()
			}
			return err
		},
		remove: func(ctx context.Context) error {
			return e.clients.logging.DeleteSink(ctx, &loggingpb.DeleteSinkRequest{SinkName: s.sink()})
		},
		gcloud: []string{
			fmt.Sprintf("gcloud logging sinks create %s pubsub.googleapis.com/%s%s --description=%s --log-filter=%s", s.Name, s.topic(), flags, shellQuote(description), shellQuote(s.Filter)),
			fmt.Sprintf("WRITER_IDENTITY=$(gcloud logging sinks describe %s%s --format='value(writerIdentity)')", s.Name, strings.TrimSuffix(flags, " --include-children")),
		},
	}
}

func sinkFields(s *loggingpb.LogSink) []Field {
	return []Field{
		{"destination", s.GetDestination()}, {"filter", s.GetFilter()}, {"includes children", fmt.Sprint(s.GetIncludeChildren())}, {"disabled", fmt.Sprint(s.GetDisabled())},
	}
}

// account is whom why401 runs as.
func (e *Export) account() *resource {
	s := &e.spec
	name := "projects/" + s.Project + "/serviceAccounts/" + s.account()
	return &resource{
		kind: "service account", name: s.account(),
		want: func() []Field { return nil },
		read: func(ctx context.Context) ([]Field, bool, error) {
			have, err := e.clients.accounts.GetServiceAccount(ctx, &adminpb.GetServiceAccountRequest{Name: name})
			if err != nil {
				return nil, false, err
			}
			return nil, have.GetDescription() == description, nil
		},
		create: func(ctx context.Context) error {
			_, err := e.clients.accounts.CreateServiceAccount(ctx, &adminpb.CreateServiceAccountRequest{Name: "projects/" + s.Project, AccountId: s.Name,
				ServiceAccount: &adminpb.ServiceAccount{DisplayName: "why401", Description: description}})
			return err
		},
		remove: func(ctx context.Context) error {
			return e.clients.accounts.DeleteServiceAccount(ctx, &adminpb.DeleteServiceAccountRequest{Name: name})
		},
		gcloud: []string{fmt.Sprintf("gcloud iam service-accounts create %s --project=%s --display-name=why401 --description=%s", s.Name, s.Project, shellQuote(description))},
	}
}

// shellQuote makes s one word of a POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
