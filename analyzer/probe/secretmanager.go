package probe

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/option"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

// SecretManager is the part of the configuration that says how Secret Manager
// is asked. The account of the process needs roles/secretmanager.viewer for
// states and times, and roles/secretmanager.secretAccessor on each secret
// whose value is to be compared; either alone works.
type SecretManager struct {
	Project string `yaml:"project"` // of secrets that a key domain names by their short name
	// Endpoint is a host:port instead of Google's. On loopback it is spoken to
	// in the clear and without credentials.
	Endpoint     string `yaml:"endpoint"`
	MetadataOnly bool   `yaml:"metadata_only"` // never read a value: nothing can be compared then
	Versions     int    `yaml:"versions"`      // newest enabled versions that are read; 5
	// Options are for the client of a store that lives in this process.
	Options []option.ClientOption
}

// Validate returns every problem of the section.
func (c SecretManager) Validate() []conf.FieldError {
	problems := conf.Between("versions", c.Versions, 0, 50)
	if _, _, err := net.SplitHostPort(c.Endpoint); c.Endpoint != "" && err != nil {
		problems = append(problems, conf.FieldError{Path: "endpoint", Msg: "wanted host:port, found " + conf.Quote(c.Endpoint), Hint: "leave it out for Google's own"})
	}
	return problems
}

func (c SecretManager) versions() int {
	if c.Versions <= 0 {
		return 5
	}
	return c.Versions
}

// keeper is a Reference that also knows the life of a secret.
type keeper interface {
	life(ctx context.Context, ref analyzer.SecretRef) *lifeline
}

// secretManagerProbe looks at the versions of a key domain's secret: whether
// the one that services read can be had, and how old it is.
type secretManagerProbe struct {
	domain  analyzer.KeyDomain
	ref     analyzer.SecretRef
	keeper  keeper
	history *versionHistory
	sound   bool // the value was read before
}

func newSecretManager(domain analyzer.KeyDomain, d *Deps) ([]Target, error) {
	if domain.Secret == "" {
		return nil, nil
	}
	ref, err := analyzer.ParseSecretRef(domain.Secret)
	if err != nil || ref.Kind != analyzer.InSecretManager {
		return nil, err
	}
	p := &secretManagerProbe{domain: domain, ref: ref, history: newVersionHistory(domain, d)}
	p.keeper, _ = d.Reference.(keeper)
	return []Target{{Name: ref.Short(), Probe: p}}, nil
}

// The facts that results of secret_manager carry.
const (
	FactNewest        = "newest_version"
	FactNewestState   = "newest_state"
	FactNewestCreated = "newest_created" // RFC 3339
	FactVersionsOn    = "enabled"        // numbers, newest first
	FactVersionsOff   = "disabled"
	FactVersionsGone  = "destroyed"
	FactAccess        = "access" // granted, denied or off
	FactError         = "error"  // why the store gave no answer
	FactReadSeconds   = "read_seconds"
)

// Check implements [Probe].
func (p *secretManagerProbe) Check(ctx context.Context) []analyzer.ProbeResult {
	if p.keeper == nil {
		return []analyzer.ProbeResult{unknown("Secret Manager was not asked for %s: this run reads no secret store", p.ref.Short())}
	}
	l := p.keeper.life(ctx, p.ref)
	p.history.see(l)
	out := []analyzer.ProbeResult{p.available(l)}
	if p.domain.MaxAge > 0 {
		out = append(out, p.age(l))
	}
	for i := range out {
		out[i].At, out[i].Service = l.at, analyzer.Service{Environment: p.domain.Environment}
	}
	p.sound = p.sound || l.read == nil && slices.ContainsFunc(l.versions, func(v storeVersion) bool { return v.read })
	return out
}

// wants is the version that services read: the pinned one, else the newest.
func (l *lifeline) wants() *storeVersion {
	for i := range l.versions {
		if l.ref.Version == "" || l.ref.Version == l.versions[i].name() {
			return &l.versions[i]
		}
	}
	return nil
}

