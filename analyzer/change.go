package analyzer

import (
	"fmt"
	"time"
)

// ChangeKind names what altered the world.
type ChangeKind string

// The kinds of change that why401 reads from logs and probes.
const (
	SecretVersionAdded     ChangeKind = "secret_version_added"
	SecretVersionEnabled   ChangeKind = "secret_version_enabled"
	SecretVersionDisabled  ChangeKind = "secret_version_disabled"
	SecretVersionDestroyed ChangeKind = "secret_version_destroyed"
	SecretAccessed         ChangeKind = "secret_accessed"
	SecretLoaded           ChangeKind = "secret_loaded"
	SecretRotated          ChangeKind = "secret_rotated"
	RevisionDeployed       ChangeKind = "revision_deployed"
	InstanceStarted        ChangeKind = "instance_started"
	KeySetRefreshed        ChangeKind = "key_set_refreshed"
	JWKSKeyAdded           ChangeKind = "jwks_key_added"
	JWKSKeyRemoved         ChangeKind = "jwks_key_removed"
	ConfigEdited           ChangeKind = "config_edited"
	PolicyChanged          ChangeKind = "iam_policy_changed"
	ValueChanged           ChangeKind = "value_changed"
	DriftBegan             ChangeKind = "drift_began"
	DriftEnded             ChangeKind = "drift_ended"
)

// Change is something that altered the world, told by an audit entry, a
// platform log, an application line or a probe.
type Change struct {
	Kind     ChangeKind `json:"kind"`
	Target   string     `json:"target"`            // secret, service, kid, …: the resource's own short name
	Version  string     `json:"version,omitempty"` // secret version or revision
	Service  Service    `json:"-"`                 // who logged it; the affected service for deploys and starts
	Project  string     `json:"project,omitempty"`
	At       time.Time  `json:"at"`
	By       string     `json:"by,omitempty"` // "person" or "automation" with a hashed principal; never an e-mail address
	Evidence string     `json:"evidence"`     // redacted excerpt of at most 200 bytes
	// Details holds what a kind adds: secret_refs, mount, env, alias, …
	Details map[string]string `json:"details,omitempty"`
}

// InstanceDetail is the key of Change.Details under which a start names its
// instance.
const InstanceDetail = "instance"

// line tells a change in a list: what, of what, and by or at which service where
// that is another.
func (c *Change) line() string {
	s := string(c.Kind) + " " + c.Target
	if c.Version != "" {
		s += " " + c.Version
	}
	if name := c.Service.Name; name != "" && name != c.Target && (c.Kind == SecretLoaded || c.Kind == KeySetRefreshed) {
		s += " by " + name
	}
	return s
}

// told names a change in a sentence.
func (c *Change) told() string {
	return fmt.Sprintf("%s of %s at %s", c.Kind, c.Target, c.At.UTC().Format(time.TimeOnly))
}

// ref names a change, and serviceRef the traffic of a service, among what a
// verdict rests on.
func (c *Change) ref() string {
	return fmt.Sprintf("change %s %s %s %s", c.Kind, c.Target, c.Version, c.At.UTC().Format(time.RFC3339Nano))
}

func serviceRef(name string) string { return "service " + name }
