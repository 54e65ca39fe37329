package logexport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Action is what a plan would do with a resource.
type Action string

// The actions. Foreign is something of that name that we did not make: it is
// used as it is, and never changed or removed.
const (
	Create  Action = "create"
	Update  Action = "update"
	Keep    Action = "keep"
	Remove  Action = "remove"
	Foreign Action = "foreign"
	Absent  Action = "absent"
)

// Field is one attribute of a resource, as text.
type Field struct{ Name, Value string }

// Difference is an attribute that a resource has and should not have, or
// should have and has not.
type Difference struct{ Name, Have, Want string }

// Step is one resource of a plan.
type Step struct {
	Kind, Name  string
	Action      Action
	Differences []Difference

	resource *resource
}

// Plan is what it takes to get from what is there to what a Spec says, or to
// nothing of it.
type Plan struct {
	Steps []Step
}

// resource is one thing in the cloud: what it should be like, and how it is
// read, made, changed and taken away.
type resource struct {
	kind, name string
	want       func() []Field // may depend on what was read before
	read       func(ctx context.Context) (have []Field, ours bool, err error)
	create     func(ctx context.Context) error
	update     func(ctx context.Context) error // nil: nothing about it can change
	remove     func(ctx context.Context) error
	gcloud     []string // commands that make it
}

// Plan compares the cloud with the Spec.
func (e *Export) Plan(ctx context.Context) (*Plan, error) {
	p := &Plan{}
	var errs []error
	for _, r := range e.resources {
		s, err := r.compare(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("read %s %s: %w", r.kind, r.name, err))
			continue
		}
		p.Steps = append(p.Steps, s)
	}
	return p, errors.Join(errs...)
}

// PlanRemoval lists what of the Spec is there and ours, in the order in which
// it can be removed.
func (e *Export) PlanRemoval(ctx context.Context) (*Plan, error) {
	p := &Plan{}
	var errs []error
	for _, r := range slices.Backward(e.resources) {
		_, ours, err := r.read(ctx)
		s := Step{Kind: r.kind, Name: r.name, Action: Remove, resource: r}
		switch {
		case status.Code(err) == codes.NotFound:
			s.Action = Absent
		case err != nil:
			errs = append(errs, fmt.Errorf("read %s %s: %w", r.kind, r.name, err))
			continue
		case !ours:
			s.Action = Foreign
		}
		p.Steps = append(p.Steps, s)
	}
	return p, errors.Join(errs...)
}

func (r *resource) compare(ctx context.Context) (Step, error) {
	s := Step{Kind: r.kind, Name: r.name, resource: r}
	have, ours, err := r.read(ctx)
	if err != nil && status.Code(err) != codes.NotFound {
		return s, err
	}
	if err != nil {
		s.Action = Create
		for _, w := range r.want() {
			s.Differences = append(s.Differences, Difference{w.Name, "", w.Value})
		}
		return s, nil
	}
	s.Action = Keep
	for _, w := range r.want() {
		i := slices.IndexFunc(have, func(h Field) bool { return h.Name == w.Name })
		if i < 0 {
			s.Differences = append(s.Differences, Difference{w.Name, "", w.Value})
		} else if have[i].Value != w.Value {
			s.Differences = append(s.Differences, Difference{w.Name, have[i].Value, w.Value})
		}
	}
	if len(s.Differences) > 0 {
		if s.Action = Update; !ours || r.update == nil {
			s.Action = Foreign
		}
	}
	return s, nil
}

// Changes reports how many steps alter anything.
func (p *Plan) Changes() int {
	n := 0
	for _, s := range p.Steps {
		if s.Action == Create || s.Action == Update || s.Action == Remove {
			n++
		}
	}
	return n
}

// Apply carries a plan out, step by step, and tells each on w. It stops at the
// first that fails: what came before stays, and the next run goes on there.
func (p *Plan) Apply(ctx context.Context, w io.Writer) error {
	for _, s := range p.Steps {
		var do func(context.Context) error
		switch s.Action {
		case Create:
			do = s.resource.create
		case Update:
			do = s.resource.update
		case Remove:
			do = s.resource.remove
		default:
			continue
		}
		if err := do(ctx); err != nil {
			return fmt.Errorf("%s %s %s: %w", s.Action, s.Kind, s.Name, err)
		}
		fmt.Fprintf(w, "%sd %s %s\n", s.Action, s.Kind, s.Name)
	}
	return nil
}

// signs stand before the lines of a plan.
var signs = map[Action]string{Create: "+", Update: "~", Remove: "-", Keep: " ", Foreign: "!", Absent: " "}

// Write prints a plan for a person: a sign, the resource, and each difference.
func (p *Plan) Write(w io.Writer) error {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%s %s %s", signs[s.Action], s.Kind, s.Name)
		switch s.Action {
		case Foreign:
			b.WriteString("  (not made by why401: left as it is)")
		case Absent:
			b.WriteString("  (not there)")
		}
		b.WriteByte('\n')
		for _, d := range s.Differences {
			switch {
			case strings.Contains(d.Want, "\n"):
				fmt.Fprintf(&b, "    %s: %d lines, %d characters\n", d.Name, strings.Count(d.Want, "\n"), len(d.Want))
				if d.Have != "" {
					changedLines(&b, d.Have, d.Want)
				}
			case d.Have == "":
				fmt.Fprintf(&b, "    %s: %s\n", d.Name, d.Want)
			default:
				fmt.Fprintf(&b, "    %s: %s -> %s\n", d.Name, oneLine(d.Have), d.Want)
			}
		}
	}
	fmt.Fprintf(&b, "\n%d of %d resources change\n", p.Changes(), len(p.Steps))
	_, err := io.WriteString(w, b.String())
	return err
}

// changedLines writes the lines that a text loses and gains, without those that
// stay.
func changedLines(b *strings.Builder, have, want string) {
	old, made := strings.Split(have, "\n"), strings.Split(want, "\n")
	for _, l := range old {
		if !slices.Contains(made, l) {
			fmt.Fprintf(b, "      - %s\n", shortLine(l))
		}
	}
	for _, l := range made {
		if !slices.Contains(old, l) {
			fmt.Fprintf(b, "      + %s\n", shortLine(l))
		}
	}
}

// shortLine cuts a line to what a terminal shows.
func shortLine(s string) string {
	if len(s) > 160 {
		return fmt.Sprintf("%s … (%d characters)", strings.ToValidUTF8(s[:120], ""), len(s))
	}
	return s
}

func oneLine(s string) string {
	if head, _, more := strings.Cut(s, "\n"); more {
		return head + " …"
	}
	return s
}