// available tells whether services that ask now get the value.
func (p *secretManagerProbe) available(l *lifeline) analyzer.ProbeResult {
	v, name := l.wants(), p.ref.Short()
	if v == nil {
		if err := l.read; err != nil && troubleOf(l.listed) == denied {
			return p.failed(l, err)
		} else if l.listed != nil {
			return p.failed(l, l.listed)
		}
		what := "has no version"
		if l.ref.Version != "" {
			what = "has no version " + l.ref.Version
		}
		return p.result(l, analyzer.StatusFail, "key.secret_missing", "secret %s %s: whoever reads it gets NotFound; add one: gcloud secrets versions add %s --project=%s --data-file=-", name, what, name, l.ref.Project)
	}
	switch {
	case v.state == disabled:
		return p.result(l, analyzer.StatusFail, "key.version_disabled", "version %s of %s is disabled: services that read it fail at their next start or reload; enable it (gcloud secrets versions enable %s --secret=%s --project=%s) or add a new one", v.name(), p.asked(l), v.name(), name, l.ref.Project)
	case v.state != enabled:
		return p.result(l, analyzer.StatusFail, "key.version_disabled", "version %s of %s is %s for good: services that read it fail at their next start or reload; add a new version: gcloud secrets versions add %s --project=%s --data-file=-", v.name(), p.asked(l), strings.ToLower(string(v.state)), name, l.ref.Project)
	case l.read != nil:
		return p.failed(l, l.read)
	case !v.read:
		return p.result(l, analyzer.StatusOK, "", "version %s of %s is enabled; its value is not read (metadata_only), so nothing can be compared with it", v.name(), name)
	}
	r := p.result(l, analyzer.StatusOK, "", "version %s of %s is enabled and was read in %s, checksum included", v.name(), p.asked(l), max(l.took, 100*time.Microsecond).Round(100*time.Microsecond))
	r.Refutes = []analyzer.Cause{"key.store_unreachable"}
	if !slices.ContainsFunc(l.versions, func(v storeVersion) bool { return v.state != enabled }) && l.listed == nil {
		r.Refutes = append(r.Refutes, "key.version_disabled")
	}
	return r
}

func (p *secretManagerProbe) asked(l *lifeline) string {
	if l.ref.Version != "" {
		return p.ref.Short() + ", which the key domain pins,"
	}
	return p.ref.Short()
}

// failed says why the store gave no answer, and what that shows: our own
// account and place are not those of the services, so that a refusal of us
// alone is no fault of theirs.
func (p *secretManagerProbe) failed(l *lifeline, err error) analyzer.ProbeResult {
	name, why := p.ref.Short(), clipText(err.Error())
	grant := fmt.Sprintf("gcloud secrets add-iam-policy-binding %s --project=%s --role=roles/secretmanager.secretAccessor --member=serviceAccount:ACCOUNT", name, l.ref.Project)
	switch troubleOf(err) {
	case notFound:
		return p.result(l, analyzer.StatusFail, "key.secret_missing", "project %s has no secret %s, or no such version of it (%s): create it, or name the right one in the key domain", l.ref.Project, name, why)
	case unreachable:
		return p.result(l, analyzer.StatusFail, "key.store_unreachable", "Secret Manager did not answer, %d times in a row (%s): check egress, quota and the status page; services that start now cannot load %s", attempts, why, name)
	case damaged:
		return p.result(l, analyzer.StatusFail, "", "the value of %s does not fit its CRC-32C, %d times in a row: it is damaged on its way from Secret Manager to here; look for a proxy that changes answers, and compare from another host", name, attempts)
	case denied:
		if p.sound {
			return p.result(l, analyzer.StatusWarn, "key.store_denied", "the account of why401 could read %s before and is refused now (%s): somebody took access away; see whether the services' accounts still have it: gcloud secrets get-iam-policy %s --project=%s", name, why, name, l.ref.Project)
		}
		if v := l.wants(); v != nil && l.listed == nil {
			return p.result(l, analyzer.StatusOK, "", "version %s of %s is enabled; the account of why401 may not read its value, so nothing can be compared with it; grant that if it shall: %s", v.name(), name, grant)
		}
		return p.result(l, analyzer.StatusUnknown, "", "the account of why401 may neither list nor read %s (%s), and whether services may is not known from here; grant it: %s", name, why, grant)
	case apiDisabled:
		return p.result(l, analyzer.StatusUnknown, "", "the Secret Manager API is off in the project that pays for the calls of why401: gcloud services enable secretmanager.googleapis.com (%s)", why)
	case outsidePerimeter:
		return p.result(l, analyzer.StatusUnknown, "", "a VPC Service Controls perimeter keeps why401 from %s (%s): run it inside, or add an ingress rule", name, why)
	case noCredentials:
		return p.result(l, analyzer.StatusUnknown, "", "why401 has no credentials for Secret Manager (%s): run it under a service account, or gcloud auth application-default login", why)
	case noProject:
		return p.result(l, analyzer.StatusUnknown, "", "the project of secret %s is not known: write projects/PROJECT/secrets/%s in the key domain, or set probes.secret_manager.project", name, name)
	}
	return p.result(l, analyzer.StatusUnknown, "", "%s could not be looked at: %s; the next round tries again", name, why)
}

