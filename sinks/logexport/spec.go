// Package logexport makes the way by which a project's log entries reach
// why401: a Cloud Logging sink with a filter, the Pub/Sub topic that it writes
// to, the subscription that why401 reads, a dead-letter topic behind it, a
// service account, and who may do what.
//
// The package promises: a plan shows every difference before anything is
// changed; applied twice it changes nothing the second time; it takes away only
// what it made; the same plan can be printed as gcloud commands.
package logexport

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Spec describes one log export.
type Spec struct {
	Project string // project id that topic, subscription and account live in
	// Scope is whose entries are exported: projects/ID, folders/NUMBER or
	// organizations/NUMBER; of the latter two with all that is below them.
	Scope  string
	Name   string // of the sink and, with endings, of all else
	Filter string // in the Logging query language; at most 20,000 characters
	// Secrets, as projects/P/secrets/S, are watched: Secret Manager tells
	// the topic of their new, enabled, disabled and destroyed versions.
	Secrets []string
	// Access lets the account read the values of Secrets, which fingerprints
	// and canaries need; without it only their metadata.
	Access bool
}

// What the subscription is made of. Failed messages go away after
// maxAttempts; whoever replays may go back for the whole retention.
const (
	retention   = 7 * 24 * time.Hour
	ackDeadline = 60 * time.Second
	minBackoff  = 10 * time.Second
	maxBackoff  = 600 * time.Second
	maxAttempts = 5
)

// mark says on a resource that it is ours to change and remove.
const markKey, markValue = "managed-by", "why401"

// description is the mark of what has no labels.
const description = "Feeds why401, which tells why requests are refused with 401 and 403. Managed by: why401 setup gcp"

var (
	projectForm = regexp.MustCompile(`^[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	scopeForm   = regexp.MustCompile(`^(?:projects/[a-z][a-z0-9-]{4,28}[a-z0-9]|folders/[0-9]+|organizations/[0-9]+)$`)
	nameForm    = regexp.MustCompile(`^[a-z][a-z0-9-]{4,20}[a-z0-9]$`)
	secretForm  = regexp.MustCompile(`^projects/[^/]+/secrets/[A-Za-z0-9_-]{1,255}$`)
)

// Check returns everything that is wrong with s, after filling in Scope and
// Name where they are empty.
func (s *Spec) Check() error {
	var errs []error
	if s.Scope == "" {
		s.Scope = "projects/" + s.Project
	}
	if s.Name == "" {
		s.Name = "why401"
	}
	if !projectForm.MatchString(s.Project) {
		errs = append(errs, fmt.Errorf("project: wanted a project id such as acme-prod, found %q", s.Project))
	} else if !scopeForm.MatchString(s.Scope) {
		errs = append(errs, fmt.Errorf("scope: wanted projects/ID, folders/NUMBER or organizations/NUMBER, found %q", s.Scope))
	}
	if !nameForm.MatchString(s.Name) {
		errs = append(errs, fmt.Errorf("name: wanted 6 to 22 small letters, digits and hyphens (it names a service account, too), found %q", s.Name))
	}
	if n := len(s.Filter); n == 0 || n > 20_000 {
		errs = append(errs, fmt.Errorf("filter: wanted 1 to 20,000 characters, found %d", n))
	}
	for _, name := range s.Secrets {
		if !secretForm.MatchString(name) {
			errs = append(errs, fmt.Errorf("secret: wanted projects/P/secrets/S, found %q", name))
		}
	}
	return errors.Join(errs...)
}

func (s *Spec) topic() string        { return "projects/" + s.Project + "/topics/" + s.Name }
func (s *Spec) deadTopic() string    { return s.topic() + "-dead-letter" }
func (s *Spec) subscription() string { return "projects/" + s.Project + "/subscriptions/" + s.Name }
func (s *Spec) deadSub() string      { return s.subscription() + "-dead-letter" }
func (s *Spec) sink() string         { return s.Scope + "/sinks/" + s.Name }
func (s *Spec) account() string      { return s.Name + "@" + s.Project + ".iam.gserviceaccount.com" }

// short is the last part of a resource's name.
func short(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