// age compares the age of the newest version with the policy.
func (p *secretManagerProbe) age(l *lifeline) analyzer.ProbeResult {
	var r analyzer.ProbeResult
	switch name := p.ref.Short(); {
	case l.listed != nil && troubleOf(l.listed) != denied:
		r = p.result(l, analyzer.StatusUnknown, "", "the age of %s is not known: its versions could not be listed; see what the secret store answered", name)
	case len(l.versions) == 0 || l.versions[0].created.IsZero():
		r = p.result(l, analyzer.StatusUnknown, "", "the age of %s is not known: its versions cannot be listed; grant roles/secretmanager.viewer on it", name)
	case l.at.Sub(l.versions[0].created) > p.domain.MaxAge:
		r = p.result(l, analyzer.StatusWarn, "rotation.overdue", "version %s of %s is %s old, and %s is the most that max_age allows: rotate it (why401 rotate plan)", l.versions[0].name(), name, days(l.at.Sub(l.versions[0].created)), days(p.domain.MaxAge))
	default:
		r = p.result(l, analyzer.StatusOK, "", "version %s of %s is %s old, of %s that max_age allows", l.versions[0].name(), name, days(l.at.Sub(l.versions[0].created)), days(p.domain.MaxAge))
		r.Refutes = []analyzer.Cause{"rotation.overdue"}
	}
	r.Target = p.ref.Short() + " age"
	return r
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Minute).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func (p *secretManagerProbe) result(l *lifeline, s analyzer.Status, c analyzer.Cause, format string, args ...any) analyzer.ProbeResult {
	return analyzer.ProbeResult{Status: s, Cause: c, Detail: fmt.Sprintf(format, args...), Facts: l.facts()}
}

func (l *lifeline) facts() map[string]string {
	facts := map[string]string{}
	if len(l.versions) > 0 {
		v := l.versions[0]
		facts[FactNewest], facts[FactNewestState] = v.name(), string(v.state)
		if !v.created.IsZero() {
			facts[FactNewestCreated] = v.created.UTC().Format(time.RFC3339)
		}
	}
	for key, state := range map[string]versionState{FactVersionsOn: enabled, FactVersionsOff: disabled, FactVersionsGone: destroyed} {
		var names []string
		for _, v := range l.versions {
			if v.state == state && len(names) < 20 {
				names = append(names, v.name())
			}
		}
		if len(names) > 0 {
			facts[key] = strings.Join(names, " ")
		}
	}
	facts[FactAccess] = "off"
	for _, err := range []error{l.listed, l.read} {
		if t := troubleOf(err); t != "" {
			facts[FactError] = string(t)
		}
	}
	switch {
	case troubleOf(l.read) == denied:
		facts[FactAccess] = "denied"
	case slices.ContainsFunc(l.versions, func(v storeVersion) bool { return v.read }):
		facts[FactAccess], facts[FactReadSeconds] = "granted", strconv.FormatFloat(l.took.Seconds(), 'f', 3, 64)
		if troubleOf(l.listed) == denied {
			delete(facts, FactError) // it was got at without the list
		}
	}
	return facts
}
